"""Asks whether a license may run, with the package keyward-token, and goes by the last answer while the server is out of reach.

    python validate.py http://127.0.0.1:8080 kw_prod_… PRODUCT_ID jwks.json 7ZZQ2-… [VERSION [KEPT_FILE]]

Ends 0 if the license may run, 1 if the server has refused it, 2 if nobody trustworthy has decided.
"""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

from keyward_token import AnswerVerifier, Keyring, Question, pasted

OFFLINE_SECONDS = 14 * 86_400


def ask(url, product_key, question):
    """The body of the answer; None where there is none."""
    request = urllib.request.Request(f"{url}/api/v1/validate", question.body(), {
        "Authorization": f"Bearer {product_key}", "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.read(128 * 1024)
    except (OSError, ValueError):
        return None


def main(url, product_key, product_id, jwks_file, license_key, version=None, kept_file=None):
    answers = AnswerVerifier(Keyring.from_jwks(Path(jwks_file).read_text("utf-8")), product_id)
    question = Question.new(license_key, version)
    file = kept_file and Path(kept_file)
    kept = file.read_text("utf-8") if file and file.exists() else None
    decision = answers.decide(question, ask(url, pasted(product_key), question), kept, offline_seconds=OFFLINE_SECONDS)
    if file and decision.keep != kept:
        file.write_text(decision.keep, "utf-8")
    print(json.dumps(dict(decision.answer.members)) if decision.answer else f"unknown: {decision.fault}, {decision.reason}")
    if decision.may_run:
        return 0
    return 1 if decision.reason == "refused" else 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
