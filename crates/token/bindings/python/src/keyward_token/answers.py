"""The server's signed answer, now and for as long as the server is out of reach (docs/validation.md).

How the question travels is the application's business: ``POST /api/v1/validate`` with the product API key as bearer token."""

from __future__ import annotations

import hashlib
import json
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ._json import Integer, canonical, decode, encode, read_object
from .errors import Lapsed, UntrustedAnswer
from .keys import Keyring, pasted
from .verifier import from_rfc_3339, seconds

_CLOCK_TOLERANCE = 3_600
_DEPTH = 64


@dataclass(frozen=True)
class Question:
    """What is asked of the server."""

    license_key: str = field(repr=False)
    """The license key, or the license's token."""
    version: str | None
    """The version that wants to run."""
    nonce: str
    """Random text that no other question has."""
    machine_id: str | None = field(default=None, repr=False)

    @classmethod
    def new(cls, license_key: str, version: str | None = None, *, machine_id: str | None = None) -> Question:
        """A new question. ``machine_id`` ties the answer to a machine, an installation or a volume; the server sees no more of it than
        a hash that is new with each question."""
        question = cls(pasted(license_key), version, secrets.token_urlsafe(16), machine_id)
        if machine_id is None:
            return question
        return replace(question, nonce=f"{question.nonce}.{_tag(machine_id, question.nonce)}")

    def body(self) -> bytes:
        """The body of the request."""
        members = {"license_key": self.license_key, "version": self.version, "nonce": self.nonce}
        return json.dumps({name: value for name, value in members.items() if value is not None}).encode()

    def _asked_by_machine_of(self, nonce: str) -> bool:
        random, dot, tag = nonce.partition(".")
        return not dot if self.machine_id is None else bool(dot) and _tag(self.machine_id, random) == tag


def _tag(machine_id: str, random: str) -> str:
    machine = hashlib.sha256(b"keyward-client machine.1\0" + machine_id.encode()).digest()
    return encode(hashlib.sha256(b"keyward-client nonce.1\0" + machine + random.encode()).digest()[:16])


@dataclass(frozen=True)
class Answer:
    """A verified answer: only :class:`AnswerVerifier` makes one."""

    valid: bool
    """Whether the license may run."""
    status: str
    """``active``, or why it may not."""
    signed_at: int
    expires_at: int | None
    custom: Mapping[str, Any] | None
    """What the vendor has added for valid licenses."""
    members: Mapping[str, Any] = field(repr=False)
    """All members, named as docs/validation.md names them."""


@dataclass(frozen=True)
class Decision:
    """What the application may do."""

    may_run: bool
    reason: str
    """``licensed``, ``offline``, ``refused``; or the code of why nobody trustworthy has decided, such as ``offline_period``."""
    answer: Answer | None
    until: int | None
    """Until when a kept answer counts."""
    keep: str | None
    """What to keep for the next time, in place of what was kept."""
    fault: str | None
    """Why the body that came back does not count: the code of an ``UntrustedAnswer``; ``unreachable`` if there was none."""


class AnswerVerifier:
    """Tells the server's answers from all else. All products of a vendor are signed for by the same keys, so it is for one."""

    def __init__(self, keys: Keyring, product_id: str, *, clock_tolerance_seconds: int = 300) -> None:
        self.keys = keys
        self._product, self._tolerance = product_id, clock_tolerance_seconds

    def verify(self, body: str | bytes, question: Question, now: float | None = None) -> Answer:
        """The server's answer to the question; else ``UntrustedAnswer``. What it says is not yet looked at: see ``valid``."""
        answer, at = self._signed(body), seconds(now)
        if (answer.members["license_key"], answer.members.get("nonce")) != (question.license_key, question.nonce):
            raise UntrustedAnswer("wrong_question", "the answer is to another question")
        # The nonce shows that it is of now, so a refusal counts whatever the clock says.
        if answer.valid and abs(answer.signed_at - at) > self._tolerance:
            raise UntrustedAnswer("stale", "the clocks of this machine and of the server differ too much")
        return answer

    def recall(self, kept: str | bytes, question: Question, now: float | None = None, *,
               offline_seconds: int) -> tuple[Answer, int]:
        """A kept body again, and until when it lets the application run; else ``Lapsed``."""
        try:
            answer = self._signed(kept)
        except UntrustedAnswer as error:
            raise Lapsed(error.code, f"the kept answer does not fit: {error}") from error
        at, members = seconds(now), answer.members
        nonce, version = members.get("nonce"), members.get("version")
        other = Lapsed("wrong_question", "the kept answer is to another question")
        if nonce is None or _canonical_key(members["license_key"]) != _canonical_key(question.license_key):
            raise other
        if not question._asked_by_machine_of(nonce):
            raise Lapsed("other_machine", "the kept answer is another machine's")
        if not answer.valid:
            raise Lapsed("refused", f"the server has refused the license before: {answer.status}")
        counts = members.get("version_valid") is not None
        if question.version is not None and (version != question.version if version is not None else counts):
            raise other
        if at + _CLOCK_TOLERANCE < answer.signed_at:
            raise Lapsed("clock_set_back", "the clock was set back")
        offline, end = answer.signed_at + offline_seconds, answer.expires_at
        # An answer that was good after the end says that the end does not count.
        until = offline if end is None or end <= answer.signed_at else min(end, offline)
        if at >= until:
            raise Lapsed(*(("expired", "the license has ended") if until < offline else
                           ("offline_period", "the offline period is over")))
        return answer, until

    def decide(self, question: Question, body: str | bytes | None, kept: str | bytes | None, now: float | None = None, *,
               offline_seconds: int) -> Decision:
        """What the application may do, by the body that came back (``None`` if none did) and the one kept before. A signed refusal
        ends the offline period: keep ``keep`` in either case."""
        fault = "unreachable"
        if body is not None:
            try:
                answer = self.verify(body, question, now)
                text = body.decode() if isinstance(body, bytes) else body
                return Decision(answer.valid, "licensed" if answer.valid else "refused", answer, None, text, None)
            except UntrustedAnswer as error:
                fault = error.code
        keep = kept.decode("utf-8", "replace") if isinstance(kept, bytes) else kept
        if kept is None:
            return Decision(False, fault, None, None, None, fault)
        try:
            answer, until = self.recall(kept, question, now, offline_seconds=offline_seconds)
        except Lapsed as lapsed:
            return Decision(False, lapsed.code, None, None, keep, fault)
        return Decision(True, "offline", answer, until, keep, fault)

    def _signed(self, body: str | bytes) -> Answer:
        malformed = UntrustedAnswer("malformed", "the answer is not one of a validation")
        try:
            members = read_object(body, _DEPTH)
        except ValueError as error:
            raise malformed from error
        signature = members.pop("signature", malformed)
        if signature is None:
            raise UntrustedAnswer("unsigned", "the answer is not signed: turn signed validation on for this product")
        if not isinstance(signature, str):
            raise malformed
        wrong = UntrustedAnswer("bad_signature", "the signature of the answer is wrong")
        try:
            data = decode(signature)
        except ValueError as error:
            raise wrong from error
        if len(data) != 64:
            raise wrong
        kid = members.get("kid")
        key = self.keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise UntrustedAnswer("unknown_key", "the answer is signed by an unknown key")
        if not key.verifies(canonical(members).encode(), data):
            raise wrong
        answer = _answer(members)
        if answer is None:
            raise malformed
        if members.get("product_id") != self._product:
            raise UntrustedAnswer("wrong_product", "the answer is of another product")
        return answer


def _answer(members: dict[str, Any]) -> Answer | None:
    """With the types of docs/validation.md; what may be null may be absent."""
    def optional(kind: type, *names: str) -> bool:
        return all(members.get(name) is None or isinstance(members[name], kind) for name in names)

    texts = all(isinstance(members.get(name), str) for name in ("status", "signed_at", "license_key"))
    counts = all(members.get(name) is None or isinstance(members[name], Integer) and members[name] < 2**32
                 for name in ("ip_count", "max_ips"))
    if not (texts and counts and isinstance(members.get("valid"), bool) and optional(dict, "custom")
            and optional(bool, "ip_registered", "version_valid")
            and optional(str, "expires", "version", "product_id", "nonce")):
        return None
    signed_at, expires = from_rfc_3339(members["signed_at"]), members.get("expires")
    expires_at = None if expires is None else from_rfc_3339(expires)
    if signed_at is None or (expires is not None and expires_at is None):
        return None
    return Answer(members["valid"], members["status"], signed_at, expires_at, members.get("custom"), members)


def _canonical_key(text: str) -> str:
    """A license key as the server reads it, however it is written; a token is its text."""
    text = pasted(text)
    if "." in text or len(text.encode("utf-8", "surrogatepass")) > 400:
        return text
    narrow = (chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else c for c in text if _is_symbol(c))
    key = "".join(narrow).translate(_LETTERS)
    return key if len(key) == 25 and key.isascii() else text


def _is_symbol(c: str) -> bool:
    """Letters and numbers, circled ones and vowel signs among them: what stands in no license key makes another text of it."""
    circled = "\u24b6" <= c <= "\u24e9" or "\U0001f130" <= c <= "\U0001f189"
    kind = unicodedata.category(c)[0]
    return kind in "LN" or circled or (kind == "M" and unicodedata.combining(c) == 0)


_LETTERS = {**{ord(c): c.upper() for c in "abcdefghijklmnopqrstuvwxyz"},
            **dict.fromkeys(map(ord, "oO"), "0"), **dict.fromkeys(map(ord, "iIlL"), "1")}
