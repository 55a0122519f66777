//! Registries: hosts that container clients talk to, their keys, who may pull what, and the door itself.

mod artifact;
mod door;
mod entitlement;
mod event;
mod key;
mod notification;
mod own;
mod rotation;
mod upstream;
mod watch;

use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{Credential, Host, Registry, RepositoryName, Upstream};
use keyward_domain::{
    Access, Action, Idempotency, Invalid, Name, OrganizationScope, Page, PageRequest, RegistryId, Slug,
    Versioned,
};
use keyward_storage::{StorageError, Tx, Unique};
use serde_json::json;
use zeroize::Zeroizing;

use crate::customer::unchanged;
use crate::{Done, Engine, Error, Result, Thing, once};

pub use artifact::{NewArtifact, TagDetail};
pub use door::{Guest, Rights};
pub use entitlement::{EntitlementChange, NewEntitlement, NewGrant, Preview, TagChoice};
pub use event::Happening;
pub use key::{NewRegistryKey, NewRegistrySecret};
pub use notification::NewNotifications;
pub use own::{OwnArtifact, OwnImages, OwnLicense, OwnRegistry};
pub use rotation::{Collected, Tended};
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
#[derive(Debug, Clone)]
pub enum NewCredential {
    /// By a token for each request, signed with the registry's own key.
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
    pub async fn registries(
        &self,
        access: &Access<ReadRegistries>,
        page: PageRequest,
    ) -> Result<Page<Registry>> {
        Ok(self.store.read().await?.registries(access.scope()).list(page).await?)
    }

    /// One registry.
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
    pub async fn create_registry(
        &self,
        access: &Access<WriteRegistries>,
        new: NewRegistry,
        once: Option<&Idempotency>,
    ) -> Result<Done<Registry>> {
        let (scope, now) = (access.scope(), self.now());
        let tx = self.store.write().await?;
        if let Some(id) = once::earlier(&tx, scope, once, now).await? {
            return Ok(Done::before(find(&tx, scope, id.into()).await?));
        }
        let id = self.id(RegistryId::new);
        let host = match new.host {
            Some(host) => host,
            None => self.default_host(&tx, &new.name).await?,
        };
        self.fits(&tx, scope, &new.upstream, new.prefix.as_ref()).await?;
        let (certificate, sealed_key) = self.new_registry_pair(scope, id, &host)?;
        let registry = Registry {
            id,
            organization: scope.id(),
            name: new.name,
            host: host.clone(),
            credential: self.credential(scope, id, &new.upstream, new.credential)?,
            upstream: new.upstream,
            prefix: new.prefix,
            service: new.service.unwrap_or_else(|| host.clone()),
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
        tx.registries(scope).insert(&registry).await.map_err(taken)?;
        self.record(&tx, access, Action::RegistryCreated, id.uuid(), &detail(&registry)).await?;
        once::complete(&tx, scope, once, id.uuid()).await?;
        tx.commit().await?;
        Ok(Done::now(registry))
    }

    /// Changes a registry. What is behind another upstream is looked at anew.
    pub async fn update_registry(
        &self,
        access: &Access<WriteRegistries>,
        id: RegistryId,
        change: RegistryChange,
        expected: Option<i64>,
    ) -> Result<Registry> {
        let scope = access.scope();
        let tx = self.store.write().await?;
        let registry = lock(&tx, scope, id).await?;
        unchanged(registry.version, expected)?;
        let before = registry.clone();
        let moved = change.upstream.as_ref().is_some_and(|upstream| *upstream != registry.upstream);
        let upstream = change.upstream.unwrap_or(registry.upstream);
        self.fits(&tx, scope, &upstream, registry.prefix.as_ref()).await?;
        let credential = match change.credential {
            Some(new) => self.credential(scope, id, &upstream, new)?,
            None => checked(&upstream, registry.credential)?,
        };
        let registry = Registry {
            name: change.name.unwrap_or(registry.name),
            host: change.host.unwrap_or(registry.host),
            upstream,
            credential,
            service: change.service.unwrap_or(registry.service),
            pass_redirects: change.pass_redirects.unwrap_or(registry.pass_redirects),
            direct: change.direct.unwrap_or(registry.direct),
            swept_at: registry.swept_at.filter(|_| !moved),
            ..registry
        };
        let registry = registry.changed(self.now());
        if registry.is_unchanged(&before) {
            return Ok(before);
        }
        tx.registries(scope).save(&registry).await.map_err(taken)?;
        self.record(&tx, access, Action::RegistryUpdated, id.uuid(), &detail(&registry)).await?;
        tx.commit().await?;
        Ok(registry)
    }

    /// Removes a registry. Its keys are dead from the next request on; what is in the upstream stays there.
    pub async fn delete_registry(
        &self,
        access: &Access<WriteRegistries>,
        id: RegistryId,
        expected: Option<i64>,
    ) -> Result<()> {
        let (scope, now) = (access.scope(), self.now());
        let tx = self.store.write().await?;
        let registry = lock(&tx, scope, id).await?;
        unchanged(registry.version, expected)?;
        let registry = Registry { deleted_at: Some(now), ..registry }.changed(now);
        tx.registries(scope).save(&registry).await?;
        self.record(&tx, access, Action::RegistryDeleted, id.uuid(), &detail(&registry)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether an organization may have this upstream: the operator lets it be named, and it is nobody else's.
    async fn fits(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        upstream: &Upstream,
        prefix: Option<&RepositoryName>,
    ) -> Result<()> {
        if !self.allows_upstream(upstream) {
            let message =
                "is none of those that the operator of this server allows (KEYWARD_REGISTRY_UPSTREAMS)";
            return Err(Error::field("upstream", Invalid::new("upstream_not_allowed", message)));
        }
        apart(tx, scope, upstream, prefix).await
    }

    /// Whether the operator lets an upstream be asked.
    pub fn allows_upstream(&self, upstream: &Upstream) -> bool {
        self.allowed_upstreams.allow(upstream)
    }

    /// Seals what the upstream knows the gateway by.
    fn credential(
        &self,
        scope: OrganizationScope,
        id: RegistryId,
        upstream: &Upstream,
        new: NewCredential,
    ) -> Result<Credential> {
        let credential = match new {
            NewCredential::Token => Credential::Token,
            NewCredential::None => Credential::None,
            NewCredential::Basic { user, password } => {
                if user.as_str().contains(':') {
                    let wrong = Invalid::new("invalid_user", "a user name of HTTP has no colon");
                    return Err(Error::field("credential", wrong.at("user")));
                }
                let sealed_password = self.seal_upstream_password(scope, id, &password)?;
                Credential::Basic { user, sealed_password }
            }
        };
        checked(upstream, credential)
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
fn checked(upstream: &Upstream, credential: Credential) -> Result<Credential> {
    if credential == Credential::None && !upstream.is_loopback() {
        let message = "an upstream that asks for no credential must be on the same machine: whoever reaches it \
                       needs no key";
        return Err(Error::field("credential", Invalid::new("credential_required", message)));
    }
    Ok(credential)
}

/// Keeps vendors who share an upstream out of each other's repositories.
async fn apart(
    tx: &Tx,
    scope: OrganizationScope,
    upstream: &Upstream,
    prefix: Option<&RepositoryName>,
) -> Result<()> {
    for (other, theirs) in tx.upstreams_elsewhere(scope.id()).await? {
        let disjoint = match (prefix, &theirs) {
            _ if !upstream.meets(&other) => true,
            (Some(own), Some(theirs)) => {
                own != theirs && own.after(theirs).is_none() && theirs.after(own).is_none()
            }
            (None, _) | (_, None) => false,
        };
        if !disjoint {
            let message = "is in use by another organization: a shared upstream takes a prefix of one's own";
            return Err(Error::field("upstream", Invalid::new("in_use", message)));
        }
    }
    Ok(())
}

pub(crate) async fn find(tx: &Tx, scope: OrganizationScope, id: RegistryId) -> Result<Registry> {
    tx.registries(scope).find(id).await?.ok_or(Error::NotFound(Thing::Registry))
}

async fn lock(tx: &Tx, scope: OrganizationScope, id: RegistryId) -> Result<Registry> {
    tx.registries(scope).lock(id).await?.ok_or(Error::NotFound(Thing::Registry))
}

fn taken(error: StorageError) -> Error {
    match error {
        StorageError::Unique(Unique::RegistryHost) => Error::Taken { thing: Thing::Registry, field: "host" },
        other => other.into(),
    }
}

fn detail(registry: &Registry) -> [(&'static str, serde_json::Value); 3] {
    [("name", json!(registry.name)), ("host", json!(registry.host)), ("upstream", json!(registry.upstream))]
}
