"""Ask whether a license may run, and check the signed answer by RFC 8785 and Ed25519.

    python validate.py http://127.0.0.1:8080 kw_prod_… PRODUCT_ID jwks.json 7ZZQ2-… [VERSION]

Ends 0 if the license may run, 1 if the server refuses, 2 if nobody trustworthy has decided.
"""

import base64
import json
import secrets
import sys
import urllib.error
import urllib.request
from datetime import datetime, timezone

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from strict import pasted


class Untrusted(Exception):
    """What came back is not the server's answer to the question."""


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(body, question, jwks, product_id):
    """The answer, if it is signed by one of the keys, just now, for this question and this product: who sits between may
    swap the product API key."""
    answer = json.loads(body)
    signature = answer.pop("signature")
    if signature is None:
        raise Untrusted("the answer is not signed")
    keys = {key["kid"]: Ed25519PublicKey.from_public_bytes(decode(key["x"])) for key in jwks["keys"]}
    if answer["kid"] not in keys:
        raise Untrusted("signed by an unknown key")
    try:
        keys[answer["kid"]].verify(decode(signature), rfc8785.dumps(answer))
    except InvalidSignature:
        raise Untrusted("the signature is wrong") from None
    if (answer["license_key"], answer["nonce"]) != (question["license_key"], question["nonce"]):
        raise Untrusted("an answer to another question")
    if answer["product_id"] != product_id:
        raise Untrusted("an answer of another product")
    signed_at = datetime.fromisoformat(answer["signed_at"].replace("Z", "+00:00"))
    # A refusal counts whatever the clock says: its nonce shows that it is of now.
    if answer["valid"] and abs((datetime.now(timezone.utc) - signed_at).total_seconds()) > 300:
        raise Untrusted("not signed just now")
    return answer


def ask(url, product_key, question):
    request = urllib.request.Request(
        f"{url}/api/v1/validate",
        data=json.dumps(question).encode(),
        headers={"Authorization": f"Bearer {product_key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        return response.read()


def main(url, product_key, product_id, jwks_file, license_key, version=None):
    with open(jwks_file, encoding="utf-8-sig") as file:
        jwks = json.load(file)
    question = {"license_key": pasted(license_key), "nonce": secrets.token_urlsafe(16)}
    if version is not None:
        question["version"] = version
    try:
        answer = verify(ask(url, pasted(product_key), question), question, jwks, product_id)
    except (Untrusted, urllib.error.URLError, ValueError, KeyError) as fault:
        print(f"unknown: {fault}")
        return 2
    print(json.dumps(answer))
    return 0 if answer["valid"] else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
