//! Whose an upstream is. Two organizations share one only if both have a prefix there, and neither's is within the other's;
//! and an upstream is known by where its name leads, not by the name alone.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use keyward_domain::registry::{Credential, Endpoint, Registry, RepositoryName, Upstream};
use keyward_domain::{Invalid, OrganizationId};
use keyward_storage::{Technical, Tx};

use crate::outbound::Unreachable;
use crate::{Engine, Error, Result};

/// The most ways to one upstream that are remembered; of one whose name leads ever elsewhere, the last.
const MOST_ENDPOINTS: usize = 64;

/// Where an upstream is now.
#[derive(Debug)]
pub(super) struct Reached {
    addresses: Vec<SocketAddr>,
    /// By its name and by each of its addresses.
    pub endpoints: BTreeSet<Endpoint>,
}

impl Reached {
    /// Whether every address is of this machine alone.
    pub(super) fn is_loopback(&self) -> bool {
        self.addresses.iter().all(|address| address.ip().to_canonical().is_loopback())
    }
}

impl Engine {
    /// Finds out where an upstream is now, if connections to it may be opened.
    pub(super) async fn reach_upstream(
        &self,
        organization: OrganizationId,
        upstream: &Upstream,
    ) -> Result<Reached, Unreachable> {
        let named = upstream.endpoint();
        self.guard
            .resolved(organization, upstream.host(), upstream.port(), move |guard, addresses| {
                let endpoint = |address: &SocketAddr| Endpoint::of(*address, guard.is_own(address.ip()));
                let endpoints = addresses.iter().filter_map(endpoint).chain([named]).collect();
                Reached { addresses, endpoints }
            })
            .await
    }

    /// The addresses of a registry's upstream to open a connection to, asked each time one is opened: its name may have
    /// come to stand for something else, such as another organization's upstream.
    pub async fn dial_upstream(&self, registry: &Registry) -> Result<Vec<SocketAddr>, Unreachable> {
        let reached = self.reach_upstream(registry.organization, &registry.upstream).await?;
        if registry.credential == Credential::None && !reached.is_loopback() {
            return Err(Unreachable::Unprotected);
        }
        let known = self.store.read().await?.upstream_claims(registry.id).await?;
        if !reached.endpoints.is_subset(&known) {
            let tx = self.store.write().await?;
            tx.lock_endpoints(&reached.endpoints).await?;
            if !is_free(&tx, registry.organization, &reached.endpoints, registry.prefix.as_ref()).await? {
                return Err(Unreachable::Claimed);
            }
            let mut all: BTreeSet<_> = known.union(&reached.endpoints).cloned().collect();
            if all.len() > MOST_ENDPOINTS {
                all.clone_from(&reached.endpoints);
            }
            tx.claim_upstream(registry.id, &all).await?;
            tx.commit_unrecorded(Technical::Upstream).await?;
        }
        Ok(reached.addresses)
    }

    /// Whether an upstream is this server under one of its own names.
    pub(super) async fn is_this_server(
        &self,
        tx: &Tx,
        upstream: &Upstream,
        reached: &Reached,
    ) -> Result<bool> {
        let own = self.issuer.upstream();
        if own.as_ref().is_some_and(|own| reached.endpoints.contains(&own.endpoint())) {
            return Ok(true);
        }
        let same_port = own.is_some_and(|own| own.port() == upstream.port());
        let host = upstream.host().parse().ok().filter(|_| same_port);
        match host {
            Some(host) => Ok(tx.registry_by_host(&host).await?.is_some()),
            None => Ok(false),
        }
    }
}

/// Holds an upstream for one organization until the end of the transaction, if it is free for it.
pub(super) async fn hold(
    tx: &Tx,
    organization: OrganizationId,
    reached: &Reached,
    prefix: Option<&RepositoryName>,
) -> Result<()> {
    tx.lock_endpoints(&reached.endpoints).await?;
    if is_free(tx, organization, &reached.endpoints, prefix).await? {
        return Ok(());
    }
    let message = "is in use by another organization: a shared upstream takes a prefix of one's own";
    Err(Error::field("upstream", Invalid::new("in_use", message)))
}

/// Whether no other organization has a registry there whose repositories could be the same.
async fn is_free(
    tx: &Tx,
    organization: OrganizationId,
    endpoints: &BTreeSet<Endpoint>,
    prefix: Option<&RepositoryName>,
) -> Result<bool, keyward_storage::StorageError> {
    let mut others = tx.prefixes_elsewhere(organization, endpoints).await?;
    // Of registries that nobody has asked yet since claims are kept, the name is all that is known.
    let unclaimed = tx.unclaimed_upstreams_elsewhere(organization).await?;
    let same = |upstream: &Upstream| endpoints.contains(&upstream.endpoint());
    others.extend(unclaimed.into_iter().filter(|(upstream, _)| same(upstream)).map(|(_, prefix)| prefix));
    Ok(others.iter().all(|theirs| match (prefix, theirs) {
        (Some(own), Some(theirs)) => {
            own != theirs && own.after(theirs).is_none() && theirs.after(own).is_none()
        }
        (None, _) | (_, None) => false,
    }))
}

/// What the organization is told of an upstream that is not reached, whatever the reason; the log has it.
pub(super) fn unreachable(upstream: &Upstream, why: &Unreachable) -> Error {
    tracing::warn!(%upstream, %why, "an upstream is not reached");
    let message = "can't be reached from this server. Check the name; private addresses take the operator's permission \
                   (KEYWARD_OUTBOUND_ALLOW)";
    Error::field("upstream", Invalid::new("unreachable", message))
}
