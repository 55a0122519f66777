//! What is in a registry, as far as it is known: kept by what passes the gateway, and by looking.

use std::collections::BTreeMap;

use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{
    Artifact, Digest, Manifest, Puller, Reference, Registry, RepositoryName, Tag,
};
use keyward_domain::{
    Access, Action, ArtifactId, Idempotency, OrganizationScope, Page, PageRequest, RegistryId, Timestamp,
};
use keyward_storage::{Pointing, Referrers, Shown, Technical, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::change::Change;
use crate::{Done, Engine, Error, Resource, Result};

/// The most characters that are kept of why a registry can't be looked at.
const MOST_FAULT: usize = 300;

/// A repository to be known before anything was pushed to it.
#[derive(Debug, Clone)]
pub struct NewArtifact {
    /// In which registry.
    pub registry: RegistryId,
    /// Under which name.
    pub repository: RepositoryName,
}

/// A tag with what it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagDetail {
    /// The tag and the digest.
    pub pointing: Pointing,
    /// The manifest, if it was read.
    pub manifest: Option<Shown>,
}

impl TagDetail {
    /// The command that pulls it; `address` is what clients type to reach the registry.
    pub fn command(&self, address: &str, repository: &RepositoryName) -> String {
        let puller = self.manifest.as_ref().map_or(Puller::Docker, |manifest| manifest.puller);
        puller.command(address, repository, &self.pointing.tag)
    }
}

impl Engine {
    /// The artifacts of one registry or of all.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn artifacts(
        &self,
        access: &Access<ReadRegistries>,
        registry: Option<RegistryId>,
        text: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<Artifact>> {
        Ok(self.store.read().await?.artifacts(access.scope()).list(registry, text, page).await?)
    }

    /// One artifact.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn artifact(&self, access: &Access<ReadRegistries>, id: ArtifactId) -> Result<Artifact> {
        find(&self.store.read().await?, access.scope(), id).await
    }

    /// The tags of an artifact with what they point to, by name.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn artifact_tags(
        &self,
        access: &Access<ReadRegistries>,
        id: ArtifactId,
    ) -> Result<Vec<TagDetail>> {
        let tx = self.store.read().await?;
        find(&tx, access.scope(), id).await?;
        let artifacts = tx.artifacts(access.scope());
        let content = artifacts.content(id);
        let mut tags = Vec::new();
        for pointing in content.tags().await? {
            let manifest = content.shown(&pointing.digest).await?;
            tags.push(TagDetail { pointing, manifest });
        }
        Ok(tags)
    }

    /// A page of the same: what each tag points to is looked up for the page alone.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn artifact_tags_page(
        &self,
        access: &Access<ReadRegistries>,
        id: ArtifactId,
        page: PageRequest,
    ) -> Result<Page<TagDetail>> {
        let tx = self.store.read().await?;
        find(&tx, access.scope(), id).await?;
        let artifacts = tx.artifacts(access.scope());
        let content = artifacts.content(id);
        let (pointings, next) = page.of_all(&content.tags().await?, |one| one.id).into_parts();
        let mut tags = Vec::new();
        for pointing in pointings {
            let manifest = content.shown(&pointing.digest).await?;
            tags.push(TagDetail { pointing, manifest });
        }
        Ok(Page::new(tags, next))
    }

    /// Those of these artifacts that there are, by repository.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn artifacts_among(
        &self,
        access: &Access<ReadRegistries>,
        ids: &[ArtifactId],
    ) -> Result<Vec<Artifact>> {
        Ok(self.store.read().await?.artifacts(access.scope()).among(ids).await?)
    }

    /// The tags of each of these artifacts, the latest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn tags_of_artifacts(
        &self,
        access: &Access<ReadRegistries>,
        ids: &[ArtifactId],
    ) -> Result<BTreeMap<ArtifactId, Vec<Tag>>> {
        let (tx, scope) = (self.store.read().await?, access.scope());
        // Only of those that are this organization's.
        let own: Vec<_> = tx.artifacts(scope).among(ids).await?.iter().map(|artifact| artifact.id).collect();
        Ok(tx.artifacts(scope).tags_of(&own).await?)
    }

    /// All that a tag pointed to, the latest first.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn tag_history(
        &self,
        access: &Access<ReadRegistries>,
        id: ArtifactId,
        tag: &Tag,
    ) -> Result<Vec<Pointing>> {
        let tx = self.store.read().await?;
        find(&tx, access.scope(), id).await?;
        Ok(tx.artifacts(access.scope()).content(id).history(tag).await?)
    }

    /// Names a repository, so that customers can be entitled to it before its first push. One that is known already
    /// is given as it is.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_artifact(
        &self,
        access: &Access<WriteRegistries>,
        new: NewArtifact,
        once: Option<&Idempotency>,
    ) -> Result<Done<Artifact>> {
        let scope = access.scope();
        let earlier =
            async |change: Change<'_>, id: Uuid| find(&change, scope, id.into()).await.map(Done::before);
        let done = self.change_once(access, once, earlier, async |change| {
            let registry = super::find(&change, scope, new.registry).await?;
            registry.inside(&new.repository).map_err(|invalid| Error::field("repository", invalid))?;
            if let Some(known) = change.artifacts(scope).named(registry.id, &new.repository).await? {
                change.keep_key(known.id.uuid()).await?;
                return Ok(Done::before(known));
            }
            let artifact = self.known(&change, &registry, &new.repository).await?;
            let detail = [("repository", json!(artifact.repository)), ("registry", json!(registry.name))];
            change.commit(Action::ArtifactCreated, artifact.id.uuid(), &detail).await?;
            Ok(Done::now(artifact))
        });
        Ok(done.await?.value)
    }

    /// Whether it is known what a manifest is made of, and that `tag` points to it.
    pub async fn knows_manifest(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        tag: Option<&Tag>,
        digest: &Digest,
    ) -> Result<bool> {
        let tx = self.store.read().await?;
        let artifacts = tx.artifacts(registry.scope());
        let Some(artifact) = artifacts.named(registry.id, repository).await? else { return Ok(false) };
        let content = artifacts.content(artifact.id);
        let pointed = match tag {
            Some(tag) => content.pointed(tag).await?.as_ref() == Some(digest),
            None => true,
        };
        Ok(pointed && content.knows(digest).await?)
    }

    /// Writes down what a manifest is made of, and that tags point to it.
    pub async fn learn_manifest(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        tags: &[Tag],
        digest: &Digest,
        manifest: &Manifest,
    ) -> Result<()> {
        let (scope, now) = (registry.scope(), self.now());
        let tx = self.store.write().await?;
        let artifact = self.known(&tx, registry, repository).await?;
        let artifacts = tx.artifacts(scope);
        artifacts.hold(artifact.id).await?;
        let content = artifacts.content(artifact.id);
        content.learn(digest, manifest).await?;
        for tag in tags {
            content.point(self.row_id(), tag, digest, now).await?;
        }
        tx.commit_unrecorded(Technical::Upstream).await?;
        Ok(())
    }

    /// Writes down that a tag or a manifest is gone.
    pub async fn forget_manifest(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<()> {
        let (scope, now) = (registry.scope(), self.now());
        let tx = self.store.write().await?;
        let Some(artifact) = tx.artifacts(scope).named(registry.id, repository).await? else { return Ok(()) };
        let artifacts = tx.artifacts(scope);
        artifacts.hold(artifact.id).await?;
        let content = artifacts.content(artifact.id);
        match reference {
            Reference::Tag(tag) => content.unpoint(tag, now).await?,
            Reference::Digest(digest) => content.remove(digest, now).await?,
        }
        tx.commit_unrecorded(Technical::Upstream).await?;
        Ok(())
    }

    /// What is known to be about a manifest, or was, at most `most`.
    pub async fn referrers(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        subject: &Digest,
        most: usize,
    ) -> Result<Referrers> {
        let tx = self.store.read().await?;
        let artifacts = tx.artifacts(registry.scope());
        let Some(artifact) = artifacts.named(registry.id, repository).await? else {
            return Ok(Referrers::default());
        };
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        Ok(artifacts.content(artifact.id).referrers(subject, most).await?)
    }

    /// Writes down which tags a repository had at `seen`; those with a new digest were learned before, and what was
    /// learned since stays.
    pub async fn keep_tags(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        tags: &[Tag],
        seen: Timestamp,
    ) -> Result<()> {
        let (scope, now) = (registry.scope(), self.now());
        let tx = self.store.write().await?;
        let artifact = self.known(&tx, registry, repository).await?;
        let artifacts = tx.artifacts(scope);
        artifacts.hold(artifact.id).await?;
        let content = artifacts.content(artifact.id);
        let gone = |known: &Pointing| known.since < seen && !tags.contains(&known.tag);
        for gone in content.tags().await?.into_iter().filter(gone) {
            content.unpoint(&gone.tag, now).await?;
        }
        tx.commit_unrecorded(Technical::Upstream).await?;
        Ok(())
    }

    /// The repositories of a registry that are known.
    pub async fn known_repositories(&self, registry: &Registry) -> Result<Vec<RepositoryName>> {
        let tx = self.store.read().await?;
        let known = tx.artifacts(registry.scope()).of_registry(registry.id).await?;
        Ok(known.into_iter().map(|artifact| artifact.repository).collect())
    }

    /// Has all of a registry looked at soon.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn sweep_registry(&self, access: &Access<WriteRegistries>, id: RegistryId) -> Result<Registry> {
        let scope = access.scope();
        self.change(access, async |change| {
            super::find(&change, scope, id).await?;
            change.registries(scope).want_sweep(id, self.now()).await?;
            let registry = super::find(&change, scope, id).await?;
            change.commit_unrecorded(Technical::Upstream).await?;
            Ok(registry)
        })
        .await
    }

    /// Has all of a registry looked at soon, because what passes shows that it is not as it was last seen.
    pub async fn doubt_registry(&self, registry: &Registry) -> Result<()> {
        let tx = self.store.write().await?;
        tx.registries(registry.scope()).want_sweep(registry.id, self.now()).await?;
        tx.commit_unrecorded(Technical::Upstream).await?;
        Ok(())
    }

    /// Writes down that it was begun to look at all of a registry, and why that came to nothing, if it did. What was
    /// wanted since then is still to come.
    pub async fn registry_swept(
        &self,
        registry: &Registry,
        began: Timestamp,
        fault: Option<&str>,
    ) -> Result<()> {
        let fault = fault.map(|fault| fault.chars().take(MOST_FAULT).collect::<String>());
        let tx = self.store.write().await?;
        tx.registries(registry.scope()).swept(registry.id, began, fault.as_deref()).await?;
        tx.commit_unrecorded(Technical::Upstream).await?;
        Ok(())
    }

    /// The artifact of a repository, known from now on if it was not.
    async fn known(&self, tx: &Tx, registry: &Registry, repository: &RepositoryName) -> Result<Artifact> {
        let artifacts = tx.artifacts(registry.scope());
        if let Some(known) = artifacts.named(registry.id, repository).await? {
            return Ok(known);
        }
        let artifact = Artifact {
            id: self.id(ArtifactId::new),
            organization: registry.organization,
            registry: registry.id,
            repository: repository.clone(),
            created_at: self.now(),
        };
        artifacts.insert(&artifact).await?;
        // Another may have been first.
        artifacts.named(registry.id, repository).await?.ok_or(Error::NotFound(Resource::Artifact))
    }

    fn row_id(&self) -> Uuid {
        self.id(ArtifactId::new).uuid()
    }
}

pub(super) async fn find(tx: &Tx, scope: OrganizationScope, id: ArtifactId) -> Result<Artifact> {
    tx.artifacts(scope).find(id).await?.ok_or(Error::NotFound(Resource::Artifact))
}
