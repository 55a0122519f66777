use crate::{Kid, Mistaken, UnixSeconds, json::Fault};
use alloc::{
    borrow::ToOwned as _,
    string::{String, ToString as _},
    sync::Arc,
};
use core::fmt;

/// The rule that refused a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is longer than the verifier allows.
    TooLarge {
        /// The most bytes a token may have.
        limit: usize,
    },
    /// The token is not built as its format demands.
    Malformed {
        /// Where.
        part: Part,
        /// What is wrong there.
        defect: Defect,
    },
    /// The text is no token at all, but something that is known: a license key, a key, a token with a line end.
    NotAToken {
        /// What it is.
        found: Mistaken,
    },
    /// A PASETO of another version or purpose, or of any while the feature `paseto` is off.
    UnsupportedFormat,
    /// The header's `alg` is neither `EdDSA` nor `Ed25519`, or absent.
    UnsupportedAlgorithm,
    /// The header's `typ` is absent, or that of another kind of signed document.
    WrongType {
        /// What it is instead: `JWT` for a license, `statuslist+jwt` for a status list, `at+jwt` for an OAuth access token;
        /// `None` for what this crate does not know.
        found: Option<&'static str>,
    },
    /// The header has a member that must not be there.
    RefusedHeader {
        /// The member's name.
        name: &'static str,
    },
    /// The keyring does not hold the token's key.
    UnknownKey {
        /// The token's `kid`; `None` when it has none, or one that is no RFC 7638 thumbprint.
        kid: Option<Kid>,
    },
    /// The signature is not by the key that the token names.
    BadSignature,
    /// A registered claim has a wrong type, or a value out of range.
    InvalidClaim {
        /// The claim's name.
        claim: &'static str,
    },
    /// The token is by another issuer, or by none.
    WrongIssuer,
    /// The token is for another audience, or for none.
    WrongAudience,
    /// The token belongs to another organization, or to none.
    WrongOrganization,
    /// The token is for another product, or for none.
    WrongProduct {
        /// The id of the product that the license is for; `None` for a license of no product.
        found: Option<String>,
    },
    /// The token is about another subject, or about none.
    WrongSubject,
    /// Not valid yet.
    NotYetValid {
        /// When it becomes valid (`nbf`).
        until: UnixSeconds,
    },
    /// No longer valid.
    Expired {
        /// Since when (`exp`).
        since: UnixSeconds,
    },
    /// The status list is older than one seen before.
    Outdated {
        /// When the newest list seen so far was issued.
        seen: UnixSeconds,
    },
    /// The claims do not fit the caller's type.
    UnexpectedClaims(ClaimsMismatch),
}

/// A part of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The token as a whole.
    Token,
    /// The JWS header.
    Header,
    /// The claims.
    Payload,
    /// The signature.
    Signature,
    /// The PASETO footer.
    Footer,
}

/// What is wrong with a part of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// Too few or too many parts, or an empty one.
    Shape,
    /// Not the canonical base64url without padding, or not of the length it must have.
    Encoding,
    /// Longer than this part may be.
    Length,
    /// Not UTF-8.
    Utf8,
    /// Not JSON.
    Json,
    /// JSON, but not an object.
    NotAnObject,
    /// An object names a member twice, at whatever depth.
    DuplicateName,
    /// JSON nested deeper than 32.
    Depth,
    /// JSON with a number beyond the range of an IEEE 754 double.
    Range,
    /// A member has a wrong type.
    Type,
}

impl VerifyError {
    /// A stable name of the rule for programs. It never changes its meaning.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Malformed { .. } | Self::NotAToken { .. } => "malformed",
            Self::UnsupportedFormat => "unsupported_format",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::WrongType { .. } => "wrong_type",
            Self::RefusedHeader { .. } => "refused_header",
            Self::UnknownKey { .. } => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::InvalidClaim { .. } => "invalid_claim",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::WrongOrganization => "wrong_organization",
            Self::WrongProduct { .. } => "wrong_product",
            Self::WrongSubject => "wrong_subject",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::Expired { .. } => "expired",
            Self::Outdated { .. } => "outdated",
            Self::UnexpectedClaims(_) => "unexpected_claims",
        }
    }

    pub(crate) fn malformed(part: Part, defect: Defect) -> Self {
        Self::Malformed { part, defect }
    }

    /// The same fault of JSON in another part.
    pub(crate) fn within(self, part: Part) -> Self {
        match self {
            Self::Malformed { part: Part::Payload, defect } => Self::Malformed { part, defect },
            other => other,
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "the token is longer than {limit} bytes"),
            Self::Malformed { part, defect } => write!(f, "the token is malformed: {part} {defect}"),
            Self::NotAToken { found } => write!(f, "this is no license token: {found}"),
            Self::UnsupportedFormat => f.write_str("the token's format is not supported"),
            Self::UnsupportedAlgorithm => f.write_str("the token's algorithm is not EdDSA"),
            Self::WrongType { found: Some(typ) } => write!(f, "the token is another kind of document: {typ}"),
            Self::WrongType { found: None } => f.write_str("the token is another kind of document"),
            Self::RefusedHeader { name } => write!(f, "the token's header has the member {name}"),
            Self::UnknownKey { kid: Some(kid) } => write!(f, "the token is signed by the unknown key {kid}"),
            Self::UnknownKey { kid: None } => f.write_str("the token does not name a known key"),
            Self::BadSignature => f.write_str("the token's signature is wrong"),
            Self::InvalidClaim { claim } => write!(f, "the claim {claim} is invalid"),
            Self::WrongIssuer => f.write_str("the token is by another issuer"),
            Self::WrongAudience => f.write_str("the token is for another audience"),
            Self::WrongOrganization => f.write_str("the token belongs to another organization"),
            Self::WrongProduct { found: Some(id) } => write!(f, "the license is for another product, {id:?}"),
            Self::WrongProduct { found: None } => f.write_str("the license is for no product in particular"),
            Self::WrongSubject => f.write_str("the token is about another subject"),
            Self::NotYetValid { until } => write!(f, "the token is not valid until {until}"),
            Self::Expired { since } => write!(f, "the token has expired at {since}"),
            Self::Outdated { seen } => write!(f, "the list is older than one issued at {seen}"),
            Self::UnexpectedClaims(mismatch) => {
                write!(f, "the token's claims are not those that the program expects: {mismatch}")
            }
        }
    }
}

impl core::error::Error for VerifyError {}

impl From<Fault> for VerifyError {
    fn from(fault: Fault) -> Self {
        let defect = match fault {
            Fault::Syntax => Defect::Json,
            Fault::NotAnObject => Defect::NotAnObject,
            Fault::Duplicate => Defect::DuplicateName,
            Fault::Depth => Defect::Depth,
            Fault::Range => Defect::Range,
        };
        Self::malformed(Part::Payload, defect)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "it",
            Self::Header => "its header",
            Self::Payload => "its payload",
            Self::Signature => "its signature",
            Self::Footer => "its footer",
        })
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => "does not have the expected parts",
            Self::Encoding => "is not canonical base64url of the right length",
            Self::Length => "is too long",
            Self::Utf8 => "is not UTF-8",
            Self::Json => "is not JSON",
            Self::NotAnObject => "is not a JSON object",
            Self::DuplicateName => "names a member twice",
            Self::Depth => "is nested too deep",
            Self::Range => "has a number beyond the range of a double",
            Self::Type => "has a member of a wrong type",
        })
    }
}

/// How the claims failed to fit the caller's type.
#[derive(Clone, Debug)]
pub struct ClaimsMismatch {
    claim: Option<String>,
    error: Arc<serde_json::Error>,
}

impl ClaimsMismatch {
    pub(crate) fn new(claim: Option<&str>, error: serde_json::Error) -> Self {
        Self { claim: claim.map(str::to_owned), error: Arc::new(error) }
    }

    /// The top-level claim whose value does not fit. `None` where serde did not read claim by claim: a claim is missing
    /// (the text of the error names it), or the type has a `flatten` or is an enum.
    pub fn claim(&self) -> Option<&str> {
        self.claim.as_deref()
    }
}

impl PartialEq for ClaimsMismatch {
    fn eq(&self, other: &Self) -> bool {
        self.claim == other.claim && self.error.to_string() == other.error.to_string()
    }
}

impl Eq for ClaimsMismatch {}

impl fmt::Display for ClaimsMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.error.to_string();
        // serde_json counts from the start of the one value that it read, which is nobody's line.
        let reason = match reason.rsplit_once(" at line ") {
            Some((reason, _)) if self.error.line() > 0 => reason,
            _ => &reason,
        };
        match &self.claim {
            Some(claim) => write!(f, "{claim:?}: {reason}"),
            None => f.write_str(reason),
        }
    }
}
