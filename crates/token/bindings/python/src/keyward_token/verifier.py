"""Tokens: JWT and PASETO v4.public."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, Final

from ._json import Integer, decode, read_object
from .errors import VerifyError
from .keys import Keyring, PublicKey
from .license import AuthenticLicense, License

LICENSE_AUDIENCE = "license-key"
LAST = 253402300799  # the end of 9999
_PASETO = re.compile(r"v[1-9]\.")
_RFC_3339 = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:Z|\+00:00)")
_REFUSED = ("crit", "jwk", "jku", "x5u", "x5c", "zip", "b64", "enc")


class _AnyProduct:
    def __repr__(self) -> str:
        return "ANY_PRODUCT"


ANY_PRODUCT: Final = _AnyProduct()
"""For tools, and for a vendor of one application: licenses of whatever product, and of none."""


class Verifier:
    """Checks tokens against keys and expectations (docs/token-format.md, section 8).

    ``product`` is the id of the product that the application is: all products of a vendor have the same keys and the same
    audience, so nothing else tells the license of a cheap one from that of an expensive one."""

    def __init__(self, keys: Keyring, product: str | _AnyProduct, *, or_products: Iterable[str] = (),
                 or_without_product: bool = False, issuers: Iterable[str] = (),
                 audience: str | None = LICENSE_AUDIENCE, organization: str | None = None, subject: str | None = None,
                 leeway_seconds: int = 0, max_token_bytes: int = 65_536) -> None:
        """``audience=None`` accepts any. The leeway is for ``nbf`` alone."""
        if not isinstance(product, (str, _AnyProduct)):
            raise TypeError("name a product, or say ANY_PRODUCT")
        self.keys = keys
        self._products = None if isinstance(product, _AnyProduct) else {product, *or_products}
        self._or_none = or_without_product
        self._issuers = set(issuers)
        self._audience, self._organization, self._subject = audience, organization, subject
        self._leeway, self._max_bytes = leeway_seconds, max_token_bytes

    def verify(self, token: str, now: float | None = None) -> License:
        """The license of a token at a second of the Unix clock, the present unless it is named; else ``VerifyError``."""
        at = seconds(now)
        kid, form, json, claims = self._checked(token)
        if at < claims.get("nbf", at) - self._leeway:
            raise VerifyError("not_yet_valid", f"the token is not valid until {_text(claims['nbf'])}")
        if "exp" in claims and at >= claims["exp"]:
            raise VerifyError("expired", f"the token has expired at {_text(claims['exp'])}")
        return License(claims, self._leeway, json, kid, form)

    def authenticate(self, token: str) -> AuthenticLicense:
        """All of the checks but the times, for the health of a license that may have ended or not begun."""
        return AuthenticLicense(self._checked(token)[3], self._leeway)

    def _checked(self, token: str) -> tuple[str, str, str, dict[str, Any]]:
        if _size(token) > self._max_bytes:
            raise VerifyError("too_large", f"the token is longer than {self._max_bytes} bytes")
        if _PASETO.match(token):
            key, payload, form = *_open_paseto(token, self.keys), "paseto"
        else:
            key, payload, form = *open_jwt(token, "JWT", self.keys), "jwt"
        claims = read_claims(payload)
        _check_types(claims, _number if form == "jwt" else _rfc_3339)
        if form == "paseto" and isinstance(claims.get("aud"), str):
            claims["aud"] = [claims["aud"]]
        self._check_expected(claims)
        return key.kid, form, payload.decode(), claims

    def _check_expected(self, claims: dict[str, Any]) -> None:
        keyward, audience = claims.get("keyward", {}), claims.get("aud", [])
        if self._issuers and claims.get("iss") not in self._issuers:
            raise VerifyError("wrong_issuer", "the token is by another issuer")
        if self._audience is not None and self._audience not in ([audience] if isinstance(audience, str) else audience):
            raise VerifyError("wrong_audience", "the token is for another audience")
        if self._organization is not None and keyward.get("org") != self._organization:
            raise VerifyError("wrong_organization", "the token belongs to another organization")
        product = keyward.get("product")
        if self._products is not None and not (self._or_none if product is None else product in self._products):
            of = "no product in particular" if product is None else f"another product, {product!r}"
            raise VerifyError("wrong_product", f"the license is for {of}")
        if self._subject is not None and claims.get("sub") != self._subject:
            raise VerifyError("wrong_subject", "the token is about another subject")


def seconds(now: float | None) -> int:
    return int((time.time() if now is None else now) // 1)


def _size(token: str) -> int:
    return len(token.encode("utf-8", "surrogatepass"))


def malformed(what: str) -> VerifyError:
    return VerifyError("malformed", f"the token is malformed: {what}. Was the text cleaned by `pasted`?")


def _decoded(part: str, what: str) -> bytes:
    try:
        return decode(part)
    except ValueError as error:
        raise malformed(what) from error


def read_claims(payload: bytes) -> dict[str, Any]:
    try:
        return read_object(payload)
    except ValueError as error:
        raise malformed("payload") from error


def open_jwt(token: str, typ: str, keys: Keyring) -> tuple[PublicKey, bytes]:
    """The key that has signed, and the payload."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise malformed("not three parts")
    key = _find(_key_name(parts[0], typ), keys)
    signature = _decoded(parts[2], "signature")
    if len(signature) != 64:
        raise malformed("signature")
    payload = _decoded(parts[1], "payload")
    if not key.verifies(token.rpartition(".")[0].encode(), signature):
        raise VerifyError("bad_signature", "the token's signature is wrong")
    return key, payload


def _key_name(part: str, typ: str) -> str | None:
    data = _decoded(part, "header") if len(part) <= 1024 else b""
    try:
        header = read_object(data)
    except ValueError as error:
        raise malformed("header") from error
    for name, value in header.items():
        if name in _REFUSED:
            raise VerifyError("refused_header", f"the token's header has the member {name}")
        if name in ("alg", "typ", "kid") and not isinstance(value, str):
            raise malformed("header")
    if header.get("alg") not in ("EdDSA", "Ed25519"):
        raise VerifyError("unsupported_algorithm", "the token's algorithm is not EdDSA")
    if header.get("typ") != typ:
        raise VerifyError("wrong_type", "the token is another kind of document")
    return header.get("kid")


def _find(kid: str | None, keys: Keyring) -> PublicKey:
    key = keys.only() if kid is None else keys.get(kid)
    if key is None:
        raise VerifyError("unknown_key", f"the token is signed by an unknown key{'' if kid is None else ', ' + repr(kid)}")
    return key


def _open_paseto(token: str, keys: Keyring) -> tuple[PublicKey, bytes]:
    if not token.startswith("v4.public."):
        raise VerifyError("unsupported_format", "the token's format is not supported")
    message, dot, footer = token[10:].partition(".")
    if not message or (dot and not footer) or len(footer) > 1024:
        raise malformed("not a PASETO")
    data, foot = _decoded(message, "message"), _decoded(footer, "footer")
    if len(data) <= 64:
        raise malformed("message")
    try:
        names = read_object(foot) if foot else {}
    except ValueError as error:
        raise malformed("footer") from error
    if not isinstance(names.get("kid", ""), str):
        raise malformed("footer")
    key = _find(names.get("kid"), keys)
    pieces = [b"v4.public.", data[:-64], foot, b""]
    signed = b"".join(len(piece).to_bytes(8, "little") + piece for piece in pieces)
    if not key.verifies(len(pieces).to_bytes(8, "little") + signed, data[-64:]):
        raise VerifyError("bad_signature", "the token's signature is wrong")
    return key, data[:-64]


def _check_types(claims: dict[str, Any], instant: Any) -> None:
    """The registered claims have the types of section 7; instants become numbers."""
    for name, fits in (("iss", _is_text), ("sub", _is_text), ("jti", _is_text), ("aud", _is_audience),
                       ("status", _is_status), ("keyward", _is_keyward)):
        if name in claims and not fits(claims[name]):
            raise invalid_claim(name)
    for name in ("iat", "nbf", "exp"):
        if name in claims:
            claims[name] = instant(name, claims[name])
    keyward = claims.get("keyward", {})
    if "ends" in keyward:
        ends = keyward["ends"] = instant("keyward.ends", keyward["ends"])
        if "exp" not in claims or ends > claims["exp"]:
            raise invalid_claim("keyward.ends")


def invalid_claim(name: str) -> VerifyError:
    return VerifyError("invalid_claim", f"the claim {name} is invalid")


def _number(name: str, value: Any) -> int:
    if not isinstance(value, Integer) or value > LAST:
        raise invalid_claim(name)
    return int(value)


def _rfc_3339(name: str, value: Any) -> int:
    at = from_rfc_3339(value) if isinstance(value, str) else None
    if at is None:
        raise invalid_claim(name)
    return at


def from_rfc_3339(text: str) -> int | None:
    """Whole seconds of UTC, ``YYYY-MM-DDThh:mm:ss`` and ``Z`` or ``+00:00``; else ``None``."""
    found = _RFC_3339.fullmatch(text)
    try:
        at = datetime(*map(int, found.groups()), tzinfo=timezone.utc) if found else None  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    since = -1 if at is None else int((at - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds())
    return since if since >= 0 else None


def _text(at: int) -> str:
    return datetime.fromtimestamp(at, timezone.utc).isoformat()


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_audience(value: Any) -> bool:
    return _is_text(value) or _are_texts(value)


def _is_status(value: Any) -> bool:
    if not isinstance(value, dict) or "status_list" not in value:
        return isinstance(value, dict)
    place = value["status_list"]
    return (isinstance(place, dict) and isinstance(place.get("idx"), Integer) and place["idx"] < 2**64
            and _is_text(place.get("uri")))


def _is_keyward(value: Any) -> bool:
    return (isinstance(value, dict) and isinstance(value.get("v"), Integer) and value["v"] == 1
            and _is_text(value.get("org")) and _are_texts(value.get("registry", []))
            and all(value.get(name) is None or _is_text(value[name]) for name in ("customer", "product")))
