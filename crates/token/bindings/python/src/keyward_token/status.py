"""Revocation that reaches offline programs: the signed status list."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ._json import Integer, decode
from .errors import StatusError, VerifyError
from .keys import Keyring
from .license import License
from .verifier import LAST, invalid_claim, open_jwt, read_claims, seconds

_MOST = 4 * 1024 * 1024


@dataclass(frozen=True)
class StatusList:
    """A verified status list: only :class:`StatusListVerifier` makes one."""

    uri: str
    issued_at: int
    """Keep the latest one seen, and give it to ``StatusListVerifier(not_older_than=…)``."""
    expires_at: int | None
    ttl: int | None
    """For how many seconds a copy is fresh."""
    _bits: int
    _table: bytes = field(repr=False)

    def __len__(self) -> int:
        return len(self._table) * 8 // self._bits

    def status(self, index: int) -> int:
        """0: valid, 1: revoked, 2: suspended; whatever else is not to be accepted."""
        if not 0 <= index < len(self):
            raise StatusError("status_out_of_range", "the status list has no such index")
        place, within = divmod(index * self._bits, 8)
        return self._table[place] >> within & (1 << self._bits) - 1

    def is_stale(self, now: float | None = None) -> bool:
        """Whether a newer list should be fetched. A stale list is still valid."""
        return self.ttl is not None and seconds(now) - self.ttl >= self.issued_at

    def check(self, license: License, now: float | None = None) -> None:
        """Raises ``StatusError`` unless this list says that the license is valid."""
        reference = license.status
        if reference is None:
            raise StatusError("no_status", "the license refers to no status list")
        if reference.uri != self.uri:
            raise StatusError("other_status_list", f"the license refers to another status list, {reference.uri!r}")
        if self.expires_at is not None and seconds(now) >= self.expires_at:
            raise StatusError("expired", "the status list is refused: it has expired")
        value = self.status(reference.index)
        if value:
            code = "suspended" if value == 2 else "revoked"
            raise StatusError(code, f"the license is {code}")


class StatusListVerifier:
    """Checks signed status lists."""

    def __init__(self, keys: Keyring, *, uri: str | None = None, not_older_than: int | None = None,
                 max_token_bytes: int = _MOST, max_list_bytes: int = _MOST) -> None:
        self.keys = keys
        self._uri, self._seen = uri, not_older_than
        self._max_token, self._max_list = max_token_bytes, max_list_bytes

    def verify(self, token: str, now: float | None = None) -> StatusList:
        """A list that counts at a second; else ``VerifyError``."""
        at = seconds(now)
        if len(token.encode("utf-8", "surrogatepass")) > self._max_token:
            raise VerifyError("too_large", f"the list is longer than {self._max_token} bytes")
        claims = read_claims(open_jwt(token, "statuslist+jwt", self.keys)[1])
        listed = claims.get("status_list", {})
        if not isinstance(claims.get("sub"), str):
            raise invalid_claim("sub")
        if "iat" not in claims:
            raise invalid_claim("iat")
        for name in ("iat", "nbf", "exp"):
            if name in claims and not (isinstance(claims[name], Integer) and claims[name] <= LAST):
                raise invalid_claim(name)
        if "ttl" in claims and not (isinstance(claims["ttl"], Integer) and 0 < claims["ttl"] < 2**64):
            raise invalid_claim("ttl")
        if not (isinstance(listed, dict) and isinstance(listed.get("lst", ""), str)
                and isinstance(listed.get("bits", Integer()), Integer) and listed.get("bits", 0) < 2**64):
            raise invalid_claim("status_list")
        if self._uri is not None and claims["sub"] != self._uri:
            raise VerifyError("wrong_subject", "the list is of another address")
        if at < claims.get("nbf", at):
            raise VerifyError("not_yet_valid", "the list is not valid yet")
        if "exp" in claims and at >= claims["exp"]:
            raise VerifyError("expired", "the list has expired")
        if self._seen is not None and claims["iat"] < self._seen:
            raise VerifyError("outdated", "the list is older than one seen before")
        table = self._inflate(listed)
        return StatusList(claims["sub"], int(claims["iat"]), claims.get("exp"), claims.get("ttl"), listed["bits"], table)

    def check(self, lists: Iterable[str], license: License, now: float | None = None) -> StatusList:
        """Verifies lists and looks a license up in them; gives the list that clears it. There is one, or none, or several of a
        server that has moved. Everything but "listed as valid" is a ``StatusError``."""
        cleared: StatusList | None = None
        why = StatusError("no_status_list", "there is no status list")
        for token in lists:
            try:
                found = self.verify(token, now)
                found.check(license, now)
            except VerifyError as error:
                why = StatusError(error.code, f"the status list is refused: {error}")
            except StatusError as error:
                if error.code != "other_status_list":
                    raise
                # What is wrong with one list says more than that another is not the one.
                why = error if why.code == "no_status_list" else why
            else:
                cleared = found if cleared is None or cleared.issued_at <= found.issued_at else cleared
        if cleared is None:
            raise why
        return cleared

    def _inflate(self, listed: dict[str, Any]) -> bytes:
        try:
            if listed.get("bits") not in (1, 2, 4, 8):
                raise ValueError("bits")
            packed, inflater = decode(listed["lst"]), zlib.decompressobj()
            table = inflater.decompress(packed, self._max_list + 1)
        except (KeyError, ValueError, zlib.error) as error:
            raise invalid_claim("status_list") from error
        if len(table) > self._max_list:
            raise VerifyError("too_large", f"the list is longer than {self._max_list} bytes")
        if not inflater.eof or inflater.unused_data:
            raise invalid_claim("status_list")
        return table
