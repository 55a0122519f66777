//! Applications: what customers deploy, and its versions. What a version consists of is in [`files`](crate::files).

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::product::Markdown;
use crate::{
    ApplicationId, ApplicationVersionId, Invalid, Name, Notes, OrganizationId, Slug, Timestamp, Version,
};

/// A deployable thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its id.
    pub id: ApplicationId,
    /// Whose application this is.
    pub organization: OrganizationId,
    /// Unique among the organization's applications.
    pub name: Name,
    /// In addresses; unique in the organization and never changed.
    pub slug: Slug,
    /// How it is deployed; never changed.
    pub kind: ApplicationKind,
    /// What it is, for the customers who have it.
    pub description: Option<Notes>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

impl Application {
    /// The most versions of one application.
    pub const MOST_VERSIONS: u32 = 1_000;

    /// The same with another name or description.
    #[must_use]
    pub fn described(self, name: Name, description: Option<Notes>, now: Timestamp) -> Self {
        Self { name, description, updated_at: now, version: self.version + 1, ..self }
    }
}

/// How an application is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationKind {
    /// By Docker Compose.
    Compose,
    /// By Helm.
    Helm,
}

impl ApplicationKind {
    /// What is wrong with a field of a version that is for another kind.
    pub(crate) fn not_for_it(self, field: &'static str) -> (&'static str, Invalid) {
        (field, Invalid::new("not_allowed", format!("does not go with {}", self.as_str())))
    }

    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Compose, Self::Helm];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::Helm => "helm",
        }
    }
}

impl FromStr for ApplicationKind {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Invalid::new("unknown_kind", "must be compose or helm"))
    }
}

crate::described!(ApplicationKind = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// What a version is called: letters, digits and inner `.`, `_`, `+`, `-` of ASCII, up to 100; so it can stand in an
/// address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionName(String);

impl VersionName {
    /// The longest.
    pub const MOST: usize = 100;
    /// How it is written, as a regular expression, white space at its ends left out.
    pub const PATTERN: &str = r"^[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9])?$";

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The version it names by the rules of Semantic Versioning, if it does.
    pub fn semver(&self) -> Option<Version> {
        self.0.parse().ok()
    }
}

impl FromStr for VersionName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let edge = |c: char| c.is_ascii_alphanumeric();
        let inner = |c: char| edge(c) || matches!(c, '.' | '_' | '+' | '-');
        let fits = (1..=Self::MOST).contains(&text.len()) && text.chars().all(inner);
        if fits && text.starts_with(edge) && text.ends_with(edge) {
            Ok(Self(text.to_owned()))
        } else {
            let message = "must be 1 to 100 letters, digits and inner '.', '_', '+' and '-', such as 1.4.2";
            Err(Invalid::new("invalid_version_name", message))
        }
    }
}

crate::described!(VersionName = crate::openapi::text(Self::MOST, Self::PATTERN););

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for VersionName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// How an agent brings a version up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rollout {
    /// How many seconds it may take to be healthy; absent: as long as its own checks say.
    pub health_seconds: Option<u32>,
    /// Whether the version before can't follow it again, as where it changes the data for good: one that fails stays.
    pub no_way_back: bool,
}

impl Rollout {
    /// The fewest seconds that a version may be given.
    pub const LEAST_SECONDS: u32 = 1;
    /// The most.
    pub const MOST_SECONDS: u32 = 3_600;

    /// What is wrong with it for an application of this kind: only what Compose runs is brought up by agents.
    pub fn faults(self, kind: ApplicationKind) -> Vec<(&'static str, Invalid)> {
        let given = [("health_seconds", self.health_seconds.is_some()), ("no_way_back", self.no_way_back)];
        let refused = given.into_iter().filter(|(_, given)| *given && kind != ApplicationKind::Compose);
        refused.map(|(field, _)| kind.not_for_it(field)).collect()
    }
}

/// One release of an application. Its name, files and rollout never change; its notes and its state do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationVersion {
    /// Its id.
    pub id: ApplicationVersionId,
    /// Whose version this is.
    pub organization: OrganizationId,
    /// Of which application.
    pub application: ApplicationId,
    /// Unique in the application.
    pub name: VersionName,
    /// What customers read of it.
    pub notes: Markdown,
    /// How agents bring it up.
    pub rollout: Rollout,
    /// Its place in life.
    pub state: VersionState,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// Whether a version is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState {
    /// It is.
    Offered,
    /// Not to new grants; who had it keeps it.
    Archived {
        /// Since when.
        since: Timestamp,
    },
}

impl VersionState {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Archived { .. } => "archived",
        }
    }
}

/// The version's state does not allow what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version that is {state} cannot be {wanted}")]
pub struct VersionTransitionError {
    state: &'static str,
    wanted: &'static str,
}

impl ApplicationVersion {
    /// Whether it is archived.
    pub fn is_archived(&self) -> bool {
        matches!(self.state, VersionState::Archived { .. })
    }

    /// Offers it to nobody new.
    pub fn archive(self, now: Timestamp) -> Result<Self, VersionTransitionError> {
        match self.state {
            VersionState::Offered => Ok(self.becomes(VersionState::Archived { since: now }, now)),
            VersionState::Archived { .. } => Err(self.refuse("archived")),
        }
    }

    /// Offers it again.
    pub fn unarchive(self, now: Timestamp) -> Result<Self, VersionTransitionError> {
        match self.state {
            VersionState::Archived { .. } => Ok(self.becomes(VersionState::Offered, now)),
            VersionState::Offered => Err(self.refuse("unarchived")),
        }
    }

    /// The same with other notes.
    #[must_use]
    pub fn noted(self, notes: Markdown, now: Timestamp) -> Self {
        Self { notes, updated_at: now, version: self.version + 1, ..self }
    }

    /// The order of lists: versions by Semantic Versioning first, the highest before others; then all others, the
    /// newest before others.
    pub fn newest_first(&self, other: &Self) -> Ordering {
        let by_age = || other.id.cmp(&self.id);
        match (self.name.semver(), other.name.semver()) {
            (Some(one), Some(two)) => two.cmp(&one).then_with(by_age),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => by_age(),
        }
    }

    fn becomes(self, state: VersionState, now: Timestamp) -> Self {
        Self { state, updated_at: now, version: self.version + 1, ..self }
    }

    fn refuse(&self, wanted: &'static str) -> VersionTransitionError {
        VersionTransitionError { state: self.state.as_str(), wanted }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn version(n: u8, name: &str) -> ApplicationVersion {
        let at = Timestamp::from_unix(0).unwrap();
        ApplicationVersion {
            id: ApplicationVersionId::new(u64::from(n), [n; 10]),
            organization: OrganizationId::new(1, [1; 10]),
            application: ApplicationId::new(1, [1; 10]),
            name: name.parse().unwrap(),
            notes: Markdown::default(),
            rollout: Rollout::default(),
            state: VersionState::Offered,
            created_at: at,
            updated_at: at,
            version: 1,
        }
    }

    #[test]
    fn versions_have_their_order() {
        let names = ["nightly-1", "1.10.0", "1.2", "v2.0.0-rc.1", "2.0.0", "nightly-2", "1.2.0"];
        let mut all: Vec<_> = (0..).zip(names).map(|(n, name)| version(n, name)).collect();
        all.sort_by(ApplicationVersion::newest_first);
        let sorted: Vec<_> = all.iter().map(|version| version.name.as_str()).collect();
        assert_eq!(sorted, ["2.0.0", "v2.0.0-rc.1", "1.10.0", "1.2.0", "1.2", "nightly-2", "nightly-1"]);
    }

    #[test]
    fn names_stand_in_addresses() {
        for good in ["1", "1.4.2", "v1.0.0-rc.1+build.5", "2026-11_final"] {
            assert!(good.parse::<VersionName>().is_ok(), "{good}");
        }
        let long = "1".repeat(101);
        for bad in ["", " ", "a b", "a/b", "..", "-1", "1.", "é", "a%2f", &long] {
            assert_eq!(bad.parse::<VersionName>().unwrap_err().code, "invalid_version_name", "{bad}");
        }
    }

    #[test]
    fn a_version_is_archived_once() {
        let now = Timestamp::from_unix(9).unwrap();
        let archived = version(1, "1").archive(now).unwrap();
        assert!(archived.is_archived() && archived.version == 2);
        let again = archived.clone().archive(now).unwrap_err().to_string();
        assert_eq!(again, "a version that is archived cannot be archived");
        assert!(!archived.unarchive(now).unwrap().is_archived());
        assert!(version(1, "1").unarchive(now).is_err());
    }

    proptest! {
        #[test]
        fn the_order_is_total(names in prop::collection::vec("v?[0-3](\\.[0-3]){0,2}(-[a-c])?|[a-z]{1,3}", 3)) {
            let all: Vec<_> = (0..).zip(&names).map(|(n, name)| version(n, name)).collect();
            let before = |a: usize, b: usize| all[a].newest_first(&all[b]) == Ordering::Less;
            for (a, b, c) in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)] {
                prop_assert!(before(a, b) != before(b, a));
                prop_assert!(!(before(a, b) && before(b, c)) || before(a, c));
            }
        }
    }
}
