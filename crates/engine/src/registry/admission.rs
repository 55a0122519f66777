//! Who a request to a registry comes from, and how much of a repository they may have. Asked of the database at every
//! request, so that what is revoked is dead at the next.

use std::collections::{BTreeSet, HashMap};

use keyward_domain::admission::{Admission, Denial, LicenseGround, Principal, RegistryRequest, Rights};
use keyward_domain::registry::{
    Artifact, ArtifactGrant, ArtifactPolicy, Digest, Holder, Host, PullCredential, Reach, Registry,
    RepositoryName, Tag, Trace,
};
use keyward_domain::{
    Address, CustomerId, Kid, License, Organization, OrganizationScope, Product, Revision, Secret,
    SecretKind, SigningKey,
};
use keyward_storage::Tx;
use keyward_token::{Keyring, PublicKey, UnverifiedToken};
use sha2::{Digest as _, Sha256};

use crate::validation::load;
use crate::vault::SealError;
use crate::{Engine, Error, Result, organization, pasted};

/// How many registries of one name are tried: their upstreams are one, or one vendor's.
const MOST_OF_ONE_NAME: u64 = 16;

/// What a client presents, and where it is.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// A registry key, a license's token or the pull credential of a deployment; `None` for a client that shows nothing.
    pub password: Option<&'a str>,
    /// From where it asks.
    pub address: Address,
    /// As it calls itself.
    pub client: &'a str,
}

/// A request of someone who was recognised, with all that is known of it before the upstream is asked.
#[derive(Debug, Clone)]
pub struct Authorized {
    /// Who, and what they may do.
    pub principal: Principal,
    /// The repository as an artifact, if it is known and the rights depend on it.
    pub artifact: Option<Artifact>,
    /// How much of the repository they may have; nothing where none was asked for.
    pub reach: Reach,
    /// What was decided.
    pub decision: Authorization,
    /// The manifest that the request is for as far as is known, where all that is kept of it is known too.
    pub known: Option<Digest>,
}

/// The decision about a request, as far as it can be made from what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// It goes on.
    Allowed,
    /// It ends here.
    Denied(Denial),
    /// It goes on if one of these tags is found to lead to this digest, which is not known.
    Untraced(BTreeSet<Tag>, Digest),
}

impl Engine {
    /// The registry that clients reach under `host` and, if that opens it, the decision about what its bearer asks
    /// of it or of one of its repositories. All of it in one read transaction: it is asked at every request, by strangers too.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn authorize(
        &self,
        host: &Host,
        presented: Presented<'_>,
        repository: Option<&RepositoryName>,
        request: RegistryRequest<'_>,
    ) -> Result<Option<(Registry, Option<Authorized>)>> {
        let tx = self.store.read().await?;
        let Some((registry, organization)) = tx.registry_with_organization(host).await? else {
            return Ok(None);
        };
        let Some(principal) = self.principal(&tx, &registry, &organization, presented).await? else {
            return Ok(Some((registry, None)));
        };
        let authorized = match repository {
            Some(repository) => authorized(&tx, &registry, principal, repository, request).await?,
            None => Authorized {
                decision: match principal.rights.admit() {
                    Ok(()) => Authorization::Allowed,
                    Err(denial) => Authorization::Denied(denial),
                },
                principal,
                artifact: None,
                reach: Reach::Nothing,
                known: None,
            },
        };
        Ok(Some((registry, Some(authorized))))
    }

    /// The registry for which a client that goes to the upstream itself fetches a token and, if what is presented opens it,
    /// whoever bears that. `service` is the upstream's own name for itself, or the registry's host: the one stays when the
    /// other is changed. Of several of one name it is the one that is opened.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn admit_direct(
        &self,
        service: &Host,
        presented: Presented<'_>,
    ) -> Result<Option<(Registry, Option<Principal>)>> {
        let tx = self.store.read().await?;
        let named = tx.direct_registries(service, MOST_OF_ONE_NAME).await?;
        for registry in &named {
            let organization = organization::find(&tx, registry.scope()).await?;
            if let Some(principal) = self.principal(&tx, registry, &organization, presented).await? {
                return Ok(Some((registry.clone(), Some(principal))));
            }
        }
        Ok(named.into_iter().next().map(|registry| (registry, None)))
    }

    /// The bearer of a registry key or pull credential of this registry, or of a license's token of its organization; `None`
    /// for whoever is none of them, or no longer.
    async fn principal(
        &self,
        tx: &Tx,
        registry: &Registry,
        organization: &Organization,
        presented: Presented<'_>,
    ) -> Result<Option<Principal>> {
        let Some(password) = presented.password else { return Ok(None) };
        if PullCredential::is_meant_by(password) {
            return self.agent(tx, (registry, organization), password).await;
        }
        match Secret::parse(SecretKind::Registry, password) {
            Some(secret) => self.key_bearer(tx, (registry, organization), &secret, presented).await,
            None => self.license_bearer(tx, organization, password).await,
        }
    }

    async fn key_bearer(
        &self,
        tx: &Tx,
        (registry, organization): (&Registry, &Organization),
        secret: &Secret,
        presented: Presented<'_>,
    ) -> Result<Option<Principal>> {
        let hash = secret.hash();
        let found = tx.registry_keys(registry.scope()).by_hash(registry.id, &hash).await?;
        let Some(key) = found else { return Ok(None) };
        let Some(rights) = Rights::of_key(organization, &key, &hash, self.now()) else { return Ok(None) };
        self.note_use(&key, presented.address, presented.client);
        Ok(Some(Principal { holder: Holder::Key(key.id), rights }))
    }

    async fn license_bearer(
        &self,
        tx: &Tx,
        organization: &Organization,
        token: &str,
    ) -> Result<Option<Principal>> {
        let scope = organization.scope();
        let Some(named) = self.named_by_token(tx, scope, token).await? else { return Ok(None) };
        let Some(license) = tx.licenses(scope).find(named.license).await? else { return Ok(None) };
        let Some(revision) = load::terms(tx, scope, &license, &named).await? else { return Ok(None) };
        let product = match license.product {
            Some(product) => tx.products(scope).find(product).await?,
            None => None,
        };
        let entitled = Entitled::of(tx, scope, license.customer).await?;
        let rights = entitled.ground(organization, &license, &revision, product.as_ref()).rights(self.now());
        let holder = Holder::License { license: license.id, customer: license.customer };
        Ok(rights.map(|rights| Principal { holder, rights }))
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

    /// How much of a repository a principal may have.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn reach(
        &self,
        registry: &Registry,
        principal: &Principal,
        repository: &RepositoryName,
    ) -> Result<Reach> {
        let artifact = match principal.rights {
            Rights::Key(_) | Rights::Halted(_) => None,
            Rights::License(_) | Rights::Deployment(_) => {
                self.store.read().await?.artifacts(registry.scope()).named(registry.id, repository).await?
            }
        };
        Ok(principal.rights.reach(artifact.map(|artifact| artifact.id), repository))
    }

    /// Those of some repositories of which a principal may have anything.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn reachable(
        &self,
        registry: &Registry,
        principal: &Principal,
        repositories: Vec<RepositoryName>,
    ) -> Result<Vec<RepositoryName>> {
        let known = match principal.rights {
            Rights::Key(_) => return Ok(repositories),
            Rights::Halted(_) => return Ok(Vec::new()),
            Rights::License(_) | Rights::Deployment(_) => {
                self.store.read().await?.artifacts(registry.scope()).of_registry(registry.id).await?
            }
        };
        let known: HashMap<_, _> =
            known.into_iter().map(|artifact| (artifact.repository, artifact.id)).collect();
        let open =
            |name: &RepositoryName| principal.rights.reach(known.get(name).copied(), name) != Reach::Nothing;
        Ok(repositories.into_iter().filter(open).collect())
    }

    /// Whether it is known that a digest of one repository is of one of these tags, or of something about one of theirs.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
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

async fn authorized(
    tx: &Tx,
    registry: &Registry,
    mut principal: Principal,
    repository: &RepositoryName,
    request: RegistryRequest<'_>,
) -> Result<Authorized> {
    let artifacts = tx.artifacts(registry.scope());
    let artifact = match principal.rights {
        Rights::License(_) | Rights::Deployment(_) => artifacts.named(registry.id, repository).await?,
        Rights::Key(_) | Rights::Halted(_) => None,
    };
    let id = artifact.as_ref().map(|artifact| artifact.id);
    let reach = principal.rights.reach(id, repository);
    if let (Holder::Deployment { license, .. }, Rights::Deployment(rights)) =
        (&mut principal.holder, &principal.rights)
    {
        *license = rights.opening(id, repository).or(*license);
    }
    let decision = match (principal.rights.admit_to(&reach, request), &artifact) {
        (Admission::Denied(Denial::RepositoryNotIncluded), _) if !principal.rights.is_for(repository) => {
            Authorization::Denied(Denial::OtherRepositories)
        }
        (Admission::Allowed, _) => Authorization::Allowed,
        (Admission::Denied(denial), _) => Authorization::Denied(denial),
        (Admission::IfTraced(_, _), None) => Authorization::Denied(Denial::NotIncluded),
        (Admission::IfTraced(tags, digest), Some(artifact)) => {
            match artifacts.content(artifact.id).trace(Trace::new(tags, &digest)).await? {
                true => Authorization::Allowed,
                false => Authorization::Untraced(tags.clone(), digest),
            }
        }
    };
    let known = match (&decision, request) {
        (Authorization::Allowed | Authorization::Untraced(..), RegistryRequest::Manifest(reference)) => {
            artifacts.known_manifest(registry.id, repository, reference).await?
        }
        (Authorization::Allowed | Authorization::Denied(_) | Authorization::Untraced(..), _) => None,
    };
    Ok(Authorized { principal, artifact, reach, decision, known })
}

/// What decides for all licenses of one customer.
pub(super) struct Entitled {
    pub(super) policy: ArtifactPolicy,
    grants: Vec<ArtifactGrant>,
}

impl Entitled {
    pub(super) async fn of(tx: &Tx, scope: OrganizationScope, customer: Option<CustomerId>) -> Result<Self> {
        let entitlements = tx.artifact_entitlements(scope);
        let held = match customer {
            Some(customer) => entitlements.of_customer(customer).await?,
            None => Vec::new(),
        };
        let grants = held.into_iter().flat_map(|entitlement| entitlement.grants).collect();
        Ok(Self { policy: entitlements.policy().await?, grants })
    }

    /// What decides for one of them, on one revision of its terms.
    pub(super) fn ground<'a>(
        &'a self,
        organization: &'a Organization,
        license: &'a License,
        revision: &'a Revision,
        product: Option<&'a Product>,
    ) -> LicenseGround<'a> {
        let Self { policy, grants } = self;
        LicenseGround { organization, license, revision, product, policy: *policy, grants }
    }
}
