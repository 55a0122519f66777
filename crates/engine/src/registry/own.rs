//! What a customer who is signed in may pull, by the very rights that the registries' door gives their licenses.

use std::collections::{BTreeMap, BTreeSet};

use keyward_domain::registry::{Artifact, Ground, PullRights, Puller, Reach, Registry, Tag};
use keyward_domain::{ArtifactId, Cursor, License, PageRequest};

use keyward_storage::Tx;

use super::Rights;
use super::door::is_withdrawn;
use crate::{CustomerVisit, Engine, Error, Result, Thing};

/// What a customer may pull, and with which licenses.
#[derive(Debug, Clone)]
pub struct OwnImages {
    /// The registries with something for the customer on this page.
    pub registries: Vec<OwnRegistry>,
    /// Where the next page begins.
    pub next: Option<Cursor>,
    /// Licenses that open nothing now, with the sentence that says why.
    pub halted: Vec<(License, String)>,
}

/// What a customer may pull from one registry.
#[derive(Debug, Clone)]
pub struct OwnRegistry {
    /// Which.
    pub registry: Registry,
    /// What clients type to reach it.
    pub address: String,
    /// The licenses to log in with: those that open something here, on whatever page.
    pub licenses: Vec<License>,
    /// What they open, by name: the part that is on this page.
    pub artifacts: Vec<OwnArtifact>,
}

/// An artifact of which a customer may pull something.
#[derive(Debug, Clone)]
pub struct OwnArtifact {
    /// Which.
    pub artifact: Artifact,
    /// The tags there are now that the customer may pull, the latest first.
    pub tags: Vec<Tag>,
    /// The licenses that open it.
    pub licenses: Vec<OwnLicense>,
}

/// What one license opens of an artifact.
#[derive(Debug, Clone)]
pub struct OwnLicense {
    /// Which.
    pub license: License,
    /// Why.
    pub grounds: Vec<Ground>,
    /// How much.
    pub reach: Reach,
}

/// The registries, each with all that a customer's licenses open there.
type Opened = Vec<(Registry, Vec<(Artifact, Vec<OwnLicense>)>)>;

impl Engine {
    /// A page of what a customer who is signed in may pull, registry by registry and there by name.
    pub async fn own_images(&self, visit: &CustomerVisit, page: PageRequest) -> Result<OwnImages> {
        let tx = self.store.read().await?;
        let (opened, halted) = self.own_artifacts(&tx, visit).await?;
        let all = opened.iter().flat_map(|(_, artifacts)| artifacts).map(|(artifact, _)| artifact.id);
        let (shown, next) = page.of_all(&all.collect::<Vec<_>>(), |id| id.uuid()).into_parts();
        let mut tags = tx.artifacts(visit.organization.scope()).tags_of(&shown).await?;
        let shown: BTreeSet<_> = shown.into_iter().collect();
        let mut registries = Vec::new();
        for (registry, artifacts) in opened {
            let all = artifacts.iter().flat_map(|(_, by)| by.iter().map(|one| one.license.clone()));
            let mut licenses: Vec<_> = all.collect();
            licenses.sort_by_key(|license| std::cmp::Reverse(license.id));
            licenses.dedup_by_key(|license| license.id);
            let artifacts: Vec<_> = artifacts
                .into_iter()
                .filter(|(artifact, _)| shown.contains(&artifact.id))
                .map(|(artifact, licenses)| {
                    let tags = own_tags(tags.remove(&artifact.id).unwrap_or_default(), &licenses);
                    OwnArtifact { tags, artifact, licenses }
                })
                .collect();
            if !artifacts.is_empty() {
                let address = self.registry_address(&registry);
                registries.push(OwnRegistry { address, licenses, artifacts, registry });
            }
        }
        Ok(OwnImages { registries, next, halted })
    }

    /// One artifact that a customer who is signed in may pull something of, with its registry's address and how many
    /// licenses open anything there; others are not there.
    pub async fn own_image(
        &self,
        visit: &CustomerVisit,
        id: ArtifactId,
    ) -> Result<(String, usize, OwnArtifact)> {
        let tx = self.store.read().await?;
        let (opened, _) = self.own_artifacts(&tx, visit).await?;
        for (registry, artifacts) in opened {
            let used: BTreeSet<_> =
                artifacts.iter().flat_map(|(_, by)| by.iter().map(|one| one.license.id)).collect();
            if let Some((artifact, licenses)) = artifacts.into_iter().find(|(artifact, _)| artifact.id == id)
            {
                let mut tags = tx.artifacts(visit.organization.scope()).tags_of(&[id]).await?;
                let tags = own_tags(tags.remove(&id).unwrap_or_default(), &licenses);
                let own = OwnArtifact { tags, artifact, licenses };
                return Ok((self.registry_address(&registry), used.len(), own));
            }
        }
        Err(Error::NotFound(Thing::Artifact))
    }

    /// What pulls each of these tags of an artifact that a customer who is signed in was shown, where it is known.
    pub async fn own_pullers(
        &self,
        visit: &CustomerVisit,
        artifact: ArtifactId,
        tags: &[Tag],
    ) -> Result<BTreeMap<Tag, Puller>> {
        let (tx, scope) = (self.store.read().await?, visit.organization.scope());
        super::artifact::find(&tx, scope, artifact).await?;
        Ok(tx.artifacts(scope).content(artifact).pullers(tags).await?)
    }

    /// All that the licenses of a customer open, and those that open nothing now.
    async fn own_artifacts(
        &self,
        tx: &Tx,
        visit: &CustomerVisit,
    ) -> Result<(Opened, Vec<(License, String)>)> {
        let scope = visit.organization.scope();
        let (mut open, mut halted) = (Vec::new(), Vec::new());
        for license in tx.licenses(scope).held_by(visit.customer.id).await? {
            if is_withdrawn(&license, &license.revision) {
                continue;
            }
            match self.license_rights(tx, &visit.organization, &license, &license.revision).await? {
                Rights::License(rights) => open.push((license, rights)),
                Rights::Halted(why) => halted.push((license, why)),
                Rights::Key(_) => {}
            }
        }
        let mut registries = Vec::new();
        for registry in tx.registries(scope).all_of_them().await? {
            let artifacts = tx.artifacts(scope).of_registry(registry.id).await?.into_iter();
            let artifacts = artifacts.map(|artifact| {
                let licenses = opened(&open, &artifact);
                (artifact, licenses)
            });
            let artifacts: Vec<_> = artifacts.filter(|(_, licenses)| !licenses.is_empty()).collect();
            if !artifacts.is_empty() {
                registries.push((registry, artifacts));
            }
        }
        Ok((registries, halted))
    }
}

/// Those of an artifact's tags that licenses open. What belongs to an image, such as its signature, is fetched along
/// with it.
fn own_tags(tags: Vec<Tag>, licenses: &[OwnLicense]) -> Vec<Tag> {
    let own = |tag: &Tag| tag.subject().is_none() && licenses.iter().any(|license| license.reach.has(tag));
    tags.into_iter().filter(own).collect()
}

fn opened(open: &[(License, PullRights)], artifact: &Artifact) -> Vec<OwnLicense> {
    let of = |(license, rights): &(License, PullRights)| {
        let grounds = rights.grounds(Some(artifact.id), &artifact.repository);
        let reach = rights.reach(Some(artifact.id), &artifact.repository);
        let grounds = grounds.into_iter().map(|(ground, _)| ground).collect();
        OwnLicense { license: license.clone(), grounds, reach }
    };
    open.iter().map(of).filter(|own| own.reach != Reach::Nothing).collect()
}
