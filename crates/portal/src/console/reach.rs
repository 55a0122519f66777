//! What a customer can pull, and why, in words: what the registries decide, not what one entitlement says.

use std::collections::{BTreeMap, BTreeSet};

use keyward_domain::admission::Halt;
use keyward_domain::registry::{ArtifactGrant, Ground, Reach, Tag};
use keyward_domain::{ArtifactId, License, Page};
use keyward_engine::views::PullableArtifact;
use keyward_engine::{CustomerPulls, Engine, EntitledLicense};

use crate::error_page::PageError;
use crate::pages::{Pages, Paging};

/// The most tags that are named.
const MOST_TAGS: usize = 5;

/// The most reasons that are named.
const MOST_REASONS: usize = 5;

/// An artifact of which a customer can pull something.
pub(crate) struct Reachable {
    /// The registry and the repository, as clients type them.
    pub image: String,
    /// Which tags, each with the reason.
    pub reasons: Vec<String>,
}

/// What a customer can pull now.
pub(crate) struct Reached {
    pub artifacts: Vec<Reachable>,
    pub pages: Pages,
    /// Why licenses open nothing now.
    pub halted: Vec<Halt>,
}

impl Reached {
    pub(crate) fn of(images: Page<PullableArtifact>, halted: Vec<(License, Halt)>, paging: &Paging) -> Self {
        let (images, pages) = paging.take(images);
        let reachable = |one: PullableArtifact| Reachable {
            image: format!("{}/{}", one.address, one.artifact.repository),
            reasons: reasons(&one.licenses),
        };
        let halted = halted.into_iter().map(|(_, why)| why).take(MOST_REASONS);
        Self { artifacts: images.into_iter().map(reachable).collect(), pages, halted: halted.collect() }
    }
}

/// Which tags of an artifact are open, each with the reason: `All tags – through the pull roles of the license …`.
pub(super) fn reasons(licenses: &[EntitledLicense]) -> Vec<String> {
    let reasons: BTreeSet<String> = licenses
        .iter()
        .flat_map(|own| own.grounds.iter().map(move |(ground, reach)| (own, ground, reach)))
        .map(|(own, ground, reach)| format!("{} – {}", tags(reach), reason(own, *ground)))
        .collect();
    let more = reasons.len().saturating_sub(MOST_REASONS);
    let mut told: Vec<_> = reasons.into_iter().take(MOST_REASONS).collect();
    if more > 0 {
        told.push(format!("and for {more} more reasons"));
    }
    told
}

fn reason(own: &EntitledLicense, ground: Ground) -> String {
    match ground {
        Ground::Role => format!("through the pull roles of the license {}", own.license.name),
        Ground::Entitlement => "by artifact entitlement".to_owned(),
        Ground::OpenPolicy => "as for all customers until the first artifact entitlement".to_owned(),
    }
}

/// Which tags, in a few words.
fn tags(reach: &Reach) -> String {
    match reach {
        Reach::Nothing => "No tag".to_owned(),
        Reach::Everything => "All tags".to_owned(),
        Reach::Tags(tags) => named(tags),
    }
}

/// The first tags, and how many more there are.
pub(super) fn named(tags: &BTreeSet<Tag>) -> String {
    let mut text = tags.iter().take(MOST_TAGS).map(Tag::as_str).collect::<Vec<_>>().join(", ");
    if tags.len() > MOST_TAGS {
        text.push_str(&format!(" and {} more", tags.len() - MOST_TAGS));
    }
    text
}

/// What a customer can pull of the artifacts of some entitlements.
pub(super) struct Effects(BTreeMap<ArtifactId, Vec<EntitledLicense>>);

impl From<BTreeMap<ArtifactId, Vec<EntitledLicense>>> for Effects {
    fn from(opened: BTreeMap<ArtifactId, Vec<EntitledLicense>>) -> Self {
        Self(opened)
    }
}

impl Effects {
    pub(super) async fn of<'a>(
        engine: &Engine,
        pulls: &CustomerPulls,
        grants: impl Iterator<Item = &'a ArtifactGrant>,
    ) -> Result<Self, PageError> {
        let ids: BTreeSet<_> = grants.map(|grant| grant.artifact).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        Ok(Self(engine.pullable_of(pulls, &ids).await?))
    }

    /// What a grant comes to, where that is not what it says: nothing, or more than it grants.
    pub(super) fn beyond(&self, grant: &ArtifactGrant) -> Option<String> {
        let licenses = self.0.get(&grant.artifact).map(Vec::as_slice).unwrap_or_default();
        if licenses.is_empty() {
            return Some("Nothing can be pulled now: no license in force.".to_owned());
        }
        if grant.tags.reach() == Reach::Everything {
            return None;
        }
        let widest = licenses.iter().find_map(|own| {
            let wider = |(_, reach): &&(Ground, Reach)| *reach == Reach::Everything;
            own.grounds.iter().find(wider).map(|(ground, _)| reason(own, *ground))
        });
        widest.map(|why| format!("All tags can be pulled, {why}."))
    }
}
