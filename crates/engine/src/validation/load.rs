//! Makes the copies, each in one transaction with the generation it is as of.

use std::borrow::Cow;

use keyward_domain::validation::Holding;
use keyward_domain::{
    Kid, License, LicenseId, LicenseKey, Organization, OrganizationScope, Product, Revision, RevisionId,
    RevisionState, Secret,
};
use keyward_storage::Tx;
use keyward_token::{Keyring, NoClaims, PublicKey, UnixSeconds, UnverifiedToken, Verifier, VerifyError};

use super::desk::{Door, Held};
use crate::vault::SealError;
use crate::{Engine, Error, Result, Thing};

/// What a key or token names.
#[derive(Clone, Copy)]
pub(crate) struct Named {
    pub license: LicenseId,
    /// The terms that a token was made of; `None` for those in force.
    pub revision: Option<RevisionId>,
}

/// The product with this API key, whether the key still lives or not.
pub(super) async fn door_by_key(engine: &Engine, tx: &Tx, key: &Secret) -> Result<Option<Door>> {
    match tx.product_by_key(&key.hash()).await? {
        Some(product) => door(engine, tx, product).await.map(Some),
        None => Ok(None),
    }
}

async fn door(engine: &Engine, tx: &Tx, product: Product) -> Result<Door> {
    // Read first: what is changed while the rest is read counts as changed since.
    let generation = tx.changes(product.organization).history().await?.present();
    let organization = tx.organizations().of_product(&product).await?;
    let organization = organization.ok_or(Error::NotFound(Thing::Organization))?;
    let keys = tx.signing_keys(organization.scope());
    let active = keys.active().await?.ok_or(Error::NotFound(Thing::SigningKey))?;
    let signer = engine.answer_signer(&active)?;
    let keyring = keyring(tx, organization.scope()).await?;
    // What validation does not look at need not stay in memory.
    let product = Product { page: Default::default(), template: Default::default(), ..product };
    Ok(Door { product, organization, signer, keyring, generation })
}

/// The public keys of an organization's tokens, the revoked ones left out.
pub(crate) async fn keyring(tx: &Tx, scope: OrganizationScope) -> Result<Keyring> {
    let mut keyring = Keyring::new();
    for key in tx.signing_keys(scope).list().await?.into_iter().filter(|key| key.is_published()) {
        let public = PublicKey::from_bytes(&key.public).and_then(|public| keyring.insert(public));
        public.map_err(|_| Error::Key { kid: key.kid.to_string(), source: SealError::Mismatch })?;
    }
    Ok(keyring)
}

/// The license of this organization that a key or token names.
pub(super) async fn license_id(
    tx: &Tx,
    scope: OrganizationScope,
    keyring: &Keyring,
    text: &str,
) -> Result<Option<Named>> {
    if let Ok(key) = text.parse::<LicenseKey>() {
        let license = tx.licenses(scope).by_key(&key).await?;
        return Ok(license.map(|license| Named { license: license.id, revision: None }));
    }
    Ok(token(keyring, scope, text.trim()))
}

/// What a token of this organization names, be it expired or not.
pub(crate) fn token(keyring: &Keyring, scope: OrganizationScope, text: &str) -> Option<Named> {
    let verifier = Verifier::builder().keys(keyring.clone()).organization(scope.id().to_string()).build();
    let verified = match verifier.verify::<NoClaims>(text, UnixSeconds::new(0)) {
        // Its time is judged with all else; here it is looked at in its first second.
        Err(VerifyError::NotYetValid { until }) => verifier.verify::<NoClaims>(text, until),
        other => other,
    };
    let token = verified.ok()?;
    let license = token.subject()?.parse().ok()?;
    let revision = token.id()?.parse().ok()?;
    Some(Named { license, revision: Some(revision) })
}

/// A license's own token, as whoever has it shows it.
pub(crate) struct Bearer {
    /// Whose token it is.
    pub organization: Organization,
    /// The license; `None` for one that is gone.
    pub held: Option<Held>,
    /// Its product.
    pub product: Option<Product>,
}

/// What a token of whatever organization stands for; `None` for what is no token of this server.
pub(crate) async fn bearer(tx: &Tx, text: &str) -> Result<Option<Bearer>> {
    let Some(kid) = UnverifiedToken::parse(text).ok().and_then(|token| token.kid()) else { return Ok(None) };
    // Two organizations may have imported the same key; the token says which of them it is of.
    for organization in tx.organizations().with_signing_key(&Kid::from_bytes(kid.to_bytes())).await? {
        let scope = organization.scope();
        let Some(named) = token(&keyring(tx, scope).await?, scope, text) else { continue };
        let held = held(tx, scope, named).await?;
        let product = match held.as_ref().and_then(|held| held.holding.product) {
            Some(product) => tx.products(scope).find(product).await?,
            None => None,
        };
        return Ok(Some(Bearer { organization, held, product }));
    }
    Ok(None)
}

/// A license with what its validation looks at.
pub(crate) async fn held(tx: &Tx, scope: OrganizationScope, named: Named) -> Result<Option<Held>> {
    let generation = tx.changes(scope.id()).history().await?.present();
    let Some(license) = tx.licenses(scope).find(named.license).await? else { return Ok(None) };
    let holding = holding(tx, scope, &license).await?;
    let Some(terms) = terms(tx, scope, &license, named).await? else { return Ok(None) };
    let holding = match terms.state {
        RevisionState::Current | RevisionState::Superseded { .. } => holding.under(terms.validity),
        RevisionState::Revoked { at } => holding.withdrawn(at),
    };
    Ok(Some(Held { holding, generation }))
}

/// The terms that a key or token stands for: those in force, or earlier ones whose token is still out there.
pub(crate) async fn terms<'a>(
    tx: &Tx,
    scope: OrganizationScope,
    license: &'a License,
    named: Named,
) -> Result<Option<Cow<'a, Revision>>> {
    let Some(earlier) = named.revision.filter(|revision| *revision != license.revision.id) else {
        return Ok(Some(Cow::Borrowed(&license.revision)));
    };
    let revisions = tx.licenses(scope).revisions(license.id).await?;
    Ok(revisions.into_iter().find(|revision| revision.id == earlier).map(Cow::Owned))
}

pub(super) async fn holding(tx: &Tx, scope: OrganizationScope, license: &License) -> Result<Holding> {
    let customer = match license.customer {
        Some(customer) => tx.customers(scope).find(customer).await?,
        None => None,
    };
    let blocked = customer.map(|customer| customer.blocked).unwrap_or_default();
    Ok(Holding::new(license, blocked, tx.addresses(license.id).list().await?))
}
