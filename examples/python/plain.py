"""That any library for JWT and for PASETO verifies a license, too: PyJWT and pyseto.

    python plain.py JWKS_FILE PRODUCT_ID TOKEN [AUDIENCE]

What is missing here is in the package: strictness about what two readers would take differently, revocation, health, answers, clocks.
"""

import json
import sys
from base64 import urlsafe_b64decode
from datetime import datetime, timezone

import jwt
import pyseto

keys_file, product, token, audience = (sys.argv[1:] + ["license-key"])[:4]
with open(keys_file, encoding="utf-8") as file:
    keys = {jwk["kid"]: jwk for jwk in json.load(file)["keys"]}
try:
    if token.startswith("v4.public."):
        footer = token.rsplit(".", 1)[1]
        x = urlsafe_b64decode(keys[json.loads(urlsafe_b64decode(footer + "=="))["kid"]]["x"] + "=")
        key = pyseto.Key.from_asymmetric_key_params(version=4, x=x)
        claims = pyseto.decode(key, token, deserializer=json).payload
        if claims["aud"] != audience:
            raise ValueError("another audience")
        now = datetime.now(timezone.utc)
        if not datetime.fromisoformat(claims["nbf"]) <= now or "exp" in claims and now >= datetime.fromisoformat(claims["exp"]):
            raise ValueError("not valid now")
    else:
        key = jwt.PyJWK(keys[jwt.get_unverified_header(token)["kid"]])
        claims = jwt.decode(token, key, algorithms=["EdDSA"], audience=audience)
    if product != "any" and claims["keyward"]["product"] != product:
        raise ValueError("a license of another product, or of none")
except (jwt.InvalidTokenError, pyseto.exceptions.PysetoError, ValueError, KeyError) as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(1)
print(json.dumps(claims, separators=(",", ":")))
