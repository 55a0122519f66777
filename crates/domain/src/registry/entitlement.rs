//! “May this be pulled?”: which tags of a repository a customer may have.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::oci::{RepositoryName, RepositoryPattern, Tag};
use crate::{
    ArtifactEntitlementId, ArtifactId, CustomerId, Invalid, Notes, OrganizationId, RegistryId, Timestamp,
};

/// A repository in a registry, known since something was pushed to it or the vendor named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its id.
    pub id: ArtifactId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// In which registry.
    pub registry: RegistryId,
    /// Under which name.
    pub repository: RepositoryName,
    /// Since when it is known.
    pub created_at: Timestamp,
}

/// What a customer may pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactEntitlement {
    /// Its id.
    pub id: ArtifactEntitlementId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Who may pull.
    pub customer: CustomerId,
    /// The vendor's own remark.
    pub description: Option<Notes>,
    /// What: at least one, each artifact once.
    pub grants: Vec<ArtifactGrant>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// The tags of one artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactGrant {
    /// Of which.
    pub artifact: ArtifactId,
    /// Which.
    pub tags: TagGrant,
}

/// Which tags of an artifact are granted. A tag that is granted may be pulled whatever it points to, and what it
/// pointed to before may be pulled by digest for as long as it is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagGrant {
    /// These.
    Named(BTreeSet<Tag>),
    /// All there were when it was granted.
    Current(BTreeSet<Tag>),
    /// All there are and will be.
    All,
}

impl TagGrant {
    /// The most tags of a grant.
    pub const MOST: usize = 10_000;

    /// The name of the mode on the wire and in storage.
    pub fn mode(&self) -> &'static str {
        match self {
            Self::Named(_) => "named",
            Self::Current(_) => "current",
            Self::All => "all",
        }
    }

    /// How much of the artifact it opens.
    pub fn reach(&self) -> Reach {
        match self.tags() {
            None => Reach::Everything,
            Some(tags) if tags.is_empty() => Reach::Nothing,
            Some(tags) => Reach::Tags(tags.clone()),
        }
    }

    /// The tags it is bound to; `None` for all.
    pub fn tags(&self) -> Option<&BTreeSet<Tag>> {
        match self {
            Self::Named(tags) | Self::Current(tags) => Some(tags),
            Self::All => None,
        }
    }
}

/// What customers without an entitlement may pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactPolicy {
    /// Everything, until the first artifact entitlement is created: that sets the policy to the other.
    OpenUntilFirst,
    /// Nothing.
    EntitledOnly,
}

impl ArtifactPolicy {
    /// Every policy.
    pub const ALL: [Self; 2] = [Self::OpenUntilFirst, Self::EntitledOnly];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenUntilFirst => "open_until_first",
            Self::EntitledOnly => "entitled_only",
        }
    }
}

impl fmt::Display for ArtifactPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ArtifactPolicy {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or_else(|| Invalid::new("unknown_policy", "must be open_until_first or entitled_only"))
    }
}

crate::described!(ArtifactPolicy = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// All that decides what the holder of a license may pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRights {
    /// The policy of the organization.
    pub policy: ArtifactPolicy,
    /// What the pull roles of the license's product open; `None` where the product has none.
    pub roles: Option<Vec<RepositoryPattern>>,
    /// What the customer's entitlements grant.
    pub grants: Vec<ArtifactGrant>,
}

/// Why something may be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// A pull role of the license's product opens the repository.
    Role,
    /// The customer is entitled to it.
    Entitlement,
    /// Nobody is entitled to anything yet.
    OpenPolicy,
}

/// How much of a repository may be pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Nothing.
    Nothing,
    /// These tags and what they point to.
    Tags(BTreeSet<Tag>),
    /// All of it, by tag or digest.
    Everything,
}

impl PullRights {
    /// What they come to for one repository; `artifact` is `None` for one that is not known yet.
    ///
    /// Pull roles and entitlements add up. Where neither says anything, the policy does; a product with pull roles
    /// has said what its licenses open, so the open policy does not widen them.
    pub fn reach(&self, artifact: Option<ArtifactId>, repository: &RepositoryName) -> Reach {
        let grounds = self.grounds(artifact, repository);
        grounds.into_iter().fold(Reach::Nothing, |all, (_, reach)| all.and(reach))
    }

    /// Why something of one repository may be pulled, and how much of it for each reason. None for nothing.
    pub fn grounds(&self, artifact: Option<ArtifactId>, repository: &RepositoryName) -> Vec<(Ground, Reach)> {
        let mut grounds = Vec::new();
        if self.roles.iter().flatten().any(|pattern| pattern.matches(repository)) {
            grounds.push((Ground::Role, Reach::Everything));
        }
        let granted = self.grants.iter().filter(|grant| Some(grant.artifact) == artifact);
        match granted.fold(Reach::Nothing, |all, grant| all.and(grant.tags.reach())) {
            Reach::Nothing => {}
            reach @ (Reach::Tags(_) | Reach::Everything) => grounds.push((Ground::Entitlement, reach)),
        }
        if self.policy == ArtifactPolicy::OpenUntilFirst && self.roles.is_none() {
            grounds.push((Ground::OpenPolicy, Reach::Everything));
        }
        grounds
    }
}

impl Reach {
    /// This and another together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
            (Self::Nothing, reach) | (reach, Self::Nothing) => reach,
            (Self::Tags(mut tags), Self::Tags(more)) => {
                tags.extend(more);
                Self::Tags(tags)
            }
        }
    }

    /// Whether a tag is within it.
    pub fn has(&self, tag: &Tag) -> bool {
        match self {
            Self::Nothing => false,
            Self::Tags(tags) => tags.contains(tag),
            Self::Everything => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn artifact(number: u8) -> ArtifactId {
        ArtifactId::new(1, [number; 10])
    }

    fn tags(texts: &[String]) -> BTreeSet<Tag> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn grant() -> impl Strategy<Value = ArtifactGrant> {
        let some = || prop::collection::vec("[abc]", 0..3).prop_map(|texts| tags(&texts));
        let mode = prop_oneof![
            some().prop_map(TagGrant::Named),
            some().prop_map(TagGrant::Current),
            Just(TagGrant::All)
        ];
        (0_u8..3, mode).prop_map(|(number, tags)| ArtifactGrant { artifact: artifact(number), tags })
    }

    fn rights() -> impl Strategy<Value = PullRights> {
        let roles = prop::option::of(prop::collection::vec(
            prop::sample::select(vec!["repo0", "repo*", "*1", "other"])
                .prop_map(|text| text.parse().unwrap()),
            0..3,
        ));
        (any::<bool>(), roles, prop::collection::vec(grant(), 0..4)).prop_map(|(open, roles, grants)| {
            PullRights {
                policy: if open { ArtifactPolicy::OpenUntilFirst } else { ArtifactPolicy::EntitledOnly },
                roles,
                grants,
            }
        })
    }

    /// The rule as the documentation tells it, one sentence a line.
    fn naive(rights: &PullRights, number: u8, known: bool, tag: &str) -> bool {
        let repository: RepositoryName = format!("repo{number}").parse().unwrap();
        let mut may = false;
        for pattern in rights.roles.clone().unwrap_or_default() {
            may |= pattern.matches(&repository);
        }
        for grant in &rights.grants {
            if known && grant.artifact == artifact(number) {
                may |= match &grant.tags {
                    TagGrant::All => true,
                    TagGrant::Named(tags) | TagGrant::Current(tags) => {
                        tags.iter().any(|own| own.as_str() == tag)
                    }
                };
            }
        }
        if rights.roles.is_none() && rights.policy == ArtifactPolicy::OpenUntilFirst {
            may = true;
        }
        may
    }

    proptest! {
        #[test]
        fn the_decision_is_the_documented_one(rights in rights(), number in 0_u8..3, known: bool, tag in "[abcd]") {
            let repository: RepositoryName = format!("repo{number}").parse().unwrap();
            let reach = rights.reach(known.then(|| artifact(number)), &repository);
            prop_assert_eq!(reach.has(&tag.parse().unwrap()), naive(&rights, number, known, &tag));
        }

        #[test]
        fn each_right_has_its_ground(rights in rights(), number in 0_u8..3, known: bool, tag in "[abcd]") {
            let (repository, tag): (RepositoryName, Tag) = (format!("repo{number}").parse().unwrap(), tag.parse().unwrap());
            let artifact = known.then(|| artifact(number));
            let grounds = rights.grounds(artifact, &repository);
            let reach = rights.reach(artifact, &repository);
            prop_assert_eq!(grounds.is_empty(), reach == Reach::Nothing);
            prop_assert_eq!(grounds.iter().any(|(_, part)| part.has(&tag)), reach.has(&tag));
            let by_role = rights.roles.iter().flatten().any(|pattern| pattern.matches(&repository));
            prop_assert_eq!(grounds.iter().any(|(ground, _)| *ground == Ground::Role), by_role);
        }

        #[test]
        fn more_grants_never_take_away(rights in rights(), more in grant(), number in 0_u8..3, tag in "[abcd]") {
            let repository: RepositoryName = format!("repo{number}").parse().unwrap();
            let before = rights.reach(Some(artifact(number)), &repository);
            let mut wider = rights;
            wider.grants.push(more);
            let (after, tag): (_, Tag) = (wider.reach(Some(artifact(number)), &repository), tag.parse().unwrap());
            prop_assert!(!before.has(&tag) || after.has(&tag));
        }
    }

    #[test]
    fn fail_closed() {
        let rights = PullRights { policy: ArtifactPolicy::EntitledOnly, roles: None, grants: Vec::new() };
        assert_eq!(rights.reach(Some(artifact(0)), &"acme/app".parse().unwrap()), Reach::Nothing);
        let rights = PullRights { policy: ArtifactPolicy::OpenUntilFirst, roles: Some(Vec::new()), ..rights };
        assert_eq!(rights.reach(None, &"acme/app".parse().unwrap()), Reach::Nothing);
    }
}
