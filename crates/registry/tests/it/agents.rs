//! What the agent on a customer's host pulls for one deployment, by a credential that nothing is kept of.

use keyward_domain::deployment::{Mode, Volumes};
use keyward_domain::registry::{Decision, Holder, PullClaims, pull_credential};
use keyward_domain::{AgentId, DeploymentId, DeploymentTargetId, PageRequest};
use keyward_engine::{CustomerSession, EventFilter, NewRegistry};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::deployment::{Host, deploy, target};
use keyward_testkit::engine::{another_engine, new_registry};

use crate::depot::{Buyer, Depot, refused};
use crate::images::{Image, digest};

const PATH: &str = "/v2/acme/app/manifests/1.0";

fn nobody() -> (u16, String, String) {
    let message = "log in with a registry key of this host, or as customer with the token of a license";
    refused(401, "UNAUTHORIZED", message)
}

fn denied(message: &str) -> (u16, String, String) {
    refused(403, "DENIED", message)
}

/// A deployment on a host that has joined.
struct AtWork {
    person: CustomerSession,
    target: DeploymentTargetId,
    agent: AgentId,
    deployment: DeploymentId,
}

impl AtWork {
    async fn of(depot: &Depot, buyer: &Buyer) -> Self {
        let (engine, vendor) = (&depot.engine, &depot.vendor);
        let person = vendor.admin_of(&buyer.customer).await;
        let compose = "services:\n  app:\n    image: r.acme.example/acme/app:1.0\n";
        let application = vendor.application(&buyer.customer, "App", compose).await;
        let (target, code) = target(engine, &person, "db1", Mode::Manage).await;
        let agent = Host::join(engine, &code, Mode::Manage, 1).await.unwrap().agent;
        let deployment = deploy(engine, &person, target, &application).await.id;
        Self { person, target, agent, deployment }
    }
}

fn claims(depot: &Depot, (buyer, work): (&Buyer, &AtWork), repositories: &[&str]) -> PullClaims {
    PullClaims {
        organization: depot.registry.organization,
        registry: depot.registry.id,
        customer: buyer.customer.id,
        agent: work.agent,
        deployment: work.deployment,
        repositories: repositories.iter().map(|name| name.parse().unwrap()).collect(),
        expires_at: depot.engine.now().unix() + pull_credential::SECONDS,
    }
}

fn signed(depot: &Depot, claims: &PullClaims) -> String {
    depot.engine.sign_pull_credential(&depot.registry, claims).unwrap().to_string()
}

fn credential(depot: &Depot, of: (&Buyer, &AtWork), repositories: &[&str]) -> String {
    signed(depot, &claims(depot, of, repositories))
}

#[database_test]
async fn an_agent_pulls_what_the_licenses_open_of_what_it_asked_for(store: Store) {
    let (depot, _) = Depot::open(store).await;
    let (granted, other) = (Image::new("granted"), Image::new("other"));
    depot.push("acme/app", "1.0", &granted);
    depot.push("acme/app", "2.0", &other);
    depot.push("acme/db", "1.0", &other);
    depot.push("acme/secret", "1.0", &other);
    let buyer = depot.buyer("Buyer").await;
    let work = AtWork::of(&depot, &buyer).await;
    depot.entitle(&buyer, "acme/app", &["1.0"]).await;
    depot.entitle(&buyer, "acme/db", &[]).await;
    let shown = credential(&depot, (&buyer, &work), &["acme/app", "acme/secret"]);
    assert!(shown.starts_with("kw_pull_"), "{shown}");
    assert_eq!(depot.get("/v2/", &shown).status, 200, "docker login");
    for method in ["GET", "HEAD"] {
        for path in [
            "manifests/1.0".to_owned(),
            format!("manifests/{}", granted.digest()),
            format!("blobs/{}", digest(&granted.config)),
            format!("blobs/{}", digest(&granted.layer)),
        ] {
            let answer = depot.ask(method, &format!("/v2/acme/app/{path}")).key(&shown).send();
            assert_eq!(answer.status, 200, "{method} {path}");
        }
    }
    let not_included = |what: &str| denied(&format!("your license does not include {what}"));
    assert_eq!(
        depot.get("/v2/acme/app/manifests/2.0", &shown).refusal(),
        not_included("acme/app:2.0"),
        "of what is named, no more than is granted"
    );
    assert_eq!(depot.get("/v2/acme/secret/manifests/1.0", &shown).refusal(), not_included("acme/secret"));
    assert_eq!(
        depot.get("/v2/acme/db/manifests/1.0", &shown).refusal(),
        denied("this credential is for the images of one deployment, and acme/db is none of them"),
        "of what is granted, no more than is named"
    );
    assert_eq!(
        depot.get("/v2/acme/db/manifests/1.0", &buyer.token).status,
        200,
        "though the license opens it"
    );
    assert_eq!(depot.get("/v2/acme/app/tags/list", &shown).json()["tags"], serde_json::json!(["1.0"]));
    let all = depot.get("/v2/_catalog", &shown).json();
    assert_eq!(all["repositories"], serde_json::json!(["acme/app"]));
    for (method, path) in [("POST", "/v2/acme/app/blobs/uploads/"), ("DELETE", PATH)] {
        assert_eq!(
            depot.ask(method, path).key(&shown).send().refusal(),
            denied("the credential of a deployment opens a registry for pulling only")
        );
    }
}

#[database_test]
async fn what_ends_for_the_customer_ends_for_the_agent_at_once(store: Store) {
    let (other, _) = another_engine(store.clone(), 2);
    let (depot, _) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let buyer = depot.buyer("Buyer").await;
    let work = AtWork::of(&depot, &buyer).await;
    depot.entitle(&buyer, "acme/app", &["1.0"]).await;
    let second = depot.vendor.license_of(&buyer.customer, "Second").await;
    let shown = credential(&depot, (&buyer, &work), &["acme/app"]);
    let vendor = &depot.vendor;
    let pull = || depot.get(PATH, &shown);
    assert_eq!(pull().status, 200);
    other.suspend_license(&vendor.access(), second.id, None).await.unwrap();
    assert_eq!(pull().status, 200, "the other license is in force");
    other.revoke_license(&vendor.access(), buyer.license.id, None).await.unwrap();
    assert_eq!(pull().refusal(), denied("the license Second is suspended; ask Acme"));
    other.resume_license(&vendor.access(), second.id, None).await.unwrap();
    assert_eq!(pull().status, 200);
    let page = PageRequest { limit: 50, after: None };
    let held =
        other.artifact_entitlements(&vendor.access(), Some(buyer.customer.id), page).await.unwrap().newest();
    other.delete_artifact_entitlement(&vendor.access(), held[0].id, None).await.unwrap();
    assert_eq!(pull().refusal(), denied("your license does not include acme/app"));
    other.revoke_license(&vendor.access(), second.id, None).await.unwrap();
    assert_eq!(pull().refusal(), denied("there is no license any more that opens this; ask Acme"));
    other.delete_customer(&vendor.access(), buyer.customer.id, None).await.unwrap();
    assert_eq!(pull().refusal(), nobody());
}

#[database_test]
async fn what_is_not_the_registrys_own_word_is_nothing(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let buyer = depot.buyer("Buyer").await;
    let work = AtWork::of(&depot, &buyer).await;
    depot.entitle(&buyer, "acme/app", &[]).await;
    let good = claims(&depot, (&buyer, &work), &["acme/app"]);
    let shown = signed(&depot, &good);
    let (text, signature) = shown.rsplit_once('.').unwrap();
    let wider = claims(&depot, (&buyer, &work), &["acme/app", "acme/other"]);
    // Another registry of the same vendor, and one of somebody else's.
    let new = NewRegistry {
        host: Some("r2.acme.example".parse().unwrap()),
        upstream: "http://127.0.0.1:9".parse().unwrap(),
        ..new_registry("Second")
    };
    let second = depot.engine.create_registry(&depot.vendor.access(), new, None).await.unwrap().value;
    let thief = Vendor::found(&depot.engine, "Thief").await;
    let new = NewRegistry {
        host: Some("r.thief.example".parse().unwrap()),
        upstream: "http://127.0.0.1:10".parse().unwrap(),
        ..new_registry("Theirs")
    };
    let theirs = depot.engine.create_registry(&thief.access(), new, None).await.unwrap().value;
    let by = |registry, claims: &PullClaims| {
        depot.engine.sign_pull_credential(registry, claims).unwrap().to_string()
    };
    let asked = upstream.asked().len();
    let of_second = PullClaims { registry: second.id, ..good.clone() };
    let of_theirs = PullClaims { registry: theirs.id, organization: theirs.organization, ..good.clone() };
    let token = depot.engine.upstream_token(&depot.registry, "key:x", &[], 60).unwrap();
    for (what, forged) in [
        ("another's key", by(&theirs, &good)),
        ("another registry's key", by(&second, &good)),
        ("for another registry", signed(&depot, &of_second)),
        ("for another's registry", by(&theirs, &of_theirs)),
        ("wider", format!("{}.{signature}", wider.text())),
        ("cut", text.to_owned()),
        ("unsigned", format!("{text}.")),
        ("signed twice", format!("{shown}.{signature}")),
        ("of an upstream's token", format!("kw_pull_{}", *token)),
        ("an upstream's token", token.to_string()),
        ("without its prefix", shown.trim_start_matches("kw_pull_").to_owned()),
        ("nothing", "kw_pull_".to_owned()),
        ("long", format!("kw_pull_{}", "x".repeat(60_000))),
    ] {
        assert_eq!(depot.get(PATH, &forged).refusal(), nobody(), "{what}");
    }
    for position in (0..shown.len()).step_by(7) {
        let mut bytes = shown.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(bytes).unwrap();
        let answer = depot.get(PATH, &altered);
        assert!([401, 429].contains(&answer.status), "{position}: {answer:?}");
    }
    assert_eq!(upstream.asked().len(), asked, "the upstream hears of none of it");
    assert_eq!(depot.get(PATH, &shown).status, 200);
    depot.clock.advance(pull_credential::SECONDS - 1);
    assert_eq!(depot.get(PATH, &shown).status, 200);
    depot.clock.advance(1);
    assert!([401, 429].contains(&depot.get(PATH, &shown).status), "its time is over");
    assert!(depot.engine.flush_log().await.error.is_none());
    let filter = EventFilter { decision: Some(Decision::Denied), ..EventFilter::default() };
    let page = PageRequest { limit: 200, after: None };
    let written = depot.engine.registry_events(&depot.vendor.access(), filter, page).await.unwrap();
    assert_eq!(written.newest(), [], "strangers write nothing");
}

#[database_test]
async fn the_log_says_for_which_deployment(store: Store) {
    let (depot, _) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let buyer = depot.buyer("Buyer").await;
    let work = AtWork::of(&depot, &buyer).await;
    depot.entitle(&buyer, "acme/app", &["1.0"]).await;
    let shown = credential(&depot, (&buyer, &work), &["acme/app"]);
    assert_eq!(depot.get(PATH, &shown).status, 200);
    // What happens in one millisecond has no order.
    depot.clock.advance(1);
    assert_eq!(depot.get("/v2/acme/app/manifests/2.0", &shown).status, 403);
    depot.clock.advance(1);
    assert_eq!(depot.get("/v2/acme/db/manifests/1.0", &shown).status, 403);
    assert!(depot.engine.flush_log().await.error.is_none());
    let page = PageRequest { limit: 50, after: None };
    let of_buyer = EventFilter { customer: Some(buyer.customer.id), ..EventFilter::default() };
    let events = depot.engine.registry_events(&depot.vendor.access(), of_buyer, page).await.unwrap().newest();
    let holder = Holder::Deployment {
        deployment: work.deployment,
        customer: buyer.customer.id,
        license: Some(buyer.license.id),
    };
    let lines: Vec<_> =
        events.iter().map(|event| (event.holder, event.decision, &*event.reference)).collect();
    assert_eq!(
        lines,
        [
            (holder, Decision::Denied, "1.0"),
            (holder, Decision::Denied, "2.0"),
            (holder, Decision::Allowed, "1.0"),
        ]
    );
    let used = depot.engine.license_use(&depot.vendor.access(), buyer.license.id, 1).await.unwrap();
    assert_eq!(used.days.values().map(|day| day.pulls).sum::<u64>(), 1, "{used:?}");
}

#[database_test]
async fn an_agent_that_is_replaced_or_released_pulls_nothing_more(store: Store) {
    let (other, _) = another_engine(store.clone(), 2);
    let (depot, _) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let buyer = depot.buyer("Buyer").await;
    let work = AtWork::of(&depot, &buyer).await;
    depot.entitle(&buyer, "acme/app", &[]).await;
    let shown = credential(&depot, (&buyer, &work), &["acme/app"]);
    assert_eq!(depot.get(PATH, &shown).status, 200);
    let foreign = PullClaims {
        deployment: DeploymentId::new(1, [9; 10]),
        ..claims(&depot, (&buyer, &work), &["acme/app"])
    };
    assert_eq!(depot.get(PATH, &signed(&depot, &foreign)).refusal(), nobody(), "no such deployment");
    let code = other.create_own_join_code(&work.person, work.target).await.unwrap().code;
    let agent = Host::join(&other, code.expose(), Mode::Manage, 2).await.unwrap().agent;
    assert_eq!(depot.get(PATH, &shown).refusal(), nobody(), "another agent");
    let work = AtWork { agent, ..work };
    let shown = credential(&depot, (&buyer, &work), &["acme/app"]);
    assert_eq!(depot.get(PATH, &shown).status, 200);
    other.remove_own_deployment(&work.person, work.deployment, Volumes::Keep, "").await.unwrap();
    assert_eq!(depot.get(PATH, &shown).status, 200, "until it is carried out");
    other.release_own_deployment_target(&work.person, work.target).await.unwrap();
    assert_eq!(depot.get(PATH, &shown).refusal(), nobody(), "released");
}
