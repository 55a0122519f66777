//! What the deployments of a target are made of: the files of their versions, and credentials for their images.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keyward_domain::registry::{ImageReference, PullClaims, Registry, RepositoryName, pull_credential};
use keyward_domain::{ApplicationVersion, ApplicationVersionId, DeploymentId, Files, OrganizationScope};
use keyward_protocol::desired::{FileRef, PullCredential, PullCredentials};
use keyward_storage::Tx;
use sha2::{Digest as _, Sha256};

use super::{AgentCaller, present};
use crate::{Engine, Error, Resource, Result, heavy};

/// What is looked up of a version again and again. Its files never change.
pub(super) struct VersionFacts {
    pub version: ApplicationVersion,
    /// Its files by their hashes.
    pub files: Vec<FileRef>,
    /// The license keys that they ask for.
    pub licenses: BTreeSet<String>,
    /// The images that they name.
    pub images: BTreeSet<String>,
}

impl Engine {
    /// The text of a file with this hash, of a version that a deployment of the caller's target has or had.
    ///
    /// # Errors
    /// If it has none, or the caller is no agent any more.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn agent_file(&self, caller: &AgentCaller, sha256: &str) -> Result<String> {
        let tx = self.store.read().await?;
        let (target, _) = present(&tx, caller).await?;
        let scope = target.scope();
        for id in tx.deployments(scope).versions_on(target.id).await? {
            let Some(facts) = self.version_facts(&tx, scope, id).await? else { continue };
            let Some(found) = facts.files.iter().find(|file| file.sha256 == sha256) else { continue };
            let files = tx.application_versions(scope).files(&facts.version).await?;
            if let Some(file) = files.find(&found.name) {
                return Ok(file.text.as_str().to_owned());
            }
        }
        Err(Error::NotFound(Resource::File))
    }

    /// What to pull the images of a deployment's latest revision with, from each registry of the vendor that has any: for a
    /// quarter of an hour, and no longer than the caller is its agent.
    ///
    /// # Errors
    /// If the target has no such deployment, or the caller is no agent any more.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn agent_pull_credentials(
        &self,
        caller: &AgentCaller,
        deployment: DeploymentId,
    ) -> Result<PullCredentials> {
        let (tx, nothing) = (self.store.read().await?, || Error::NotFound(Resource::Deployment));
        let (target, agent) = present(&tx, caller).await?;
        let scope = target.scope();
        let found = tx.deployments(scope).find(deployment).await?;
        let own = found.filter(|found| found.target == target.id && found.ended_at.is_none());
        let deployment = own.ok_or_else(nothing)?;
        let latest = tx.deployments(scope).revision(deployment.id, deployment.revision).await?;
        let version = latest.ok_or_else(nothing)?.application_version;
        let facts = self.version_facts(&tx, scope, version).await?.ok_or_else(nothing)?;
        let images: BTreeSet<_> = facts.images.iter().filter_map(|image| image.parse().ok()).collect();
        let registries = tx.registries(scope).all_of_them().await?;
        drop(tx);
        let expires_at = self.now().unix() + pull_credential::SECONDS;
        let mut credentials = Vec::new();
        for (registry, repositories) in self.by_registry(registries, &images) {
            let claims = PullClaims {
                organization: registry.organization,
                registry: registry.id,
                customer: deployment.customer,
                agent: agent.id,
                deployment: deployment.id,
                repositories,
                expires_at,
            };
            credentials.push(PullCredential {
                registry: self.registry_address(&registry),
                username: pull_credential::USER.to_owned(),
                password: self.sign_pull_credential(&registry, &claims)?.to_string(),
            });
        }
        Ok(PullCredentials { credentials, expires_at })
    }

    /// The registries that images are in, each with their repositories.
    fn by_registry(
        &self,
        registries: Vec<Registry>,
        images: &BTreeSet<ImageReference>,
    ) -> Vec<(Registry, BTreeSet<RepositoryName>)> {
        let mut named: BTreeMap<&str, BTreeSet<RepositoryName>> = BTreeMap::new();
        for image in images {
            let repositories = named.entry(&image.address).or_default();
            if repositories.len() < pull_credential::MOST_REPOSITORIES {
                repositories.insert(image.repository.clone());
            }
        }
        let with = |registry: Registry| {
            let repositories = named.remove(&*self.registry_address(&registry))?;
            Some((registry, repositories))
        };
        registries.into_iter().filter_map(with).collect()
    }

    /// What there is to know of a version; `None` of one that is gone.
    pub(super) async fn version_facts(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        id: ApplicationVersionId,
    ) -> Result<Option<Arc<VersionFacts>>> {
        if let Some(known) = self.agents.versions.get(&id) {
            return Ok((known.version.organization == scope.id()).then_some(known));
        }
        let Some(version) = tx.application_versions(scope).by_id(id).await? else { return Ok(None) };
        let files = tx.application_versions(scope).files(&version).await?;
        let read = move || Ok::<_, Error>(facts(version, &files));
        let made = Arc::new(heavy(64 * 1024, read).await?);
        self.agents.versions.insert(id, Arc::clone(&made));
        Ok(Some(made))
    }
}

fn facts(version: ApplicationVersion, files: &Files) -> VersionFacts {
    let hash = |text: &str| {
        Sha256::digest(text).iter().fold(String::with_capacity(64), |mut digits, byte| {
            digits.push_str(&format!("{byte:02x}"));
            digits
        })
    };
    VersionFacts {
        version,
        files: files
            .iter()
            .map(|file| FileRef { name: file.name.to_string(), sha256: hash(file.text.as_str()) })
            .collect(),
        licenses: files.references().into_iter().map(|(_, reference)| reference.name).collect(),
        images: files.image_names(),
    }
}
