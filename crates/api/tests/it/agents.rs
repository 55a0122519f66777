//! What agents ask, over HTTP: recognised by their signatures, and answered by the vendor's.

use std::cell::Cell;
use std::sync::Arc;

use futures_util::future::join_all;
use keyward_domain::application::Rollout;
use keyward_domain::deployment::Mode;
use keyward_domain::{
    Action, Application, AuditFilter, Customer, Deployment, DeploymentTargetId, PageRequest,
};
use keyward_engine::{CustomerSession, DeploymentChange, Engine};
use keyward_protocol::desired::{Desired, Entry, Order, PullCredentials};
use keyward_protocol::enrolment::{Enrolled, NewKeys};
use keyward_protocol::path;
use keyward_protocol::report::{
    Block, BlockItem, DeploymentHealth, DeploymentReport, DeploymentState, Failure, Phase, Reports, Step,
    Taken, Transition,
};
use keyward_protocol::signed::{Answer as Signed, Request, body_hash};
use keyward_testkit::database::Store;
use keyward_testkit::deployment::{
    Host, Keyring, SecretKey, URL, deploy, enrolment, public_keys, request, target,
};
use keyward_testkit::engine::{another_engine, engine, new_registry};
use keyward_testkit::{TestClock, Vendor, database_test};

use crate::client::{Answer, Api, Ask};

const COMPOSE: &str = "services:\n  app:\n    image: r.example/acme/app:1.0\n    environment:\n      KEY: '{{ .LicenseKeys.Server }}'\n";

/// A customer with an application, and a host that has joined.
struct Shop {
    engine: Arc<Engine>,
    clock: TestClock,
    vendor: Vendor,
    api: Api,
    customer: Customer,
    person: CustomerSession,
    application: Application,
    host: Host,
    asked: Cell<u32>,
}

impl Shop {
    async fn open(store: Store) -> Self {
        Self::open_in(store, Mode::Manage).await
    }

    async fn open_in(store: Store, mode: Mode) -> Self {
        let (engine, clock) = engine(store);
        let vendor = Vendor::found(&engine, "Acme").await;
        let customer = vendor.customer("Buyer").await;
        vendor.license_of(&customer, "Server").await;
        let person = vendor.admin_of(&customer).await;
        let application = vendor.application(&customer, "App", COMPOSE).await;
        let (_, code) = target(&engine, &person, "db1", mode).await;
        let host = Host::join(&engine, &code, mode, 1).await.unwrap();
        let api = Api::new(&engine).await;
        Self { engine, clock, vendor, api, customer, person, application, host, asked: Cell::new(0) }
    }

    async fn deploy(&self) -> Deployment {
        deploy(&self.engine, &self.person, self.host.target, &self.application).await
    }

    fn jti(&self) -> String {
        self.asked.set(self.asked.get() + 1);
        format!("jti-{}", self.asked.get())
    }

    /// Asks as the host does, and holds the answer to its signature.
    async fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.ask_as(&self.host, &self.api, (method, path), body, &[]).await
    }

    async fn ask_as(
        &self,
        host: &Host,
        api: &Api,
        way: (&str, &str),
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Answer {
        let (asked, jws) = host.sign(way, body, self.engine.now().unix(), &self.jti());
        let answer = send(api, way, &jws, body, headers).await;
        if answer.status != 401 {
            assert_signed(&answer, &host.keys, &asked);
        }
        answer
    }

    async fn post<T: serde::Serialize>(&self, path: &str, body: &T) -> Answer {
        self.ask("POST", path, &serde_json::to_vec(body).unwrap()).await
    }

    async fn desired(&self) -> Desired {
        let answer = self.ask("GET", path::DESIRED, b"").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        serde_json::from_str(&answer.text).unwrap()
    }

    async fn report(&self, reports: &Reports) -> Taken {
        let answer = self.post(path::REPORTS, reports).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        serde_json::from_str(&answer.text).unwrap()
    }

    /// What was done to targets and deployments, the latest last.
    async fn events(&self) -> Vec<Action> {
        let page = PageRequest { limit: PageRequest::MOST, after: None };
        let found =
            self.engine.audit_events(&self.vendor.access(), &AuditFilter::default(), page).await.unwrap();
        let ours = |action: &Action| ["deployment", "deployment_target"].contains(&action.noun());
        let mut actions: Vec<_> = found.newest().into_iter().map(|event| event.action).filter(ours).collect();
        actions.reverse();
        actions
    }
}

async fn send(
    api: &Api,
    (method, path): (&str, &str),
    jws: &str,
    body: &[u8],
    headers: &[(&str, &str)],
) -> Answer {
    let mut ask = Ask::new(method, path).header("Authorization", &format!("Keyward-Agent {jws}"));
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    if method == "POST" {
        ask = ask.json(body);
    }
    api.ask(ask).await
}

#[track_caller]
fn assert_signed(answer: &Answer, keys: &Keyring, asked: &Request) -> i64 {
    let signature = answer.header("keyward-signature").unwrap_or_else(|| panic!("unsigned: {}", answer.text));
    let status = answer.status.as_u16();
    Signed::verify(signature, keys, asked, status, answer.text.as_bytes()).unwrap().iat
}

fn state(seq: u64, revision: u32, phase: Phase) -> DeploymentState {
    DeploymentState {
        seq,
        revision,
        running: Some(revision),
        phase,
        health: DeploymentHealth::Healthy,
        drift: Vec::new(),
    }
}

fn transition(seq: u64, revision: u32, phase: Phase) -> Transition {
    Transition { seq, at: 1_767_225_600, revision, phase, health: DeploymentHealth::Healthy }
}

fn report(deployment: &Deployment, transitions: &[(u64, u32, Phase)]) -> Reports {
    let (seq, revision, phase) = transitions.last().unwrap().clone();
    let transitions =
        transitions.iter().map(|(seq, revision, phase)| transition(*seq, *revision, phase.clone()));
    Reports {
        deployments: vec![DeploymentReport {
            deployment: deployment.id.uuid(),
            state: state(seq, revision, phase),
            transitions: transitions.collect(),
        }],
        ..Reports::default()
    }
}

fn failure(message: &str) -> Failure {
    Failure { step: Step::Settle, message: message.to_owned(), tries: 1, services: Vec::new() }
}

fn nobody(answer: &Answer) -> bool {
    answer.problem() == (401, "invalid_agent_signature".to_owned())
}

#[database_test]
async fn a_host_joins_once_by_a_code(store: Store) {
    let shop = Shop::open(store).await;
    let (id, code) = target(&shop.engine, &shop.person, "db2", Mode::Manage).await;
    let join = async |code: &str, mode, seed, skew: i64, alter: bool| {
        let (key, mut body) = enrolment(code, mode, seed);
        let kid = key.public_key().kid().to_string();
        let at = shop.engine.now().unix() + skew;
        let asked = request(&kid, URL, ("POST", path::ENROL), &body, at, "j");
        let jws = asked.sign(&key);
        if alter {
            body.push(b' ');
        }
        (send(&shop.api, ("POST", path::ENROL), &jws, &body, &[]).await, asked)
    };
    assert_eq!(join(&code, Mode::Witness, 2, 0, false).await.0.problem(), (409, "wrong_mode".into()));
    assert_eq!(join(&code, Mode::Manage, 2, 61, false).await.0.problem(), (401, "clock_skew".into()));
    assert!(nobody(&join(&code, Mode::Manage, 2, 0, true).await.0));
    for wrong in ["kw_join_", "", "kw_join_0123456789012345678901234567890123456789", &format!("{code}x")] {
        let closed = (410, "join_code_closed".to_owned());
        assert_eq!(join(wrong, Mode::Manage, 2, 0, false).await.0.problem(), closed, "{wrong}");
    }
    let (joined, asked) = join(&code, Mode::Manage, 2, 0, false).await;
    assert_eq!(joined.status, 200, "{}", joined.text);
    let enrolled: Enrolled = serde_json::from_str(&joined.text).unwrap();
    assert_signed(&joined, &Keyring::from_jwks(&enrolled.jwks).unwrap(), &asked);
    assert_eq!((enrolled.target, &*enrolled.target_name), (id.uuid(), "db2"));
    assert_eq!((&*enrolled.organization_name, &*enrolled.server), ("Acme", URL));
    // The answer was lost: the same keys are the same agent.
    let (again, _) = join(&code, Mode::Manage, 2, 0, false).await;
    assert_eq!(serde_json::from_str::<Enrolled>(&again.text).unwrap().agent, enrolled.agent);
    assert_eq!(join(&code, Mode::Manage, 3, 0, false).await.0.problem(), (410, "join_code_closed".into()));
    use Action::{DeploymentTargetCreated, DeploymentTargetJoined};
    assert_eq!(
        shop.events().await,
        [DeploymentTargetCreated, DeploymentTargetJoined, DeploymentTargetCreated, DeploymentTargetJoined]
    );
    let (_, late) = target(&shop.engine, &shop.person, "db3", Mode::Manage).await;
    shop.clock.advance(3_600);
    assert_eq!(join(&late, Mode::Manage, 4, 0, false).await.0.status, 410, "an hour later");
}

#[database_test]
async fn of_a_hundred_hosts_with_one_code_one_joins(store: Store) {
    let (other, _) = another_engine(store.clone(), 9);
    let shop = Shop::open(store).await;
    let (id, code) = target(&shop.engine, &shop.person, "db2", Mode::Manage).await;
    let tries = (0..100_u8).map(|number| {
        let engine = if number % 2 == 0 { &shop.engine } else { &other };
        Host::join(engine, &code, Mode::Manage, 100 + number)
    });
    let joined: Vec<_> = join_all(tries).await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(joined.len(), 1);
    let known = shop.engine.own_deployment_target(&shop.person, id).await.unwrap().target;
    assert_eq!(known.agent().map(|agent| agent.id), Some(joined[0].agent));
}

#[database_test]
async fn an_agent_is_told_what_is_to_be(store: Store) {
    let shop = Shop::open(store).await;
    let desired = shop.desired().await;
    assert_eq!((desired.agent, desired.target), (shop.host.agent.uuid(), shop.host.target.uuid()));
    assert_eq!((&*desired.target_name, desired.mode, desired.deployments.len()), ("db1", Mode::Manage, 0));
    let first = shop.ask("GET", path::DESIRED, b"").await;
    let tag = first.header("etag").unwrap().to_owned();
    let again = [("If-None-Match", &*tag)];
    let get = ("GET", path::DESIRED);
    let known = shop.ask_as(&shop.host, &shop.api, get, b"", &again).await;
    assert_eq!((known.status.as_u16(), &*known.text, known.header("etag")), (304, "", Some(&*tag)));

    let deployment = shop.deploy().await;
    let changed = shop.ask_as(&shop.host, &shop.api, get, b"", &again).await;
    assert_eq!(changed.status, 200);
    let desired: Desired = serde_json::from_str(&changed.text).unwrap();
    let Entry::Deployment(told) = &desired.deployments[0] else { panic!("{desired:?}") };
    assert_eq!((told.id, told.revision, told.attempt), (deployment.id.uuid(), 1, 1));
    assert_eq!((&*told.application, &*told.version, told.order), ("app", "1.0", Order::Run));
    assert!(
        matches!(&told.licenses["Server"], keyward_protocol::desired::LicenseEntry::Token(token) if token.starts_with("ey"))
    );
    let file = format!("{}/{}", path::FILES, told.files[0].sha256);
    assert_eq!(told.files[0].name, "compose.yaml");
    let text = shop.ask("GET", &file, b"").await;
    assert_eq!((text.status.as_u16(), &*text.text), (200, COMPOSE), "as the vendor wrote it");
    let absent = format!("{}/{}", path::FILES, "0".repeat(64));
    assert_eq!(shop.ask("GET", &absent, b"").await.problem(), (404, "not_found".into()));

    shop.engine.stop_own_deployment(&shop.person, deployment.id).await.unwrap();
    let Entry::Deployment(told) = &shop.desired().await.deployments[0] else { panic!() };
    assert_eq!(told.order, Order::Stop);
    // A license that ends is told without anything having been written.
    shop.clock.advance(366 * 24 * 3_600);
    let tag = shop.ask("GET", path::DESIRED, b"").await.header("etag").unwrap().to_owned();
    assert_ne!(changed.header("etag"), Some(&*tag));
}

#[database_test]
async fn an_agent_is_told_how_a_version_is_brought_up(store: Store) {
    let shop = Shop::open(store).await;
    let deployment = shop.deploy().await;
    let rollout = async || {
        let Entry::Deployment(told) = &shop.desired().await.deployments[0] else { panic!() };
        (told.health_seconds, told.no_way_back)
    };
    assert_eq!(rollout().await, (None, false));
    let given = Rollout { health_seconds: Some(90), no_way_back: true };
    shop.vendor.version_with(&shop.application, "1.1", COMPOSE, given).await;
    let change = DeploymentChange { version: Some("1.1".parse().unwrap()), values: None };
    shop.engine.revise_own_deployment(&shop.person, deployment.id, change, None).await.unwrap();
    assert_eq!(rollout().await, (Some(90), true));
}

#[database_test]
async fn who_waits_is_told_of_a_change_by_whichever_server(store: Store) {
    let (other, _) = another_engine(store.clone(), 9);
    let shop = Shop::open(store).await;
    let deployment = shop.deploy().await;
    let tag = shop.ask("GET", path::DESIRED, b"").await.header("etag").unwrap().to_owned();
    let (get, short) = (("GET", path::DESIRED), [("If-None-Match", &*tag), ("Prefer", "wait=1")]);
    let idle = shop.ask_as(&shop.host, &shop.api, get, b"", &short).await;
    assert_eq!((idle.status.as_u16(), &*idle.text), (304, ""));
    let long = [("If-None-Match", &*tag), ("Prefer", "wait=50")];
    let begun = std::time::Instant::now();
    let waiting = shop.ask_as(&shop.host, &shop.api, get, b"", &long);
    let change = async {
        actix_web::rt::time::sleep(std::time::Duration::from_millis(300)).await;
        // What the vendor does elsewhere, and what happens to other targets, wakes nobody for nothing.
        target(&other, &shop.person, "db2", Mode::Manage).await;
        actix_web::rt::time::sleep(std::time::Duration::from_millis(500)).await;
        other.stop_own_deployment(&shop.person, deployment.id).await.unwrap();
    };
    let (told, ()) = futures_util::future::join(waiting, change).await;
    assert_eq!(told.status, 200);
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "long before its time is over");
    assert!(told.text.contains(r#""kind":"stop""#), "{}", told.text);
}

#[database_test]
async fn an_answer_to_an_agent_has_no_header_that_is_for_browsers(store: Store) {
    let shop = Shop::open(store).await;
    let get = ("GET", path::DESIRED);
    let tag = shop.ask("GET", path::DESIRED, b"").await.header("etag").unwrap().to_owned();
    let idle = shop.ask_as(&shop.host, &shop.api, get, b"", &[("If-None-Match", &tag)]).await;
    let mut names: Vec<_> = idle.headers.keys().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["cache-control", "etag", "keyward-signature"]);
    assert_eq!(idle.header("cache-control"), Some("no-store"));
    // Also what is no answer to a known agent is for nobody's browser, and what only looks like an agent's is for browsers.
    let stranger = shop.api.ask(Ask::new("GET", path::DESIRED)).await;
    assert_eq!((nobody(&stranger), stranger.header("content-security-policy")), (true, None));
    assert!(stranger.header("x-request-id").is_some(), "a refusal can be found in the server's log");
    let page = shop.api.ask(Ask::new("GET", "/api/v1/agents")).await;
    assert!(page.header("content-security-policy").is_some());
}

#[database_test]
async fn what_an_agent_has_not_signed_is_refused(store: Store) {
    let shop = Shop::open(store).await;
    let deployment = shop.deploy().await;
    let thief = Vendor::found(&shop.engine, "Thief").await;
    let theirs = thief.customer("Theirs").await;
    let (body, post) = (serde_json::to_vec(&Reports::default()).unwrap(), ("POST", path::REPORTS));
    let now = shop.engine.now().unix();
    let sign = |way, body: &[u8], at, jti: &str| shop.host.sign(way, body, at, jti).1;
    let good = sign(post, &body, now, "one");
    let ask = async |jws: &str, way, body: &[u8]| send(&shop.api, way, jws, body, &[]).await;
    assert_eq!(ask(&good, post, &body).await.status, 200);
    let replayed = ask(&good, post, &body).await;
    assert!(nobody(&replayed), "{replayed:?}");
    assert!(replayed.header("keyward-signature").is_some());
    let stranger = SecretKey::from_seed([77; 32]);
    let forged = request(&shop.host.agent.to_string(), URL, post, &body, now, "f").sign(&stranger);
    let unknown = request(&theirs.id.to_string(), URL, post, &body, now, "u").sign(&stranger);
    let elsewhere = request(&shop.host.agent.to_string(), "https://other.example", post, &body, now, "e");
    for (what, jws, way, sent) in [
        ("moved to another address", sign(("POST", path::KEY), &body, now, "a"), post, &body[..]),
        ("moved to another method", sign(("GET", path::REPORTS), &body, now, "b"), post, &body),
        ("another body", sign(post, b"{}x", now, "c"), post, &body),
        ("another server", elsewhere.sign(&shop.host.key), post, &body),
        ("another key", forged, post, &body),
        ("no agent", unknown, post, &body),
        ("a join request", shop.host.sign(("POST", path::ENROL), &body, now, "d").1, post, &body),
        ("nothing", String::new(), post, &body),
        ("cut", good[..good.len() - 1].to_owned(), post, &body),
        ("long", "x".repeat(9_000), post, &body),
    ] {
        let answer = ask(&jws, way, sent).await;
        assert!(nobody(&answer), "{what}: {}", answer.text);
        assert!(answer.header("keyward-signature").is_none(), "{what}");
    }
    let plain = shop.api.ask(Ask::new("GET", path::DESIRED)).await;
    assert!(nobody(&plain));
    for skew in [-61, 61, 365 * 24 * 3_600, -365 * 24 * 3_600] {
        let (asked, jws) = shop.host.sign(post, &body, now + skew, &format!("skew{skew}"));
        let skewed = ask(&jws, post, &body).await;
        assert_eq!(skewed.problem(), (401, "clock_skew".into()));
        assert_eq!(assert_signed(&skewed, &shop.host.keys, &asked), now, "and told the time");
    }
    assert_eq!(ask(&sign(post, &body, now - 60, "late"), post, &body).await.status, 200);
    let large = vec![b' '; 1024 * 1024 + 1];
    assert_eq!(ask(&sign(post, &large, now, "large"), post, &large).await.problem().0, 413);
    // Another customer's deployment is not there, nor another vendor's.
    let other_customer = shop.vendor.customer("Other").await;
    let person = {
        let change = keyward_engine::CustomerChange {
            email: Some("other@customer.example".parse().unwrap()),
            ..Default::default()
        };
        let access = shop.vendor.access();
        let changed = shop.engine.update_customer(&access, other_customer.id, change, None).await.unwrap();
        shop.vendor.admin_of(&changed).await
    };
    let (_, code) = target(&shop.engine, &person, "foreign", Mode::Manage).await;
    let foreign = Host::join(&shop.engine, &code, Mode::Manage, 8).await.unwrap();
    let credential = serde_json::to_vec(&serde_json::json!({"deployment": deployment.id})).unwrap();
    let way = ("POST", path::PULL_CREDENTIAL);
    let refused = shop.ask_as(&foreign, &shop.api, way, &credential, &[]).await;
    assert_eq!(refused.problem(), (404, "not_found".into()));
    let Entry::Deployment(told) = &shop.desired().await.deployments[0] else { panic!() };
    let file = format!("{}/{}", path::FILES, told.files[0].sha256);
    assert_eq!(shop.ask_as(&foreign, &shop.api, ("GET", &file), b"", &[]).await.status, 404);
    let lie = serde_json::to_vec(&report(&deployment, &[(1, 1, Phase::Running)])).unwrap();
    assert_eq!(shop.ask_as(&foreign, &shop.api, post, &lie, &[]).await.status, 200);
    let view = shop.engine.own_deployment(&shop.person, deployment.id).await.unwrap();
    assert_eq!(view.row.deployment.reported, None, "what a stranger says of it");
}

#[database_test]
async fn an_agent_asks_sixty_times_a_minute(store: Store) {
    let shop = Shop::open(store).await;
    let body = serde_json::to_vec(&Reports::default()).unwrap();
    for _ in 0..60 {
        assert_eq!(shop.ask("POST", path::REPORTS, &body).await.status, 200);
    }
    let slowed = shop.ask("POST", path::REPORTS, &body).await;
    assert_eq!(slowed.problem(), (429, "too_many_requests".into()));
    assert_eq!(slowed.header("retry-after"), Some("60"));
    shop.clock.advance(60);
    assert_eq!(shop.ask("POST", path::REPORTS, &body).await.status, 200);
}

#[database_test]
async fn an_agent_tells_of_so_many_ends_an_hour(store: Store) {
    let shop = Shop::open(store).await;
    let deployment = shop.deploy().await;
    let flapping = |seqs: std::ops::Range<u64>| {
        let phase = |seq| if seq % 2 == 0 { Phase::Running } else { Phase::Stopped };
        report(&deployment, &seqs.map(|seq| (seq, 1, phase(seq))).collect::<Vec<_>>())
    };
    let latest = async || {
        let view = shop.engine.own_deployment(&shop.person, deployment.id).await.unwrap();
        view.transitions[0].seq
    };
    shop.report(&flapping(1..101)).await;
    // What has gathered is told at once, even if it is more than is left.
    shop.report(&flapping(101..200)).await;
    let more = flapping(200..201);
    let refused = shop.post(path::REPORTS, &more).await;
    assert_eq!(refused.problem(), (429, "too_many_requests".into()));
    assert_eq!(refused.header("retry-after"), Some("3600"));
    assert_eq!(latest().await, 199, "nothing of it was taken");
    let quiet = report(&deployment, &[(200, 1, Phase::Applying)]);
    assert_eq!(shop.report(&quiet).await.deployments[0].seq, 200, "what ends nothing is taken");
    shop.clock.advance(3_600);
    shop.report(&flapping(201..202)).await;
    assert_eq!(latest().await, 201);
}

#[database_test]
async fn reports_count_once(store: Store) {
    let shop = Shop::open(store).await;
    let deployment = shop.deploy().await;
    let told =
        report(&deployment, &[(1, 1, Phase::Received), (2, 1, Phase::Pulling), (3, 1, Phase::Running)]);
    let body = serde_json::to_vec(&told).unwrap();
    let taken = join_all((0..8).map(|_| shop.ask("POST", path::REPORTS, &body))).await;
    for answer in taken {
        let taken: Taken = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(taken.deployments[0].seq, 3, "{}", answer.text);
    }
    let generation = shop.events().await.len();
    assert_eq!(shop.report(&told).await.deployments[0].seq, 3);
    assert_eq!(shop.events().await.len(), generation, "nothing new, nothing written");
    let transitions = async |shop: &Shop| {
        let view = shop.engine.own_deployment(&shop.person, deployment.id).await.unwrap();
        view.transitions.iter().map(|transition| transition.seq).collect::<Vec<_>>()
    };
    assert_eq!(transitions(&shop).await, [3, 2, 1]);
    // What was told in part goes on where it ended; that it still runs is no news.
    let more = report(&deployment, &[(3, 1, Phase::Running), (4, 1, Phase::Running)]);
    assert_eq!(shop.report(&more).await.deployments[0].seq, 4);
    let failed = Phase::Failed { failure: failure("the service app is unhealthy") };
    shop.report(&report(&deployment, &[(5, 2, Phase::Applying), (6, 2, failed)])).await;
    let back = Phase::RolledBack { failure: failure("unhealthy"), to: 1 };
    shop.report(&report(&deployment, &[(7, 2, back), (8, 2, Phase::Stopped)])).await;
    let items = vec![BlockItem { message: "it wants a port".into(), command: None }];
    let blocked = Phase::Blocked { by: Block::Needs, items };
    shop.report(&report(&deployment, &[(9, 3, blocked.clone()), (10, 3, blocked)])).await;
    use Action::*;
    assert_eq!(
        shop.events().await[3..],
        [DeploymentApplied, DeploymentFailed, DeploymentRolledBack, DeploymentStopped, DeploymentBlocked]
    );
    // Removed as ordered, it is over; what comes late is taken, and changes nothing.
    shop.engine
        .remove_own_deployment(&shop.person, deployment.id, keyward_protocol::desired::Volumes::Keep, "")
        .await
        .unwrap();
    let removed = report(&deployment, &[(11, 1, Phase::Removed { volumes_deleted: false })]);
    shop.report(&removed).await;
    assert_eq!(shop.desired().await.deployments, []);
    assert_eq!(shop.report(&report(&deployment, &[(12, 1, Phase::Running)])).await.deployments[0].seq, 12);
    assert_eq!(shop.events().await.last(), Some(&DeploymentRemoved));
    let view = shop.engine.own_deployment(&shop.person, deployment.id).await.unwrap();
    assert!(view.row.deployment.ended_at.is_some());
}

#[database_test]
async fn reports_are_bounded(store: Store) {
    let shop = Shop::open(store).await;
    let deployment = shop.deploy().await;
    let refused = async |reports: Reports| shop.post(path::REPORTS, &reports).await.problem();
    let invalid = (422, "validation_failed".to_owned());
    let one = report(&deployment, &[(1, 1, Phase::Running)]).deployments.remove(0);
    let many = |deployments| Reports { deployments, ..Reports::default() };
    assert_eq!(refused(many(vec![one.clone(); 101])).await, invalid);
    assert_eq!(refused(many(vec![one.clone(); 2])).await, invalid, "twice");
    let transitions: Vec<_> = (1..=101).map(|seq| transition(seq, 1, Phase::Running)).collect();
    assert_eq!(refused(many(vec![DeploymentReport { transitions, ..one.clone() }])).await, invalid);
    let long = Phase::Failed { failure: failure(&"x".repeat(33_000)) };
    assert_eq!(refused(report(&deployment, &[(1, 1, long)])).await, invalid);
    assert_eq!(refused(report(&deployment, &[(u64::MAX, 1, Phase::Running)])).await, invalid);
    let future = Transition { at: i64::MAX, ..transition(1, 1, Phase::Running) };
    assert_eq!(refused(many(vec![DeploymentReport { transitions: vec![future], ..one }])).await, invalid);
    let garbage = shop.ask("POST", path::REPORTS, b"[").await;
    assert_eq!(garbage.problem(), (400, "invalid_request".into()));
    let odd = Phase::Failed { failure: failure("nul \0 and \u{202e} and \u{1b}[2J") };
    assert_eq!(shop.report(&report(&deployment, &[(1, 1, odd)])).await.deployments[0].seq, 1);
}

#[database_test]
async fn keys_are_replaced_by_what_both_have_signed(store: Store) {
    let (other, _) = another_engine(store.clone(), 9);
    let mut shop = Shop::open(store).await;
    let elsewhere = Api::new(&other).await;
    let next = SecretKey::from_seed([50; 32]);
    let keys = public_keys(&next);
    let (way, jti, now) = (("POST", path::KEY), "rotate", shop.engine.now().unix());
    let proof_of = |key: &SecretKey, jti: &str| {
        let kid = key.public_key().kid().to_string();
        let bh = body_hash(&serde_json::to_vec(&keys).unwrap());
        Request { bh, ..request(&kid, URL, way, b"", now, jti) }.sign(key)
    };
    let body = |proof: String| serde_json::to_vec(&NewKeys { keys: keys.clone(), proof }).unwrap();
    let thief = SecretKey::from_seed([51; 32]);
    for (jti, proof) in [
        ("a", proof_of(&thief, "a")),
        ("b", proof_of(&next, "another")),
        ("c", proof_of(&shop.host.key, "c")),
        ("d", String::new()),
    ] {
        let body = body(proof);
        let jws = shop.host.sign(way, &body, now, jti).1;
        let refused = send(&shop.api, way, &jws, &body, &[]).await;
        assert_eq!(refused.problem(), (422, "validation_failed".into()), "{jti}");
    }
    let good = body(proof_of(&next, jti));
    let jws = shop.host.sign(way, &good, now, jti).1;
    assert_eq!(send(&shop.api, way, &jws, &good, &[]).await.status, 204);
    let post = ("POST", path::REPORTS);
    let empty = serde_json::to_vec(&Reports::default()).unwrap();
    for api in [&shop.api, &elsewhere] {
        assert!(nobody(&shop.ask_as(&shop.host, api, post, &empty, &[]).await), "the old key");
        assert!(nobody(&send(api, way, &jws, &good, &[]).await), "once more, at whichever server");
    }
    shop.host.key = next;
    for api in [&shop.api, &elsewhere] {
        assert_eq!(shop.ask_as(&shop.host, api, post, &empty, &[]).await.status, 200, "the new key");
        assert_eq!(shop.ask_as(&shop.host, api, ("GET", path::DESIRED), b"", &[]).await.status, 200);
    }
    assert_eq!(shop.events().await.last(), Some(&Action::DeploymentTargetKeyRotated));
}

#[database_test]
async fn who_was_replaced_or_released_is_nobody_at_once(store: Store) {
    let (other, _) = another_engine(store.clone(), 9);
    let shop = Shop::open(store).await;
    let elsewhere = Api::new(&other).await;
    let deployment = shop.deploy().await;
    shop.report(&report(&deployment, &[(1, 1, Phase::Received), (2, 1, Phase::Running)])).await;
    let empty = serde_json::to_vec(&Reports::default()).unwrap();
    let ways =
        [("GET", path::DESIRED, &b""[..]), ("POST", path::REPORTS, &empty), ("POST", path::LEAVE, b"")];
    for api in [&shop.api, &elsewhere] {
        assert_eq!(shop.ask_as(&shop.host, api, ("GET", path::DESIRED), b"", &[]).await.status, 200);
    }
    let code = other.create_own_join_code(&shop.person, shop.host.target).await.unwrap().code;
    let second = Host::join(&other, code.expose(), Mode::Manage, 60).await.unwrap();
    for (method, path, body) in ways {
        for api in [&shop.api, &elsewhere] {
            let answer = shop.ask_as(&shop.host, api, (method, path), body, &[]).await;
            assert!(nobody(&answer), "{path}: {}", answer.text);
        }
    }
    assert_eq!(shop.events().await.last(), Some(&Action::DeploymentTargetRejoined));
    // The new host counts from 1 again.
    let told = serde_json::to_vec(&report(&deployment, &[(1, 1, Phase::Received)])).unwrap();
    let taken = shop.ask_as(&second, &shop.api, ("POST", path::REPORTS), &told, &[]).await;
    assert_eq!(serde_json::from_str::<Taken>(&taken.text).unwrap().deployments[0].seq, 1);
    let view = shop.engine.own_deployment(&shop.person, deployment.id).await.unwrap();
    assert_eq!(view.row.deployment.reported.unwrap().state.phase, Phase::Received);

    assert_eq!(shop.ask_as(&second, &elsewhere, ("POST", path::LEAVE), b"", &[]).await.status, 204);
    for (method, path, body) in ways {
        for api in [&shop.api, &elsewhere] {
            let answer = shop.ask_as(&second, api, (method, path), body, &[]).await;
            assert!(nobody(&answer), "{path}: {}", answer.text);
        }
    }
    assert_eq!(shop.events().await.last(), Some(&Action::DeploymentTargetReleased));
}

#[database_test]
async fn an_agent_pulls_for_its_deployments(store: Store) {
    let shop = Shop::open(store).await;
    let new = keyward_engine::NewRegistry { host: Some("r.example".parse().unwrap()), ..new_registry("R") };
    shop.engine.create_registry(&shop.vendor.access(), new, None).await.unwrap();
    let deployment = shop.deploy().await;
    let answer = shop.post(path::PULL_CREDENTIAL, &serde_json::json!({"deployment": deployment.id})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let given: PullCredentials = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(given.expires_at, shop.engine.now().unix() + 900);
    assert_eq!((&*given.credentials[0].registry, &*given.credentials[0].username), ("r.example", "agent"));
    let password = &given.credentials[0].password;
    let host = "r.example".parse().unwrap();
    let principal = async || keyward_testkit::engine::principal(&shop.engine, &host, password).await;
    assert!(principal().await.is_some());
    shop.engine.release_own_deployment_target(&shop.person, shop.host.target).await.unwrap();
    assert!(principal().await.is_none(), "released: dead at the very next request");
}

#[database_test]
async fn a_witness_is_told_what_there_is(store: Store) {
    let shop = Shop::open_in(store, Mode::Witness).await;
    let desired = shop.desired().await;
    assert_eq!((desired.mode, desired.deployments.len()), (Mode::Witness, 0));
    let version = &desired.versions[0];
    assert_eq!((&*version.application, &*version.version, version.granted), ("app", "1.0", true));
    assert_eq!(version.images.keys().collect::<Vec<_>>(), ["r.example/acme/app:1.0"]);
    let seen = keyward_protocol::report::Witnessed {
        project: "kw".into(),
        application: "app".into(),
        version: Some("1.0".into()),
        health: DeploymentHealth::Running,
        images: Vec::new(),
    };
    shop.report(&Reports { witnessed: Some(vec![seen.clone()]), paused: true, ..Reports::default() }).await;
    let known = shop.engine.own_deployment_target(&shop.person, shop.host.target).await.unwrap().target;
    assert_eq!((known.witnessed, known.paused), (vec![seen], true));
}

#[database_test]
async fn that_an_agent_was_there_is_written_once_a_minute(store: Store) {
    let shop = Shop::open(store).await;
    let seen = async |shop: &Shop| {
        assert!(shop.engine.flush_log().await.error.is_none());
        let id: DeploymentTargetId = shop.host.target;
        let known = shop.engine.own_deployment_target(&shop.person, id).await.unwrap().target;
        known.seen_at.unwrap().unix() - 1_767_225_600
    };
    shop.clock.advance(10);
    shop.desired().await;
    assert_eq!(seen(&shop).await, 10);
    shop.clock.advance(30);
    shop.desired().await;
    assert_eq!(seen(&shop).await, 10, "not again within the minute");
    shop.clock.advance(30);
    shop.desired().await;
    assert_eq!(seen(&shop).await, 70);
}

#[database_test]
async fn another_version_is_another_revision(store: Store) {
    let shop = Shop::open(store).await;
    let deployment = shop.deploy().await;
    shop.vendor
        .version(&shop.application, "2.0", "services:\n  app:\n    image: r.example/acme/app:2.0\n")
        .await;
    let change = DeploymentChange { version: Some("2.0".parse().unwrap()), values: None };
    shop.engine.revise_own_deployment(&shop.person, deployment.id, change, None).await.unwrap();
    let Entry::Deployment(told) = &shop.desired().await.deployments[0] else { panic!() };
    assert_eq!((&*told.version, told.revision), ("2.0", 2));
    assert_eq!(shop.customer.id, deployment.customer);
}
