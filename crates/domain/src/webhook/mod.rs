//! Where events go: endpoints of an organization, and how each is treated that does not answer as it should. Pure; the form of
//! what is sent is that of [Standard Webhooks](https://www.standardwebhooks.com).

mod delivery;
mod secret;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{EventKind, EventPatterns};
use crate::{HttpUrl, Notes, OrganizationId, OrganizationScope, ProductId, Timestamp, WebhookId};

pub use delivery::{
    Attempt, AttemptResult, Delivery, DeliveryState, DeliveryStatus, Fault, MOST_RESPONSE, Outcome, SCHEDULE,
    next_try,
};
pub use secret::WebhookSecret;

/// How long an endpoint may fail all the time before it is disabled, in seconds: 5 days.
pub const DISABLED_AFTER: i64 = 5 * 24 * 60 * 60;

/// The most endpoints of one organization.
pub const MOST_WEBHOOKS: u64 = 100;

/// The most products that an endpoint is told of by name.
pub const MOST_PRODUCTS: usize = 100;

/// An endpoint. Its secrets are kept apart, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose.
    pub organization: OrganizationId,
    /// Where messages are sent.
    pub url: HttpUrl,
    /// What it is for.
    pub description: Option<Notes>,
    /// Which events it is told.
    pub events: EventPatterns,
    /// Of which products; empty for all. Events that belong to no product are told in any case.
    pub products: Vec<ProductId>,
    /// Whether it is told.
    pub state: WebhookState,
    /// How it has answered.
    pub health: WebhookHealth,
    /// Until when the secret before the present one signs too.
    pub previous_secret_until: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// Whether an endpoint gets messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookState {
    /// It does.
    Enabled,
    /// They are kept for it until it is resumed.
    Paused {
        /// Since when.
        since: Timestamp,
    },
    /// The server has given it up: there are no new messages for it, and those that waited have failed.
    Disabled {
        /// When.
        since: Timestamp,
        /// Why.
        reason: DisabledReason,
    },
}

impl WebhookState {
    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused { .. } => "paused",
            Self::Disabled { .. } => "disabled",
        }
    }

    /// Whether new messages are kept for it.
    pub fn is_listening(self) -> bool {
        match self {
            Self::Enabled | Self::Paused { .. } => true,
            Self::Disabled { .. } => false,
        }
    }
}

/// Why the server has given an endpoint up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledReason {
    /// It answered 410 Gone.
    Gone,
    /// Nothing was delivered for five days.
    Failing,
}

impl DisabledReason {
    /// Every reason.
    pub const ALL: [Self; 2] = [Self::Gone, Self::Failing];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// As the end of a sentence.
impl fmt::Display for DisabledReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "it answered 410 Gone",
            Self::Failing => "nothing could be delivered for five days",
        })
    }
}

impl Serialize for DisabledReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for DisabledReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|reason| reason.as_str() == text);
        known.ok_or_else(|| serde::de::Error::custom("is no reason"))
    }
}

crate::described!(shown DisabledReason = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// How an endpoint has answered since it was created, resumed or given another URL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WebhookHealth {
    /// How many attempts have failed in a row.
    pub failures: u32,
    /// Since when all have failed.
    pub failing_since: Option<Timestamp>,
    /// When one last succeeded.
    pub succeeded_at: Option<Timestamp>,
}

impl WebhookHealth {
    /// After an attempt that began at `at`.
    #[must_use]
    pub fn after(self, succeeded: bool, at: Timestamp) -> Self {
        if succeeded {
            return Self { failures: 0, failing_since: None, succeeded_at: Some(at) };
        }
        let failing_since = Some(self.failing_since.unwrap_or(at));
        Self { failures: self.failures.saturating_add(1), failing_since, ..self }
    }

    /// For how many seconds an endpoint is left alone after its last attempt. One failure may be the message's; several in a
    /// row are the endpoint's, and then only one message finds out whether it is back.
    pub fn rest(self) -> i64 {
        match self.failures {
            0..=2 => 0,
            failures => (5 << (failures - 3).min(6)).min(300),
        }
    }

    /// Whether it has failed for so long that it is given up.
    pub fn is_given_up(self, now: Timestamp) -> bool {
        // A clock that jumps ahead must not end all endpoints: what counts is seen again after as many attempts.
        self.failures >= 10
            && self.failing_since.is_some_and(|since| now.unix() - since.unix() >= DISABLED_AFTER)
    }
}

impl Webhook {
    /// Its organization.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// Whether it is to be told of an event, and of which product that is.
    pub fn wants(&self, kind: EventKind, product: Option<ProductId>) -> bool {
        let concerns =
            product.is_none_or(|product| self.products.is_empty() || self.products.contains(&product));
        self.state.is_listening() && self.events.matches(kind) && concerns
    }

    /// The same, no longer told for a while. `None` if there is nothing to pause.
    pub fn paused(self, now: Timestamp) -> Option<Self> {
        match self.state {
            WebhookState::Enabled => Some(Self { state: WebhookState::Paused { since: now }, ..self }),
            WebhookState::Paused { .. } | WebhookState::Disabled { .. } => None,
        }
    }

    /// The same, told again, with a clean record. `None` if it is told already.
    pub fn resumed(self) -> Option<Self> {
        match self.state {
            WebhookState::Enabled => None,
            WebhookState::Paused { .. } | WebhookState::Disabled { .. } => {
                Some(Self { state: WebhookState::Enabled, health: WebhookHealth::default(), ..self })
            }
        }
    }

    /// The same, given up.
    #[must_use]
    pub fn disabled(self, reason: DisabledReason, now: Timestamp) -> Self {
        Self { state: WebhookState::Disabled { since: now, reason }, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_767_225_600 + seconds).unwrap()
    }

    #[test]
    fn an_endpoint_is_left_alone_after_failures_in_a_row_and_given_up_after_five_days() {
        let mut health = WebhookHealth::default();
        let mut rests = Vec::new();
        for tries in 0..10 {
            health = health.after(false, at(tries * 60));
            rests.push(health.rest());
        }
        assert_eq!(rests, [0, 0, 5, 10, 20, 40, 80, 160, 300, 300]);
        assert!(!health.is_given_up(at(DISABLED_AFTER - 1)));
        assert!(health.is_given_up(at(DISABLED_AFTER)));
        let back = health.after(true, at(700));
        assert_eq!((back.failures, back.failing_since, back.succeeded_at), (0, None, Some(at(700))));
        let once = WebhookHealth::default().after(false, at(0));
        assert!(!once.is_given_up(at(100 * DISABLED_AFTER)), "a clock that jumps gives nothing up");
    }
}
