"""Checks a signed answer with rfc8785 and cryptography: URL PRODUCT_KEY JWKS_FILE LICENSE_KEY. Prints it, and ends 0 if its signature is
good, both of the canonical form made anew and of the body as it was sent, without its last member."""

import base64
import json
import sys
import urllib.request

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


url, product_key, jwks_file, license_key = sys.argv[1:]
question = {"license_key": license_key, "nonce": "of the test", "version": "2.1.0"}
request = urllib.request.Request(f"{url}/api/v1/validate", json.dumps(question).encode(),
                                 {"Authorization": f"Bearer {product_key}", "Content-Type": "application/json"})
with urllib.request.urlopen(request, timeout=5) as response:
    body = response.read().decode()
answer = json.loads(body)
signature = answer.pop("signature")
with open(jwks_file, encoding="utf-8") as file:
    key = next(key for key in json.load(file)["keys"] if key["kid"] == answer["kid"])
message, cut = rfc8785.dumps(answer), body.replace(f',"signature":"{signature}"}}', "}")
Ed25519PublicKey.from_public_bytes(decode(key["x"])).verify(decode(signature), message)
assert cut.encode() == message, "the body as it was sent is not in canonical form"
print(json.dumps(answer))
