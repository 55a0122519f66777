//! Makes the copies, each in one transaction with the generation it is as of.

use std::borrow::Cow;

use keyward_domain::validation::LicenseFacts;
use keyward_domain::{
    Kid, License, LicenseId, LicenseKey, Organization, OrganizationScope, Product, Revision, RevisionId,
    RevisionState, Secret, Timestamp,
};
use keyward_storage::Tx;
use keyward_token::{Keyring, NoClaims, PublicKey, UnixSeconds, UnverifiedToken, Verifier, VerifyError};

use super::cache::{LicenseSnapshot, ProductSnapshot};
use crate::vault::SealError;
use crate::{Engine, Error, Resource, Result, pasted};

/// What a key or token names.
#[derive(Clone)]
pub(crate) struct Named {
    pub license: LicenseId,
    /// What the token says; `None` for a key, which stands for the terms in force.
    token: Option<Claims>,
}

/// What a token says of its terms. Its signature is good, but whoever else has the key can have signed it.
#[derive(Clone)]
struct Claims {
    revision: RevisionId,
    /// Its issuer, unless that is this server.
    other_issuer: Option<String>,
    not_before: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

/// The product with this API key, whether the key still lives or not.
pub(super) async fn snapshot_by_key(
    engine: &Engine,
    tx: &Tx,
    key: &Secret,
) -> Result<Option<ProductSnapshot>> {
    match tx.product_by_key(&key.hash()).await? {
        Some(product) => product_snapshot(engine, tx, product).await.map(Some),
        None => Ok(None),
    }
}

async fn product_snapshot(engine: &Engine, tx: &Tx, product: Product) -> Result<ProductSnapshot> {
    // Read first: what is changed while the rest is read counts as changed since.
    let generation = tx.changes(product.organization).present().await?;
    let organization = tx.organizations().of_product(&product).await?;
    let organization = organization.ok_or(Error::NotFound(Resource::Organization))?;
    let keys = tx.signing_keys(organization.scope());
    let active = keys.active().await?.ok_or(Error::NotFound(Resource::SigningKey))?;
    let signer = engine.answer_signer(&active)?;
    let keyring = keyring(tx, organization.scope()).await?;
    // What validation does not look at need not stay in memory.
    let product = Product { page: Default::default(), template: Default::default(), ..product };
    Ok(ProductSnapshot { product, organization, signer, keyring, generation })
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
    engine: &Engine,
    tx: &Tx,
    scope: OrganizationScope,
    keyring: &Keyring,
    text: &str,
) -> Result<Option<Named>> {
    if let Ok(key) = text.parse::<LicenseKey>() {
        let license = tx.licenses(scope).by_key(&key).await?;
        return Ok(license.map(|license| Named { license: license.id, token: None }));
    }
    Ok(token(engine, keyring, scope, text))
}

/// What a token of this organization names, be it expired or not.
pub(crate) fn token(
    engine: &Engine,
    keyring: &Keyring,
    scope: OrganizationScope,
    text: &str,
) -> Option<Named> {
    let text = &*pasted(text);
    let verifier =
        Verifier::for_any_product().keys(keyring.clone()).organization(scope.id().to_string()).build();
    let verified = match verifier.verify::<NoClaims>(text, UnixSeconds::new(0)) {
        // Its time is judged with all else; here it is looked at in its first second.
        Err(VerifyError::NotYetValid { until }) => verifier.verify::<NoClaims>(text, until),
        other => other,
    };
    let token = verified.ok()?;
    let license = token.subject()?.parse().ok()?;
    let issuer = token.issuer()?;
    let instant = |claim: UnixSeconds| Timestamp::from_unix(claim.as_i64());
    let claims = Claims {
        revision: token.id()?.parse().ok()?,
        other_issuer: (issuer != engine.issuer.as_str()).then(|| issuer.into_owned()),
        not_before: token.not_before().and_then(instant),
        expires_at: token.expires_at().and_then(instant),
    };
    Some(Named { license, token: Some(claims) })
}

/// A license's own token, as whoever has it shows it.
pub(crate) struct Bearer {
    /// Whose token it is.
    pub organization: Organization,
    /// The license; `None` for one that is gone.
    pub license_snapshot: Option<LicenseSnapshot>,
    /// Its product.
    pub product: Option<Product>,
}

/// What a token of whatever organization stands for; `None` for what is no token of this server.
pub(crate) async fn bearer(engine: &Engine, tx: &Tx, text: &str) -> Result<Option<Bearer>> {
    let text = &*pasted(text);
    let Some(kid) = UnverifiedToken::parse(text).ok().and_then(|token| token.kid()) else { return Ok(None) };
    // Two organizations may have imported the same key; the token says which of them it is of.
    for organization in tx.organizations().with_signing_key(&Kid::from_bytes(kid.to_bytes())).await? {
        let scope = organization.scope();
        let Some(named) = token(engine, &keyring(tx, scope).await?, scope, text) else { continue };
        let license_snapshot = license_snapshot(tx, scope, &named).await?;
        let product =
            match license_snapshot.as_ref().and_then(|license_snapshot| license_snapshot.facts.product) {
                Some(product) => tx.products(scope).find(product).await?,
                None => None,
            };
        return Ok(Some(Bearer { organization, license_snapshot, product }));
    }
    Ok(None)
}

/// A license with what its validation looks at.
pub(crate) async fn license_snapshot(
    tx: &Tx,
    scope: OrganizationScope,
    named: &Named,
) -> Result<Option<LicenseSnapshot>> {
    let generation = tx.changes(scope.id()).present().await?;
    let Some(license) = tx.licenses(scope).find(named.license).await? else { return Ok(None) };
    let facts = facts(tx, scope, &license).await?;
    let Some(terms) = terms(tx, scope, &license, named).await? else { return Ok(None) };
    let facts = match terms.state {
        RevisionState::Current | RevisionState::Superseded { .. } => facts.under(terms.validity),
        RevisionState::Revoked { at } => facts.withdrawn(at),
    };
    Ok(Some(LicenseSnapshot { facts, generation }))
}

/// The license that a key or token names, if what a token says of it may be true.
pub(super) async fn named_license(
    tx: &Tx,
    scope: OrganizationScope,
    named: &Named,
) -> Result<Option<License>> {
    let Some(license) = tx.licenses(scope).find(named.license).await? else { return Ok(None) };
    let known = terms(tx, scope, &license, named).await?.is_some();
    Ok(known.then_some(license))
}

/// The terms that a key or token stands for: those in force, or earlier ones whose token is still out there. A token is
/// judged by its own claims too, as an offline verifier would: its issuer must be this server, now or when these terms
/// were laid down, and it is valid no longer than it says itself.
pub(crate) async fn terms<'a>(
    tx: &Tx,
    scope: OrganizationScope,
    license: &'a License,
    named: &Named,
) -> Result<Option<Cow<'a, Revision>>> {
    let Some(claims) = &named.token else { return Ok(Some(Cow::Borrowed(&license.revision))) };
    let revision = if claims.revision == license.revision.id {
        Cow::Borrowed(&license.revision)
    } else {
        let revisions = tx.licenses(scope).revisions(license.id).await?;
        match revisions.into_iter().find(|revision| revision.id == claims.revision) {
            Some(earlier) => Cow::Owned(earlier),
            None => return Ok(None),
        }
    };
    if claims.other_issuer.as_ref().is_some_and(|issuer| *issuer != revision.issuer) {
        return Ok(None);
    }
    let validity = revision.validity.narrowed(claims.not_before, claims.expires_at);
    if validity == revision.validity {
        return Ok(Some(revision));
    }
    Ok(Some(Cow::Owned(Revision { validity, ..revision.into_owned() })))
}

pub(super) async fn facts(tx: &Tx, scope: OrganizationScope, license: &License) -> Result<LicenseFacts> {
    let customer = match license.customer {
        Some(customer) => tx.customers(scope).find(customer).await?,
        None => None,
    };
    let blocked = customer.map(|customer| customer.blocked).unwrap_or_default();
    Ok(LicenseFacts::new(license, blocked, tx.addresses(license.id).list().await?))
}
