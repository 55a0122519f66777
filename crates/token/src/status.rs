//! Revocation for offline verifiers: the Token Status List of the IETF's OAuth group, signed as JWT.

use crate::{License, StatusRef, UnixSeconds, VerifyError};
use core::fmt;

pub use self::{
    table::StatusTable,
    verify::{
        DEFAULT_MAX_LIST_BYTES, DEFAULT_MAX_LIST_TOKEN_BYTES, StatusListVerifier, StatusListVerifierBuilder,
    },
};

mod inflate;
#[cfg(feature = "sign")]
mod sign;
mod table;
mod verify;

/// A verified status list: only [`StatusListVerifier`] makes one.
///
/// Import the signed list with an update, and remember the latest [`issued_at`](Self::issued_at).
/// [`StatusListVerifier::check`] is verifying and looking up in one: whatever is not a clear "listed as valid" is an error,
/// so that `?` keeps the door closed. What an application forgives all the same, it names:
///
/// ```
/// use keyward_token::{License, NoClaims, StatusError, StatusListVerifier, UnixSeconds};
///
/// fn not_revoked(
///     lists: &StatusListVerifier,
///     list: Option<String>,
///     license: &License<NoClaims>,
///     now: UnixSeconds,
/// ) -> Result<(), StatusError> {
///     match lists.check(list, license, now) {
///         Ok(_) => Ok(()),
///         // This application is used where no list arrives. Nothing else is forgiven.
///         Err(StatusError::NoList) => Ok(()),
///         Err(refusal) => Err(refusal),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    uri: alloc::string::String,
    issued_at: UnixSeconds,
    expires_at: Option<UnixSeconds>,
    ttl: Option<u64>,
    table: StatusTable,
}

impl StatusList {
    /// The list's address (`sub`), which its licenses refer to.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// When the list was issued (`iat`). Keep the latest one seen, and give it to
    /// [`StatusListVerifierBuilder::not_older_than`].
    pub fn issued_at(&self) -> UnixSeconds {
        self.issued_at
    }

    /// When the list ceases to be valid (`exp`).
    pub fn expires_at(&self) -> Option<UnixSeconds> {
        self.expires_at
    }

    /// Whether a newer list should be fetched by now: `ttl` seconds after `iat`. A stale list is still valid.
    pub fn is_stale(&self, now: UnixSeconds) -> bool {
        self.ttl.is_some_and(|ttl| now.saturating_sub(ttl) >= self.issued_at)
    }

    /// The statuses by index.
    pub fn table(&self) -> &StatusTable {
        &self.table
    }

    /// The status that a license's reference leads to.
    pub fn status(&self, reference: &StatusRef<'_>) -> Result<Status, StatusError> {
        if reference.uri != self.uri.as_str() {
            return Err(StatusError::OtherList);
        }
        self.table.status(reference.index)
    }

    /// Refuses a license that is revoked or suspended, or of which this list says nothing. For a list that was verified
    /// before and is kept in memory; [`StatusListVerifier::check`] does both.
    ///
    /// # Errors
    /// [`StatusError::NoReference`] for a license without the claim `status`: whether that is good enough is the
    /// caller's decision. [`StatusError::List`] once the list has expired.
    pub fn check<C, T: AsRef<str>>(
        &self,
        license: &License<C, T>,
        now: UnixSeconds,
    ) -> Result<(), StatusError> {
        let reference = license.status().ok_or(StatusError::NoReference)?;
        if reference.uri != self.uri.as_str() {
            return Err(StatusError::OtherList);
        }
        if let Some(since) = self.expires_at.filter(|exp| now >= *exp) {
            return Err(StatusError::List(VerifyError::Expired { since }));
        }
        match self.table.status(reference.index)? {
            Status::Valid => Ok(()),
            Status::Suspended => Err(StatusError::Suspended),
            Status::Invalid | Status::Other(_) => Err(StatusError::Revoked),
        }
    }
}

/// The status of one license in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// 0: nothing against the license.
    Valid,
    /// 1: revoked for good.
    Invalid,
    /// 2: not to be accepted for now.
    Suspended,
    /// A value without a meaning of its own.
    Other(u8),
}

impl From<u8> for Status {
    fn from(value: u8) -> Self {
        match value {
            0 => Self::Valid,
            1 => Self::Invalid,
            2 => Self::Suspended,
            other => Self::Other(other),
        }
    }
}

impl From<Status> for u8 {
    fn from(status: Status) -> Self {
        match status {
            Status::Valid => 0,
            Status::Invalid => 1,
            Status::Suspended => 2,
            Status::Other(other) => other,
        }
    }
}

/// Why no list clears a license. Each is a refusal, unless the application forgives it by name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusError {
    /// The license is revoked.
    Revoked,
    /// The license is suspended.
    Suspended,
    /// There is no list.
    NoList,
    /// The list is itself refused: expired, outdated, by an unknown key, not a list at all.
    List(VerifyError),
    /// The license refers to no list.
    NoReference,
    /// The license refers to another list.
    OtherList,
    /// The list has no such index.
    OutOfRange,
    /// The status has no room in the entries of the list.
    TooBig,
}

impl StatusError {
    /// A stable name of the error for programs. That of [`List`](Self::List) is the code of what is wrong with the list.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::NoList => "no_status_list",
            Self::List(error) => error.code(),
            Self::NoReference => "no_status",
            Self::OtherList => "other_status_list",
            Self::OutOfRange => "status_out_of_range",
            Self::TooBig => "status_too_big",
        }
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List(error) => return write!(f, "the status list is refused: {error}"),
            Self::NoList => "there is no status list",
            Self::Revoked => "the license is revoked",
            Self::Suspended => "the license is suspended",
            Self::NoReference => "the license refers to no status list",
            Self::OtherList => "the license refers to another status list",
            Self::OutOfRange => "the status list has no such index",
            Self::TooBig => "the status has no room in an entry of the list",
        })
    }
}

impl core::error::Error for StatusError {}
