"""What a verified token says, and how a license stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .status import StatusList

DAY = 86_400
FOREVER = 2**63 - 1


@dataclass(frozen=True)
class StatusRef:
    """Where the revocation status of a license stands."""

    index: int
    uri: str


@dataclass(frozen=True)
class Health:
    """How a license stands at an instant. It decides nothing."""

    state: str
    """``fine``, ``ending``, ``in_grace``, ``ended``, ``not_yet``, ``revoked``, ``suspended`` or ``unknown``."""
    state_by_times: str
    """The state without regard to status lists."""
    unknown: str | None
    """Why the state is ``unknown``: ``no_status_list``, ``status_list_expired``, …"""
    begins_at: int | None
    ends_at: int | None
    """When the license ends by its contract."""
    expires_at: int | None
    """When it is valid no longer, its grace included."""
    changes_at: int | None
    """The first second at which the state is another, if nothing but time passes."""
    list_age_seconds: int | None

    @property
    def is_valid(self) -> bool:
        return self.state in ("fine", "ending", "in_grace")


@dataclass(frozen=True)
class AuthenticLicense:
    """A license of this application that may have ended or not begun: all there is to ask is how it stands."""

    _claims: Mapping[str, Any] = field(repr=False)
    _leeway: int

    def health(self, now: int, *, warning_days: int = 30, leeway_seconds: int = 0,
               lists: Sequence[StatusList] | None = None, max_list_age_seconds: int | None = None) -> Health:
        """How the license stands at a second. ``lists`` were verified before; ``[]`` is "there is none", ``None`` "none is
        looked at". A list older than ``max_list_age_seconds`` does not say that a license is not revoked."""
        claims, leeway = self._claims, max(self._leeway, leeway_seconds)
        begins, expires = claims.get("nbf"), claims.get("exp")
        ends = claims.get("keyward", {}).get("ends", expires)
        starts = None if begins is None else begins - leeway
        warns = None if ends is None else ends - warning_days * DAY
        reference = status_of(claims)

        def by_times(at: int) -> str:
            reached = [state for state, since in (("ended", expires), ("in_grace", ends), ("ending", warns))
                       if since is not None and at >= since]
            if "ended" not in reached and starts is not None and at < starts:
                return "not_yet"
            return reached[0] if reached else "fine"

        def too_old(listed: StatusList) -> int:
            return FOREVER if max_list_age_seconds is None else listed.issued_at + max_list_age_seconds + 1

        def entry(listed: StatusList, index: int, at: int) -> tuple[int, str]:
            if listed.expires_at is not None and at >= listed.expires_at:
                return 0, "status_list_expired"
            if index >= len(listed):
                return 2, "status_out_of_range"
            value = listed.status(index)
            if value == 0:
                return (0, "status_list_too_old") if at >= too_old(listed) else (1, "valid")
            return (3, "suspended") if value == 2 else (4, "revoked")

        def listed_at(at: int) -> tuple[str, int | None]:
            if lists is None:
                return "valid", None
            if reference is None:
                return "no_status", None
            ours = [(*entry(listed, reference.index, at), listed.issued_at) for listed in lists
                    if listed.uri == reference.uri]
            if not ours:
                return "other_status_list" if lists else "no_status_list", None
            # Of two that say as much and are as new, the last.
            _, said, issued = max(reversed(ours), key=lambda one: (one[0], one[2]))
            return said, issued

        def state_at(at: int) -> tuple[str, str | None]:
            said, times = listed_at(at)[0], by_times(at)
            if said == "revoked":
                return said, None
            if said == "valid" or times == "ended":
                return times, None
            if said == "suspended" or times == "not_yet":
                return said if said == "suspended" else times, None
            return "unknown", said

        instants = {at for at in (starts, warns, ends, expires) if at is not None}
        for listed in lists or ():
            instants |= {at for at in (listed.expires_at, too_old(listed)) if at is not None}
        state = state_at(now)
        changes = next((at for at in sorted(instants) if now < at < FOREVER and state_at(at) != state), None)
        issued = listed_at(now)[1]
        return Health(state[0], by_times(now), state[1], begins, ends, expires, changes,
                      None if issued is None else max(now - issued, 0))


@dataclass(frozen=True)
class License(AuthenticLicense):
    """A verified token: only :meth:`Verifier.verify` makes one."""

    json: str
    """The claims exactly as they were signed: a number keeps every digit."""
    kid: str
    """Which key has signed."""
    format: str
    """``jwt`` or ``paseto``."""

    @property
    def claims(self) -> Mapping[str, Any]:
        """All claims, your own among them. From a PASETO, too, instants are numbers and ``aud`` is a list."""
        return self._claims

    @property
    def subject(self) -> str | None:
        """The license's id."""
        return self._claims.get("sub")

    @property
    def issued_at(self) -> int | None:
        return self._claims.get("iat")

    @property
    def expires_at(self) -> int | None:
        """The first second at which the license is valid no longer, its grace included."""
        return self._claims.get("exp")

    @property
    def ends_at(self) -> int | None:
        """When the license ends by its contract."""
        end: int | None = self._claims.get("keyward", {}).get("ends", self.expires_at)
        return end

    @property
    def product(self) -> str | None:
        product: str | None = self._claims.get("keyward", {}).get("product")
        return product

    @property
    def customer(self) -> str | None:
        customer: str | None = self._claims.get("keyward", {}).get("customer")
        return customer

    @property
    def status(self) -> StatusRef | None:
        """Where its revocation status stands."""
        return status_of(self._claims)


def status_of(claims: Mapping[str, Any]) -> StatusRef | None:
    place = claims.get("status", {}).get("status_list")
    return None if place is None else StatusRef(place["idx"], place["uri"])
