"""Verifies a Keyward license offline, with the package keyward-token.

    python verify.py JWKS_FILE PRODUCT_ID TOKEN [AUDIENCE [NOW]]

JWKS_FILE has the vendor's public keys, as /o/ORGANIZATION/jwks.json gives them; PRODUCT_ID is that of the application, or `any`.
Prints the claims and ends 0, or the reason and ends 1. A vendor would put keys and product into the program and the token into
LICENSE_KEY. NOW, in seconds since 1970, is for tests.
"""

import sys

from keyward_token import ANY_PRODUCT, LICENSE_AUDIENCE, Keyring, Verifier, VerifyError, pasted


def main(jwks_file: str, product: str, token: str, audience: str = LICENSE_AUDIENCE, now: str = "") -> int:
    with open(jwks_file, encoding="utf-8") as file:
        keys = Keyring.from_jwks(file.read())
    verifier = Verifier(keys, ANY_PRODUCT if product == "any" else product, audience=audience)
    try:
        license = verifier.verify(pasted(token), int(now) if now else None)
    except VerifyError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 1
    print(license.json)
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5, 6):
        print("usage: verify.py JWKS_FILE PRODUCT_ID|any TOKEN [AUDIENCE [NOW]]", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(*sys.argv[1:]))
