//! Makes a token from a revision. A revision holds all that its token is made of and Ed25519 is
//! deterministic, so the same revision gives the same bytes each time.

use keyward_domain::permission::ReadLicenses;
use keyward_domain::{
    Access, License, LicenseId, LicenseState, OrganizationScope, Payload, Revision, RevisionState,
    SigningKey, SigningKeyState, Timestamp,
};
use keyward_storage::Tx;
use keyward_token::{Format, KeywardClaim, LicenseClaims, SecretKey, Signer, StatusRef, UnixSeconds};

use crate::validation::signer::AnswerSigner;
use crate::vault::{Place, SealError};
use crate::{Engine, Error, Resource, Result, organization};

/// How a token is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFormat {
    /// JSON Web Token, EdDSA (RFC 8037).
    Jwt,
    /// PASETO v4.public.
    Paseto,
}

impl Engine {
    /// The token of the terms in force.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn license_token(
        &self,
        access: &Access<ReadLicenses>,
        id: LicenseId,
        format: TokenFormat,
    ) -> Result<String> {
        let scope = access.scope();
        let tx = self.store.read().await?;
        let license = tx.licenses(scope).find(id).await?.ok_or(Error::NotFound(Resource::License))?;
        self.sign(&tx, scope, &license, &license.revision, format).await
    }

    /// The token of the terms of one revision.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn revision_token(
        &self,
        access: &Access<ReadLicenses>,
        id: LicenseId,
        number: u32,
        format: TokenFormat,
    ) -> Result<String> {
        let scope = access.scope();
        let tx = self.store.read().await?;
        let license = tx.licenses(scope).find(id).await?.ok_or(Error::NotFound(Resource::License))?;
        let revision =
            tx.licenses(scope).revision(id, number).await?.ok_or(Error::NotFound(Resource::Revision))?;
        self.sign(&tx, scope, &license, &revision, format).await
    }

    pub(crate) async fn sign(
        &self,
        tx: &Tx,
        scope: OrganizationScope,
        license: &License,
        revision: &Revision,
        format: TokenFormat,
    ) -> Result<String> {
        match (license.state, revision.state) {
            (LicenseState::Revoked { .. }, _) => return Err(Error::NoToken("the license is revoked")),
            (LicenseState::Suspended { .. }, _) => return Err(Error::NoToken("the license is suspended")),
            (LicenseState::Active, RevisionState::Revoked { .. }) => {
                return Err(Error::NoToken("the revision is revoked"));
            }
            (LicenseState::Active, RevisionState::Current | RevisionState::Superseded { .. }) => {}
        }
        let organization = organization::find(tx, scope).await?;
        let key =
            tx.signing_keys(scope).find(&revision.kid).await?.ok_or(Error::NotFound(Resource::SigningKey))?;
        if let SigningKeyState::Revoked { .. } = key.state {
            return Err(Error::NoToken("its signing key is revoked: renew the license"));
        }
        let seconds = |at: Timestamp| UnixSeconds::new(at.unix());
        let (sub, jti, org) = (license.id.to_string(), revision.id.to_string(), scope.id().to_string());
        let customer = license.customer.map(|customer| customer.to_string());
        let product = license.product.map(|product| product.to_string());
        let registry: Vec<_> = revision.registry.iter().map(String::as_str).collect();
        let status_list = status_list_uri(&revision.issuer, organization.slug.as_str());
        let claims = LicenseClaims {
            iss: &revision.issuer,
            sub: &sub,
            iat: Some(seconds(revision.created_at)),
            nbf: Some(seconds(revision.validity.not_before())),
            exp: revision.validity.expires_at().map(seconds),
            jti: Some(&jti),
            status: Some(StatusRef { index: revision.status_index.into(), uri: status_list.into() }),
            keyward: Some(KeywardClaim {
                org: &org,
                customer: customer.as_deref(),
                product: product.as_deref(),
                registry: &registry,
                ends: revision.validity.grace_begins_at().map(seconds),
            }),
            payload: revision.payload.as_str(),
            ..LicenseClaims::default()
        };
        let format = match format {
            TokenFormat::Jwt => Format::Jwt,
            TokenFormat::Paseto => Format::Paseto,
        };
        Ok(self.signer(&key)?.sign(format, &claims)?)
    }

    /// Opens a sealed signing key, to sign answers with.
    pub(crate) fn answer_signer(&self, key: &SigningKey) -> Result<AnswerSigner> {
        let fault = |source| Error::Key { kid: key.kid.to_string(), source };
        AnswerSigner::new(self.signer(key)?.secret_key()).map_err(fault)
    }

    /// Opens a sealed signing key.
    pub(crate) fn signer(&self, key: &SigningKey) -> Result<Signer> {
        let fault = |source| Error::Key { kid: key.kid.to_string(), source };
        let seed =
            self.vault.open(&Place::SigningKey(key.organization, key.kid), &key.sealed).map_err(fault)?;
        let secret = SecretKey::from_seed(*seed);
        if secret.public_key().to_bytes() != key.public {
            return Err(fault(SealError::Mismatch));
        }
        Ok(Signer::new(secret))
    }
}

/// Where an organization's status list is published.
pub(crate) fn status_list_uri(issuer: &str, slug: &str) -> String {
    format!("{issuer}/o/{slug}/status-list")
}

/// What may be kept of a license may be signed, and is never refused by a verifier for its size: one set of bounds.
const _: () = {
    assert!(Payload::MOST_BYTES == keyward_token::MAX_PAYLOAD_BYTES);
    assert!(Payload::MOST_DEPTH == keyward_token::MAX_DEPTH);
};

#[cfg(test)]
mod tests {
    use keyward_domain::payload::RESERVED;
    use keyward_token::{RESERVED_CLAIMS, check_payload};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_same_names_are_reserved() {
        assert_eq!(RESERVED, RESERVED_CLAIMS);
    }

    #[test]
    fn the_bounds_are_the_same() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        let long = |bytes: usize| format!("{{ \"a\" : \"{}\" }}", "x".repeat(bytes - 8));
        let number = |text: &str| format!("{{\"a\":[{text}]}}");
        for (text, fits) in [
            (nested(31), true),
            (nested(32), false),
            (long(Payload::MOST_BYTES), true),
            (long(Payload::MOST_BYTES + 1), false),
            (number("1.7976931348623158e308"), true),
            (number("1.7976931348623159e308"), false),
            (number("-1e999"), false),
            (number("1e-999"), true),
            (number(&"9".repeat(308)), true),
            (number(&"9".repeat(310)), false),
        ] {
            assert_eq!(Payload::parse(&text).is_ok(), fits, "{text:.60}");
            assert_eq!(check_payload(&text).is_ok(), fits, "{text:.60}");
        }
    }

    proptest! {
        #[test]
        fn one_verdict_for_one_payload(text in "[{}\\[\\]\",:\\\\0-9a-fueE.+-]{0,40}|[{\\[\"a:,0-9}\\]eE-]{0,60}") {
            for text in [format!("{{\"a\":{text}}}"), format!("{{{text}}}"), text] {
                prop_assert_eq!(Payload::parse(&text).is_ok(), check_payload(&text).is_ok(), "{}", text);
            }
        }
    }
}
