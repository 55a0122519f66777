//! Licenses: a name and a state that may change, and terms in append-only revisions.
//!
//! ```text
//! Active ⇄ Suspended      renew: Active or Suspended, appends a revision
//!    └──────┴──► Revoked   for ever
//! ```

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::product::Bounds;
use crate::revision::{Ends, InvalidEnd, Issue, Revision, RevisionState, Validity};
use crate::{
    CustomerId, Invalid, LicenseId, LicenseKey, Name, Notes, OrganizationId, Payload, ProductId, Timestamp,
};

/// What a customer, or the whole organization, holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct License {
    /// Its id; the `sub` of its tokens.
    pub id: LicenseId,
    /// Whose license this is to give.
    pub organization: OrganizationId,
    /// Unique among the organization's licenses.
    pub name: Name,
    /// For the vendor's own reference.
    pub description: Option<Notes>,
    /// Who holds it; `None` for the whole organization.
    pub customer: Option<CustomerId>,
    /// Of which product; `None` for one with claims of its own.
    pub product: Option<ProductId>,
    /// What people type for it; licenses of products have one.
    pub key: Option<LicenseKey>,
    /// How its validation differs from the product's.
    pub bounds: Bounds,
    /// Its place in life.
    pub state: LicenseState,
    /// The terms in force.
    pub revision: Revision,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// The life of a license, set by people; time is told by [`License::status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseState {
    /// In force.
    Active,
    /// Held back for a while.
    Suspended {
        /// Since when.
        since: Timestamp,
    },
    /// Ended for ever.
    Revoked {
        /// When.
        at: Timestamp,
    },
}

/// What a license is worth at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenseStatus {
    /// In force.
    Active,
    /// Its validity begins later.
    NotYetValid,
    /// Its validity has ended.
    Expired,
    /// Held back for a while.
    Suspended,
    /// Ended for ever.
    Revoked,
}

impl LicenseStatus {
    /// Every status.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::NotYetValid, Self::Expired, Self::Suspended, Self::Revoked];

    /// What state and validity come to at `now`. A decision of people comes before the calendar.
    pub fn of(state: LicenseState, validity: Validity, now: Timestamp) -> Self {
        match state {
            LicenseState::Revoked { .. } => Self::Revoked,
            LicenseState::Suspended { .. } => Self::Suspended,
            LicenseState::Active if validity.expires_at().is_some_and(|end| now >= end) => Self::Expired,
            LicenseState::Active if !validity.has_begun(now) => Self::NotYetValid,
            LicenseState::Active => Self::Active,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for LicenseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LicenseStatus {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            Invalid::new("unknown_status", "must be active, not_yet_valid, expired, suspended or revoked")
        })
    }
}

crate::described!(LicenseStatus = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// Which terms a renewal changes. What is `None` stays, but for the end: that moves on by a year, its grace with it.
#[derive(Debug, Clone, Default)]
pub struct Renewal {
    /// The new first valid second.
    pub not_before: Option<Timestamp>,
    /// The new end.
    pub ends: Ends,
    /// The new custom claims.
    pub payload: Option<Payload>,
    /// Whether the tokens of all terms before are withdrawn at once.
    pub revoke_previous: bool,
}

/// The license's state does not allow what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a license that is {state} cannot be {wanted}")]
pub struct TransitionError {
    state: &'static str,
    wanted: &'static str,
}

/// Why a renewal was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenewError {
    /// By the license's state.
    #[error(transparent)]
    State(#[from] TransitionError),
    /// By the new terms.
    #[error(transparent)]
    End(#[from] InvalidEnd),
}

impl LicenseState {
    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended { .. } => "suspended",
            Self::Revoked { .. } => "revoked",
        }
    }
}

impl License {
    /// What it is worth at `now`.
    pub fn status(&self, now: Timestamp) -> LicenseStatus {
        LicenseStatus::of(self.state, self.revision.validity, now)
    }

    /// Gives it another name, description or bounds: what is not part of its terms.
    #[must_use]
    pub fn adjusted(self, name: Name, description: Option<Notes>, bounds: Bounds, now: Timestamp) -> Self {
        Self { name, description, bounds, ..self }.changed(now)
    }

    /// The addresses it was seen at have been changed by the vendor.
    #[must_use]
    pub fn readdressed(self, now: Timestamp) -> Self {
        self.changed(now)
    }

    /// Holds it back.
    pub fn suspend(self, now: Timestamp) -> Result<Self, TransitionError> {
        match self.state {
            LicenseState::Active => {
                Ok(Self { state: LicenseState::Suspended { since: now }, ..self }.changed(now))
            }
            LicenseState::Suspended { .. } | LicenseState::Revoked { .. } => Err(self.refuse("suspended")),
        }
    }

    /// Ends a suspension.
    pub fn resume(self, now: Timestamp) -> Result<Self, TransitionError> {
        match self.state {
            LicenseState::Suspended { .. } => Ok(Self { state: LicenseState::Active, ..self }.changed(now)),
            LicenseState::Active | LicenseState::Revoked { .. } => Err(self.refuse("resumed")),
        }
    }

    /// Ends it for ever.
    pub fn revoke(self, now: Timestamp) -> Result<Self, TransitionError> {
        match self.state {
            LicenseState::Active | LicenseState::Suspended { .. } => {
                Ok(Self { state: LicenseState::Revoked { at: now }, ..self }.changed(now))
            }
            LicenseState::Revoked { .. } => Err(self.refuse("revoked")),
        }
    }

    /// Appends a revision. Gives the license with its new terms, and the revision that was in force.
    pub fn renew(
        self,
        renewal: Renewal,
        issue: Issue,
        now: Timestamp,
    ) -> Result<(Self, Revision), RenewError> {
        if let LicenseState::Revoked { .. } = self.state {
            return Err(self.refuse("renewed").into());
        }
        let old = self.revision.validity;
        let not_before = renewal.not_before.unwrap_or(old.not_before());
        let year_later = old.ends_at().map(|end| end.max(now).max(not_before).plus_one_year());
        let revision = Revision {
            id: issue.id,
            license: self.id,
            number: self.revision.number + 1,
            validity: renewal.ends.validity(not_before, year_later, old.grace_seconds())?,
            payload: renewal.payload.unwrap_or_else(|| self.revision.payload.clone()),
            registry: issue.registry,
            issuer: issue.issuer,
            kid: issue.kid,
            status_index: issue.status_index,
            state: RevisionState::Current,
            created_at: now,
        };
        let state = if renewal.revoke_previous {
            RevisionState::Revoked { at: now }
        } else {
            RevisionState::Superseded { at: now }
        };
        let previous = Revision { state, ..self.revision };
        Ok((Self { revision, ..self }.changed(now), previous))
    }

    fn changed(self, now: Timestamp) -> Self {
        Self { updated_at: now, version: self.version + 1, ..self }
    }

    fn refuse(&self, wanted: &'static str) -> TransitionError {
        TransitionError { state: self.state.as_str(), wanted }
    }
}

/// Which licenses a list shows.
#[derive(Debug, Clone, Default)]
pub struct LicenseFilter {
    /// Of this customer only.
    pub customer: Option<CustomerId>,
    /// Of the whole organization only: those that no customer holds.
    pub unscoped: bool,
    /// Of this product only.
    pub product: Option<ProductId>,
    /// The one with this key only.
    pub key: Option<LicenseKey>,
    /// With this status now only.
    pub status: Option<LicenseStatus>,
    /// With this text in the name only; letter case of ASCII does not count.
    pub name_contains: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Kid, RevisionId};

    fn at(unix: i64) -> Timestamp {
        Timestamp::from_unix(unix).unwrap()
    }

    fn license(not_before: i64, expires_at: Option<i64>) -> License {
        let id = LicenseId::new(1, [1; 10]);
        License {
            id,
            organization: OrganizationId::new(1, [2; 10]),
            name: "Acme Pro".parse().unwrap(),
            description: None,
            customer: None,
            product: None,
            key: None,
            bounds: Bounds::default(),
            state: LicenseState::Active,
            revision: Revision {
                id: RevisionId::new(1, [3; 10]),
                license: id,
                number: 1,
                validity: Validity::new(at(not_before), expires_at.map(at)).unwrap(),
                payload: Payload::parse(r#"{"seats":25}"#).unwrap(),
                registry: Vec::new(),
                issuer: "https://licenses.example".into(),
                kid: Kid::from_bytes([7; 32]),
                status_index: 4,
                state: RevisionState::Current,
                created_at: at(not_before),
            },
            created_at: at(not_before),
            updated_at: at(not_before),
            version: 1,
        }
    }

    fn issue() -> Issue {
        Issue {
            id: RevisionId::new(2, [4; 10]),
            registry: vec!["runtime".to_owned()],
            issuer: "https://new.example".into(),
            kid: Kid::from_bytes([8; 32]),
            status_index: 5,
        }
    }

    #[test]
    fn validity_begins_a_little_early_for_slow_clocks_and_ends_on_time() {
        let license = license(100, Some(200));
        let statuses = [39, 40, 199, 200].map(|now| license.status(at(now)));
        use LicenseStatus::{Active, Expired, NotYetValid};
        assert_eq!(statuses, [NotYetValid, Active, Active, Expired]);
    }

    #[test]
    fn revoked_is_for_ever() {
        let revoked = license(100, None).revoke(at(150)).unwrap();
        assert_eq!(revoked.status(at(10_000)), LicenseStatus::Revoked);
        assert!(revoked.clone().suspend(at(160)).is_err());
        assert!(revoked.clone().resume(at(160)).is_err());
        assert!(revoked.clone().revoke(at(160)).is_err());
        let error = revoked.renew(Renewal::default(), issue(), at(160)).unwrap_err();
        assert_eq!(error.to_string(), "a license that is revoked cannot be renewed");
    }

    #[test]
    fn renewal_keeps_what_it_is_not_told_to_change() {
        let (renewed, previous) =
            license(100, Some(200)).renew(Renewal::default(), issue(), at(150)).unwrap();
        assert_eq!(renewed.revision.number, 2);
        assert_eq!(renewed.revision.validity.not_before(), at(100));
        assert_eq!(renewed.revision.validity.expires_at(), Some(at(200).plus_one_year()));
        assert_eq!(renewed.revision.payload, previous.payload);
        assert_eq!(renewed.version, 2);
        assert_eq!(previous.state, RevisionState::Superseded { at: at(150) });
        assert_eq!(previous.issuer, "https://licenses.example");
    }

    #[test]
    fn a_late_renewal_runs_a_year_from_the_day_it_is_made() {
        let renewal = Renewal { revoke_previous: true, ..Renewal::default() };
        let (renewed, previous) = license(100, Some(200)).renew(renewal, issue(), at(5_000)).unwrap();
        assert_eq!(renewed.revision.validity.expires_at(), Some(at(5_000).plus_one_year()));
        assert_eq!(previous.state, RevisionState::Revoked { at: at(5_000) });
    }

    proptest! {
        #[test]
        fn any_walk_of_transitions_keeps_the_rules(steps in prop::collection::vec(0_u8..4, 0..24)) {
            let mut license = license(0, None);
            let mut ended = false;
            for (index, step) in steps.into_iter().enumerate() {
                let now = at(index as i64 + 1);
                let before = license.clone();
                let next = match step {
                    0 => license.clone().suspend(now).ok(),
                    1 => license.clone().resume(now).ok(),
                    2 => license.clone().revoke(now).ok(),
                    _ => license.clone().renew(Renewal::default(), issue(), now).ok().map(|(next, _)| next),
                };
                prop_assert!(!(ended && next.is_some()), "a revoked license moved");
                if let Some(next) = next {
                    prop_assert_eq!(next.version, before.version + 1);
                    prop_assert_eq!(next.updated_at, now);
                    license = next;
                }
                ended = matches!(license.state, LicenseState::Revoked { .. });
            }
        }
    }
}
