"""Why something is refused. ``code`` is stable and the same in every language; the text is for people, in English."""

from __future__ import annotations


class KeywardError(Exception):
    """What all errors of this package are."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidKey(KeywardError):
    """A text is not a public key, or not a set of them."""


class VerifyError(KeywardError):
    """A token is refused; ``code`` names the rule of docs/token-format.md, section 8."""


class StatusError(KeywardError):
    """No status list clears a license: it is revoked or suspended, or no list says that it is not."""


class UntrustedAnswer(KeywardError):
    """What came back is not the server's answer to the question."""


class Lapsed(KeywardError):
    """A kept answer does not let the application run."""


class ClockFloorError(KeywardError):
    """A text is not a clock floor that this application has kept."""
