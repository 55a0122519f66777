"""Licenses, status lists and signed answers for an application's own tests, at any instant and without a server.

The keys are in this file: never let an application trust them outside of its tests."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ._json import canonical, encode
from .answers import Question
from .keys import Keyring, PublicKey


class Vendor:
    """A vendor with one product, and keys that are the same in every run."""

    def __init__(self, product_id: str) -> None:
        self.product_id = product_id
        self._key = 1

    @property
    def keys(self) -> Keyring:
        """The public keys: what the application is given."""
        return Keyring(_public(number) for number in range(1, self._key + 1))

    @property
    def jwks(self) -> str:
        """The same as a JWK Set."""
        return json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": encode(key.bytes), "kid": key.kid} for key in self.keys]})

    def rotate_key(self) -> None:
        """Goes on with another key. What was signed before still verifies by the new ``keys``."""
        self._key += 1

    def license(self, claims: Mapping[str, Any] | None = None, *, issued_at: int | None = None, ends_at: int | None = None,
                grace_until: int | None = None, listed: tuple[int, str] | None = None, any_product: bool = False) -> str:
        """A token of the product, without an end unless one is given. ``listed`` is its index in the status list of an address."""
        keyward = {"v": 1, "org": "test", "customer": None, "product": None if any_product else self.product_id, "registry": []}
        members: dict[str, Any] = {"iss": "http://localhost", "sub": "0192f0c1-7a00-7000-8000-000000000001", "aud": ["license-key"]}
        for name, at in (("iat", issued_at), ("nbf", issued_at), ("exp", ends_at if grace_until is None else grace_until)):
            if at is not None:
                members[name] = at
        if listed is not None:
            members["status"] = {"status_list": {"idx": listed[0], "uri": listed[1]}}
        if grace_until is not None and ends_at is not None:
            keyward["ends"] = ends_at
        return self.sign("JWT", json.dumps({**members, "keyward": keyward, **(claims or {})}))

    def status_list(self, uri: str, issued_at: int, statuses: Mapping[int, int] | None = None, *, expires_at: int | None = None,
                    ttl: int | None = None) -> str:
        """A list of the licenses 0 to 1,023, all valid but for ``statuses``: 1 is revoked, 2 suspended."""
        table = bytearray(256)
        for index, value in (statuses or {}).items():
            table[index // 4] |= value << index % 4 * 2
        members: dict[str, Any] = {"sub": uri, "iat": issued_at, "exp": expires_at, "ttl": ttl,
                                   "status_list": {"bits": 2, "lst": encode(zlib.compress(bytes(table)))}}
        return self.sign("statuslist+jwt", json.dumps({name: value for name, value in members.items() if value is not None}))

    def answer(self, question: Question, signed_at: int, status: str = "active", **members: Any) -> str:
        """What the server answers to a question. ``members`` are named as docs/validation.md names them."""
        answer = {"valid": status == "active", "status": status, "expires": None, "ip_registered": None, "ip_count": None,
                  "max_ips": None, "version": None, "version_valid": None, "custom": None, "kid": _public(self._key).kid,
                  "license_key": question.license_key, "nonce": question.nonce, "product_id": self.product_id,
                  "signed_at": datetime.fromtimestamp(signed_at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), **members}
        signed = canonical(answer)
        return f'{signed[:-1]},"signature":"{encode(_secret(self._key).sign(signed.encode()))}"}}'

    def sign(self, typ: str, claims: str) -> str:
        """A JWT of any claims, also of such that are refused."""
        header = f'{{"alg":"EdDSA","typ":"{typ}","kid":"{_public(self._key).kid}"}}'
        signed = f"{encode(header.encode())}.{encode(claims.encode())}"
        return f"{signed}.{encode(_secret(self._key).sign(signed.encode()))}"


def _secret(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def _public(number: int) -> PublicKey:
    return PublicKey(_secret(number).public_key().public_bytes_raw())
