//! The use-cases: load, decide, write, record the event, commit.
//!
//! Each is a method of [`Engine`] and has the same shape: it takes the caller's [`Access`] as proof of
//! permission, opens one transaction, lets `keyward-domain` decide, writes the result and its audit event,
//! and commits. What is not committed never happened.
//!
//! The engine owns no clock and no source of randomness: both are given to it ([`Clock`], [`Entropy`]).
//!
//! [`Access`]: keyward_domain::Access

mod address;
mod alert;
mod application;
mod application_entitlement;
mod application_version;
mod authenticate;
mod authenticator;
mod clock;
mod customer;
mod delivery;
mod error;
mod issue;
mod license;
mod lists;
mod mail;
mod member;
mod notice;
mod onboarding;
mod once;
mod organization;
mod password;
mod product;
mod provider;
mod publish;
mod record;
mod registry;
mod setup;
mod signing_key;
mod token;
pub mod validation;
pub mod vault;
mod visitor;

use std::sync::Arc;

use keyward_domain::registry::{AllowedUpstreams, Host};
use keyward_domain::{RegistryId, Timestamp};
use keyward_storage::{Health, Schema, Store};
use p256::ecdsa::SigningKey;
use quick_cache::sync::Cache;
use validation::desk::Desk;
use vault::SealEntropy;
use zeroize::Zeroizing;

pub use application::{ApplicationChange, NewApplication};
pub use application_entitlement::{
    ApplicationGrant, ApplicationGrantChange, NewApplicationEntitlement, WantedVersions,
};
pub use application_version::{KeyWarning, NewApplicationVersion, VersionSheet};
pub use authenticator::NewAuthenticator;
pub use clock::{Clock, Entropy};
pub use customer::{CustomerChange, NewCustomer};
pub use delivery::{DeliveredFile, OwnApplication, OwnVersion, Recipient};
pub use error::{Error, FieldFault, Thing};
pub use issue::TokenFormat;
pub use keyward_storage::Mail;
pub use keyward_storage::Usage;
pub use keyward_storage::{AlertFilter, EventFilter, KeptHint, Pointing, Shown};
pub use license::{BoundsChange, Holder, IssuedKey, LicenseChange, NewKey, NewLicense, Terms};
pub use member::{MemberChange, NewMember};
pub use notice::NoticesChange;
pub use onboarding::{Handover, LicenseUsage, NewOnboardingLink};
pub use once::Done;
pub use organization::{Founded, NewOrganization, OrganizationChange, PlanChange};
pub use password::Password;
pub use product::{KeyedProduct, NewProduct, ProductChange, ProductUsage, SettingsChange};
pub use provider::{Arrival, ClientSecret, NewProvider, Outbound, Refusal, Return, WireError};
pub use registry::{
    Collected, EntitlementChange, Guest, Happening, NewArtifact, NewCredential, NewEntitlement, NewGrant,
    NewNotifications, NewRegistry, NewRegistryKey, NewRegistrySecret, OwnArtifact, OwnImages, OwnLicense,
    OwnRegistry, Preview, RegistryChange, Rights, Scope, TagChoice, TagDetail, Tended,
};
pub use signing_key::NewSigningKey;
pub use token::{NewSecret, NewToken};
pub use vault::{MasterKey, Vault};
pub use visitor::{CustomerVisit, MemberVisit, OnboardingVisit, SignIn, SignedIn, Visit, Visitor};

/// How many registries have their keys at hand.
const MOST_UPSTREAM_KEYS: usize = 1_000;

/// Whether requests can be answered, and what is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// They can.
    Ready,
    /// The database does not answer.
    Unreachable,
    /// The database does not write, so nothing can be validated either.
    ReadOnly,
    /// The database has tables that this program can't work with.
    OtherSchema,
}

/// The result of a use-case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// All use-cases, over one store.
pub struct Engine {
    store: Store,
    vault: Vault,
    issuer: Issuer,
    clock: Box<dyn Clock>,
    entropy: Box<dyn Entropy>,
    desk: Desk,
    registry_domain: Host,
    allowed_upstreams: AllowedUpstreams,
    upstream_keys: Cache<RegistryId, Arc<SigningKey>>,
}

impl Engine {
    /// An engine on a migrated `store`, issuing tokens in the name of `issuer`. To be made where a tokio
    /// runtime runs, which carries the counting of validations for as long as the engine lives.
    pub fn new(
        store: Store,
        vault: Vault,
        issuer: Issuer,
        clock: impl Clock + 'static,
        entropy: impl Entropy + 'static,
    ) -> Self {
        let desk = Desk::open(store.clone());
        Self {
            store,
            vault,
            registry_domain: issuer.host(),
            allowed_upstreams: AllowedUpstreams::default(),
            issuer,
            clock: Box::new(clock),
            entropy: Box::new(entropy),
            desk,
            upstream_keys: Cache::new(MOST_UPSTREAM_KEYS),
        }
    }

    /// The same engine, with new registries below `domain` and not below the host of the issuer.
    #[must_use]
    pub fn with_registry_domain(self, domain: Host) -> Self {
        Self { registry_domain: domain, ..self }
    }

    /// The same engine, with these upstreams of registries and no others.
    #[must_use]
    pub fn with_upstreams(self, allowed_upstreams: AllowedUpstreams) -> Self {
        Self { allowed_upstreams, ..self }
    }

    /// The instant at which requests are judged.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether requests can be answered.
    pub async fn readiness(&self) -> Readiness {
        match self.store.health() {
            Health::Unreachable => return Readiness::Unreachable,
            Health::ReadOnly => return Readiness::ReadOnly,
            Health::Ready => {}
        }
        match self.store.schema().await {
            Ok(Schema::Current | Schema::Newer { usable: true, .. }) => Readiness::Ready,
            Ok(Schema::Behind { .. } | Schema::Newer { usable: false, .. }) => Readiness::OtherSchema,
            Err(_) => Readiness::Unreachable,
        }
    }

    /// Watches over the database for as long as it is polled, so that nobody waits for one that is gone.
    pub async fn watch_database(&self) {
        self.store.watch().await;
    }

    /// A name for one request, to find it in the log.
    pub fn request_id(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.random::<12>())
    }

    /// A fresh typed id.
    fn id<T>(&self, new: impl FnOnce(u64, [u8; 10]) -> T) -> T {
        new(self.clock.unix_millis(), self.random())
    }

    /// Randomness for one seal of the vault.
    fn seal_entropy(&self) -> SealEntropy {
        SealEntropy { key: Zeroizing::new(self.random()), nonces: [self.random(), self.random()] }
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }
}

/// The server's public URL: the `iss` of tokens and the base of published addresses. Without a slash at
/// the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

/// The public URL is not one that tokens could name.
#[derive(Debug, thiserror::Error)]
#[error("the public URL must be http:// or https:// with a host, and no query, fragment or user name")]
pub struct IssuerError;

impl Issuer {
    /// Checks `url`.
    pub fn parse(url: &str) -> Result<Self, IssuerError> {
        let parsed = url::Url::parse(url).map_err(|_| IssuerError)?;
        let plain = matches!(parsed.scheme(), "http" | "https")
            && parsed.has_host()
            && parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.query().is_none()
            && parsed.fragment().is_none();
        if plain { Ok(Self(parsed.as_str().trim_end_matches('/').to_owned())) } else { Err(IssuerError) }
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host alone.
    fn host(&self) -> Host {
        let host = url::Url::parse(&self.0).ok().and_then(|url| Host::of_authority(url.host_str()?).ok());
        // What tokens name has a host: that was checked.
        host.unwrap_or_else(Host::localhost)
    }

    /// The port, where it is not the one that the scheme stands for.
    fn port(&self) -> Option<u16> {
        url::Url::parse(&self.0).ok().and_then(|url| url.port())
    }

    /// The host, as part of a mail address.
    pub fn mail_domain(&self) -> String {
        let host = url::Url::parse(&self.0).ok().and_then(|url| url.host_str().map(str::to_owned));
        // An address of the network is no mail domain.
        host.filter(|host| host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('['))
            .unwrap_or_else(|| "localhost".to_owned())
    }

    /// Whether people reach the server over TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}
