//! Registries: who is let in to the very second, and what is done at once.

mod names;
mod others;
mod upstreams;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use futures_util::future::join_all;
use keyward_domain::admission::Rights;
use keyward_domain::registry::{
    Artifact, ArtifactEntitlement, ArtifactPolicy, Digest, KeyAccess, Manifest, Part, PartKind, Registry,
    RepositoryName, Tag,
};
use keyward_domain::{Customer, License, PageRequest, RegistryKeyId, Timestamp};
use keyward_engine::{
    Engine, Error, NewArtifact, NewEntitlement, NewGrant, NewLicense, NewRegistry, NewRegistryKey,
    NewRegistrySecret, Resource, TagChoice, TokenFormat,
};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_license, new_registry, new_registry_key, principal};

const YEAR: i64 = 365 * 24 * 60 * 60;

fn repository() -> RepositoryName {
    "acme/app".parse().unwrap()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn digest(number: usize) -> Digest {
    format!("sha256:{number:064x}").parse().unwrap()
}

fn registry_at(host: &str) -> NewRegistry {
    NewRegistry {
        host: Some(host.parse().unwrap()),
        upstream: format!("https://behind.{host}").parse().unwrap(),
        ..new_registry("Releases")
    }
}

/// Asks for what belongs to others.
#[track_caller]
fn missing<T: Debug>(resource: Resource, asked: Result<T, Error>) {
    assert!(matches!(&asked, Err(Error::NotFound(found)) if *found == resource), "{asked:?}");
}

/// A vendor with a registry.
struct Depot {
    vendor: Vendor,
    registry: Registry,
}

impl Depot {
    async fn open(engine: &Arc<Engine>, named: &str) -> Self {
        let vendor = Vendor::found(engine, named).await;
        let new = registry_at(&format!("{}.example", vendor.founded.organization.slug));
        let registry = engine.create_registry(&vendor.access(), new, None).await.unwrap().value;
        Self { vendor, registry }
    }

    async fn key(&self, expires_at: Option<Timestamp>) -> Result<NewRegistrySecret, Error> {
        static MADE: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("ci {number}").parse().unwrap();
        let new = NewRegistryKey { name, expires_at, ..new_registry_key(&self.registry) };
        self.vendor.engine.create_registry_key(&self.vendor.access(), new, None).await
    }

    async fn rotate(&self, id: RegistryKeyId, overlap: u32) -> Result<NewRegistrySecret, Error> {
        self.vendor.engine.rotate_registry_key(&self.vendor.access(), id, overlap, false, None).await
    }

    /// What the bearer of a password may do, asked as the gateway asks; `None` for who is not let in.
    async fn rights(&self, password: &str) -> Option<Rights> {
        principal(&self.vendor.engine, &self.registry.host, password).await.map(|principal| principal.rights)
    }

    /// Whether the bearer of a key is let in.
    async fn opens(&self, key: &NewRegistrySecret) -> bool {
        match self.rights(key.secret.expose()).await {
            Some(Rights::Key(KeyAccess::Read)) => true,
            None => false,
            Some(rights) => panic!("{rights:?}"),
        }
    }

    /// How much of the repository the bearer of a token may have: `out`, the sentence that says why nothing, or
    /// whether a tag is within it.
    async fn pulls(&self, token: &str, wanted: &str) -> String {
        match self.rights(token).await {
            None => "out".to_owned(),
            Some(Rights::Halted(halt)) => halt.to_string(),
            Some(Rights::License(rights)) => {
                let known = self.artifact().await;
                rights.reach(Some(known.id), &known.repository).has(&tag(wanted)).to_string()
            }
            Some(rights @ (Rights::Key(_) | Rights::Deployment(_))) => panic!("{rights:?}"),
        }
    }

    async fn artifact(&self) -> Artifact {
        let new = NewArtifact { registry: self.registry.id, repository: repository() };
        self.vendor.engine.create_artifact(&self.vendor.access(), new, None).await.unwrap().value
    }

    async fn entitle(&self, who: &Customer, close: bool) -> Result<ArtifactEntitlement, Error> {
        let grants = vec![NewGrant {
            artifact: self.artifact().await.id,
            tags: TagChoice::Named(BTreeSet::from([tag("1.0")])),
        }];
        let new = NewEntitlement { customer: who.id, description: None, grants, close };
        let done = self.vendor.engine.create_artifact_entitlement(&self.vendor.access(), new, None).await;
        done.map(|done| done.value)
    }

    /// A license with its token.
    async fn license(&self, called: &str, holder: &Customer) -> (License, String) {
        let (engine, access) = (&self.vendor.engine, self.vendor.access());
        let new = NewLicense { customer: Some(holder.id), ..new_license(called, "{}") };
        let license = engine.create_license(&access, new, None).await.unwrap().value;
        let token = engine.license_token(&self.vendor.access(), license.id, TokenFormat::Jwt).await;
        (license, token.unwrap())
    }

    /// How often something is told in the audit log.
    async fn told(&self, action: &str) -> usize {
        let log = self
            .vendor
            .engine
            .audit_events(&self.vendor.access(), &Default::default(), PageRequest::default())
            .await;
        log.unwrap().newest().iter().filter(|event| event.action.as_str() == action).count()
    }
}

#[database_test]
async fn a_key_lives_to_its_last_second(store: Store) {
    let (engine, clock) = engine(store);
    let depot = Depot::open(&engine, "Acme").await;
    let past = depot.key(Some(engine.now())).await;
    assert!(matches!(past, Err(Error::Invalid(faults)) if faults[0].field == "expires_at"));
    let key = depot.key(Some(engine.now().plus_seconds(3_600))).await.unwrap();
    let endless = depot.key(None).await.unwrap();
    clock.advance(3_599);
    assert!(depot.opens(&key).await);
    clock.advance(1);
    assert!(!depot.opens(&key).await);
    assert!(matches!(depot.rotate(key.key.id, 60).await, Err(Error::Transition(_))), "nothing revives it");
    assert!(depot.opens(&endless).await);
}

#[database_test]
async fn a_replaced_secret_lives_as_long_as_it_was_told(store: Store) {
    let (engine, clock) = engine(store);
    let depot = Depot::open(&engine, "Acme").await;
    let first = depot.key(Some(engine.now().plus_seconds(3_600))).await.unwrap();
    let second = depot.rotate(first.key.id, 60).await.unwrap();
    clock.advance(59);
    assert!(depot.opens(&first).await && depot.opens(&second).await);
    clock.advance(1);
    assert!(!depot.opens(&first).await && depot.opens(&second).await);
    let third = depot.rotate(first.key.id, 0).await.unwrap();
    assert!(!depot.opens(&second).await && depot.opens(&third).await, "without an overlap at once");
    // One secret at most lives on, whatever was told of the ones before.
    let fourth = depot.rotate(first.key.id, 7_200).await.unwrap();
    let fifth = depot.rotate(first.key.id, 7_200).await.unwrap();
    let living = [depot.opens(&third).await, depot.opens(&fourth).await, depot.opens(&fifth).await];
    assert_eq!(living, [false, true, true]);
    clock.advance(3_600 - 60 - 1);
    assert!(depot.opens(&fourth).await && depot.opens(&fifth).await);
    clock.advance(1);
    assert!(!depot.opens(&fourth).await && !depot.opens(&fifth).await, "no secret outlives its key");
}

#[database_test]
async fn of_twenty_rotations_at_once_the_last_counts(store: Store) {
    let (engine, clock) = engine(store);
    let depot = Depot::open(&engine, "Acme").await;
    for (overlap, living) in [(0, 1), (60, 2)] {
        let mut keys = vec![depot.key(None).await.unwrap()];
        let id = keys[0].key.id;
        for rotated in join_all((0..20).map(|_| depot.rotate(id, overlap))).await {
            keys.push(rotated.unwrap());
        }
        let opened = async || join_all(keys.iter().map(|key| depot.opens(key))).await;
        assert_eq!(opened().await.into_iter().filter(|open| *open).count(), living);
        assert!(!depot.opens(&keys[0]).await, "it was replaced before the last time");
        clock.advance(60);
        let opened = opened().await;
        let current = engine.registry_key(&depot.vendor.access(), id).await.unwrap().secret.hash;
        let is_current: Vec<_> = keys.iter().map(|key| key.secret.hash() == current).collect();
        assert_eq!(opened, is_current);
        assert_eq!(opened.into_iter().filter(|open| *open).count(), 1);
    }
    assert_eq!(depot.told("registry_key.rotated").await, 40);
}

#[database_test]
async fn a_revoked_key_is_dead_at_any_time(store: Store) {
    let (engine, clock) = engine(store);
    let depot = Depot::open(&engine, "Acme").await;
    let first = depot.key(None).await.unwrap();
    let (id, access) = (first.key.id, || depot.vendor.access());
    let second = depot.rotate(id, 3_600).await.unwrap();
    assert!(depot.opens(&first).await && depot.opens(&second).await);
    let revoked = engine.revoke_registry_key(&access(), id).await.unwrap();
    for shift in [0, 1, YEAR, -2 * YEAR] {
        clock.advance(shift);
        assert!(!depot.opens(&first).await && !depot.opens(&second).await, "{shift}");
        assert!(matches!(depot.rotate(id, 60).await, Err(Error::Transition(_))));
        assert_eq!(engine.revoke_registry_key(&access(), id).await.unwrap(), revoked);
    }
    assert_eq!(depot.told("registry_key.revoked").await, 1);
}

#[database_test]
async fn rotations_at_once_undo_no_revocation(store: Store) {
    let (engine, _) = engine(store);
    let depot = Depot::open(&engine, "Acme").await;
    for _ in 0..5 {
        let first = depot.key(None).await.unwrap();
        let (id, access) = (first.key.id, depot.vendor.access());
        let rotations = join_all((0..12).map(|_| depot.rotate(id, 60)));
        let (rotated, revoked) = tokio::join!(rotations, engine.revoke_registry_key(&access, id));
        revoked.unwrap();
        for key in rotated.iter().flatten().chain([&first]) {
            assert!(!depot.opens(key).await);
        }
    }
}

#[database_test]
async fn of_two_first_entitlements_one_closes_the_registries(store: Store) {
    let (engine, _) = engine(store);
    let depot = Depot::open(&engine, "Acme").await;
    let (one, two) = (depot.vendor.customer("One").await, depot.vendor.customer("Two").await);
    let (_, loser) = depot.license("loser", &depot.vendor.customer("Three").await).await;
    assert_eq!(depot.pulls(&loser, "1.0").await, "true");
    let (first, second) = tokio::join!(depot.entitle(&one, false), depot.entitle(&two, false));
    for refused in [first, second] {
        assert!(matches!(refused, Err(Error::WouldClose { customers: 1, more: false })), "{refused:?}");
    }
    assert_eq!(depot.pulls(&loser, "1.0").await, "true", "what is refused closes nothing");

    let (first, second) = tokio::join!(depot.entitle(&one, true), depot.entitle(&two, true));
    let mut made = [first.unwrap().id, second.unwrap().id];
    made.sort();
    let all = engine.artifact_entitlements(&depot.vendor.access(), None, PageRequest::default()).await;
    let mut all: Vec<_> = all.unwrap().newest().into_iter().map(|entitlement| entitlement.id).collect();
    all.sort();
    assert_eq!(all, made);
    let policy = engine.artifact_policy(&depot.vendor.access()).await.unwrap();
    assert_eq!(policy, ArtifactPolicy::EntitledOnly);
    assert_eq!(depot.told("artifact_policy.changed").await, 1);
    assert_eq!(depot.told("artifact_entitlement.created").await, 2);
    assert_eq!(depot.pulls(&loser, "1.0").await, "false");
}

#[database_test]
async fn a_tag_that_many_move_at_once_points_to_one_manifest(store: Store) {
    const PUSHES: usize = 16;
    let (engine, _) = engine(store);
    let depot = Depot::open(&engine, "Acme").await;
    let (latest, access) = (tag("latest"), || depot.vendor.access());
    let push = async |number: usize| {
        let layer = Part { digest: digest(1_000 + number), kind: PartKind::Layer, size: 1, platform: None };
        let manifest =
            Manifest { media_type: "m".to_owned(), parts: vec![layer], size: 1, ..Manifest::default() };
        let tags = [latest.clone(), tag(&format!("build-{number}"))];
        engine.learn_manifest(&depot.registry, &repository(), &tags, &digest(number), &manifest).await
    };
    for pushed in join_all((0..PUSHES).map(push)).await {
        pushed.unwrap();
    }
    let known = engine.artifacts(&access(), None, None, PageRequest::default()).await.unwrap().newest();
    assert_eq!(known.len(), 1, "the repository is known once");
    let tags = engine.artifact_tags(&access(), known[0].id).await.unwrap();
    let current: Vec<_> = tags.iter().filter(|detail| detail.pointing.tag == latest).collect();
    assert_eq!((current.len(), tags.len()), (1, PUSHES + 1));
    assert!(current[0].manifest.is_some());
    let history = engine.tag_history(&access(), known[0].id, &latest).await.unwrap();
    let open: Vec<_> = history.iter().filter(|pointing| pointing.until.is_none()).collect();
    assert_eq!(open, [&current[0].pointing]);
    let ever: BTreeSet<_> = history.iter().map(|pointing| pointing.digest.clone()).collect();
    assert_eq!((history.len(), ever.len()), (PUSHES, PUSHES));
    for number in 0..PUSHES {
        for digest in [digest(number), digest(1_000 + number)] {
            for (text, leads) in
                [(format!("build-{number}"), true), ("latest".to_owned(), true), ("other".to_owned(), false)]
            {
                let tags = BTreeSet::from([tag(&text)]);
                let found = engine.is_of_tags(&depot.registry, &known[0], &digest, &tags).await.unwrap();
                assert_eq!(found, leads, "{digest} by {text}");
            }
        }
    }
}

#[database_test]
async fn a_token_opens_to_the_last_second_of_its_license(store: Store) {
    let (engine, clock) = engine(store);
    let depot = Depot::open(&engine, "Acme").await;
    let buyer = depot.vendor.customer("Buyer").await;
    depot.entitle(&buyer, true).await.unwrap();
    let (license, token) = depot.license("Server", &buyer).await;
    let end = license.revision.validity.expires_at().unwrap();
    assert_eq!(depot.pulls(&token, "1.0").await, "true");
    assert_eq!(depot.pulls(&token, "2.0").await, "false");
    clock.advance(end.unix() - 1 - engine.now().unix());
    assert_eq!(depot.pulls(&token, "1.0").await, "true");
    clock.advance(1);
    let expired = "the license Server expired after 2026-12-31; ask Acme to renew it";
    assert_eq!(depot.pulls(&token, "1.0").await, expired);
    clock.advance(-YEAR - 61);
    let early = "the license Server is not valid before 2026-01-01";
    assert_eq!(depot.pulls(&token, "1.0").await, early);
    engine.revoke_license(&depot.vendor.access(), license.id, None).await.unwrap();
    for shift in [0, 1, YEAR] {
        clock.advance(shift);
        assert_eq!(depot.pulls(&token, "1.0").await, "out");
    }
}

#[database_test]
async fn a_registry_takes_its_keys_with_it(store: Store) {
    let (engine, _) = engine(store);
    let depot = Depot::open(&engine, "Acme").await;
    let (_, token) = depot.license("Server", &depot.vendor.customer("Buyer").await).await;
    let first = depot.key(None).await.unwrap();
    let second = depot.rotate(first.key.id, 3_600).await.unwrap();
    assert!(depot.opens(&first).await && depot.opens(&second).await);
    assert_eq!(depot.pulls(&token, "1.0").await, "true");
    let access = || depot.vendor.access();
    let listed = async || {
        let page = keyward_domain::PageRequest { limit: 10, after: None };
        engine.artifacts(&depot.vendor.access(), None, None, page).await.unwrap().newest().len()
    };
    assert_eq!(listed().await, 1);
    engine.delete_registry(&access(), depot.registry.id, None).await.unwrap();
    assert_eq!(listed().await, 0, "nobody can be entitled to what nobody reaches");
    assert!(!depot.opens(&first).await && !depot.opens(&second).await);
    assert_eq!(depot.pulls(&token, "1.0").await, "out");
    missing(Resource::Registry, depot.key(None).await);
    missing(Resource::Registry, engine.delete_registry(&access(), depot.registry.id, None).await);
    // Another under the same host is another.
    let new = registry_at(depot.registry.host.as_str());
    let again = engine.create_registry(&access(), new, None).await.unwrap().value;
    assert_ne!(again.id, depot.registry.id);
    assert!(!depot.opens(&first).await && !depot.opens(&second).await);
}

#[database_test]
async fn a_customer_who_is_deleted_pulls_nothing(store: Store) {
    let (engine, _) = engine(store);
    let depot = Depot::open(&engine, "Acme").await;
    let (buyer, stays) = (depot.vendor.customer("Buyer").await, depot.vendor.customer("Stays").await);
    let ((_, gone), (_, kept)) = (depot.license("A", &buyer).await, depot.license("B", &stays).await);
    for customer in [&buyer, &stays] {
        depot.entitle(customer, true).await.unwrap();
    }
    assert_eq!(depot.pulls(&gone, "1.0").await, "true");
    engine.delete_customer(&depot.vendor.access(), buyer.id, None).await.unwrap();
    assert_eq!(depot.pulls(&gone, "1.0").await, "out");
    assert_eq!(depot.pulls(&kept, "1.0").await, "true");
    missing(Resource::Customer, depot.entitle(&buyer, true).await);

    // What they held is gone, and keeps nothing closed; what was closed stays so until that is said.
    let vendor = &depot.vendor;
    let listed =
        engine.artifact_entitlements(&vendor.access(), None, PageRequest::default()).await.unwrap().newest();
    let holders: Vec<_> = listed.into_iter().map(|entitlement| entitlement.customer).collect();
    assert_eq!(holders, [stays.id]);
    engine.delete_customer(&vendor.access(), stays.id, None).await.unwrap();
    let held = engine.artifact_entitlements(&vendor.access(), Some(stays.id), PageRequest::default()).await;
    assert!(held.unwrap().newest().is_empty());
    assert_eq!(depot.told("artifact_entitlement.deleted").await, 2);
    assert_eq!(engine.artifact_policy(&vendor.access()).await.unwrap(), ArtifactPolicy::EntitledOnly);
    let opened = engine.set_artifact_policy(&vendor.access(), ArtifactPolicy::OpenUntilFirst).await;
    assert_eq!(opened.unwrap(), ArtifactPolicy::OpenUntilFirst);
}
