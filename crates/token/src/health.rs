//! How a license stands, for whoever wants to see its end before it comes.

use crate::UnixSeconds;
use core::fmt;

pub use self::check::{DEFAULT_WARNING_DAYS, HealthCheck};

mod check;

/// How a license stands at an instant, and how long that stays so: what a monitoring system, a log or a page shows.
///
/// It decides nothing. Whether the application runs is what [`Verifier::verify`](crate::Verifier::verify) says, and what
/// the application makes of it. See [`License::health`](crate::License::health) for a license that was verified, and
/// [`Verifier::authenticate`](crate::Verifier::authenticate) for one that may have ended.
///
/// The sentence for people (`Display`) is English. To say it in another language, take the [`code`](HealthState::code) and
/// the instants.
///
/// ```
/// use keyward_token::{HealthState, License, NoClaims, UnixSeconds};
///
/// fn remark(license: &License<NoClaims>, now: UnixSeconds) -> Option<String> {
///     let health = license.health(now);
///     match health.state() {
///         HealthState::Fine => None,
///         // "the license ends at 2028-01-15T08:00:00+00:00, and its grace at 2028-01-29T08:00:00+00:00"
///         HealthState::Ending | HealthState::InGrace => Some(format!("{health}: please renew")),
///         _ => Some(health.to_string()),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    pub(crate) state: HealthState,
    pub(crate) by_times: HealthState,
    pub(crate) now: UnixSeconds,
    pub(crate) changes: Option<UnixSeconds>,
    pub(crate) begins: Option<UnixSeconds>,
    pub(crate) ends: Option<UnixSeconds>,
    pub(crate) expires: Option<UnixSeconds>,
    pub(crate) list_issued: Option<UnixSeconds>,
}

/// In which state a license is. By its times, it goes through `NotYet`, `Fine`, `Ending`, `InGrace` and `Ended` in this
/// order, as far as it has them, and never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HealthState {
    /// Valid, and its end is not near.
    Fine,
    /// Valid, and it ends within the span of the warning: 30 days unless set.
    Ending,
    /// Valid, but by its contract it has ended: the grace runs.
    InGrace,
    /// No longer valid.
    Ended,
    /// Not valid yet.
    NotYet,
    /// Revoked for good, as a status list says.
    Revoked,
    /// Suspended, as a status list says.
    Suspended,
    /// Within its times, but no status list says whether it is revoked.
    Unknown(UnknownStatus),
}

/// Why the status lists that were given do not say whether a license is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnknownStatus {
    /// There is no list.
    NoList,
    /// The list is valid no longer: its `exp` is over.
    ListExpired,
    /// The list is older than what is asked for.
    ListTooOld,
    /// There are only lists of other addresses than the one that the license names.
    OtherList,
    /// The list has no such index.
    OutOfRange,
    /// The license names no list.
    NoReference,
}

impl Health {
    /// The state.
    pub fn state(&self) -> HealthState {
        self.state
    }

    /// The state without regard to status lists: a license of unknown status may be about to end.
    pub fn state_by_times(&self) -> HealthState {
        self.by_times
    }

    /// Whether the license is valid: `Fine`, `Ending` or `InGrace`. As [`Verifier::verify`](crate::Verifier::verify) says,
    /// and the check against a status list if one was given.
    pub fn is_valid(&self) -> bool {
        matches!(self.state, HealthState::Fine | HealthState::Ending | HealthState::InGrace)
    }

    /// The first instant at which the state is another, if nothing but time passes; `None` if it stays as it is.
    pub fn changes_at(&self) -> Option<UnixSeconds> {
        self.changes
    }

    /// In how many seconds the state is another, one at least; `None` if it stays as it is.
    pub fn seconds_to_change(&self) -> Option<u64> {
        self.changes.map(|at| at.seconds_since(self.now))
    }

    /// The first instant of validity (`nbf`).
    pub fn begins_at(&self) -> Option<UnixSeconds> {
        self.begins
    }

    /// When the license ends by its contract; `None` for a license without end.
    pub fn ends_at(&self) -> Option<UnixSeconds> {
        self.ends
    }

    /// When it is valid no longer, its grace included; `None` for a license without end.
    pub fn expires_at(&self) -> Option<UnixSeconds> {
        self.expires
    }

    /// How many seconds before the instant the status list was issued that says, or should say, whether the license is
    /// revoked; `None` if there is none of the license's address. Zero for a list from the future.
    pub fn list_age_seconds(&self) -> Option<u64> {
        self.list_issued.map(|issued| self.now.seconds_since(issued))
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a grace both are one.
        let grace = self.expires.filter(|expires| self.ends != Some(*expires));
        match (self.state, self.ends) {
            (HealthState::Fine, None) => f.write_str("the license is valid and has no end"),
            (HealthState::Fine, Some(ends)) => write!(f, "the license is valid and ends at {ends}"),
            (HealthState::Ending, Some(ends)) => {
                write!(f, "the license ends at {ends}")?;
                grace.map_or(Ok(()), |grace| write!(f, ", and its grace at {grace}"))
            }
            (HealthState::InGrace, Some(ends)) => {
                write!(f, "the license ended at {ends}")?;
                grace.map_or(Ok(()), |grace| write!(f, ", and is valid until its grace ends at {grace}"))
            }
            (HealthState::Ended, Some(ends)) => {
                write!(f, "the license ended at {ends}")?;
                grace.map_or(Ok(()), |grace| write!(f, ", and its grace at {grace}"))
            }
            (state, _) => match (state, self.begins) {
                (HealthState::NotYet, Some(begins)) => write!(f, "the license begins at {begins}"),
                (state, _) => state.fmt(f),
            },
        }
    }
}

impl HealthState {
    /// A stable name of the state for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Ending => "ending",
            Self::InGrace => "in_grace",
            Self::Ended => "ended",
            Self::NotYet => "not_yet",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl fmt::Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fine => "the license is valid",
            Self::Ending => "the license ends soon",
            Self::InGrace => "the license has ended, and its grace runs",
            Self::Ended => "the license has ended",
            Self::NotYet => "the license has not begun",
            Self::Revoked => "the license is revoked",
            Self::Suspended => "the license is suspended",
            Self::Unknown(why) => return write!(f, "whether the license is revoked is unknown: {why}"),
        })
    }
}

impl UnknownStatus {
    /// A stable name of the reason for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoList => "no_status_list",
            Self::ListExpired => "status_list_expired",
            Self::ListTooOld => "status_list_too_old",
            Self::OtherList => "other_status_list",
            Self::OutOfRange => "status_out_of_range",
            Self::NoReference => "no_status",
        }
    }
}

impl fmt::Display for UnknownStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoList => "there is no status list",
            Self::ListExpired => "the status list has expired",
            Self::ListTooOld => "the status list is too old",
            Self::OtherList => "the license refers to another status list",
            Self::OutOfRange => "the status list has no such index",
            Self::NoReference => "the license refers to no status list",
        })
    }
}
