//! What a customer who is signed in may pull, by the very rights that the registries' door gives their licenses.

use std::collections::BTreeSet;

use keyward_domain::registry::{Artifact, Ground, PullRights, Reach, Registry, Tag};
use keyward_domain::{License, LicenseFilter, PageRequest};

use super::Rights;
use super::door::is_withdrawn;
use crate::{CustomerVisit, Engine, Result};

/// What a customer may pull, and with which licenses.
#[derive(Debug, Clone)]
pub struct OwnImages {
    /// The registries with something for the customer.
    pub registries: Vec<OwnRegistry>,
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
    /// The licenses to log in with: those that open something here.
    pub licenses: Vec<License>,
    /// What they open, by name.
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

impl Engine {
    /// What a customer who is signed in may pull.
    pub async fn own_images(&self, visit: &CustomerVisit) -> Result<OwnImages> {
        let scope = visit.organization.scope();
        let most = PageRequest { limit: PageRequest::MOST, after: None };
        let tx = self.store.read().await?;
        let filter = LicenseFilter { customer: Some(visit.customer.id), ..LicenseFilter::default() };
        let licenses = tx.licenses(scope).list(&filter, self.now(), most).await?.items;
        let (mut open, mut halted) = (Vec::new(), Vec::new());
        for license in licenses.into_iter().filter(|license| !is_withdrawn(license, &license.revision)) {
            match self.license_rights(&tx, &visit.organization, &license, &license.revision).await? {
                Rights::License(rights) => open.push((license, rights)),
                Rights::Halted(why) => halted.push((license, why)),
                Rights::Key(_) => {}
            }
        }
        let mut registries = Vec::new();
        for registry in tx.registries(scope).list(most).await?.items {
            let mut artifacts = Vec::new();
            for artifact in tx.artifacts(scope).of_registry(registry.id).await? {
                let licenses = opened(&open, &artifact);
                if licenses.is_empty() {
                    continue;
                }
                let mut pointings = tx.artifacts(scope).content(artifact.id).tags().await?;
                pointings.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| b.tag.cmp(&a.tag)));
                // What belongs to an image, such as its signature, is fetched along with it.
                let tags = pointings.into_iter().map(|pointing| pointing.tag);
                let tags = tags.filter(|tag| {
                    tag.subject().is_none() && licenses.iter().any(|license| license.reach.has(tag))
                });
                artifacts.push(OwnArtifact { tags: tags.collect(), artifact, licenses });
            }
            if artifacts.is_empty() {
                continue;
            }
            let used: BTreeSet<_> = artifacts
                .iter()
                .flat_map(|artifact| artifact.licenses.iter().map(|license| license.license.id))
                .collect();
            let licenses =
                open.iter().map(|(license, _)| license).filter(|license| used.contains(&license.id));
            let (address, licenses) = (self.registry_address(&registry), licenses.cloned().collect());
            registries.push(OwnRegistry { address, licenses, artifacts, registry });
        }
        Ok(OwnImages { registries, halted })
    }
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
