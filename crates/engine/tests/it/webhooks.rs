//! Events are delivered to endpoints, each message at least once and in order, whatever endpoints do.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use keyward_domain::product::AddressMode;
use keyward_domain::registry::{Decision, Holder, Operation};
use keyward_domain::webhook::{AttemptResult, DISABLED_AFTER, DisabledReason, Fault, WebhookSecret};
use keyward_domain::{
    Address, DeliveryState, DeliveryStatus, Ends, EventPatterns, OutboundRules, PageRequest, Product,
    RegistryKeyId, Timestamp, Webhook, WebhookId, WebhookState,
};
use keyward_engine::jobs::{Runner, all};
use keyward_engine::validation::Inquiry;
use keyward_engine::webhook::{KeyedWebhook, NewWebhook, Replay, WebhookChange};
use keyward_engine::{
    AccessEvent, DeliveryFilter, Engine, Error, NewLicense, NewProduct, NewRegistryKey, ProductChange,
    Retention, SettingsChange,
};
use keyward_storage::Store;
use keyward_testkit::engine::{
    START, TestClock, TestNetwork, another_engine, engine, engine_in, new_license, new_registry_key,
};
use keyward_testkit::receiver::{Received, Receiver, Reply};
use keyward_testkit::{Vendor, database_test};
use keyward_token::PublicKey;
use serde_json::Value;
use sha2::Sha256;
use tokio::task::LocalSet;

use crate::alerts::mails;
use crate::buckets::sold;
use crate::jobs::take_turns;

fn events(patterns: &[&str]) -> EventPatterns {
    EventPatterns::new(patterns.iter().map(|pattern| pattern.parse().unwrap()).collect()).unwrap()
}

fn new_webhook(url: &str, patterns: &[&str]) -> NewWebhook {
    NewWebhook {
        url: url.parse().unwrap(),
        description: None,
        events: events(patterns),
        products: Vec::new(),
    }
}

pub(crate) async fn product(vendor: &Vendor, name: &str) -> Product {
    let new = NewProduct { name: name.parse().unwrap(), rest: ProductChange::default() };
    vendor.engine.create_product(&vendor.access(), new, None).await.unwrap().product
}

pub(crate) async fn webhook(vendor: &Vendor, url: &str, patterns: &[&str]) -> KeyedWebhook {
    vendor.engine.create_webhook(&vendor.access(), new_webhook(url, patterns), None).await.unwrap()
}

async fn deliver_by(engines: &[Arc<Engine>], done: impl AsyncFnMut() -> bool) {
    take_turns(engines, "webhooks", done).await;
}

async fn deliver(engine: &Arc<Engine>, done: impl AsyncFnMut() -> bool) {
    deliver_by(std::slice::from_ref(engine), done).await;
}

async fn find(vendor: &Vendor, id: WebhookId) -> Webhook {
    vendor.engine.webhook(&vendor.access(), id).await.unwrap()
}

async fn count(vendor: &Vendor, id: WebhookId, state: DeliveryStatus) -> usize {
    let filter = DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
    let page = PageRequest { limit: 200, after: None };
    vendor.engine.deliveries(&vendor.access(), id, filter, page).await.unwrap().newest().len()
}

/// Whether nothing waits for an endpoint any more.
async fn is_idle(vendor: &Vendor, id: WebhookId) -> bool {
    count(vendor, id, DeliveryStatus::Pending).await == 0
}

fn body(received: &Received) -> Value {
    serde_json::from_str(&received.body).unwrap()
}

fn signed(received: &Received) -> String {
    format!("{}.{}.{}", received.id(), received.headers["webhook-timestamp"], received.body)
}

/// How many of the signatures are by this secret.
fn signatures_by(received: &Received, secret: &WebhookSecret) -> usize {
    let key = STANDARD.decode(secret.expose().strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(signed(received).as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    received.headers["webhook-signature"].split(' ').filter(|one| **one == expected).count()
}

#[database_test]
async fn what_is_done_is_delivered_in_order_and_signed(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let receiver = Receiver::start(|_| Reply::Status(200, "taken\0".to_owned()));
    let made = webhook(&vendor, &receiver.url(), &["license.*", "customer.created"]).await;
    let customer = vendor.customer("Globex").await;
    let license = vendor.license_of(&customer, "Team").await;
    clock.advance(1);
    engine.suspend_license(&vendor.access(), license.id, None).await.unwrap();
    engine.resume_license(&vendor.access(), license.id, None).await.unwrap();
    // Of no kind that it is told.
    vendor.registry("Releases").await;
    deliver(&engine, async || is_idle(&vendor, made.webhook.id).await).await;

    let received = receiver.received();
    let told: Vec<_> = received.iter().map(|one| body(one)["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, ["customer.created", "license.created", "license.suspended", "license.resumed"]);
    let bodies: Vec<_> = received.iter().map(body).collect();
    let numbers = |name: &str| bodies.iter().map(|body| body[name].as_i64()).collect::<Vec<_>>();
    assert_eq!(numbers("sequence"), [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(numbers("license_sequence"), [None, Some(1), Some(2), Some(3)]);
    assert_eq!(bodies[2]["license_id"], license.id.to_string());
    assert_eq!(bodies[2]["timestamp"], "2026-01-01T00:00:01Z");
    assert_eq!(bodies[2]["actor"]["kind"], "token");
    let key = engine.signing_keys(&vendor.access()).await.unwrap().remove(0);
    let key = PublicKey::from_bytes(&key.public).unwrap();
    for one in &received {
        assert!(one.id().starts_with("msg_") && !one.id().contains('.'), "{}", one.id());
        assert_eq!(one.headers["content-type"], "application/json");
        assert_eq!(signatures_by(one, &made.secret), 1);
        let by_key = one.headers["webhook-signature"].split(' ').find_map(|one| one.strip_prefix("v1a,"));
        let signature: [u8; 64] = STANDARD.decode(by_key.unwrap()).unwrap().try_into().unwrap();
        assert!(key.verify(signed(one).as_bytes(), &signature).is_ok());
    }
    let sent = engine
        .deliveries(&vendor.access(), made.webhook.id, DeliveryFilter::default(), PageRequest::default())
        .await
        .unwrap()
        .newest();
    let last = engine.delivery(&vendor.access(), made.webhook.id, sent[0].id).await.unwrap();
    assert_eq!(last.body.as_deref(), Some(received[3].body.as_str()));
    let [attempt] = last.attempts.as_slice() else { panic!("{:?}", last.attempts) };
    // Without what no database keeps.
    assert_eq!(attempt.result, AttemptResult::Answered { status: 200, response: "taken\u{fffd}".to_owned() });
}

#[database_test]
async fn a_change_that_is_undone_is_not_told_and_one_that_tells_several_tells_them_all(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let receiver = Receiver::start(|_| Reply::ok());
    let made = webhook(&vendor, &receiver.url(), &["*"]).await;
    let customer = vendor.customer("Globex").await;
    vendor.license_of(&customer, "One").await;
    vendor.license_of(&customer, "Two").await;
    // The name is taken.
    let twice = new_license("Two", "{}");
    assert!(engine.create_license(&vendor.access(), twice, None).await.is_err());
    engine.delete_customer(&vendor.access(), customer.id, None).await.unwrap();
    deliver(&engine, async || is_idle(&vendor, made.webhook.id).await).await;
    let received = receiver.received();
    let told: Vec<_> = received.iter().map(|one| body(one)["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        told,
        [
            // Its own creation is the first thing that it is told.
            "webhook.created",
            "customer.created",
            "license.created",
            "license.created",
            "license.revoked",
            "license.revoked",
            "customer.deleted"
        ]
    );
}

#[database_test]
async fn products_decide_whether_they_are_told_of(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let receiver = Receiver::start(|_| Reply::ok());
    let (told, other) = (product(&vendor, "Told").await, product(&vendor, "Other").await);
    let one =
        NewWebhook { products: vec![told.id], ..new_webhook(&receiver.url(), &["product.*", "customer.*"]) };
    let made = engine.create_webhook(&vendor.access(), one, None).await.unwrap();
    engine.disable_product(&vendor.access(), told.id, None).await.unwrap();
    engine.disable_product(&vendor.access(), other.id, None).await.unwrap();
    vendor.customer("Globex").await;
    let off = SettingsChange { webhooks: Some(false), ..SettingsChange::default() };
    let off = ProductChange { settings: off, ..ProductChange::default() };
    engine.update_product(&vendor.access(), told.id, off, None).await.unwrap();
    engine.enable_product(&vendor.access(), told.id, None).await.unwrap();
    deliver(&engine, async || is_idle(&vendor, made.webhook.id).await).await;
    let received = receiver.received();
    let kinds: Vec<_> = received.iter().map(|one| body(one)["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["product.disabled", "customer.created"]);
    assert_eq!(body(&received[0])["product_id"], told.id.to_string());
}

/// An endpoint fails in `reply`'s way twice, and then takes what it is sent.
async fn failing(
    store: Store,
    reply: impl Fn() -> Reply + Send + Sync + 'static,
    check: impl Fn(&AttemptResult),
) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let tries = AtomicUsize::new(0);
    let receiver = Receiver::start(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => reply(),
        _ => Reply::ok(),
    });
    let made = webhook(&vendor, &receiver.url(), &["customer.created"]).await;
    vendor.customer("Globex").await;
    let id = made.webhook.id;
    let tried = async |count: u32| find(&vendor, id).await.health.failures == count;
    deliver(&engine, async || tried(1).await).await;
    // Not before five seconds.
    clock.advance(4);
    let server = Runner::new(Arc::clone(&engine), all(&engine, Retention::default()));
    LocalSet::new()
        .run_until(async {
            server.turn("webhooks").await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        })
        .await;
    assert_eq!(receiver.received().len(), 1);
    clock.advance(3);
    deliver(&engine, async || tried(2).await).await;
    clock.advance(40);
    deliver(&engine, async || is_idle(&vendor, id).await).await;
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|one| one.id() == received[0].id() && one.body == received[0].body));
    let at = |one: &Received| one.headers["webhook-timestamp"].clone();
    assert_ne!(at(&received[0]), at(&received[2]), "each attempt is signed anew");
    let access = vendor.access();
    let page = engine.deliveries(&access, id, DeliveryFilter::default(), PageRequest::default()).await;
    let delivery = page.unwrap().newest().remove(0);
    let sent = engine.delivery(&vendor.access(), id, delivery.id).await.unwrap();
    assert_eq!(sent.delivery.attempts, 3);
    check(&sent.attempts[2].result);
}

fn unanswered(fault: Fault) -> impl Fn(&AttemptResult) {
    move |result| assert_eq!(*result, AttemptResult::Unanswered(fault))
}

#[database_test]
async fn a_server_error_is_tried_again(store: Store) {
    let error = || Reply::Status(503, "busy".to_owned());
    failing(store, error, |result| {
        assert_eq!(*result, AttemptResult::Answered { status: 503, response: "busy".to_owned() });
    })
    .await;
}

#[database_test]
async fn a_connection_that_breaks_off_is_tried_again(store: Store) {
    failing(store, || Reply::Close, unanswered(Fault::Reset)).await;
}

#[database_test]
async fn what_is_no_http_is_tried_again(store: Store) {
    failing(store, || Reply::Nonsense, unanswered(Fault::Protocol)).await;
}

#[database_test]
async fn a_redirect_is_a_failure_and_is_not_followed(store: Store) {
    let elsewhere = Arc::new(Receiver::start(|_| Reply::ok()));
    let to = elsewhere.url();
    failing(
        store,
        move || Reply::Redirect(to.clone()),
        |result| {
            assert!(matches!(result, AttemptResult::Answered { status: 302, .. }));
        },
    )
    .await;
    assert!(elsewhere.received().is_empty());
}

#[database_test]
async fn nobody_there_and_nowhere_to_go_are_tried_again(store: Store) {
    let network = TestNetwork::default();
    network.set("hooks.example", &[&["169.254.169.254"]]);
    network.set("public.example", &[&["192.31.196.1"]]);
    network.set("nowhere.example", &[&[]]);
    let (engine, _) = engine_in(store, OutboundRules::loopback(), network);
    let vendor = Vendor::found(&engine, "Acme").await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, fault) in [
        (format!("http://{free}/"), Fault::Refused),
        ("https://hooks.example/".to_owned(), Fault::NoAddress),
        ("https://nowhere.example/".to_owned(), Fault::NoAddress),
        ("http://169.254.169.254/latest/meta-data".to_owned(), Fault::NoAddress),
        // In the clear, to the public.
        ("http://public.example/".to_owned(), Fault::NoAddress),
    ] {
        let made = webhook(&vendor, &url, &["webhook.test"]).await;
        let sent = engine.test_webhook(&vendor.access(), made.webhook.id).await.unwrap();
        deliver(&engine, async || find(&vendor, made.webhook.id).await.health.failures == 1).await;
        let sent = engine.delivery(&vendor.access(), made.webhook.id, sent.id).await.unwrap();
        assert_eq!(sent.attempts[0].result, AttemptResult::Unanswered(fault), "{url}");
        assert!(matches!(sent.delivery.state, DeliveryState::Pending { .. }), "{url}");
    }
}

#[database_test]
async fn an_endpoint_that_hangs_holds_up_no_other(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let hangs = Receiver::start(|_| Reply::Hang(Duration::from_secs(60)));
    let drips = Receiver::start(|_| Reply::Drip);
    let slow: Vec<_> = [&hangs, &drips].map(Receiver::url).into();
    for url in &slow {
        webhook(&vendor, url, &["customer.created"]).await;
    }
    let receiver = Receiver::start(|_| Reply::ok());
    let made = webhook(&vendor, &receiver.url(), &["customer.created"]).await;
    for name in ["One", "Two", "Three"] {
        vendor.customer(name).await;
    }
    let (began, mut took) = (std::time::Instant::now(), None);
    deliver(&engine, async || {
        let done = is_idle(&vendor, made.webhook.id).await;
        took = done.then(|| began.elapsed());
        done
    })
    .await;
    assert_eq!(receiver.received().len(), 3);
    assert!(took.is_some_and(|took| took < Duration::from_secs(5)), "{took:?}");
}

#[database_test]
async fn an_endpoint_that_is_gone_is_disabled_and_can_be_brought_back(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let gone = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let answers = Arc::clone(&gone);
    let receiver = Receiver::start(move |_| match answers.load(Ordering::SeqCst) {
        true => Reply::Status(410, String::new()),
        false => Reply::ok(),
    });
    let made = webhook(&vendor, &receiver.url(), &["customer.*"]).await;
    let id = made.webhook.id;
    vendor.customer("One").await;
    vendor.customer("Two").await;
    let disabled = |webhook: &Webhook| matches!(webhook.state, WebhookState::Disabled { .. });
    deliver(&engine, async || disabled(&find(&vendor, id).await)).await;
    let found = find(&vendor, id).await;
    assert!(matches!(found.state, WebhookState::Disabled { reason: DisabledReason::Gone, .. }));
    assert_eq!(count(&vendor, id, DeliveryStatus::Failed).await, 2);
    let written = mails(&engine).await;
    assert_eq!(written.len(), 1, "{written:?}");
    assert!(written[0].body.contains(&format!("/webhooks/{id}")) && written[0].body.contains("410 Gone"));
    // Nothing is kept for it, and no test is sent.
    vendor.customer("Three").await;
    assert!(is_idle(&vendor, id).await);
    assert!(matches!(engine.test_webhook(&vendor.access(), id).await, Err(Error::Transition(_))));

    gone.store(false, Ordering::SeqCst);
    clock.advance(60);
    engine.resume_webhook(&vendor.access(), id).await.unwrap();
    let replayed = engine.replay_deliveries(&vendor.access(), id, Replay::default()).await.unwrap();
    assert_eq!((replayed.count, replayed.more), (2, false));
    deliver(&engine, async || is_idle(&vendor, id).await).await;
    let received = receiver.received();
    assert_eq!(received[0].id(), received[1].id(), "the first again");
    assert_eq!(count(&vendor, id, DeliveryStatus::Delivered).await, 2);
}

#[database_test]
async fn an_endpoint_that_fails_for_five_days_is_disabled(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let receiver = Receiver::start(|_| Reply::Status(500, String::new()));
    let id = webhook(&vendor, &receiver.url(), &["customer.*"]).await.webhook.id;
    for number in 0..12 {
        vendor.customer(&format!("Customer {number}")).await;
    }
    for failures in 1..=11_u32 {
        deliver(&engine, async || find(&vendor, id).await.health.failures >= failures).await;
        clock.advance(301);
    }
    assert_eq!(find(&vendor, id).await.state, WebhookState::Enabled);
    clock.advance(DISABLED_AFTER);
    deliver(&engine, async || find(&vendor, id).await.state != WebhookState::Enabled).await;
    assert!(matches!(
        find(&vendor, id).await.state,
        WebhookState::Disabled { reason: DisabledReason::Failing, .. }
    ));
    assert_eq!(mails(&engine).await.len(), 1);
}

#[database_test]
async fn a_paused_endpoint_gets_all_of_it_later(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let receiver = Receiver::start(|_| Reply::ok());
    let id = webhook(&vendor, &receiver.url(), &["customer.*"]).await.webhook.id;
    engine.pause_webhook(&vendor.access(), id).await.unwrap();
    for name in ["One", "Two", "Three"] {
        vendor.customer(name).await;
    }
    let other = webhook(&vendor, &receiver.url(), &["customer.*"]).await.webhook.id;
    vendor.customer("Four").await;
    deliver(&engine, async || is_idle(&vendor, other).await).await;
    assert_eq!(receiver.received().len(), 1);
    engine.resume_webhook(&vendor.access(), id).await.unwrap();
    deliver(&engine, async || is_idle(&vendor, id).await).await;
    let received = receiver.received();
    let names: Vec<_> = received.iter().map(|one| body(one)["detail"]["name"].clone()).collect();
    assert_eq!(names, ["Four", "One", "Two", "Three", "Four"]);
    assert_eq!(received[0].id(), received[4].id(), "one event is one message, wherever it goes");
    // What was delivered is sent again if that is asked for.
    let all_of_it = Replay { delivered: true, ..Replay::default() };
    assert_eq!(engine.replay_deliveries(&vendor.access(), id, all_of_it).await.unwrap().count, 4);
    deliver(&engine, async || is_idle(&vendor, id).await).await;
    assert_eq!(receiver.received().len(), 9);
}

#[database_test]
async fn two_servers_deliver_each_message_once(store: Store) {
    let (first, _) = engine(store.clone());
    let (second, _) = another_engine(store, 77);
    let vendor = Vendor::found(&first, "Acme").await;
    let receiver = Receiver::start(|_| Reply::ok());
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(webhook(&vendor, &receiver.url(), &["customer.*"]).await.webhook.id);
    }
    for number in 0..20 {
        vendor.customer(&format!("Customer {number}")).await;
    }
    deliver_by(&[Arc::clone(&first), second], async || {
        for id in &ids {
            if !is_idle(&vendor, *id).await {
                return false;
            }
        }
        true
    })
    .await;
    assert_eq!(receiver.received().len(), 100);
}

#[database_test]
async fn both_secrets_sign_while_both_live(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let receiver = Receiver::start(|_| Reply::ok());
    let made = webhook(&vendor, &receiver.url(), &["customer.*"]).await;
    let id = made.webhook.id;
    let rotated = engine.rotate_webhook_secret(&vendor.access(), id, 3_600, None).await.unwrap();
    vendor.customer("One").await;
    deliver(&engine, async || is_idle(&vendor, id).await).await;
    clock.advance(3_600);
    vendor.customer("Two").await;
    deliver(&engine, async || is_idle(&vendor, id).await).await;
    let received = receiver.received();
    let by = |one: &Received| (signatures_by(one, &made.secret), signatures_by(one, &rotated.secret));
    assert_eq!((by(&received[0]), by(&received[1])), ((1, 1), (0, 1)));
    // At once: the one before is dead.
    let last = engine.rotate_webhook_secret(&vendor.access(), id, 0, None).await.unwrap();
    vendor.customer("Three").await;
    deliver(&engine, async || is_idle(&vendor, id).await).await;
    let third = receiver.received().remove(2);
    assert_eq!((signatures_by(&third, &rotated.secret), signatures_by(&third, &last.secret)), (0, 1));
}

#[database_test]
async fn endpoints_are_of_one_organization(store: Store) {
    let (engine, _) = engine(store);
    let (vendor, other) = (Vendor::found(&engine, "Acme").await, Vendor::found(&engine, "Other").await);
    let receiver = Receiver::start(|_| Reply::ok());
    let made = webhook(&vendor, &receiver.url(), &["*"]).await;
    let id = made.webhook.id;
    let sent = engine.test_webhook(&vendor.access(), id).await.unwrap();
    let not_found = |error: Error| assert!(matches!(error, Error::NotFound(_)), "{error}");
    not_found(engine.webhook(&other.access(), id).await.unwrap_err());
    not_found(engine.update_webhook(&other.access(), id, WebhookChange::default(), None).await.unwrap_err());
    not_found(engine.pause_webhook(&other.access(), id).await.unwrap_err());
    not_found(engine.test_webhook(&other.access(), id).await.unwrap_err());
    not_found(engine.rotate_webhook_secret(&other.access(), id, 0, None).await.unwrap_err());
    not_found(engine.delivery(&other.access(), id, sent.id).await.unwrap_err());
    not_found(engine.retry_delivery(&other.access(), id, sent.id).await.unwrap_err());
    not_found(engine.replay_deliveries(&other.access(), id, Replay::default()).await.unwrap_err());
    not_found(engine.delete_webhook(&other.access(), id, None).await.unwrap_err());
    // Nor is it told of another's products, or told what others do.
    let foreign = product(&other, "Theirs").await;
    let new = NewWebhook { products: vec![foreign.id], ..new_webhook(&receiver.url(), &["*"]) };
    not_found(engine.create_webhook(&vendor.access(), new, None).await.unwrap_err());
    deliver(&engine, async || is_idle(&vendor, id).await).await;
    let told: Vec<_> = receiver.received().iter().map(|one| body(one)["type"].clone()).collect();
    assert_eq!(told, ["webhook.created", "webhook.test"]);
    // Deleted, it is told nothing more.
    engine.delete_webhook(&vendor.access(), id, None).await.unwrap();
    vendor.customer("Globex").await;
    not_found(engine.webhook(&vendor.access(), id).await.unwrap_err());
}

/// Gives the server that looks for what happens by itself a turn, and delivers what it found.
async fn found(vendor: &Vendor, clock: &TestClock, webhook: WebhookId) {
    clock.advance(61);
    let engine = &vendor.engine;
    let server = Runner::new(Arc::clone(engine), all(engine, Retention::default()));
    let turn = LocalSet::new().run_until(async { server.turn("webhook_events").await.unwrap() }).await;
    assert_eq!(turn.run.unwrap().fault, None);
    deliver(engine, async || is_idle(vendor, webhook).await).await;
}

fn told(receiver: &Receiver) -> Vec<(String, Value)> {
    let one = |one: &Received| (body(one)["type"].as_str().unwrap().to_owned(), body(one)["detail"].clone());
    receiver.received().iter().map(one).collect()
}

#[database_test]
async fn a_license_that_ends_is_told_of_at_each_mark_once(store: Store) {
    const DAY: i64 = 24 * 60 * 60;
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let receiver = Receiver::start(|_| Reply::ok());
    let id =
        webhook(&vendor, &receiver.url(), &["license.expiring", "license.grace_begun", "license.expired"])
            .await
            .webhook
            .id;
    let ends = |ends: i64, expires: i64| {
        let at = |days: i64| Some(Timestamp::from_unix(START + days * DAY));
        Ends { ends_at: at(ends), expires_at: at(expires) }
    };
    let new = NewLicense { ends: ends(40, 50), ..new_license("With grace", "{}") };
    engine.create_license(&vendor.access(), new, None).await.unwrap();
    let revoked = NewLicense { ends: ends(40, 40), ..new_license("Revoked", "{}") };
    let revoked = engine.create_license(&vendor.access(), revoked, None).await.unwrap().value;
    engine.revoke_license(&vendor.access(), revoked.id, None).await.unwrap();
    let mut marks = Vec::new();
    for day in 0..52 {
        // Twice a day, and each mark is told once.
        found(&vendor, &clock, id).await;
        found(&vendor, &clock, id).await;
        for (kind, detail) in told(&receiver).into_iter().skip(marks.len()) {
            marks.push((day, kind, detail["days"].as_i64()));
        }
        clock.advance(DAY - 122);
    }
    let marks: Vec<_> = marks.iter().map(|(day, kind, days)| (*day, kind.as_str(), *days)).collect();
    assert_eq!(
        marks,
        [
            (10, "license.expiring", Some(30)),
            (33, "license.expiring", Some(7)),
            (39, "license.expiring", Some(1)),
            (40, "license.grace_begun", None),
            (50, "license.expired", None)
        ]
    );
}

#[database_test]
async fn a_registry_key_that_ends_is_told_of_at_each_mark_once_and_anew_when_it_is_renewed(store: Store) {
    const DAY: i64 = 24 * 60 * 60;
    let (engine, clock) = engine(store.clone());
    let (other, other_clock) = another_engine(store, 2);
    let vendor = Vendor::found(&engine, "Acme").await;
    let receiver = Receiver::start(|_| Reply::ok());
    let id = webhook(&vendor, &receiver.url(), &["registry_key.expiring"]).await.webhook.id;
    let registry = vendor.registry("Releases").await;
    let key = async |name: &str, days: Option<i64>| {
        let expires_at = days.map(|days| engine.now().plus_seconds(days * DAY));
        let new = NewRegistryKey { name: name.parse().unwrap(), expires_at, ..new_registry_key(&registry) };
        engine.create_registry_key(&vendor.access(), new, None).await.unwrap().key
    };
    let ci = key("ci", Some(40)).await;
    // Made for a week: what was known when it was made is no news.
    let brief = key("brief", Some(7)).await;
    key("endless", None).await;
    let revoked = key("revoked", Some(40)).await;
    engine.revoke_registry_key(&vendor.access(), revoked.id).await.unwrap();
    let mut marks = Vec::new();
    for day in 0..80 {
        if day == 38 {
            engine.rotate_registry_key(&vendor.access(), ci.id, 0, true, None).await.unwrap();
        }
        // Two servers a day, and each mark is told once.
        for server in [&engine, &other] {
            clock.advance(61);
            other_clock.advance(61);
            let server = Runner::new(Arc::clone(server), all(server, Retention::default()));
            let turn =
                LocalSet::new().run_until(async { server.turn("webhook_events").await.unwrap() }).await;
            assert_eq!(turn.run.unwrap().fault, None);
        }
        deliver(&engine, async || is_idle(&vendor, id).await).await;
        for one in receiver.received().iter().skip(marks.len()) {
            let body = body(one);
            assert_eq!(body["type"], "registry_key.expiring");
            assert_eq!(body["actor"]["kind"], "server");
            let key: RegistryKeyId = body["data"]["id"].as_str().unwrap().parse().unwrap();
            marks.push((day, key, body["detail"]["days"].as_i64().unwrap()));
        }
        clock.advance(DAY - 122);
        other_clock.advance(DAY - 122);
    }
    let (ci, brief) = (ci.id, brief.id);
    let expected = [(6, brief, 1), (10, ci, 30), (33, ci, 7), (48, ci, 30), (71, ci, 7), (77, ci, 1)];
    assert_eq!(marks, expected);
}

#[database_test]
async fn a_license_is_told_of_when_it_is_first_validated_and_at_each_new_address(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let sold = sold(&vendor, "Server").await;
    let receiver = Receiver::start(|_| Reply::ok());
    let patterns = ["license.first_validated", "license.address_registered"];
    let id = webhook(&vendor, &receiver.url(), &patterns).await.webhook.id;
    let settings = SettingsChange { addresses: Some(AddressMode::Enforce), ..SettingsChange::default() };
    let change = ProductChange { settings, ..ProductChange::default() };
    engine.update_product(&vendor.access(), sold.product, change, None).await.unwrap();
    for last in [7, 7, 8] {
        let inquiry = Inquiry {
            license: sold.license_key.clone(),
            version: Some("2.1.0".to_owned()),
            nonce: None,
            address: Address::new([192, 0, 2, last].into()),
        };
        drop(engine.validate(&sold.key, &inquiry).await.unwrap());
        engine.flush_log().await;
    }
    deliver(&engine, async || is_idle(&vendor, id).await).await;
    let told: Vec<_> = told(&receiver)
        .into_iter()
        .map(|(kind, detail)| {
            (kind, detail["address"].as_str().unwrap().to_owned(), detail["version"].clone())
        })
        .collect();
    let registered =
        |last: u8| ("license.address_registered".to_owned(), format!("192.0.2.{last}"), Value::Null);
    let first = ("license.first_validated".to_owned(), "192.0.2.7".to_owned(), Value::from("2.1.0"));
    assert_eq!(told, [registered(7), first, registered(8)]);
}

#[database_test]
async fn refused_validations_are_told_by_their_sums(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let new = NewProduct { name: "Server".parse().unwrap(), rest: ProductChange::default() };
    let product = engine.create_product(&vendor.access(), new, None).await.unwrap();
    let receiver = Receiver::start(|_| Reply::ok());
    let id = webhook(&vendor, &receiver.url(), &["validation.*"]).await.webhook.id;
    let validate = async |times: u32| {
        for _ in 0..times {
            let address = Address::new([192, 0, 2, 7].into());
            let license = "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC".to_owned();
            let inquiry = Inquiry { license, version: None, nonce: None, address };
            drop(engine.validate(&product.secret, &inquiry).await.unwrap());
        }
    };
    validate(1).await;
    found(&vendor, &clock, id).await;
    validate(3).await;
    found(&vendor, &clock, id).await;
    validate(2).await;
    found(&vendor, &clock, id).await;
    found(&vendor, &clock, id).await;
    validate(5).await;
    found(&vendor, &clock, id).await;
    clock.advance(24 * 60 * 60);
    found(&vendor, &clock, id).await;
    validate(1).await;
    found(&vendor, &clock, id).await;
    let told: Vec<_> = told(&receiver)
        .into_iter()
        .map(|(kind, detail)| (kind, detail["answers"]["license_not_found"].as_u64()))
        .collect();
    let refused = |count| ("validation.refused".to_owned(), Some(count));
    assert_eq!(told, [refused(3), refused(2), refused(5), refused(1)]);
}

#[database_test]
async fn what_happens_at_registries_is_told_and_refusals_by_powers_of_ten(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let receiver = Receiver::start(|_| Reply::ok());
    let id = webhook(&vendor, &receiver.url(), &["registry.*"]).await.webhook.id;
    let registry = vendor.registry("Releases").await;
    let license = vendor.license("Team", "{}").await;
    let holder = Holder::License { license: license.id, customer: None };
    let event = |operation, decision, reference: &str| AccessEvent {
        holder,
        operation,
        decision,
        repository: "acme/app".parse().unwrap(),
        reference: reference.to_owned(),
        digest: Some(format!("sha256:{}", "a".repeat(64)).parse().unwrap()),
        address: Address::new([192, 0, 2, 7].into()),
        client: "docker/28.0.1".to_owned(),
    };
    for reference in ["1.0.0", "1.0.1"] {
        engine.record_access(&registry, event(Operation::Push, Decision::Allowed, reference));
        engine.record_access(&registry, event(Operation::Pull, Decision::Allowed, reference));
        engine.flush_log().await;
        clock.advance(120);
    }
    for number in 0..12 {
        engine.record_access(&registry, event(Operation::Pull, Decision::Denied, &format!("2.{number}")));
    }
    engine.flush_log().await;
    deliver(&engine, async || is_idle(&vendor, id).await).await;
    let told: Vec<_> = told(&receiver)
        .into_iter()
        .map(|(kind, detail)| {
            (kind, detail["reference"].as_str().unwrap_or_default().to_owned(), detail["count"].as_u64())
        })
        .collect();
    let told: Vec<_> =
        told.iter().map(|(kind, reference, count)| (kind.as_str(), reference.as_str(), *count)).collect();
    assert_eq!(
        told,
        [
            ("registry.created", "", None),
            ("registry.pushed", "1.0.0", None),
            ("registry.first_pulled", "1.0.0", None),
            ("registry.pushed", "1.0.1", None),
            ("registry.denied", "2.0", Some(1)),
            ("registry.denied", "2.9", Some(10))
        ]
    );
}
