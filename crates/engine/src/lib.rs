//! The use-cases: load, decide, write, record the event, commit.
//!
//! Each is a method of [`Engine`] and has the same shape: it takes the caller's [`Access`] as proof of
//! permission and runs inside a `Change`, one transaction that lets `keyward-domain` decide, writes the result and
//! ends with its event. What is not committed never happened.
//!
//! A service that embeds it makes one by [`Engine::builder`], and has what it does by itself done by a [`Background`].
//!
//! No use-case reads a clock or a source of randomness but those that the engine was given ([`Clock`], [`Entropy`]).
//!
//! [`Access`]: keyward_domain::Access

mod account;
mod address;
mod agent;
mod alert;
mod application;
mod application_entitlement;
mod application_version;
mod attempt;
mod audit;
pub mod audit_sink;
mod authenticate;
mod authenticator;
mod background;
mod bucket_alert;
mod builder;
mod carry_out;
mod change;
mod clock;
mod customer;
mod customer_contact;
mod customer_sign_in;
mod customer_user;
mod deletion;
mod deployment;
mod entitled_applications;
mod erasure;
mod error;
mod export;
mod hash_gate;
mod heavy;
mod identity;
mod image_digest;
mod inbox;
mod issue;
pub mod jobs;
mod license;
mod license_use;
mod lists;
mod live;
mod log;
mod mail;
mod mail_limit;
mod mail_text;
mod mails;
mod member;
pub mod metrics;
mod names;
mod notice;
mod onboarding;
mod organization;
pub mod outbound;
mod own_change;
mod own_name;
mod own_rows;
mod password;
mod product;
mod provider;
mod publish;
mod reauthentication;
mod registry;
mod retention;
mod sessions;
mod setup;
mod shown_once;
mod signing_key;
mod slug;
pub mod survey;
mod system;
mod token;
pub mod validation;
pub mod vault;
pub mod views;
pub mod webhook;

use std::sync::Arc;

use attempt::AttemptLog;
use hash_gate::HashGate;
use keyward_domain::registry::{Host, Upstream};
use keyward_domain::{HttpUrl, OutboundRules, RegistryId, Timestamp};
use keyward_storage::{Schema, Store};
use log::license_use::LicenseUseBook;
use log::queue::Queue;
use metrics::Metrics;
use outbound::{Authorities, Guard, InFlight};
use p256::ecdsa::SigningKey;
use publish::SignedLists;
use quick_cache::sync::Cache;
use registry::upstream::{MadeToken, TokenKey};
use validation::cache::ValidationCache;
use validation::load;
use vault::SealEntropy;
use zeroize::Zeroizing;

pub use account::Person;
pub use agent::{AgentCaller, AgentRefusal, Asking, DesiredDocument, Joined, Wanted};
pub use application::{ApplicationChange, NewApplication};
pub use application_entitlement::{
    ApplicationGrant, ApplicationGrantChange, NewApplicationEntitlement, VersionChoice,
};
pub use application_version::{KeyWarning, NewApplicationVersion, VersionSheet};
pub use attempt::DEVICE_SECONDS;
pub use audit::AuditExport;
pub use authenticator::{NewAuthenticator, NewRecoveryCodes, ResetSecondFactor};
pub use background::{Background, RunningBackground};
pub use bucket_alert::BucketView;
pub use builder::{EngineBuilder, StartError};
pub use change::Done;
pub use clock::{Clock, Entropy};
pub use customer::{CustomerChange, NewCustomer};
pub use customer_sign_in::{InvitationTo, LinkOpened};
pub use customer_user::{CustomerUserChange, NewCustomerUser};
pub use deployment::{
    DeploymentChange, DeploymentRow, DeploymentView, EarlierRevision, NewDeployment, NewDeploymentTarget,
    RevisionRow, TargetView, TargetWithCode, VersionPlan,
};
pub use entitled_applications::{DeliveredFile, EntitledApplication, EntitledVersion, Recipient};
pub use error::{Error, FieldFault, Resource, causes};
pub use heavy::heavy;
pub use issue::TokenFormat;
pub use keyward_storage::Health;
pub use keyward_storage::Named;
pub use keyward_storage::{
    AlertFilter, DeliveryFilter, DeploymentFilter, EventFilter, KeptHint, Pointing, Referrers, Shown,
};
pub use keyward_storage::{CustomerValidations, LicenseRunning, PartitionUsage, Usage, VersionInUse};
pub use keyward_storage::{FromSql, OwnRows, SqlRow, SqlValue};
pub use keyward_token::pasted;
pub use license::{Asked, BoundsChange, Holder, IssuedKey, LicenseChange, NewKey, NewLicense, Term, Terms};
pub use license_use::{CustomerUse, LicenseUse};
pub use live::{Followed, LiveTopic};
pub use log::LogRound;
pub use mail::Mail;
pub use mail_limit::{MailLimitReached, MailLimits};
pub use member::{MemberChange, NewMember};
pub use names::HolderNames;
pub use notice::NoticesChange;
pub use onboarding::{AddressesInUse, Handover, LicenseUsage, NewOnboardingLink, OwnLicenses};
pub use organization::{Founded, NewOrganization, OrganizationChange, PlanChange};
pub use own_rows::{OwnError, OwnWriting};
pub use password::Password;
pub use product::{KeyedProduct, NewProduct, ProductChange, ProductUsage, SettingsChange};
pub use provider::{
    Arrival, ChangedProvider, ClientSecret, NewProvider, Outbound, Refusal, Return, WireError,
};
pub use publish::AskedList;
pub use reauthentication::{Confirmation, ConfirmedCaller, Reauthenticated, WaysToConfirm};
pub use registry::{
    AccessEvent, Authorization, Authorized, Collected, CustomerPulls, EntitledArtifact, EntitledImages,
    EntitledLicense, EntitledRegistry, EntitlementChange, MOST_GRANTS, MOST_LOOKED_AT, Missing, MissingImage,
    NewArtifact, NewCredential, NewEntitlement, NewGrant, NewNotifications, NewRegistry, NewRegistryKey,
    NewRegistrySecret, Presented, Preview, PullVerdict, RefusedPull, RegistryChange, SWEEP_LEASE_SECONDS,
    Scope, TagChoice, TagDetail,
};
pub use retention::{Retention, Tidied};
pub use sessions::{
    AnySession, ClientInfo, CustomerSession, MemberSession, OnboardingSession, SignIn, SignedIn,
};
pub use signing_key::NewSigningKey;
pub use system::{SystemClock, SystemEntropy};
pub use token::{NewSecret, NewToken};
pub use vault::{MasterKey, MasterKeyError, Vault};

/// How many registries have their keys at hand.
const MOST_UPSTREAM_KEYS: usize = 1_000;

/// How many tokens for upstreams are at hand, of about a kilobyte.
const MOST_UPSTREAM_TOKENS: usize = 4_000;

/// Of how many license tokens it is remembered that their signature is good.
const MOST_VERIFIED_TOKENS: usize = 10_000;

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
    validation_cache: ValidationCache,
    log: Queue,
    agents: agent::Agents,
    license_uses: LicenseUseBook,
    registry_domain: Host,
    guard: Guard,
    authorities: Authorities,
    in_flight: InFlight,
    upstream_keys: Cache<RegistryId, Arc<SigningKey>>,
    upstream_tokens: Cache<TokenKey, MadeToken>,
    /// What license tokens name whose signatures were found good, by what was signed and for which key.
    verified_tokens: Cache<[u8; 32], load::Named>,
    signed_lists: SignedLists,
    attempts: AttemptLog,
    hash_gate: HashGate,
    mail_limits: MailLimits,
    event_view: Option<webhook::EventView>,
    metrics: Metrics,
    surveys: survey::Surveys,
    operator_sinks: Vec<audit_sink::OperatorSink>,
}

impl Engine {
    fn assemble(parts: EngineBuilder) -> Self {
        let EngineBuilder { store, master_key, issuer, clock, entropy, .. } = parts;
        let mut counter = [0; 16];
        entropy.fill(&mut counter);
        let counter = uuid::Builder::from_random_bytes(counter).into_uuid();
        let metrics = Metrics::default();
        Self {
            validation_cache: ValidationCache::open(store.clone(), counter, Arc::clone(&metrics.batches)),
            attempts: AttemptLog::open(store.clone()),
            agents: agent::Agents::new(store.clone(), clock.now()),
            store,
            vault: Vault::new(&master_key),
            registry_domain: parts.registry_domain,
            guard: Guard::new(parts.outbound, parts.network),
            authorities: parts.authorities,
            in_flight: InFlight::default(),
            issuer,
            clock,
            entropy,
            log: Queue::default(),
            license_uses: LicenseUseBook::default(),
            upstream_keys: Cache::new(MOST_UPSTREAM_KEYS),
            upstream_tokens: Cache::new(MOST_UPSTREAM_TOKENS),
            verified_tokens: Cache::new(MOST_VERIFIED_TOKENS),
            signed_lists: publish::no_signed_lists(),
            hash_gate: parts.hash_memory.map_or_else(HashGate::default, HashGate::within),
            mail_limits: parts.mail_limits,
            event_view: parts.event_view,
            metrics,
            surveys: survey::Surveys::of(parts.folders),
            operator_sinks: parts.audit_sinks,
        }
    }

    /// What this server has counted of its work.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whose certificates count where the server connects to others.
    pub fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// What decides where connections are opened to for organizations.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The requests under way to servers that organizations name.
    pub fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    /// By what this installation knows its own requests when they come back to it (`Via`, RFC 9110). All servers of one
    /// installation have the same, and nobody else can find it out.
    pub fn installation(&self) -> &str {
        self.vault.installation()
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
pub struct Issuer {
    url: HttpUrl,
    text: String,
}

/// The public URL is not one that tokens could name.
#[derive(Debug, thiserror::Error)]
#[error("the public URL must be http:// or https:// with a host, and no query, fragment or user name")]
pub struct IssuerError;

impl Issuer {
    /// Checks `url`.
    pub fn parse(url: &str) -> Result<Self, IssuerError> {
        let url = url.parse::<HttpUrl>().ok().filter(|url| url.url().query().is_none()).ok_or(IssuerError)?;
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, text })
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the server goes for organizations unless the operator says otherwise: to public addresses, and to this machine
    /// if people reach the server there alone.
    pub fn outbound_rules(&self) -> OutboundRules {
        if self.url.is_loopback() { OutboundRules::loopback() } else { OutboundRules::default() }
    }

    /// The host alone.
    fn host(&self) -> Host {
        // What tokens name has a host: that was checked.
        self.url.host().parse().unwrap_or_else(|_| Host::localhost())
    }

    /// Host and port, as browsers write them in `Origin`.
    pub fn authority(&self) -> Option<String> {
        let origin = self.url.url().origin().ascii_serialization();
        origin.split_once("://").map(|(_, authority)| authority.to_owned())
    }

    /// The host, as in the URL.
    pub fn host_name(&self) -> &str {
        self.url.host()
    }

    /// Whether there is something between the host and what the server adds. No route would be found there.
    pub fn has_path(&self) -> bool {
        self.url.url().path() != "/"
    }

    /// The port, where it is not the one that the scheme stands for.
    fn port(&self) -> Option<u16> {
        self.url.url().port()
    }

    /// The server as somebody's upstream.
    fn upstream(&self) -> Option<Upstream> {
        let url = self.url.url();
        url.origin().ascii_serialization().parse().ok()
    }

    /// The host, as part of a mail address.
    pub fn mail_domain(&self) -> String {
        // An address of the network is no mail domain.
        match self.url.url().domain() {
            Some(domain) => domain.to_owned(),
            None => "localhost".to_owned(),
        }
    }

    /// Whether people reach the server over TLS.
    pub fn is_https(&self) -> bool {
        self.url.is_https()
    }
}
