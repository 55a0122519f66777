//! The shape that the parts of `docs/vectors` share.

use crate::support::{signer, signer_of};
use keyward_token::{Keyring, Verifier};
use serde::{Deserialize, Serialize};

/// The version of the shape. A part that is read otherwise than before gets another one.
pub(super) const FORMAT: u32 = 1;

/// One file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Part<V> {
    pub(super) format: u32,
    pub(super) about: String,
    /// The JWK Set that counts, where a vector has none of its own.
    pub(super) keys: String,
    pub(super) vectors: Vec<V>,
}

impl<V> Part<V> {
    pub(super) fn new(about: &str, vectors: Vec<V>) -> Self {
        Self { format: FORMAT, about: about.into(), keys: jwks(&[7]), vectors }
    }
}

/// What the verifier of a vector is told. What is absent is as a verifier has it unless it is told otherwise.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Expected {
    /// The id of its product; `null` for licenses of any product, and of none.
    pub(super) product: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) or_products: Vec<String>,
    #[serde(default, skip_serializing_if = "is_off")]
    pub(super) or_without_product: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) issuers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) audience: Option<String>,
    #[serde(default, skip_serializing_if = "is_off")]
    pub(super) any_audience: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) leeway_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_token_bytes: Option<usize>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_off(flag: &bool) -> bool {
    !flag
}

impl Expected {
    pub(super) fn product(id: &str) -> Self {
        Self { product: Some(id.into()), ..Self::default() }
    }

    pub(super) fn verifier(&self, jwks: &str) -> Verifier {
        let mut builder = match &self.product {
            Some(id) => Verifier::for_product(id),
            None => Verifier::for_any_product(),
        };
        builder = builder.keys(Keyring::from_jwks(jwks).unwrap());
        for id in &self.or_products {
            builder = builder.or_product(id);
        }
        if self.or_without_product {
            builder = builder.or_without_product();
        }
        for issuer in &self.issuers {
            builder = builder.issuer(issuer);
        }
        if let Some(audience) = &self.audience {
            builder = builder.audience(audience);
        }
        if self.any_audience {
            builder = builder.any_audience();
        }
        if let Some(organization) = &self.organization {
            builder = builder.organization(organization);
        }
        if let Some(subject) = &self.subject {
            builder = builder.subject(subject);
        }
        if let Some(bytes) = self.max_token_bytes {
            builder = builder.max_token_bytes(bytes);
        }
        builder.leeway_seconds(self.leeway_seconds.unwrap_or_default()).build()
    }
}

/// The public keys of these seeds.
pub(super) fn jwks(seeds: &[u8]) -> String {
    let mut keys = Keyring::new();
    for seed in seeds {
        keys.insert(signer_of(*seed).public_key().clone()).unwrap();
    }
    assert!(keys.get(&signer().kid()).is_some() || !seeds.contains(&7));
    keys.to_jwks()
}
