"""A lower bound of the present, which notices that the machine's clock was set back."""

from __future__ import annotations

import hashlib
import hmac
import re

from ._json import decode, encode
from .errors import ClockFloorError
from .license import DAY, License
from .verifier import LAST

_PREFIX = "keyward-clock-floor.1."
_KEPT = re.compile(re.escape(_PREFIX) + r"(\+?[0-9]+)\.(\+?[0-9]+)?")


class ClockFloor:
    """How late it is at least, by what was signed and by how long the application was used. Kept as a text from start to
    start. It jumps to signed times only; otherwise it goes on as time passes."""

    def __init__(self, built: int, *, tolerance_seconds: int = DAY) -> None:
        """A floor of which no more is known than when the program was built."""
        self._at, self._seen = 0, None  # type: int, int | None
        self._tolerance = tolerance_seconds
        self._raise(built)

    @classmethod
    def open(cls, text: str, key: bytes, built: int, *, tolerance_seconds: int = DAY) -> ClockFloor:
        """Reads the text that :meth:`seal` has made with this key; else ``ClockFloorError``."""
        state, dot, mac = text.rstrip(" \t\n\f\r").rpartition(".")
        try:
            code = decode(mac)
        except ValueError:
            code = b""
        if not dot or not state.startswith(_PREFIX) or len(code) != 32:
            raise ClockFloorError("malformed", "the text is not the state of a clock floor")
        if not hmac.compare_digest(code, _mac(state, key)):
            raise ClockFloorError("altered", "the state of the clock floor was changed, or made with another key")
        found = _KEPT.fullmatch(state)
        if found is None or any(number is not None and int(number) > LAST for number in found.groups()):
            raise ClockFloorError("malformed", "the text is not the state of a clock floor")
        floor = cls(built, tolerance_seconds=tolerance_seconds)
        floor._seen = None if found[2] is None else int(found[2])
        floor._raise(int(found[1]))
        return floor

    def seal(self, key: bytes) -> str:
        """The state as one line. A key that differs from machine to machine ties the text to the machine."""
        state = f"{_PREFIX}{self._at}.{'' if self._seen is None else self._seen}"
        return f"{state}.{encode(_mac(state, key))}"

    def saw_signed(self, signed: int) -> None:
        """A time that was signed and verified: a list's ``issued_at``, an answer's ``signed_at``. Never the machine's clock."""
        self._raise(signed)

    def saw_license(self, license: License) -> None:
        """When a license was issued."""
        self._raise(license.issued_at or 0)

    def observe(self, now: float, ran: float = 0) -> int:
        """Looks at the machine's clock. ``ran`` is how many seconds ago this was last called, by ``time.monotonic``; zero for the
        first call of a process. By how many seconds the clock was set back beyond the tolerance; 0 for a plausible clock."""
        at, before = min(max(int(now // 1), 0), LAST), self._at
        self._raise(before + int(ran))
        gone = 0 if self._seen is None else max(at - self._seen, 0)
        if gone <= self._tolerance:
            self._raise(min(before + gone, at))
        self._seen = at
        behind = self._at - at
        return behind if behind > self._tolerance else 0

    @property
    def at(self) -> int:
        """How late it is at least."""
        return self._at

    def at_least(self, now: float) -> int:
        """The machine's clock, or the floor if that is later."""
        return max(int(now // 1), self._at)

    def _raise(self, to: int) -> None:
        self._at = min(max(self._at, to), LAST)


def _mac(state: str, key: bytes) -> bytes:
    return hmac.new(key, state.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
