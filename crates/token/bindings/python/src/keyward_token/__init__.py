"""Verify Keyward licenses: offline, by status list, and by the server's signed answer.

Every verdict is that of the Rust crate ``keyward-token``: both are held to the vectors in docs/vectors."""

from .answers import Answer, AnswerVerifier, Decision, Question
from .clock import ClockFloor
from .errors import ClockFloorError, InvalidKey, KeywardError, Lapsed, StatusError, UntrustedAnswer, VerifyError
from .keys import Keyring, PublicKey, pasted
from .license import AuthenticLicense, Health, License, StatusRef
from .status import StatusList, StatusListVerifier
from .verifier import ANY_PRODUCT, LICENSE_AUDIENCE, Verifier

__all__ = [
    "ANY_PRODUCT", "Answer", "AnswerVerifier", "AuthenticLicense", "ClockFloor", "ClockFloorError", "Decision", "Health",
    "InvalidKey", "Keyring", "KeywardError", "LICENSE_AUDIENCE", "Lapsed", "License", "PublicKey", "Question", "StatusError",
    "StatusList", "StatusListVerifier", "StatusRef", "UntrustedAnswer", "Verifier", "VerifyError", "pasted",
]
