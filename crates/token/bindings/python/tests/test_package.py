"""What an application does with the package, by its test kit: python -m unittest discover tests"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from keyward_token import (ANY_PRODUCT, AnswerVerifier, InvalidKey, Keyring, Question, StatusError, StatusListVerifier, UntrustedAnswer,
                           Verifier, VerifyError, pasted)
from keyward_token.testing import Vendor

NOW, DAY, LIST = 1_800_000_000, 86_400, "https://licenses.example.com/o/acme/status-list"
README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def code(error, call, *args, **named):
    with unittest.TestCase().assertRaises(error) as raised:
        call(*args, **named)
    return raised.exception.code


class Package(unittest.TestCase):
    def setUp(self):
        self.vendor = Vendor("server")
        self.verifier = Verifier(self.vendor.keys, "server")

    def test_a_license_opens_its_product_and_no_other(self):
        license = self.verifier.verify(self.vendor.license({"seats": 25, "big": 12345678901234567890}), NOW)
        self.assertEqual((license.claims["seats"], license.claims["big"]), (25, 12345678901234567890))
        for other in (Vendor("basic").license(), self.vendor.license(any_product=True)):
            self.assertEqual(code(VerifyError, self.verifier.verify, other, NOW), "wrong_product")
            self.assertIsNotNone(Verifier(self.vendor.keys, ANY_PRODUCT).verify(other, NOW))
        for nothing in (None, 1):
            self.assertRaises(TypeError, Verifier, self.vendor.keys, nothing)

    def test_keys_rotate_while_the_program_runs(self):
        before = self.vendor.license()
        self.vendor.rotate_key()
        after = self.vendor.license()
        self.assertEqual(code(VerifyError, self.verifier.verify, after, NOW), "unknown_key")
        newer = Verifier(Keyring.from_jwks(self.vendor.jwks), "server")
        for token in (before, after):
            self.assertEqual(newer.verify(pasted(f"“{token}”\n"), NOW).product, "server")

    def test_a_list_revokes_what_verifies(self):
        license = self.verifier.verify(self.vendor.license(listed=(7, LIST)), NOW)
        lists = StatusListVerifier(self.vendor.keys)
        self.assertEqual(lists.check([self.vendor.status_list(LIST, NOW)], license, NOW).issued_at, NOW)
        for status, name in ((1, "revoked"), (2, "suspended"), (3, "revoked")):
            listed = self.vendor.status_list(LIST, NOW, {7: status})
            self.assertEqual(code(StatusError, lists.check, [listed], license, NOW), name)
        self.assertEqual(code(StatusError, lists.check, [], license, NOW), "no_status_list")

    def test_health_goes_through_the_grace(self):
        token = self.vendor.license(issued_at=NOW, ends_at=NOW + 60 * DAY, grace_until=NOW + 74 * DAY)
        states = [self.verifier.authenticate(token).health(NOW + days * DAY).state for days in (-1, 0, 30, 60, 74)]
        self.assertEqual(states, ["not_yet", "fine", "ending", "in_grace", "ended"])

    def test_the_last_answer_counts_until_a_refusal(self):
        answers, told = AnswerVerifier(self.vendor.keys, "server"), {"offline_seconds": 14 * DAY}
        question = Question.new("7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC", "2.1.0", machine_id="m")
        asked = answers.decide(question, self.vendor.answer(question, NOW), None, NOW, **told)
        self.assertEqual((asked.may_run, asked.reason), (True, "licensed"))
        later = Question.new("7zzq20x4kmv9tbdhn3ga51rwc", machine_id="m")
        offline = answers.decide(later, None, asked.keep, NOW + DAY, **told)
        self.assertEqual((offline.may_run, offline.reason, offline.until), (True, "offline", NOW + 14 * DAY))
        # What is not the server's answer to this question changes nothing, whoever sends it.
        for body in ("<html>", self.vendor.answer(question, NOW + DAY), Vendor("basic").answer(later, NOW + DAY)):
            self.assertEqual(answers.decide(later, body, asked.keep, NOW + DAY, **told).reason, "offline")
        refused = answers.decide(later, self.vendor.answer(later, NOW + DAY, "revoked"), asked.keep, NOW + 9 * DAY, **told)
        self.assertEqual((refused.may_run, refused.answer.status), (False, "revoked"))
        self.assertEqual(answers.decide(later, None, refused.keep, NOW + 2 * DAY, **told).reason, "refused")
        elsewhere = Question.new("7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC", machine_id="another")
        self.assertEqual(answers.decide(elsewhere, None, asked.keep, NOW + DAY, **told).reason, "other_machine")
        self.assertEqual(code(UntrustedAnswer, answers.verify, self.vendor.answer(later, NOW), question, NOW), "wrong_question")

    def test_what_is_no_text_of_keys_says_so(self):
        self.assertEqual(code(InvalidKey, Keyring.from_jwks, "{}"), "invalid_jwks")
        self.assertEqual(code(InvalidKey, Keyring.from_pem, self.vendor.jwks), "invalid_pem")

    def test_the_kit_signs_as_the_crate_does(self):
        signing = Path(__file__).parents[5] / "docs/vectors/v1/signing.json"
        if not signing.exists():
            self.skipTest("the package is elsewhere")
        for _ in range(6):
            self.vendor.rotate_key()
        tokens = [signed for signed in json.loads(signing.read_text("utf-8"))["tokens"] if signed["name"].startswith("jwt")]
        self.assertTrue(tokens)
        for signed in tokens:
            self.assertEqual(self.vendor.sign("JWT", signed["claims"]), signed["token"])

    def test_a_large_list_is_read(self):
        table = json.dumps({"sub": LIST, "iat": NOW, "x": "y" * 3_000_000, "status_list": {"bits": 2, "lst": "eNpjYAAAAAIAAQ"}})
        self.assertEqual(len(StatusListVerifier(self.vendor.keys).verify(self.vendor.sign("statuslist+jwt", table), NOW)), 8)

    def test_the_readme_leads_to_a_verdict(self):
        snippet = README.split("```python\n")[1].split("```")[0]
        self.assertLessEqual(len(snippet.splitlines()), 10)
        product = "0192f0c1-7a00-7000-8000-00000000000b"
        vendor = Vendor(product)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "jwks.json").write_text(vendor.jwks, "utf-8")

            def run(token):
                return subprocess.run([sys.executable, "-c", snippet], cwd=folder, env={**os.environ, "LICENSE_KEY": token},
                                      capture_output=True, text=True, check=False)
            good = run(vendor.license({"seats": 25}) + "\n")
            self.assertEqual((good.returncode, good.stdout), (0, "licensed: 25 seats\n"), good.stderr)
            bad = run(Vendor("other").license({"seats": 25}))
            self.assertEqual(bad.returncode, 1)
            self.assertIn("(wrong_product)", bad.stderr)

    def test_the_guide_works(self):
        guide = Path(__file__).parents[5] / "docs/guides/python.md"
        if not guide.exists():
            self.skipTest("the package is elsewhere")
        blocks = guide.read_text("utf-8").split("```python\n")[1:]
        module = {}
        exec(compile("\n".join(block.split("```")[0] for block in blocks), str(guide), "exec"), module)
        vendor = Vendor(module["PRODUCT"])
        with tempfile.TemporaryDirectory() as folder:
            jwks, kept, clock = (Path(folder, name) for name in ("jwks.json", "kept.json", "clock"))
            jwks.write_text(vendor.jwks, "utf-8")
            license = module["license_of"](jwks, vendor.license(listed=(7, LIST)) + "\n")
            module["not_revoked"](vendor.keys, [], license)
            revoked = [vendor.status_list(LIST, NOW, {7: 1})]
            self.assertEqual(code(StatusError, module["not_revoked"], vendor.keys, revoked, license), "revoked")
            answers = AnswerVerifier(vendor.keys, module["PRODUCT"])
            with server(lambda question: vendor.answer(question, int(time.time()))) as url:
                self.assertEqual(module["check"](answers, url, "kw_prod_test", "KEY", kept).reason, "licensed")
            self.assertEqual(module["check"](answers, url, "kw_prod_test", "KEY", kept).reason, "offline")
            with server(lambda question: vendor.answer(question, int(time.time()), "revoked")) as url:
                self.assertEqual(module["check"](answers, url, "kw_prod_test", "KEY", kept).reason, "refused")
            self.assertEqual(module["check"](answers, url, "kw_prod_test", "KEY", kept).reason, "refused")
            ending = vendor.license(ends_at=NOW)
            self.assertIn("ending", module["remark"](Verifier(vendor.keys, module["PRODUCT"]), ending, NOW - DAY))
            floor = module["begin"](clock, b"key")
            floor.saw_signed(int(time.time()) + 2 * DAY)
            self.assertGreater(module["look"](floor, clock, b"key", 0), DAY)
            self.assertEqual(module["begin"](clock, b"key").at, floor.at)
        module["test_an_ended_license_is_refused"]()


@contextmanager
def server(answer):
    """A server on the loopback address that answers each question so."""
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = answer(Question(asked["license_key"], None, asked["nonce"])).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass
    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


if __name__ == "__main__":
    unittest.main()
