//! Who a request to a registry comes from, and how much of a repository they may have. Asked of the database at every
//! request, so that what is revoked is dead at the next.

use std::collections::{BTreeSet, HashMap};

use keyward_domain::registry::{
    Artifact, ArtifactGrant, ArtifactPolicy, Digest, Holder, Host, KeyAccess, PullRights, Reach, Registry,
    RepositoryName, Tag, Trace,
};
use keyward_domain::{
    Address, CustomerId, Kid, License, LicenseState, LicenseStatus, Organization, OrganizationScope,
    OrganizationState, Product, ProductState, Revision, RevisionState, Secret, SecretKind, SigningKey,
    Timestamp,
};
use keyward_storage::Tx;
use keyward_token::{Keyring, PublicKey, UnverifiedToken};
use sha2::{Digest as _, Sha256};

use crate::validation::load;
use crate::vault::SealError;
use crate::{Engine, Error, Resource, Result, pasted};

/// How many registries of one name are tried: their upstreams are one, or one vendor's.
const MOST_OF_ONE_NAME: u64 = 16;

/// Who a request was admitted as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub holder: Holder,
    /// What they may do.
    pub rights: Rights,
}

/// Someone who was recognised, with what they may have of the repository they ask for.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Who, and what they may do.
    pub principal: Principal,
    /// The repository as an artifact, if it is known and that decides.
    pub artifact: Option<Artifact>,
    /// How much of the repository they may have; nothing where none was asked for.
    pub reach: Reach,
}

/// What a principal may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// All that a key may do in its registry.
    Key(KeyAccess),
    /// Pull what a license opens.
    License(PullRights),
    /// Log in and no more; the sentence says why.
    Halted(String),
}

impl Engine {
    /// The registry that clients reach under `host`.
    pub async fn registry_at(&self, host: &Host) -> Result<Option<Registry>> {
        Ok(self.store.read().await?.registry_by_host(host).await?)
    }

    /// The registry that clients reach under `host` and, if the password opens it, whoever bears that with what they
    /// may have of a repository. All of it in one transaction: it is asked at every request, by strangers too.
    pub async fn admit_at(
        &self,
        host: &Host,
        password: Option<&str>,
        repository: Option<&RepositoryName>,
        address: Address,
        client: &str,
    ) -> Result<Option<(Registry, Option<Admitted>)>> {
        let tx = self.store.read().await?;
        let Some(registry) = tx.registry_by_host(host).await? else { return Ok(None) };
        let principal = match password {
            Some(password) => self.admit_in(&tx, &registry, password, address, client).await?,
            None => None,
        };
        let Some(principal) = principal else { return Ok(Some((registry, None))) };
        let (artifact, reach) = match repository {
            Some(repository) => reach_in(&tx, &registry, &principal, repository).await?,
            None => (None, Reach::Nothing),
        };
        Ok(Some((registry, Some(Admitted { principal, artifact, reach }))))
    }

    /// The registry for which a client that goes to the upstream itself fetches a token and, if the password opens it, whoever
    /// bears that. `service` is the upstream's own name for itself, or the registry's host: the one stays when the other is
    /// changed. Of several of one name it is the one that the password opens.
    pub async fn admit_direct(
        &self,
        service: &Host,
        password: Option<&str>,
        address: Address,
        client: &str,
    ) -> Result<Option<(Registry, Option<Principal>)>> {
        let tx = self.store.read().await?;
        let named = tx.direct_registries(service, MOST_OF_ONE_NAME).await?;
        for (registry, password) in
            named.iter().flat_map(|registry| password.map(|password| (registry, password)))
        {
            if let Some(principal) = self.admit_in(&tx, registry, password, address, client).await? {
                return Ok(Some((registry.clone(), Some(principal))));
            }
        }
        Ok(named.into_iter().next().map(|registry| (registry, None)))
    }

    /// Recognises the bearer of a registry key of this registry, or of a license's token of its organization.
    /// `None` for whoever is neither, or no longer.
    pub async fn admit(
        &self,
        registry: &Registry,
        password: &str,
        address: Address,
        client: &str,
    ) -> Result<Option<Principal>> {
        let tx = self.store.read().await?;
        self.admit_in(&tx, registry, password, address, client).await
    }

    async fn admit_in(
        &self,
        tx: &Tx,
        registry: &Registry,
        password: &str,
        address: Address,
        client: &str,
    ) -> Result<Option<Principal>> {
        match Secret::parse(SecretKind::Registry, password) {
            Some(secret) => self.admit_key(tx, registry, &secret, address, client).await,
            None => self.admit_token(tx, registry, password).await,
        }
    }

    async fn admit_key(
        &self,
        tx: &Tx,
        registry: &Registry,
        secret: &Secret,
        address: Address,
        client: &str,
    ) -> Result<Option<Principal>> {
        let (scope, now, hash) = (registry.scope(), self.now(), secret.hash());
        let found = tx.registry_keys(scope).by_hash(registry.id, &hash).await?;
        // The look-up is by hash; the comparison in constant time is what decides.
        let Some(key) = found.filter(|key| key.accepts(&hash, now)) else { return Ok(None) };
        let organization =
            tx.organizations().find(scope).await?.ok_or(Error::NotFound(Resource::Organization))?;
        self.note_use(&key, address, client);
        let rights = halted(&organization).map_or(Rights::Key(key.access), Rights::Halted);
        Ok(Some(Principal { holder: Holder::Key(key.id), rights }))
    }

    async fn admit_token(&self, tx: &Tx, registry: &Registry, token: &str) -> Result<Option<Principal>> {
        let scope = registry.scope();
        let Some(named) = self.named_by_token(tx, scope, token).await? else { return Ok(None) };
        let Some(license) = tx.licenses(scope).find(named.license).await? else { return Ok(None) };
        let terms = load::terms(tx, scope, &license, &named).await?;
        let Some(revision) = terms.filter(|revision| !is_withdrawn(&license, revision)) else {
            return Ok(None);
        };
        let organization =
            tx.organizations().find(scope).await?.ok_or(Error::NotFound(Resource::Organization))?;
        let holder = Holder::License { license: license.id, customer: license.customer };
        let rights = self.license_rights(tx, &organization, &license, &revision).await?;
        Ok(Some(Principal { holder, rights }))
    }

    /// What a token of this organization names, if the key that signed it is published now. That a signature is good
    /// is remembered: it stays so whatever becomes of key and license, which are looked up each time.
    async fn named_by_token(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        token: &str,
    ) -> Result<Option<load::Named>> {
        let token = &*pasted(token);
        let Some(kid) = UnverifiedToken::parse(token).ok().and_then(|token| token.kid()) else {
            return Ok(None);
        };
        let key = tx.signing_keys(scope).find(&Kid::from_bytes(kid.to_bytes())).await?;
        let Some(key) = key.filter(SigningKey::is_published) else { return Ok(None) };
        let digest = Sha256::new()
            .chain_update(scope.id().uuid().as_bytes())
            .chain_update(key.public)
            .chain_update(token)
            .finalize();
        let digest: [u8; 32] = digest.into();
        if let Some(named) = self.verified_tokens.get(&digest) {
            return Ok(Some(named));
        }
        let mut keyring = Keyring::new();
        let public = PublicKey::from_bytes(&key.public).and_then(|public| keyring.insert(public));
        public.map_err(|_| Error::Key { kid: key.kid.to_string(), source: SealError::Mismatch })?;
        let named = load::token(self, &keyring, scope, token);
        if let Some(named) = &named {
            self.verified_tokens.insert(digest, named.clone());
        }
        Ok(named)
    }

    /// What a license opens now on terms that were not withdrawn.
    pub(super) async fn license_rights(
        &self,
        tx: &Tx,
        organization: &Organization,
        license: &License,
        revision: &Revision,
    ) -> Result<Rights> {
        let held = Held::of(tx, organization.scope(), license.customer).await?;
        let product = match license.product {
            Some(product) => tx.products(organization.scope()).find(product).await?,
            None => None,
        };
        Ok(held.rights(organization, license, revision, product.as_ref(), self.now()))
    }

    /// How much of a repository a principal may have, and the artifact, if it is known and that depends on it.
    pub async fn reach(
        &self,
        registry: &Registry,
        principal: &Principal,
        repository: &RepositoryName,
    ) -> Result<(Option<Artifact>, Reach)> {
        reach_in(&self.store.read().await?, registry, principal, repository).await
    }

    /// Those of some repositories of which a principal may have anything.
    pub async fn reachable(
        &self,
        registry: &Registry,
        principal: &Principal,
        repositories: Vec<RepositoryName>,
    ) -> Result<Vec<RepositoryName>> {
        let rights = match &principal.rights {
            Rights::Key(_) => return Ok(repositories),
            Rights::Halted(_) => return Ok(Vec::new()),
            Rights::License(rights) => rights,
        };
        let tx = self.store.read().await?;
        let known = tx.artifacts(registry.scope()).of_registry(registry.id).await?;
        let known: HashMap<_, _> =
            known.into_iter().map(|artifact| (artifact.repository, artifact.id)).collect();
        let open = |name: &RepositoryName| rights.reach(known.get(name).copied(), name) != Reach::Nothing;
        Ok(repositories.into_iter().filter(open).collect())
    }

    /// Whether it is known that a digest of one repository is of one of these tags, or of something about one of theirs.
    pub async fn is_of_tags(
        &self,
        registry: &Registry,
        artifact: &Artifact,
        digest: &Digest,
        tags: &BTreeSet<Tag>,
    ) -> Result<bool> {
        let tx = self.store.read().await?;
        Ok(tx.artifacts(registry.scope()).content(artifact.id).trace(Trace::new(tags, digest)).await?)
    }
}

/// What decides for all licenses of one customer.
pub(super) struct Held {
    policy: ArtifactPolicy,
    grants: Vec<ArtifactGrant>,
}

impl Held {
    pub(super) async fn of(tx: &Tx, scope: OrganizationScope, customer: Option<CustomerId>) -> Result<Self> {
        let entitlements = tx.artifact_entitlements(scope);
        let held = match customer {
            Some(customer) => entitlements.of_customer(customer).await?,
            None => Vec::new(),
        };
        let grants = held.into_iter().flat_map(|entitlement| entitlement.grants).collect();
        Ok(Self { policy: entitlements.policy().await?, grants })
    }

    /// What a license opens at `now` on terms that were not withdrawn.
    pub(super) fn rights(
        &self,
        organization: &Organization,
        license: &License,
        revision: &Revision,
        product: Option<&Product>,
        now: Timestamp,
    ) -> Rights {
        let why = halted(organization)
            .or_else(|| product.and_then(unserved))
            .or_else(|| lapsed(license, revision, organization, now));
        if let Some(why) = why {
            return Rights::Halted(why);
        }
        let roles = product.map(|product| &product.pull_roles).filter(|roles| !roles.roles().is_empty());
        Rights::License(PullRights {
            policy: self.policy,
            roles: roles.map(|roles| roles.open(&revision.registry)),
            grants: self.grants.clone(),
        })
    }
}

async fn reach_in(
    tx: &Tx,
    registry: &Registry,
    principal: &Principal,
    repository: &RepositoryName,
) -> Result<(Option<Artifact>, Reach)> {
    let rights = match &principal.rights {
        Rights::Key(_) => return Ok((None, Reach::Everything)),
        Rights::Halted(_) => return Ok((None, Reach::Nothing)),
        Rights::License(rights) => rights,
    };
    let artifact = tx.artifacts(registry.scope()).named(registry.id, repository).await?;
    let reach = rights.reach(artifact.as_ref().map(|artifact| artifact.id), repository);
    Ok((artifact, reach))
}

/// Whether the token of these terms has been ended for ever.
pub(super) fn is_withdrawn(license: &License, revision: &Revision) -> bool {
    matches!(license.state, LicenseState::Revoked { .. })
        || matches!(revision.state, RevisionState::Revoked { .. })
}

fn halted(organization: &Organization) -> Option<String> {
    match organization.state {
        OrganizationState::Active => None,
        OrganizationState::Suspended { .. } => {
            Some(format!("{} is suspended on this server", organization.name))
        }
    }
}

fn unserved(product: &Product) -> Option<String> {
    match product.state {
        ProductState::Active => None,
        ProductState::Archived { .. } | ProductState::Disabled { .. } => {
            Some(format!("{} is out of service", product.name))
        }
    }
}

/// Why a license opens nothing now.
fn lapsed(license: &License, revision: &Revision, vendor: &Organization, now: Timestamp) -> Option<String> {
    let name = &license.name;
    match LicenseStatus::of(license.state, revision.validity, now) {
        LicenseStatus::Active => None,
        LicenseStatus::Expired => {
            let end = revision
                .validity
                .expires_at()
                .map(|end| format!(" after {}", end.as_end()))
                .unwrap_or_default();
            Some(format!("the license {name} expired{end}; ask {} to renew it", vendor.name))
        }
        LicenseStatus::NotYetValid => {
            let start = revision.validity.not_before().as_start();
            Some(format!("the license {name} is not valid before {start}"))
        }
        LicenseStatus::Suspended => Some(format!("the license {name} is suspended; ask {}", vendor.name)),
        LicenseStatus::Revoked => Some(format!("the license {name} is revoked")),
    }
}
