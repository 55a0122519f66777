//! How a license stands, for whoever wants to see its end before it comes. The names are those of the token crate, which
//! says the same of a token.

use std::fmt;

use serde::Serialize;

use crate::{License, LicenseStatus, Timestamp};

/// In which state a license is, its end by the contract looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenseHealth {
    /// Valid, and its end is not near.
    Fine,
    /// Valid, and it ends within [`WARNING_DAYS`](Self::WARNING_DAYS).
    Ending,
    /// Valid, but by its contract it has ended.
    InGrace,
    /// No longer valid.
    Ended,
    /// Not valid yet.
    NotYet,
    /// Revoked for ever.
    Revoked,
    /// Suspended for a while.
    Suspended,
}

impl LicenseHealth {
    /// How many days before its end a license is [`Ending`](Self::Ending).
    pub const WARNING_DAYS: i64 = 30;

    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Fine, Self::Ending, Self::InGrace, Self::Ended, Self::NotYet, Self::Revoked, Self::Suspended];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Ending => "ending",
            Self::InGrace => "in_grace",
            Self::Ended => "ended",
            Self::NotYet => "not_yet",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
        }
    }
}

crate::described!(shown LicenseHealth = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

impl fmt::Display for LicenseHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl License {
    /// How it stands at `now`.
    pub fn health(&self, now: Timestamp) -> LicenseHealth {
        let end = self.revision.validity.ends_at();
        match self.status(now) {
            LicenseStatus::Active if end.is_some_and(|end| now >= end) => LicenseHealth::InGrace,
            LicenseStatus::Active
                if end.is_some_and(|end| now.plus_days(LicenseHealth::WARNING_DAYS) >= end) =>
            {
                LicenseHealth::Ending
            }
            LicenseStatus::Active => LicenseHealth::Fine,
            LicenseStatus::NotYetValid => LicenseHealth::NotYet,
            LicenseStatus::Expired => LicenseHealth::Ended,
            LicenseStatus::Suspended => LicenseHealth::Suspended,
            LicenseStatus::Revoked => LicenseHealth::Revoked,
        }
    }
}
