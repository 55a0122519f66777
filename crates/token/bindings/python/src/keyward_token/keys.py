"""Public keys, and text as people paste it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ._json import decode, encode, read_object
from .errors import InvalidKey

_QUOTES = "\"'`\u00b4\u00ab\u00bb\u2039\u203a\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u301d\u301e\u301f\uff02\uff07"
# White_Space, which is not what `str.isspace` says, and Default_Ignorable_Code_Point of Unicode.
_SPANS = [(0x9, 0xD), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
          (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
          (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
          (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
          (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)]
_IGNORED = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _SPANS) + "]+")


def pasted(text: str) -> str:
    """A token or key without what copying adds: white space and invisible characters anywhere, quotes around it."""
    return _IGNORED.sub("", text).strip(_QUOTES)


_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_SIGN = 1 << 255
_EIGHT = [bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
          bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]
# The y coordinates of the points whose order divides eight.
_WEAK = {0, 1, _P - 1, *(int.from_bytes(point, "little") for point in _EIGHT)}


class PublicKey:
    """An Ed25519 public key that is fit for strict verification."""

    __slots__ = ("_key", "bytes", "kid")

    def __init__(self, data: bytes) -> None:
        """From the 32 bytes of RFC 8032, section 5.1.2."""
        if len(data) != 32:
            raise InvalidKey("invalid_der", "an Ed25519 key has 32 bytes")
        y = int.from_bytes(data, "little") % _SIGN
        if y >= _P:
            raise InvalidKey("not_canonical", "the public key is not encoded canonically")
        square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
        if square and pow(square, (_P - 1) // 2, _P) != 1:
            raise InvalidKey("not_a_point", "the public key is not a point on the curve")
        if y in _WEAK:
            raise InvalidKey("weak_key", "the public key has small order")
        self.bytes = data
        thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{encode(data)}"}}'.encode())
        self.kid = encode(thumbprint.digest())
        """The key's id, its RFC 7638 thumbprint."""
        self._key = Ed25519PublicKey.from_public_bytes(data)

    def __repr__(self) -> str:
        return f"PublicKey({self.kid})"

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether a bare signature is by this key, strictly (docs/token-format.md, section 3)."""
        # OpenSSL lets a point of small order pass, which no honest signature begins with.
        if len(signature) != 64 or int.from_bytes(signature[:32], "little") % _SIGN in _WEAK:
            return False
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    @classmethod
    def from_pem(cls, pem: str) -> PublicKey:
        """From one block of SPKI PEM. What copying adds is ignored, and so is text around the block."""
        pem = pasted(pem)
        if "PRIVATEKEY-----" in pem:
            raise InvalidKey("secret_key", "a secret key where a public key belongs")
        _, begin, block = pem.partition("-----BEGIN")
        body, end, rest = block.partition("-----END")
        label = "PUBLICKEY-----"
        fits = begin and end and "-----BEGIN" not in block and body.startswith(label) and rest.startswith(label)
        try:
            der = base64.b64decode(body[len(label):], validate=True)
        except (binascii.Error, ValueError):
            fits = ""
        if not fits or base64.b64encode(der).decode() != body[len(label):]:
            raise InvalidKey("invalid_pem", "not one PEM block of a public key")
        spki = bytes.fromhex("302a300506032b6570032100")
        if len(der) != 44 or not der.startswith(spki):
            raise InvalidKey("invalid_der", "not an Ed25519 key in the expected DER structure")
        return cls(der[len(spki):])

    @classmethod
    def from_jwk(cls, text: str) -> PublicKey:
        """From the JSON of a public JWK."""
        try:
            jwk = read_object(pasted(text))
        except ValueError as error:
            raise InvalidKey("invalid_jwk", "not a JWK of an Ed25519 key") from error
        _refuse_secret(jwk)
        return cls._of_jwk(jwk)

    @classmethod
    def from_paserk(cls, text: str) -> PublicKey:
        """From a PASERK ``k4.public``."""
        text = pasted(text)
        if text.startswith("k4.secret."):
            raise InvalidKey("secret_key", "a secret key where a public key belongs")
        data = _bytes_32(text[10:]) if text.startswith("k4.public.") else None
        if data is None:
            raise InvalidKey("invalid_paserk", "not a PASERK of the expected type")
        return cls(data)

    @classmethod
    def _of_jwk(cls, jwk: dict[str, Any]) -> PublicKey:
        texts = all(isinstance(jwk[name], str) for name in ("kid", "use", "alg") if name in jwk)
        x = _bytes_32(jwk.get("x"))
        if not _is_ed25519(jwk) or _is_for_another_use(jwk) or not texts or x is None:
            raise InvalidKey("invalid_jwk", "not a JWK of an Ed25519 key")
        key = cls(x)
        if jwk.get("kid", key.kid) != key.kid:
            raise InvalidKey("wrong_kid", "the kid is not the RFC 7638 thumbprint of the key")
        return key


class Keyring:
    """The public keys that are trusted, by their ids. A set: while keys rotate there are several."""

    def __init__(self, keys: Iterable[PublicKey] = ()) -> None:
        self._keys: dict[str, PublicKey] = {}
        for key in keys:
            if key.kid in self._keys:
                raise InvalidKey("duplicate_key", "the same key stands twice in the keyring")
            self._keys[key.kid] = key

    @classmethod
    def from_jwks(cls, text: str) -> Keyring:
        """From a JWK Set, ``/o/{organization}/jwks.json``. Keys of other kinds are ignored; a secret or broken key is refused."""
        try:
            found = read_object(pasted(text)).get("keys")
        except ValueError as error:
            raise InvalidKey("invalid_jwks", "not a JWK Set") from error
        if not isinstance(found, list):
            raise InvalidKey("invalid_jwks", "not a JWK Set")
        return cls(cls._of_set(found))

    @staticmethod
    def _of_set(found: list[Any]) -> Iterator[PublicKey]:
        for jwk in found:
            if not isinstance(jwk, dict):
                raise InvalidKey("invalid_jwks", "not a JWK Set")
            _refuse_secret(jwk)
            if _is_ed25519(jwk) and not _is_for_another_use(jwk):
                yield PublicKey._of_jwk(jwk)

    @classmethod
    def from_pem(cls, text: str) -> Keyring:
        """From SPKI PEM, one block for each key, ``/o/{organization}/public-keys.pem``."""
        blocks = pasted(text).split("-----BEGIN")[1:]
        if not blocks:
            raise InvalidKey("invalid_pem", "not one PEM block of a public key")
        return cls(PublicKey.from_pem("-----BEGIN" + block) for block in blocks)

    def get(self, kid: str) -> PublicKey | None:
        """The key with this id."""
        return self._keys.get(kid)

    def only(self) -> PublicKey | None:
        """The key, if it is the only one."""
        return next(iter(self)) if len(self) == 1 else None

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[PublicKey]:
        return iter(self._keys.values())


def _refuse_secret(jwk: dict[str, Any]) -> None:
    if {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} & set(jwk):
        raise InvalidKey("secret_key", "a secret key where a public key belongs")


def _is_ed25519(jwk: dict[str, Any]) -> bool:
    return jwk.get("kty") == "OKP" and jwk.get("crv") == "Ed25519"


def _is_for_another_use(jwk: dict[str, Any]) -> bool:
    use, alg = jwk.get("use"), jwk.get("alg")
    return (isinstance(use, str) and use != "sig") or (isinstance(alg, str) and alg not in ("EdDSA", "Ed25519"))


def _bytes_32(text: Any) -> bytes | None:
    try:
        data = decode(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return data if len(data) == 32 else None
