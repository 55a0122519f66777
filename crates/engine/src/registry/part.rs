//! Pulls of parts: a client that pulls an image asks for its index first, and then for what that names.

use keyward_domain::registry::{Decision, Operation, Registry, RegistryEvent};
use keyward_storage::Tx;

use crate::Result;

/// How long after its manifest the blobs of a pull may follow.
pub(crate) const PULL_SECONDS: i64 = 6 * 60 * 60;

/// Whether it is the pull of something that is known to be a part of something else.
pub(crate) async fn is_part(tx: &Tx, registry: &Registry, event: &RegistryEvent) -> Result<bool> {
    let (Operation::Pull, Decision::Allowed, Some(digest)) = (event.operation, event.decision, &event.digest)
    else {
        return Ok(false);
    };
    if event.reference != digest.as_str() {
        return Ok(false);
    }
    let artifacts = tx.artifacts(registry.scope());
    let Some(artifact) = artifacts.named(registry.id, &event.repository).await? else { return Ok(false) };
    Ok(!artifacts.content(artifact.id).is_root(digest).await?)
}

/// Whether the same principal has pulled from the repository, so that this may belong to it.
pub(crate) async fn was_pulled(tx: &Tx, registry: &Registry, event: &RegistryEvent) -> Result<bool> {
    let since = event.at.plus_seconds(-PULL_SECONDS);
    Ok(tx.registry_events(registry.scope()).pulled_since(event, since).await?)
}
