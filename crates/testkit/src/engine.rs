//! An engine whose clock and randomness the test holds.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use keyward_domain::admission::{Principal, RegistryRequest};
use keyward_domain::registry::{Host, KeyAccess, Registry};
use keyward_domain::{
    Access, Actor, Address, Authority, Customer, CustomerUserRef, DeliveryId, Grant, Identity, License,
    OrganizationId, OutboundRules, PageRequest, Payload, Secret, SecretKind, WebhookId,
};
use keyward_engine::outbound::Network;
use keyward_engine::{
    Authorized, Clock, Engine, EngineBuilder, Entropy, Founded, Issuer, MasterKey, NewCredential,
    NewCustomer, NewLicense, NewOrganization, NewRegistry, NewRegistryKey, Presented, Terms,
};
use keyward_storage::{Credentials, DeliveryFilter, Store, Technical};

/// Where every test begins: 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600;

/// A clock that moves when it is told to.
#[derive(Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    /// A clock at [`START`].
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }

    /// Moves the clock; backwards too.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn unix_millis(&self) -> u64 {
        u64::try_from(self.0.load(Ordering::SeqCst)).unwrap_or_default() * 1_000
    }
}

/// Bytes that are the same in every run, and differ from call to call.
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// Starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64; ids made in one millisecond must still rise, so tests of order move the clock.
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// An engine on `store`, with the clock that drives it. It may connect to this machine.
pub fn engine(store: Store) -> (Arc<Engine>, TestClock) {
    engine_in(store, OutboundRules::loopback(), TestNetwork::default())
}

/// The same in a network of the test's, and with these rules of where it may connect to.
pub fn engine_in(store: Store, rules: OutboundRules, network: TestNetwork) -> (Arc<Engine>, TestClock) {
    let clock = TestClock::new();
    let builder = builder("https://licenses.example", store, 1).clock(clock.clone());
    (Arc::new(builder.outbound(rules).network(network).assemble()), clock)
}

/// A network in which every name stands for one public address, unless the test says otherwise.
#[derive(Clone, Default)]
pub struct TestNetwork(Arc<Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>>);

impl TestNetwork {
    /// Lets a name stand for these addresses from now on; of several answers each is given once, and the last for ever.
    pub fn set(&self, host: &str, answers: &[&[&str]]) {
        let addresses =
            |answer: &&[&str]| answer.iter().map(|text| text.parse().expect("an address")).collect();
        let answers = answers.iter().map(addresses).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), answers);
    }
}

impl Network for TestNetwork {
    fn lookup(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match names.get_mut(host) {
            Some(answers) if answers.len() > 1 => answers.pop_front().unwrap_or_default(),
            Some(answers) => answers.front().cloned().unwrap_or_default(),
            None if host == "localhost" || host.ends_with(".localhost") => vec![[127, 0, 0, 1].into()],
            // Nobody answers at these: the test does not leave the machine.
            None => vec![[192, 31, 196, 1].into()],
        };
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    fn is_own(&self, address: IpAddr) -> bool {
        address.is_loopback()
    }
}

/// Another engine on the same `store`, as of a second server. Each needs a `seed` of its own.
pub fn another_engine(store: Store, seed: u64) -> (Arc<Engine>, TestClock) {
    engine_at("https://licenses.example", store, seed)
}

/// An engine that is reached under `url`.
pub fn engine_at(url: &str, store: Store, seed: u64) -> (Arc<Engine>, TestClock) {
    let clock = TestClock::new();
    (Arc::new(builder(url, store, seed).clock(clock.clone()).assemble()), clock)
}

/// An engine to be that is reached under `url`, with the master key of all tests and a clock at [`START`].
pub fn builder(url: &str, store: Store, seed: u64) -> EngineBuilder {
    let issuer = Issuer::parse(url).expect("a plain URL");
    let master_key = MasterKey::from_bytes([7; 32]);
    Engine::builder(store, master_key, issuer).clock(TestClock::new()).entropy(SeededEntropy::new(seed))
}

/// A vendor at work: an organization, and the right to do anything in it.
pub struct Vendor {
    /// The engine the vendor works with.
    pub engine: Arc<Engine>,
    /// The organization with its owner, first token and secret.
    pub founded: Founded,
    identity: Identity,
}

impl Vendor {
    /// Founds an organization called `name`.
    pub async fn found(engine: &Arc<Engine>, name: &str) -> Self {
        let new = NewOrganization {
            name: name.parse().expect("a name"),
            owner_email: "owner@vendor.example".parse().expect("an address"),
            slug: None,
            owner_name: None,
        };
        let founded = engine.bootstrap(new, true).await.expect("an organization");
        let actor = Actor::Token(founded.token.id);
        let identity =
            Identity::new(founded.organization.id, actor, Authority::Operator, founded.token.scopes);
        Self { engine: Arc::clone(engine), founded, identity }
    }

    /// The same vendor at another server of the same database.
    #[must_use]
    pub fn at(&self, engine: &Arc<Engine>) -> Self {
        let secret = Secret::parse(SecretKind::Management, self.founded.secret.expose()).expect("a secret");
        let Founded { organization, owner, token, .. } = &self.founded;
        let founded = Founded {
            organization: organization.clone(),
            owner: owner.clone(),
            token: token.clone(),
            secret,
        };
        Self { engine: Arc::clone(engine), founded, identity: self.identity }
    }

    /// The right to do `P`.
    pub fn access<P: Grant>(&self) -> Access<P> {
        self.identity.access().expect("a vendor may do anything")
    }

    /// Adds a customer called `name`.
    pub async fn customer(&self, name: &str) -> Customer {
        let new = NewCustomer {
            name: name.parse().expect("a name"),
            email: "buyer@customer.example".parse().expect("an address"),
            notes: None,
        };
        self.engine.create_customer(&self.access(), new, None).await.expect("a customer").value
    }

    /// Puts a registry called `name` in front of an upstream on the same machine.
    pub async fn registry(&self, name: &str) -> Registry {
        self.engine.create_registry(&self.access(), new_registry(name), None).await.expect("a registry").value
    }

    /// Issues a license to a customer, for a year.
    pub async fn license_of(&self, customer: &Customer, name: &str) -> License {
        let new = NewLicense { customer: Some(customer.id), ..new_license(name, "{}") };
        self.engine.create_license(&self.access(), new, None).await.expect("a license").value
    }

    /// Issues a license for a year, with `payload`.
    pub async fn license(&self, name: &str, payload: &str) -> License {
        self.engine
            .create_license(&self.access(), new_license(name, payload), None)
            .await
            .expect("a license")
            .value
    }
}

/// Gives all up that waits for a webhook endpoint. The last of it.
pub async fn give_up(store: &Store, organization: OrganizationId, webhook: WebhookId) -> DeliveryId {
    let tx = store.write().await.expect("the database writes");
    let scope =
        tx.organization_of(organization).await.expect("the database answers").expect("it is there").scope();
    let (deliveries, now) = (tx.deliveries(scope), TestClock::new().now());
    deliveries.give_up(webhook, now).await.expect("the database writes");
    let sent = deliveries.list(webhook, DeliveryFilter::default(), PageRequest::default()).await;
    let last = sent.expect("the database answers").newest()[0].id;
    tx.commit_unrecorded(Technical::Seed).await.expect("the database writes");
    last
}

/// Gives a user of a customer a second factor, whose secret nobody can open.
pub async fn give_second_factor(store: &Store, organization: OrganizationId, of: CustomerUserRef) {
    let tx = store.write().await.expect("the database writes");
    let scope =
        tx.organization_of(organization).await.expect("the database answers").expect("it is there").scope();
    let known = Credentials { authenticator: Some(vec![1]), ..Credentials::default() };
    tx.customer_users(scope).set_credentials(of, &known).await.expect("the database writes");
    tx.commit_unrecorded(Technical::Seed).await.expect("the database writes");
}

/// Who a password is taken for at a host, asked as the gateway asks; `None` for nobody.
pub async fn principal(engine: &Engine, host: &Host, password: &str) -> Option<Principal> {
    authorize(engine, host, Some(password)).await?.1.map(|authorized| authorized.principal)
}

/// The registry at a host.
pub async fn registry_at(engine: &Engine, host: &Host) -> Option<Registry> {
    authorize(engine, host, None).await.map(|(registry, _)| registry)
}

async fn authorize(
    engine: &Engine,
    host: &Host,
    password: Option<&str>,
) -> Option<(Registry, Option<Authorized>)> {
    let presented =
        Presented { password, address: Address::new([192, 0, 2, 1].into()), client: "docker/28.0.1" };
    engine.authorize(host, presented, None, RegistryRequest::List).await.expect("the database answers")
}

/// A registry in front of an upstream on the same machine, which takes the gateway's tokens.
pub fn new_registry(name: &str) -> NewRegistry {
    NewRegistry {
        name: name.parse().expect("a name"),
        host: None,
        upstream: "http://127.0.0.1:5000".parse().expect("an upstream"),
        prefix: None,
        credential: NewCredential::Token,
        service: None,
        pass_redirects: false,
        direct: false,
    }
}

/// A key of a registry that pulls and lives on, unless it is ended.
pub fn new_registry_key(registry: &Registry) -> NewRegistryKey {
    NewRegistryKey {
        registry: registry.id,
        name: "ci".parse().expect("a name"),
        owner: None,
        access: KeyAccess::Read,
        rotation: None,
        expires_at: None,
    }
}

/// A license for the whole organization, from now on for a year.
pub fn new_license(name: &str, payload: &str) -> NewLicense {
    NewLicense {
        name: name.parse().expect("a name"),
        description: None,
        customer: None,
        terms: Terms::Payload(Payload::parse(payload).expect("a payload")),
        not_before: None,
        ends: Default::default(),
    }
}
