//! The codes as texts of C.

use core::ffi::CStr;

/// All that a function of this crate may say. The vectors are run through the boundary, and none of their codes is missing here.
const CODES: [&CStr; 54] = [
    c"invalid_argument",
    c"internal_error",
    // Keys.
    c"invalid_pem",
    c"invalid_der",
    c"invalid_jwk",
    c"invalid_jwks",
    c"invalid_paserk",
    c"secret_key",
    c"not_a_point",
    c"not_canonical",
    c"weak_key",
    c"key_mismatch",
    c"wrong_kid",
    c"duplicate_key",
    // Tokens and lists.
    c"too_large",
    c"malformed",
    c"unsupported_format",
    c"unsupported_algorithm",
    c"wrong_type",
    c"refused_header",
    c"unknown_key",
    c"bad_signature",
    c"invalid_claim",
    c"wrong_issuer",
    c"wrong_audience",
    c"wrong_organization",
    c"wrong_product",
    c"wrong_subject",
    c"not_yet_valid",
    c"expired",
    c"outdated",
    c"unexpected_claims",
    c"revoked",
    c"suspended",
    c"no_status_list",
    c"no_status",
    c"other_status_list",
    c"status_out_of_range",
    // Health.
    c"fine",
    c"ending",
    c"in_grace",
    c"ended",
    c"not_yet",
    c"unknown",
    c"status_list_expired",
    c"status_list_too_old",
    // Clock floors and answers.
    c"altered",
    c"unsigned",
    c"wrong_question",
    c"stale",
    c"refused",
    c"other_machine",
    c"offline_period",
    c"clock_set_back",
];

/// The code as C has it. One of a later crate, which this table does not know, is none of its caller's either.
pub(crate) fn of(code: &str) -> &'static CStr {
    let known = CODES.into_iter().find(|known| known.to_bytes() == code.as_bytes());
    known.unwrap_or(c"refused_otherwise")
}
