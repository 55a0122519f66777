"""Verifies a Keyward license offline.

    python verify.py KEY_FILE TOKEN [AUDIENCE]

KEY_FILE is the vendor's public key as PEM. Prints the claims and ends 0, or the reason and ends 1. A vendor would
put the key into the program and the token into LICENSE_KEY.
"""

import json
import sys
from datetime import datetime, timezone

import jwt
import pyseto


def verify_jwt(pem: str, token: str, audience: str) -> dict:
    return jwt.decode(token, pem, algorithms=["EdDSA"], audience=audience, options={"require": ["nbf", "sub"]})


def verify_paseto(pem: str, token: str, audience: str) -> dict:
    key = pyseto.Key.new(version=4, purpose="public", key=pem)
    claims = json.loads(pyseto.decode(key, token).payload)
    # In a PASETO, times are RFC 3339 and a single audience is a string.
    if claims.get("aud") != audience:
        raise ValueError("wrong audience")
    now = datetime.now(timezone.utc)
    if now < datetime.fromisoformat(claims["nbf"]):
        raise ValueError("not yet valid")
    if "exp" in claims and now >= datetime.fromisoformat(claims["exp"]):
        raise ValueError("expired")
    return claims


def main() -> int:
    if len(sys.argv) not in (3, 4):
        print("usage: verify.py KEY_FILE TOKEN [AUDIENCE]", file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="ascii") as file:
        pem = file.read()
    token, audience = sys.argv[2], (sys.argv[3:] or ["license-key"])[0]
    verify = verify_paseto if token.startswith("v4.public.") else verify_jwt
    try:
        claims = verify(pem, token, audience)
    except (jwt.InvalidTokenError, pyseto.exceptions.PysetoError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(claims, separators=(",", ":")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
