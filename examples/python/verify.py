"""Verifies a Keyward license offline.

    python verify.py JWKS_FILE PRODUCT_ID TOKEN [AUDIENCE [NOW]]

JWKS_FILE has the vendor's public keys, as /o/ORGANIZATION/jwks.json gives them; PRODUCT_ID is that of the application, or `any`.
Prints the claims and ends 0, or the reason and ends 1. A vendor would put keys and product into the program and the token into
LICENSE_KEY. NOW, in seconds since 1970, is for tests.
"""

import base64
import hashlib
import json
import re
import sys
import time
from datetime import datetime, timezone

import jwt
import pyseto
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from strict import Integer, pasted, strict_object

LAST = 253402300799  # the end of 9999
REFUSED = {"crit", "jwk", "jku", "x5u", "x5c", "zip", "b64", "enc"}
# Points of small order, which no honest signature begins with, and which OpenSSL lets pass (docs/token-format.md §3).
SMALL_ORDER = {
    "00" * 32, "01" + "00" * 31, "00" * 31 + "80", "ec" + "ff" * 30 + "7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}


# For tools. An application names its product: all products of a vendor have the same keys and the same audience.
ANY_PRODUCT = object()


def verify(keys: dict, token: str, product, audience: str = "license-key", now: float | None = None) -> dict:
    """The claims of a token, if it was signed by one of the keys, is for the product and is valid now."""
    if product is not ANY_PRODUCT and not (isinstance(product, str) and product):
        raise TypeError("name a product")
    now = time.time() if now is None else now
    verify_format = verify_paseto if token.startswith("v4.public.") else verify_jwt
    claims = verify_format(keys, token)
    check_types(claims, numbers=verify_format is verify_jwt)
    if audience not in ([claims["aud"]] if isinstance(claims.get("aud"), str) else claims.get("aud", [])):
        raise ValueError("wrong audience")
    if product is not ANY_PRODUCT and claims.get("keyward", {}).get("product") != product:
        raise ValueError("for another product, or for none")
    if now < instant(claims.get("nbf", Integer(0))):
        raise ValueError("not yet valid")
    if "exp" in claims and now >= instant(claims["exp"]):
        raise ValueError("expired")
    return claims


def verify_jwt(keys: dict, token: str) -> dict:
    parts = [decode(part) for part in token.split(".")]
    if len(parts) != 3 or not all(parts) or len(parts[0]) > 768 or parts[2][:32].hex() in SMALL_ORDER:
        raise ValueError("not a token")
    header = strict_object(parts[0])
    if header.get("typ") != "JWT" or header.get("alg") not in ("EdDSA", "Ed25519") or REFUSED & set(header):
        raise ValueError("not a license token")
    # PyJWT knows the algorithm by one of its two names alone, hence it checks no more than the signature.
    eddsa = jwt.get_algorithm_by_name("EdDSA")
    if not eddsa.verify(token.rpartition(".")[0].encode(), find(keys, header), parts[2]):
        raise ValueError("the signature is wrong")
    return strict_object(parts[1])


def verify_paseto(keys: dict, token: str) -> dict:
    message, dot, footer = token.removeprefix("v4.public.").partition(".")
    if not message or (dot and not footer) or len(footer) > 1024 or decode(message)[-64:-32].hex() in SMALL_ORDER:
        raise ValueError("not a token")
    footer = strict_object(decode(footer)) if footer else {}
    pem = find(keys, footer).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = pyseto.Key.new(version=4, purpose="public", key=pem)
    return strict_object(pyseto.decode(key, token).payload)


def decode(text: str) -> bytes:
    """base64url, without padding, in its one canonical form."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if re.fullmatch(r"[\w-]+", text, re.ASCII) else b""
    if encode(data) != text:
        raise ValueError("not a token")
    return data


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def find(keys: dict, names: dict) -> Ed25519PublicKey:
    # Without an id, only if there is nothing to choose from.
    if "kid" not in names and len(keys) == 1:
        return next(iter(keys.values()))
    kid = names.get("kid")
    if not isinstance(kid, str) or kid not in keys:
        raise ValueError("signed by an unknown key")
    return keys[kid]


def check_types(claims: dict, numbers: bool) -> None:
    """The registered claims have the types of docs/token-format.md §7: what they are not is refused, never passed over."""
    text = lambda value: isinstance(value, str)
    texts = lambda value: isinstance(value, list) and all(map(text, value))
    optional = lambda value: value is None or text(value)
    time_claim = (lambda value: isinstance(value, Integer) and value <= LAST) if numbers else (
        lambda value: text(value) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)", value, re.ASCII)
    )
    list_ = lambda value: isinstance(value, dict) and isinstance(value.get("idx"), Integer) and text(value.get("uri"))
    status = lambda value: isinstance(value, dict) and ("status_list" not in value or list_(value["status_list"]))
    keyward = lambda value: (
        isinstance(value, dict) and isinstance(value.get("v"), Integer) and value["v"] == 1 and text(value.get("org"))
        and optional(value.get("customer")) and optional(value.get("product")) and texts(value.get("registry", []))
        and ("ends" not in value or time_claim(value["ends"]))
    )
    rules = {"iss": text, "sub": text, "jti": text, "aud": lambda value: text(value) or texts(value), "iat": time_claim,
             "nbf": time_claim, "exp": time_claim, "status": status, "keyward": keyward}
    for name, fits in rules.items():
        if name in claims and not fits(claims[name]):
            raise ValueError(f"the claim {name} is invalid")
    # The end by the contract, which the grace follows until `exp`.
    ends = claims.get("keyward", {}).get("ends")
    if ends is not None and ("exp" not in claims or instant(ends) > instant(claims["exp"])):
        raise ValueError("the claim keyward is invalid")


def instant(value) -> int:
    if isinstance(value, int):
        return value
    at = datetime.strptime(value.replace("Z", "+00:00"), "%Y-%m-%dT%H:%M:%S%z")
    return int((at - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds())


def read_keys(text: str) -> dict:
    """The keys by their id, from a JWK Set."""
    jwks = strict_object(pasted(text).encode())["keys"]
    keys = [Ed25519PublicKey.from_public_bytes(decode(jwk["x"])) for jwk in jwks if jwk.get("crv") == "Ed25519"]
    return {thumbprint(key): key for key in keys}


def thumbprint(key: Ed25519PublicKey) -> str:
    x = encode(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))
    return encode(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())


def main(jwks_file: str, product: str, token: str, audience: str = "license-key", now: str = "") -> int:
    with open(jwks_file, encoding="utf-8-sig") as file:
        keys = read_keys(file.read())
    try:
        wanted = ANY_PRODUCT if product == "any" else product
        claims = verify(keys, pasted(token), wanted, audience, float(now) if now else None)
    except (jwt.InvalidTokenError, pyseto.exceptions.PysetoError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(claims, separators=(",", ":")))
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5, 6):
        print("usage: verify.py JWKS_FILE PRODUCT_ID|any TOKEN [AUDIENCE [NOW]]", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(*sys.argv[1:]))
