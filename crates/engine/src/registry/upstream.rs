//! How the gateway makes itself known to the registry behind it.
//!
//! With `auth: token`, distribution takes a JWT (ES256) whose certificate stands in `x5c`: the one form that its
//! versions 2.8 and 3 read alike. It says for whom it is and names no more than the request needs; the same holder's next
//! request for the same gets the same one for half a minute. What a holder may do is not asked of it, but of the database.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keyward_domain::registry::{Credential, Host, Registry};
use keyward_domain::{OrganizationScope, RegistryId};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::json;
use zeroize::Zeroizing;

use crate::metrics::CacheName;
use crate::vault::{Place, SealError};
use crate::{Engine, Error, Result};

/// How long the upstream takes a token for good. It adds a minute of its own to that.
const TOKEN_SECONDS: i64 = 60;

/// For how long one is used again: the rest of its time is for the request under way, and for clocks that differ.
const REUSE_SECONDS: i64 = 30;

/// The certificate outlives the registry's software: replacing it means a restart of the upstream.
const CERTIFICATE_LIFE: time::Duration = time::Duration::days(20 * 365);

/// What a request to the upstream needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// `repository` or `registry`.
    pub kind: &'static str,
    /// The repository by its name in the upstream, or `catalog`.
    pub name: &'a str,
    /// Such as `pull`.
    pub actions: &'a [&'static str],
}

/// What a token for the upstream says, but for its time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    registry: RegistryId,
    /// A registry that was changed calls its upstream, or itself, by other names.
    version: i64,
    subject: String,
    scopes: Vec<(&'static str, String, Vec<&'static str>)>,
}

impl TokenKey {
    fn new(registry: &Registry, subject: &str, scopes: &[Scope<'_>]) -> Self {
        let scopes = scopes.iter().map(|scope| (scope.kind, scope.name.to_owned(), scope.actions.to_vec()));
        Self {
            registry: registry.id,
            version: registry.version,
            subject: subject.to_owned(),
            scopes: scopes.collect(),
        }
    }
}

/// When a token was made, and the header with it.
pub(crate) type MadeToken = (i64, Arc<Zeroizing<String>>);

/// A P-256 key that signs as X.509 certificates ask for.
struct Pair {
    key: SigningKey,
    point: Vec<u8>,
}

impl Pair {
    fn new(scalar: &[u8]) -> Result<Self, SealError> {
        let key = SigningKey::from_slice(scalar).map_err(|_| SealError::Mismatch)?;
        let point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Ok(Self { key, point })
    }
}

impl rcgen::PublicKeyData for Pair {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Pair {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: Signature = self.key.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

impl Engine {
    /// The `Authorization` for one request to the upstream, in the name of `subject`; `None` where it asks for none.
    pub fn upstream_authorization(
        &self,
        registry: &Registry,
        subject: &str,
        scopes: &[Scope<'_>],
    ) -> Result<Option<Arc<Zeroizing<String>>>> {
        match &registry.credential {
            Credential::None => Ok(None),
            Credential::Basic { user, sealed_password } => {
                let place = Place::UpstreamPassword(registry.organization, registry.id);
                let password = self.vault.open_text(&place, sealed_password).map_err(fault(registry.id))?;
                let mut pair = Zeroizing::new(format!("{user}:").into_bytes());
                pair.extend_from_slice(&password);
                Ok(Some(Arc::new(Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair))))))
            }
            Credential::Token => {
                let (key, now) = (TokenKey::new(registry, subject, scopes), self.now().unix());
                let known = self.upstream_tokens.get(&key);
                let fresh = known.filter(|(made, _)| (*made..*made + REUSE_SECONDS).contains(&now));
                self.metrics.looked_up(CacheName::UpstreamTokens, fresh.is_some());
                if let Some((_, authorization)) = fresh {
                    return Ok(Some(authorization));
                }
                let token = self.upstream_token(registry, subject, scopes, TOKEN_SECONDS)?;
                let authorization = Arc::new(Zeroizing::new(format!("Bearer {}", *token)));
                self.upstream_tokens.insert(key, (now, Arc::clone(&authorization)));
                Ok(Some(authorization))
            }
        }
    }

    /// A token that the upstream takes for `seconds`, and a minute more.
    pub fn upstream_token(
        &self,
        registry: &Registry,
        subject: &str,
        scopes: &[Scope<'_>],
        seconds: i64,
    ) -> Result<Zeroizing<String>> {
        let now = self.now().unix();
        let access: Vec<_> = scopes
            .iter()
            .map(|scope| json!({"type": scope.kind, "name": scope.name, "actions": scope.actions}))
            .collect();
        let header = json!({"alg": "ES256", "typ": "JWT", "x5c": [STANDARD.encode(&registry.certificate)]});
        let claims = json!({
            "iss": self.issuer.as_str(),
            "sub": subject,
            "aud": registry.service,
            "exp": now + seconds,
            "nbf": now,
            "iat": now,
            "jti": URL_SAFE_NO_PAD.encode(self.random::<16>()),
            "access": access,
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let mut token = Zeroizing::new(format!("{header}.{claims}"));
        let signature: Signature = self.gateway_key(registry)?.sign(token.as_bytes());
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature.to_bytes()));
        Ok(token)
    }

    /// The opened key; kept at hand, because opening takes longer than signing.
    pub(super) fn gateway_key(&self, registry: &Registry) -> Result<Arc<SigningKey>> {
        if let Some(key) = self.upstream_keys.get(&registry.id) {
            return Ok(key);
        }
        let place = Place::RegistryKey(registry.organization, registry.id);
        let scalar = self.vault.open(&place, &registry.sealed_key).map_err(fault(registry.id))?;
        let key = Arc::new(Pair::new(&*scalar).map_err(fault(registry.id))?.key);
        self.upstream_keys.insert(registry.id, Arc::clone(&key));
        Ok(key)
    }

    /// A new key pair: the certificate, and the private key sealed.
    pub(super) fn new_registry_pair(
        &self,
        scope: OrganizationScope,
        id: RegistryId,
        host: &Host,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let scalar = Zeroizing::new(self.random::<32>());
        // Of 2^32 random scalars one is none of the curve's.
        let pair = Pair::new(&*scalar).map_err(fault(id))?;
        let wrong = |_| fault(id)(SealError::Seal);
        let mut asked = rcgen::CertificateParams::default();
        asked.distinguished_name.push(rcgen::DnType::CommonName, format!("Keyward gateway of {host}"));
        asked.serial_number = Some(rcgen::SerialNumber::from_slice(&self.random::<16>()));
        let now = time::OffsetDateTime::from_unix_timestamp(self.now().unix())
            .map_err(|_| fault(id)(SealError::Seal))?;
        // The upstream's clock may be behind.
        asked.not_before = now - time::Duration::DAY;
        asked.not_after = now + CERTIFICATE_LIFE;
        asked.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
        let certificate = asked.self_signed(&pair).map_err(wrong)?;
        let sealed = self.vault.seal(&Place::RegistryKey(scope.id(), id), &scalar, &self.seal_entropy());
        Ok((certificate.der().to_vec(), sealed.map_err(fault(id))?))
    }

    pub(super) fn seal_upstream_password(
        &self,
        scope: OrganizationScope,
        id: RegistryId,
        password: &str,
    ) -> Result<Vec<u8>> {
        let place = Place::UpstreamPassword(scope.id(), id);
        self.vault.seal_text(&place, password.as_bytes(), &self.seal_entropy()).map_err(fault(id))
    }

    /// A registry's certificate for `rootcertbundle` of its upstream.
    pub fn registry_certificate(&self, registry: &Registry) -> String {
        let text = STANDARD.encode(&registry.certificate);
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        for (index, c) in text.chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                pem.push('\n');
            }
            pem.push(c);
        }
        pem.push_str("\n-----END CERTIFICATE-----\n");
        pem
    }

    /// What the upstream's configuration must say for it to take the gateway's tokens, as YAML.
    pub fn upstream_configuration(&self, registry: &Registry) -> String {
        let (issuer, service) = (self.issuer.as_str(), &registry.service);
        format!(
            "auth:\n  token:\n    realm: {issuer}/registry/token\n    service: {service}\n    issuer: {issuer}\n    \
             rootcertbundle: /etc/docker/registry/keyward.pem\nhttp:\n  relativeurls: true\nstorage:\n  delete:\n    \
             enabled: true\n  redirect:\n    disable: true\n"
        )
    }
}

fn fault(id: RegistryId) -> impl Fn(SealError) -> Error {
    move |source| Error::Key { kid: format!("registry {id}"), source }
}
