//! Where the audit log is streamed to: syslog over TLS and OTLP. Pure; what is sent is in `docs/audit-sinks.md`.
//!
//! A sink is sent every event in its order, and is never given up: what fails is tried again for as long as the sink is there.

mod address;
mod credential;
mod cursor;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AuditSinkId, Name, OrganizationId, OrganizationScope, Timestamp};

pub use address::{SinkAddress, SinkKind};
pub use credential::{Pem, SinkCredential, SinkHeader};
pub use cursor::{Reached, SETTLED_AFTER, SinkCursor};

/// The most sinks of one organization.
pub const MOST_AUDIT_SINKS: u64 = 10;

/// The most headers of one sink.
pub const MOST_HEADERS: usize = 20;

/// How long a sink may fail all the time before people are told, in seconds: a day.
pub const TOLD_AFTER: i64 = 24 * 60 * 60;

/// No sink is left alone for longer after failures, in seconds.
pub const LONGEST_REST: i64 = 5 * 60;

/// Where an organization's audit log goes. What it is authenticated by is kept apart, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSink {
    /// Its id.
    pub id: AuditSinkId,
    /// Whose.
    pub organization: OrganizationId,
    /// What it is called.
    pub name: Name,
    /// Where it is.
    pub address: SinkAddress,
    /// The only certificate authorities that count there; those that the server trusts where absent.
    pub ca_certificates: Option<Pem>,
    /// Whether the server shows a certificate of its own there.
    pub has_client_certificate: bool,
    /// The names of the headers that are sent there.
    pub header_names: Vec<String>,
    /// Whether it is sent anything.
    pub state: AuditSinkState,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// Whether a sink is sent anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditSinkState {
    /// It is.
    Enabled,
    /// It is sent what it has missed once it is resumed.
    Paused {
        /// Since when.
        since: Timestamp,
    },
}

impl AuditSinkState {
    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused { .. } => "paused",
        }
    }
}

/// Why a sink did not take what it was sent. All that is said of it: an organization learns nothing here of the operator's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkFault {
    /// Its name has no address that events may be sent to.
    NoAddress,
    /// Nothing accepts connections there.
    Refused,
    /// The connection broke off.
    Reset,
    /// TLS could not be agreed on, or a certificate does not count.
    Tls,
    /// It took longer than 15 seconds.
    Timeout,
    /// What came back is not what the protocol says.
    Protocol,
    /// It answered with a status that is no success.
    Status,
}

impl SinkFault {
    /// Every fault.
    pub const ALL: [Self; 7] =
        [Self::NoAddress, Self::Refused, Self::Reset, Self::Tls, Self::Timeout, Self::Protocol, Self::Status];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoAddress => "no_address",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Status => "status",
        }
    }
}

/// For people.
impl fmt::Display for SinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAddress => "its name has no address that events may be sent to",
            Self::Refused => "it refuses connections or can't be reached",
            Self::Reset => "the connection broke off",
            Self::Tls => "TLS could not be agreed on, or a certificate is not accepted",
            Self::Timeout => "it took longer than 15 seconds",
            Self::Protocol => "its answer is not what the protocol says",
            Self::Status => "it answered with a status that is no success",
        })
    }
}

crate::described!(shown SinkFault = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// How a sink has taken what it was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SinkHealth {
    /// How many attempts have failed in a row.
    pub failures: u32,
    /// Since when all have failed.
    pub failing_since: Option<Timestamp>,
    /// Why the last one failed, if it did.
    pub fault: Option<SinkFault>,
    /// When one last succeeded.
    pub succeeded_at: Option<Timestamp>,
    /// When people were told that it fails, if they were.
    pub told_at: Option<Timestamp>,
}

impl SinkHealth {
    /// After an attempt.
    #[must_use]
    pub fn after(self, result: Result<(), SinkFault>, at: Timestamp) -> Self {
        match result {
            Ok(()) => Self { succeeded_at: Some(at), ..Self::default() },
            Err(fault) => Self {
                failures: self.failures.saturating_add(1),
                failing_since: Some(self.failing_since.unwrap_or(at)),
                fault: Some(fault),
                ..self
            },
        }
    }

    /// For how many seconds it is left alone after its last attempt.
    pub fn rest(self) -> i64 {
        match self.failures {
            0 => 0,
            failures => (1_i64 << (failures - 1).min(16)).min(LONGEST_REST),
        }
    }

    /// Whether people are to be told that it fails.
    pub fn is_to_be_told(self, now: Timestamp) -> bool {
        let lasted = |since: Timestamp| now.unix() - since.unix() >= TOLD_AFTER;
        // A clock that jumps ahead tells of nothing: what counts is seen again after some more attempts.
        self.told_at.is_none() && self.failures >= 10 && self.failing_since.is_some_and(lasted)
    }
}

impl AuditSink {
    /// Its organization.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// The same, sent nothing for a while. `None` if it is paused already.
    pub fn paused(self, now: Timestamp) -> Option<Self> {
        match self.state {
            AuditSinkState::Enabled => Some(Self { state: AuditSinkState::Paused { since: now }, ..self }),
            AuditSinkState::Paused { .. } => None,
        }
    }

    /// The same, sent events again. `None` if it is already.
    pub fn resumed(self) -> Option<Self> {
        match self.state {
            AuditSinkState::Enabled => None,
            AuditSinkState::Paused { .. } => Some(Self { state: AuditSinkState::Enabled, ..self }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_767_225_600 + seconds).unwrap()
    }

    #[test]
    fn a_sink_that_fails_is_tried_again_for_ever_and_told_of_once() {
        let mut health = SinkHealth::default();
        let mut rests = Vec::new();
        for tries in 0..10 {
            health = health.after(Err(SinkFault::Refused), at(tries * 60));
            rests.push(health.rest());
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert!(!health.is_to_be_told(at(TOLD_AFTER - 1)));
        assert!(health.is_to_be_told(at(TOLD_AFTER)));
        let told = SinkHealth { told_at: Some(at(TOLD_AFTER)), ..health };
        assert!(!told.is_to_be_told(at(2 * TOLD_AFTER)));
        assert_eq!(SinkHealth { failures: u32::MAX, ..told }.after(Err(SinkFault::Tls), at(0)).rest(), 300);
        let back = told.after(Ok(()), at(0));
        assert_eq!(back, SinkHealth { succeeded_at: Some(at(0)), ..SinkHealth::default() });
        let once = SinkHealth::default().after(Err(SinkFault::Reset), at(0));
        assert!(!once.is_to_be_told(at(100 * TOLD_AFTER)), "a clock that jumps tells of nothing");
    }
}
