//! Registries: hosts that container clients talk to, their keys, who may pull what, and their admission.

mod admission;
mod anomaly;
mod artifact;
mod claim;
pub(crate) mod entitled;
pub(crate) mod entitlement;
mod event;
mod explained;
mod key;
mod notification;
pub(crate) mod part;
mod pull_credential;
mod rotation;
mod sweep;
pub(crate) mod upstream;

use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{Credential, Host, Registry, RepositoryName, Upstream};
use keyward_domain::{
    Access, Action, Idempotency, Invalid, Name, OrganizationScope, Page, PageRequest, RegistryId, Slug,
    Versioned,
};
use keyward_storage::{StorageError, Tx, Unique};
use serde_json::json;
use zeroize::Zeroizing;

use claim::{Reached, unreachable};
use uuid::Uuid;

use crate::audit::Differing as _;
use crate::change::{Change, unchanged};
use crate::outbound::Unreachable;
use crate::{Done, Engine, Error, Resource, Result};

pub use admission::{Authorization, Authorized, Presented};
pub use artifact::{NewArtifact, TagDetail};
pub use entitled::{
    CustomerPulls, EntitledArtifact, EntitledImages, EntitledLicense, EntitledRegistry, MOST_LOOKED_AT,
    Missing, MissingImage,
};
pub use entitlement::{EntitlementChange, MOST_GRANTS, NewEntitlement, NewGrant, Preview, TagChoice};
pub use event::AccessEvent;
pub use explained::{PullVerdict, RefusedPull};
pub use key::{NewRegistryKey, NewRegistrySecret};
pub use notification::NewNotifications;
pub use rotation::Collected;
pub use sweep::SWEEP_LEASE_SECONDS;
pub use upstream::Scope;

/// A registry to be created.
#[derive(Debug)]
pub struct NewRegistry {
    /// As shown to people.
    pub name: Name,
    /// Under which host clients reach it; `None` for one made of the name.
    pub host: Option<Host>,
    /// The registry behind it.
    pub upstream: Upstream,
    /// What every repository's name begins with in there.
    pub prefix: Option<RepositoryName>,
    /// How the upstream knows the gateway.
    pub credential: NewCredential,
    /// How the upstream calls itself; `None` for the host.
    pub service: Option<Host>,
    /// Whether a client may be sent on to where the upstream keeps a blob.
    pub pass_redirects: bool,
    /// Whether clients may also go to the upstream itself.
    pub direct: bool,
}

/// How the upstream is to know the gateway.
#[derive(Debug, Clone, Default)]
pub enum NewCredential {
    /// By a token of a minute, signed with the registry's own key.
    #[default]
    Token,
    /// By user name and password.
    Basic {
        /// The user.
        user: Name,
        /// The password.
        password: Zeroizing<String>,
    },
    /// Not at all.
    None,
}

keyward_domain::described!(object NewCredential;);

/// Changes of a registry. What is `None` stays.
#[derive(Debug, Default)]
pub struct RegistryChange {
    /// A new name.
    pub name: Option<Name>,
    /// A new host.
    pub host: Option<Host>,
    /// Another upstream.
    pub upstream: Option<Upstream>,
    /// Another credential.
    pub credential: Option<NewCredential>,
    /// How the upstream calls itself.
    pub service: Option<Host>,
    /// Whether a client may be sent on.
    pub pass_redirects: Option<bool>,
    /// Whether clients may also go to the upstream itself.
    pub direct: Option<bool>,
}

impl Engine {
    /// The organization's registries.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn registries(
        &self,
        access: &Access<ReadRegistries>,
        page: PageRequest,
    ) -> Result<Page<Registry>> {
        Ok(self.store.read().await?.registries(access.scope()).list(page).await?)
    }

    /// One registry.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn registry(&self, access: &Access<ReadRegistries>, id: RegistryId) -> Result<Registry> {
        find(&self.store.read().await?, access.scope(), id).await
    }

    /// What clients type to reach a registry: its host, and the port of the public URL where that names one.
    pub fn registry_address(&self, registry: &Registry) -> String {
        match self.issuer.port() {
            Some(port) => format!("{}:{port}", registry.host),
            None => registry.host.to_string(),
        }
    }

    /// Creates a registry with a key pair of its own.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn create_registry(
        &self,
        access: &Access<WriteRegistries>,
        new: NewRegistry,
        once: Option<&Idempotency>,
    ) -> Result<Done<Registry>> {
        let (scope, now) = (access.scope(), self.now());
        let reached = self.reach_upstream(scope.id(), &new.upstream).await;
        let id = self.id(RegistryId::new);
        let earlier = async |change: Change<'_>, id: Uuid| find(&change, scope, id.into()).await;
        self.change_once(access, once, earlier, async |change| {
            let host = match &new.host {
                Some(host) => host.clone(),
                None => self.default_host(&change, &new.name).await?,
            };
            let reached = self.fits(&change, scope, &new.upstream, &reached, new.prefix.as_ref()).await?;
            let (certificate, sealed_key) = self.new_registry_pair(scope, id, &host)?;
            let registry = Registry {
                id,
                organization: scope.id(),
                name: new.name.clone(),
                host: host.clone(),
                credential: self.credential(scope, id, Some(reached), &new.credential)?,
                upstream: new.upstream.clone(),
                prefix: new.prefix.clone(),
                service: new.service.clone().unwrap_or_else(|| host.clone()),
                pass_redirects: new.pass_redirects,
                direct: new.direct,
                certificate,
                sealed_key,
                swept_at: None,
                sweep_fault: None,
                deleted_at: None,
                created_at: now,
                updated_at: now,
                version: 1,
            };
            change.registries(scope).insert(&registry).await.map_err(taken)?;
            change.claim_upstream(id, &reached.endpoints).await?;
            change.commit(Action::RegistryCreated, id.uuid(), &detail(&registry)).await?;
            Ok(registry)
        })
        .await
    }

    /// Changes a registry. What is behind another upstream is looked at anew.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn update_registry(
        &self,
        access: &Access<WriteRegistries>,
        id: RegistryId,
        update: RegistryChange,
        expected: Option<i64>,
    ) -> Result<Registry> {
        let (scope, now) = (access.scope(), self.now());
        let before = find(&self.store.read().await?, scope, id).await?;
        let stays = update.upstream.is_none();
        let upstream = update.upstream.clone().unwrap_or(before.upstream);
        let reached = self.reach_upstream(scope.id(), &upstream).await;
        self.change(access, async |change| {
            let registry = lock(&change, scope, id).await?;
            unchanged(registry.version, expected)?;
            // Someone else has moved it while its upstream was looked for.
            if stays && registry.upstream != upstream {
                return Err(Error::Changed { version: registry.version });
            }
            let before = registry.clone();
            let moved = upstream != registry.upstream;
            // What stays where it is can be changed while it is away; only what begins to ask for no credential must be seen.
            let opened = matches!(update.credential, Some(NewCredential::None))
                && registry.credential != Credential::None;
            let reached = match &reached {
                Err(_) if !moved && !opened => None,
                reached => {
                    Some(self.fits(&change, scope, &upstream, reached, registry.prefix.as_ref()).await?)
                }
            };
            let credential = match &update.credential {
                Some(new) => self.credential(scope, id, reached, new)?,
                None => checked(reached, registry.credential)?,
            };
            if let Some(reached) = reached {
                change.claim_upstream(id, &reached.endpoints).await?;
            }
            let registry = Registry {
                name: update.name.clone().unwrap_or(registry.name),
                host: update.host.clone().unwrap_or(registry.host),
                upstream: upstream.clone(),
                credential,
                service: update.service.clone().unwrap_or(registry.service),
                pass_redirects: update.pass_redirects.unwrap_or(registry.pass_redirects),
                direct: update.direct.unwrap_or(registry.direct),
                swept_at: registry.swept_at.filter(|_| !moved),
                ..registry
            };
            let registry = registry.changed(now);
            if registry.is_unchanged(&before) {
                return Ok(before);
            }
            change.registries(scope).save(&registry).await.map_err(taken)?;
            let mut detail = detail(&registry).to_vec();
            detail.push(registry.differences(&before).detail());
            change.commit(Action::RegistryUpdated, id.uuid(), &detail).await?;
            Ok(registry)
        })
        .await
    }

    /// Removes a registry. Its keys are dead from the next request on; what is in the upstream stays there.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn delete_registry(
        &self,
        access: &Access<WriteRegistries>,
        id: RegistryId,
        expected: Option<i64>,
    ) -> Result<()> {
        let (scope, now) = (access.scope(), self.now());
        self.change(access, async |change| {
            let registry = lock(&change, scope, id).await?;
            unchanged(registry.version, expected)?;
            let registry = Registry { deleted_at: Some(now), ..registry }.changed(now);
            change.registries(scope).save(&registry).await?;
            change.commit(Action::RegistryDeleted, id.uuid(), &detail(&registry)).await
        })
        .await
    }

    /// Whether an organization may have this upstream: it is reached, is not this server, and is nobody else's. It is held
    /// until the end of the transaction.
    async fn fits<'r>(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        upstream: &Upstream,
        reached: &'r Result<Reached, Unreachable>,
        prefix: Option<&RepositoryName>,
    ) -> Result<&'r Reached> {
        let reached = reached.as_ref().map_err(|why| unreachable(upstream, why))?;
        if self.is_this_server(tx, upstream, reached).await? {
            let invalid = Invalid::new("is_this_server", "is this server itself, not a registry behind it");
            return Err(Error::field("upstream", invalid));
        }
        claim::hold(tx, scope.id(), reached, prefix).await?;
        Ok(reached)
    }

    /// Seals what the upstream knows the gateway by.
    fn credential(
        &self,
        scope: OrganizationScope,
        id: RegistryId,
        reached: Option<&Reached>,
        new: &NewCredential,
    ) -> Result<Credential> {
        let credential = match new {
            NewCredential::Token => Credential::Token,
            NewCredential::None => Credential::None,
            NewCredential::Basic { user, password } => {
                if user.as_str().contains(':') {
                    let wrong = Invalid::new("invalid_user", "a user name of HTTP has no colon");
                    return Err(Error::field("credential", wrong.at("user")));
                }
                let sealed_password = self.seal_upstream_password(scope, id, password)?;
                Credential::Basic { user: user.clone(), sealed_password }
            }
        };
        checked(reached, credential)
    }

    /// A host below the domain of the server's registries; where that is an address, which has nothing below it,
    /// the address itself.
    async fn default_host(&self, tx: &Tx, name: &Name) -> Result<Host> {
        let domain = &self.registry_domain;
        let below = !domain.as_str().starts_with('[')
            && domain.as_str() != "localhost"
            && domain.as_str().parse::<std::net::IpAddr>().is_err();
        if !below {
            return Ok(domain.clone());
        }
        let plain = Slug::from_name(name, "registry");
        let mut slug = plain.clone();
        for number in 2.. {
            let text = format!("{slug}.{domain}");
            let host: Host = text.parse().map_err(|invalid| Error::field("host", invalid))?;
            if tx.registry_by_host(&host).await?.is_none() {
                return Ok(host);
            }
            slug = plain.numbered(number);
        }
        Ok(domain.clone())
    }
}

/// An upstream that asks for nothing is let be only where nobody else reaches it.
fn checked(reached: Option<&Reached>, credential: Credential) -> Result<Credential> {
    let elsewhere = reached.is_some_and(|reached| !reached.is_loopback());
    if credential == Credential::None && elsewhere {
        let message = "an upstream that asks for no credential must be on the same machine: whoever reaches it \
                       needs no key";
        return Err(Error::field("credential", Invalid::new("credential_required", message)));
    }
    Ok(credential)
}

pub(crate) async fn find(tx: &Tx, scope: OrganizationScope, id: RegistryId) -> Result<Registry> {
    tx.registries(scope).find(id).await?.ok_or(Error::NotFound(Resource::Registry))
}

async fn lock(tx: &Tx, scope: OrganizationScope, id: RegistryId) -> Result<Registry> {
    tx.registries(scope).lock(id).await?.ok_or(Error::NotFound(Resource::Registry))
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::RegistryHost) => {
            Error::Taken { resource: Resource::Registry, field: "host" }
        }
        other => other.into(),
    }
}

fn key_taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::RegistryKeyName) => {
            Error::Taken { resource: Resource::RegistryKey, field: "name" }
        }
        other => other.into(),
    }
}

fn detail(registry: &Registry) -> [(&'static str, serde_json::Value); 3] {
    [("name", json!(registry.name)), ("host", json!(registry.host)), ("upstream", json!(registry.upstream))]
}
