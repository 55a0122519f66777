//! One event on its way to one endpoint, and when it is tried again.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::event::EventKind;
use crate::{AuditEventId, DeliveryId, Invalid, Timestamp, WebhookId};

/// Seconds between the tries of one delivery: from seconds on, for more than three days in all.
pub const SCHEDULE: [i64; 13] = [
    5,
    30,
    2 * 60,
    10 * 60,
    30 * 60,
    60 * 60,
    3 * 60 * 60,
    6 * 60 * 60,
    12 * 60 * 60,
    12 * 60 * 60,
    12 * 60 * 60,
    12 * 60 * 60,
    14 * 60 * 60,
];

/// How much of an answer is kept, in bytes.
pub const MOST_RESPONSE: usize = 2 * 1024;

/// A message for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// For which endpoint.
    pub webhook: WebhookId,
    /// The message.
    pub message: AuditEventId,
    /// Of what kind it is.
    pub kind: EventKind,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried, replays included.
    pub attempts: u32,
    /// When the message was written.
    pub created_at: Timestamp,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried, or tried again, from then on.
    Pending {
        /// From when on.
        due_at: Timestamp,
    },
    /// The endpoint has taken it.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// It was given up; a replay may still bring it.
    Failed {
        /// When.
        at: Timestamp,
    },
}

impl DeliveryState {
    /// The state without its times.
    pub fn status(self) -> DeliveryStatus {
        match self {
            Self::Pending { .. } => DeliveryStatus::Pending,
            Self::Delivered { .. } => DeliveryStatus::Delivered,
            Self::Failed { .. } => DeliveryStatus::Failed,
        }
    }
}

/// How a delivery stands, as lists are filtered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It is to be tried.
    Pending,
    /// The endpoint has taken it.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryStatus {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for DeliveryStatus {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| Invalid::new("unknown_state", "must be pending, delivered or failed"))
    }
}

crate::described!(DeliveryStatus = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first of its delivery.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub duration_ms: u32,
    /// What came of it.
    pub result: AttemptResult,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptResult {
    /// An answer.
    Answered {
        /// Its status.
        status: u16,
        /// The beginning of its body, at most [`MOST_RESPONSE`] bytes.
        response: String,
    },
    /// No answer.
    Unanswered(Fault),
}

/// Why there was no answer. All that is said of it: an organization learns nothing here of the operator's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Its name has no address that messages may be sent to.
    NoAddress,
    /// Nothing accepts connections there.
    Refused,
    /// The connection broke off.
    Reset,
    /// TLS could not be agreed on, or the certificate does not count.
    Tls,
    /// It took longer than 15 seconds.
    Timeout,
    /// What came back is no HTTP.
    Protocol,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 6] =
        [Self::NoAddress, Self::Refused, Self::Reset, Self::Tls, Self::Timeout, Self::Protocol];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoAddress => "no_address",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
        }
    }
}

/// For people.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAddress => "the host has no address that messages may be sent to",
            Self::Refused => "the connection was refused",
            Self::Reset => "the connection broke off",
            Self::Tls => "no TLS connection could be made, or the certificate is not trusted",
            Self::Timeout => "no complete answer within 15 seconds",
            Self::Protocol => "the answer is not HTTP",
        })
    }
}

crate::described!(shown Fault = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// What a try means for its delivery and endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint has taken the message: it answered 2xx.
    Delivered,
    /// It has not, and may later.
    Failed,
    /// It wants no more messages: it answered 410 Gone.
    Gone,
}

impl AttemptResult {
    /// What it means.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Answered { status: 200..=299, .. } => Outcome::Delivered,
            Self::Answered { status: 410, .. } => Outcome::Gone,
            Self::Answered { .. } | Self::Unanswered(_) => Outcome::Failed,
        }
    }
}

/// When a delivery is tried again that has failed so often since it was written or replayed; `None` once it is given up. Up to
/// a fifth is added by chance, so that what failed together is not tried together. `random` is any number.
pub fn next_try(failures: u32, now: Timestamp, random: u16) -> Option<Timestamp> {
    let pause = *SCHEDULE.get(usize::try_from(failures).ok()?.checked_sub(1)?)?;
    Some(now.plus_seconds(pause + pause * i64::from(random) / i64::from(u16::MAX) / 5))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_delivery_is_tried_from_seconds_on_and_for_three_days() {
        assert_eq!(SCHEDULE[0], 5);
        assert!(SCHEDULE.iter().sum::<i64>() >= 3 * 24 * 60 * 60);
        assert!(SCHEDULE.is_sorted());
    }

    proptest! {
        #[test]
        fn tries_come_later_and_later_and_end(random: u16, failures in 1..20_u32) {
            let now = Timestamp::from_unix(1_767_225_600).unwrap();
            let next = next_try(failures, now, random);
            prop_assert_eq!(next.is_some(), failures as usize <= SCHEDULE.len());
            if let Some(next) = next {
                let pause = SCHEDULE[failures as usize - 1];
                let waited = next.unix() - now.unix();
                prop_assert!(waited >= pause && waited <= pause + pause / 5 + 1);
            }
        }

        #[test]
        fn only_2xx_takes_a_message(status in 100..600_u16) {
            let outcome = AttemptResult::Answered { status, response: String::new() }.outcome();
            prop_assert_eq!(outcome == Outcome::Delivered, (200..300).contains(&status));
            prop_assert_eq!(outcome == Outcome::Gone, status == 410);
        }
    }
}
