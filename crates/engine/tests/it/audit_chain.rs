//! The audit log is a chain that proves itself: also when people are forgotten, when what is old is removed, and when two servers
//! write at once.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use keyward_domain::permission::WriteOwners;
use keyward_domain::{ActorFilter, Address, AuditFilter, PageRequest, Role, Timestamp};
use keyward_engine::jobs::{self, Step};
use keyward_engine::{
    ConfirmedCaller, CustomerChange, Engine, LicenseChange, NewCustomer, NewMember, NewToken, Retention,
    Tidied,
};
use keyward_storage::{Store, Technical};
use keyward_testkit::database::FreshPostgres;
use keyward_testkit::engine::{another_engine, engine, new_license};
use keyward_testkit::{Vendor, database_test};
use keyward_token::{AuditCheckpoint, Keyring};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// What an export holds, after all of it was checked.
struct Proven {
    events: Vec<Value>,
    /// The numbers that are signed.
    signed: Vec<u64>,
    /// Values that are no longer told, as `event number: path`.
    forgotten: Vec<String>,
    text: String,
}

async fn export(engine: &Engine, vendor: &Vendor) -> String {
    let mut export = engine.begin_audit_export(&vendor.access()).await.unwrap();
    let mut text = String::new();
    while let Some(lines) = engine.next_audit_lines(&mut export).await.unwrap() {
        text.push_str(&lines);
    }
    text
}

fn base64(bytes: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sha256(value: &Value) -> String {
    base64(Sha256::digest(keyward_domain::audit::canonical(value)).into())
}

async fn proven(engine: &Engine, vendor: &Vendor) -> Proven {
    let keys = engine.jwks(&vendor.founded.organization.slug).await.unwrap().unwrap();
    let keys: Keyring = Keyring::from_jwks(&keys).unwrap();
    let text = export(engine, vendor).await;
    let mut proven = Proven { events: Vec::new(), signed: Vec::new(), forgotten: Vec::new(), text };
    let mut at: Option<(u64, String)> = None;
    let mut last = None;
    for line in proven.text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(token) = line.get("checkpoint") {
            let (checkpoint, _) = AuditCheckpoint::verify(token.as_str().unwrap(), &keys).unwrap();
            let (seq, hash) = at.get_or_insert_with(|| (checkpoint.seq, base64(checkpoint.hash)));
            assert_eq!(checkpoint.seq, *seq);
            proven.signed.push(checkpoint.seq);
            assert_eq!(*hash, base64(checkpoint.hash));
            last = Some(checkpoint);
            continue;
        }
        let event = &line["event"];
        let (seq, prev) = at.clone().unwrap_or((0, "A".repeat(43)));
        assert_eq!((event["seq"].as_u64(), event["prev"].as_str()), (Some(seq + 1), Some(&*prev)));
        assert_eq!(line["hash"], sha256(event));
        let commitments = event["commitments"].as_object().unwrap();
        for (path, opened) in line["disclosed"].as_object().unwrap() {
            assert_eq!(commitments[path], sha256(&json!([opened[0], path, opened[1]])), "{path}");
        }
        let gone = commitments.keys().filter(|path| line["disclosed"].get(path).is_none());
        proven.forgotten.extend(gone.map(|path| format!("{}: {path}", seq + 1)));
        at = Some((seq + 1, line["hash"].as_str().unwrap().to_owned()));
        proven.events.push(event.clone());
        last = None;
    }
    let last = last.expect("a checkpoint at the end");
    let first = proven.events.first().map_or(last.seq + 1, |event| event["seq"].as_u64().unwrap());
    assert_eq!((last.first, last.organization), (first, vendor.founded.organization.id.to_string()));
    proven
}

/// What the job does until there is nothing more to do.
async fn sign(engine: &Arc<Engine>) -> u64 {
    let job =
        jobs::all(engine, Retention::default()).into_iter().find(|job| job.name() == "audit_chains").unwrap();
    let mut signed = 0;
    loop {
        match job.step(engine).await.unwrap() {
            Step::More(more) => signed += more,
            Step::Done(_) => return signed,
            Step::PutOff(why) => panic!("{why}"),
        }
    }
}

async fn seed(store: &Store, vendor: &Vendor, count: u64) {
    let scope = vendor.founded.organization.scope();
    let tx = store.read().await.unwrap();
    let page = PageRequest { limit: 1, after: None };
    let known = tx.audit(scope).list(&AuditFilter::default(), page).await.unwrap().newest().remove(0);
    drop(tx);
    let tx = store.write().await.unwrap();
    for number in 0..count {
        let id = keyward_domain::AuditEventId::new(u64::try_from(known.at.unix()).unwrap() * 1_000, {
            let mut random = [7; 10];
            random[..8].copy_from_slice(&number.to_be_bytes());
            random
        });
        let event = keyward_domain::AuditEvent { id, ..known.event.clone() };
        tx.audit(scope).record(&event, [9; 16]).await.unwrap();
    }
    tx.commit_unrecorded(Technical::Seed).await.unwrap();
}

#[database_test]
async fn events_are_chained_and_signed(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let other = Vendor::found(&engine, "Other").await;
    let license = vendor.license("Pro", "{}").await;
    engine.suspend_license(&vendor.access(), license.id, None).await.unwrap();
    other.license("Theirs", "{}").await;
    let found = proven(&engine, &vendor).await;
    let actions: Vec<_> = found.events.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["organization.created", "license.created", "license.suspended"]);
    assert_eq!(found.signed, [3], "for the export");
    assert_eq!(proven(&engine, &other).await.events.len(), 2);

    // Every hour, where something happened.
    assert_eq!(sign(&engine).await, 0);
    engine.resume_license(&vendor.access(), license.id, None).await.unwrap();
    assert_eq!(sign(&engine).await, 0);
    clock.advance(HOUR);
    assert_eq!(sign(&engine).await, 1);
    clock.advance(HOUR);
    assert_eq!(sign(&engine).await, 0, "nothing has happened");
    // And every thousand.
    seed(&store, &vendor, 2_500).await;
    assert_eq!(sign(&engine).await, 2, "two thousand by their number");
    clock.advance(HOUR);
    assert_eq!(sign(&engine).await, 1, "the others by the hour");
    assert_eq!(proven(&engine, &vendor).await.signed, [3, 4, 1_004, 2_004, 2_504]);
    // A clock that was ahead does not keep anything from being signed.
    clock.advance(365 * DAY);
    engine.suspend_license(&vendor.access(), license.id, None).await.unwrap();
    assert_eq!(sign(&engine).await, 1);
    clock.advance(-365 * DAY);
    engine.resume_license(&vendor.access(), license.id, None).await.unwrap();
    assert_eq!(sign(&engine).await, 1);
}

#[database_test]
async fn a_key_that_was_replaced_signs_no_more_and_proves_still(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    clock.advance(HOUR);
    assert_eq!(sign(&engine).await, 1);
    let new = keyward_engine::NewSigningKey { private_key_pem: None, activate: true };
    engine.create_signing_key(&vendor.access(), new, None).await.unwrap();
    let found = proven(&engine, &vendor).await;
    assert_eq!(found.signed, [1, 3]);
}

#[database_test]
async fn two_servers_write_one_chain(store: Store) {
    let (engine, _) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let (second, _) = another_engine(store, 2);
    let at_second = vendor.at(&second);
    let made = (0..20).map(async |number| {
        let vendor = if number % 2 == 0 { &vendor } else { &at_second };
        let new = new_license(&format!("License {number}"), "{}");
        let license = vendor.engine.create_license(&vendor.access(), new, None).await.unwrap().value;
        let change =
            LicenseChange { name: Some(format!("Named {number}").parse().unwrap()), ..Default::default() };
        // One of them is undone, and leaves no gap.
        let stale = vendor.engine.adjust_license(&vendor.access(), license.id, change.clone(), Some(9)).await;
        assert!(stale.is_err());
        vendor.engine.adjust_license(&vendor.access(), license.id, change, None).await.unwrap();
    });
    join_all(made).await;
    assert_eq!(proven(&second, &at_second).await.events.len(), 41);
}

#[database_test]
async fn who_is_forgotten_leaves_the_chain_whole(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let new = NewCustomer {
        name: "Grace Hopper".parse().unwrap(),
        email: "grace@navy.example".parse().unwrap(),
        notes: None,
    };
    let grace = engine.create_customer(&vendor.access(), new, None).await.unwrap().value;
    let renamed =
        CustomerChange { name: Some("Grace B. Hopper".parse().unwrap()), ..CustomerChange::default() };
    engine.update_customer(&vendor.access(), grace.id, renamed, None).await.unwrap();
    vendor.license_of(&grace, "For grace@navy.example").await;
    let before = proven(&engine, &vendor).await;
    assert!(before.forgotten.is_empty() && before.text.contains("Hopper"));
    clock.advance(HOUR);

    let access = vendor.access::<WriteOwners>();
    let caller = ConfirmedCaller::program(&access).unwrap();
    engine.erase_customer(&access, &caller, grace.id).await.unwrap();
    let after = proven(&engine, &vendor).await;
    assert_eq!(after.events[..4], before.events[..], "not a letter of what is hashed is another");
    for text in ["Hopper", "grace@navy.example"] {
        assert!(!after.text.contains(text), "{text} is still there");
    }
    let forgotten = [
        "2: detail.name",
        "2: target.name",
        "3: detail.changes",
        "3: detail.name",
        "3: target.name",
        "4: detail.name",
        "4: target.name",
    ];
    assert_eq!(after.forgotten, forgotten);
    // Whatever else an event tells is proven as before.
    assert!(after.text.contains("customer_id"));
    // Another time makes no difference.
    engine
        .operator_erases_customers(&vendor.founded.organization.slug, &"grace@navy.example".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(proven(&engine, &vendor).await.forgotten, forgotten);
}

/// Whom the log alone still knows is found in it by their address, and what they were called and came from goes.
#[database_test]
async fn who_was_removed_before_is_forgotten_too(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let new = NewMember {
        name: "Katherine Johnson".parse().unwrap(),
        email: "Katherine@acme.example".parse().unwrap(),
        role: Role::Admin,
    };
    let member = engine.invite_member(&vendor.access(), new).await.unwrap();
    let identity = member.identity().from_address(Some(Address::new("203.0.113.77".parse().unwrap())));
    let new = NewToken { name: "ci".parse().unwrap(), scopes: None, expires_at: None };
    let token = engine.create_token(&identity.access().unwrap(), new, None).await.unwrap();
    let by_token = engine.authenticate(&token.secret).await.unwrap().unwrap();
    let customer = NewCustomer {
        name: "Hooli".parse().unwrap(),
        email: "a@hooli.example".parse().unwrap(),
        notes: None,
    };
    engine.create_customer(&by_token.access().unwrap(), customer, None).await.unwrap();
    engine.delete_member(&vendor.access(), member.id, None).await.unwrap();
    let before = proven(&engine, &vendor).await;
    for text in ["Katherine Johnson", "203.0.113.77"] {
        assert!(before.text.contains(text), "{text}");
    }
    let (slug, email) = (&vendor.founded.organization.slug, "katherine@ACME.example".parse().unwrap());
    assert!(!engine.operator_erases_member(slug, &email).await.unwrap(), "there is no such member any more");
    let after = proven(&engine, &vendor).await;
    assert_eq!(after.events[..before.events.len()], before.events[..]);
    for text in ["Katherine", "katherine", "203.0.113.77"] {
        assert!(!after.text.contains(text), "{text} is still there: {}", after.text);
    }
}

#[database_test]
async fn what_is_old_goes_up_to_a_checkpoint(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let keep = Retention { audit_days: Some(1), ..Retention::default() };
    let serve = async |hours: i64| {
        for _ in 0..hours {
            for _ in 0..3 {
                clock.advance(HOUR / 3);
                while let Tidied::Some(_) = engine.tidy(&keep).await.unwrap() {}
            }
            sign(&engine).await;
        }
    };
    vendor.license("First", "{}").await;
    serve(6).await;
    vendor.license("Second", "{}").await;
    vendor.license("Third", "{}").await;
    serve(22).await;
    // The first two are more than a day old, and signed together.
    let found = proven(&engine, &vendor).await;
    let numbers: Vec<_> = found.events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [3, 4]);
    assert_eq!(found.signed, [2, 4]);
    let page = PageRequest::default();
    let left = engine.audit_events(&vendor.access(), &AuditFilter::default(), page).await.unwrap().newest();
    assert_eq!(left.len(), 2);
    serve(6).await;
    let found = proven(&engine, &vendor).await;
    assert!(found.events.is_empty());
    assert_eq!(found.signed, [4]);
    vendor.license("Fourth", "{}").await;
    let found = proven(&engine, &vendor).await;
    assert_eq!(found.events[0]["seq"], 5);
}

#[database_test]
async fn denied_attempts_are_counted_and_told(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let new = keyward_engine::NewToken {
        name: "reader".parse().unwrap(),
        scopes: Some([keyward_domain::Permission::ReadLicenses].into_iter().collect()),
        expires_at: None,
    };
    let token = engine.create_token(&vendor.access(), new, None).await.unwrap();
    let identity = engine.authenticate(&token.secret).await.unwrap().unwrap();
    for _ in 0..3 {
        engine.permit::<keyward_domain::permission::WriteLicenses>(&identity).unwrap_err();
    }
    engine.permit::<keyward_domain::permission::ReadLicenses>(&identity).unwrap();
    let round = engine.flush_log().await;
    assert!(round.error.is_none());
    let day = engine.now().date();
    sign(&engine).await;
    clock.advance(DAY + HOUR);
    sign(&engine).await;
    let filter = AuditFilter { action: Some("day".parse().unwrap()), ..AuditFilter::default() };
    let told = engine.audit_events(&vendor.access(), &filter, PageRequest::default()).await.unwrap().newest();
    assert_eq!(told.len(), 1);
    assert_eq!(Value::Object(told[0].detail.clone()), json!({"day": day, "denied_attempts": 3}));
    proven(&engine, &vendor).await;
}

#[database_test]
async fn events_are_found(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let other = Vendor::found(&engine, "Other").await;
    let müller = vendor.customer("Müller & Söhne").await;
    let license = vendor.license_of(&müller, "Pro").await;
    clock.advance(3 * DAY);
    engine.suspend_license(&vendor.access(), license.id, None).await.unwrap();
    let found = async |vendor: &Vendor, filter: AuditFilter| {
        let mut cursor = None;
        let mut told = Vec::new();
        loop {
            let page = PageRequest { limit: 1, after: cursor };
            let page = vendor.engine.audit_events(&vendor.access(), &filter, page).await.unwrap();
            let (events, next) = page.into_parts();
            told.extend(
                events
                    .iter()
                    .map(|event| event.sentence().iter().map(|word| word.as_str()).collect::<String>()),
            );
            match next {
                Some(next) => cursor = Some(next),
                None => return told,
            }
        }
    };
    let of_license = AuditFilter { target: Some(license.id.uuid()), ..AuditFilter::default() };
    let suspended = "The token Bootstrap suspended the license Pro";
    let created = "The token Bootstrap created the license Pro";
    let told = found(&vendor, of_license.clone()).await;
    assert_eq!(told, [suspended, created]);
    assert!(found(&other, of_license).await.is_empty(), "another tenant's");
    let named = AuditFilter { search: Some("MÜLLER".to_owned()), ..AuditFilter::default() };
    assert_eq!(found(&vendor, named.clone()).await.len(), 1);
    assert!(found(&other, named).await.is_empty());
    let now = engine.now();
    let since = AuditFilter { since: Some(now.plus_seconds(-HOUR)), ..AuditFilter::default() };
    assert_eq!(found(&vendor, since).await, [suspended]);
    let until = AuditFilter { until: Some(now.plus_seconds(-HOUR)), ..AuditFilter::default() };
    assert_eq!(found(&vendor, until).await.len(), 3);
    let none = AuditFilter { until: Timestamp::from_unix(1), ..AuditFilter::default() };
    assert!(found(&vendor, none).await.is_empty());
    let token = ActorFilter::Id(vendor.founded.token.id.uuid());
    assert_eq!(found(&vendor, AuditFilter { actor: Some(token), ..AuditFilter::default() }).await.len(), 3);
    let by_operator = AuditFilter { actor: Some(ActorFilter::Kind("operator")), ..AuditFilter::default() };
    assert_eq!(found(&vendor, by_operator).await, ["The operator created the organization Acme"]);
    // More than is looked through at a time.
    seed(&store, &vendor, 150).await;
    let named = AuditFilter { search: Some("MÜLLER".to_owned()), ..AuditFilter::default() };
    assert_eq!(found(&vendor, named).await.len(), 1);
    let _: Arc<Engine> = engine;
}

/// What docs/operations/production.md grants is enough for the server's work, and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_needs_no_right_to_change_events() {
    let Some((database, store)) = FreshPostgres::migrated().await else { return };
    let doc = include_str!("../../../../docs/operations/production.md");
    let grants = doc.split("<!-- grants").nth(1).and_then(|rest| rest.split("```sql").nth(1)).unwrap();
    let grants = grants.split("```").next().unwrap();
    let role = format!("keyward_app_{}", std::process::id());
    let mut owner = database.session().await;
    owner.run(&format!("CREATE ROLE {role} LOGIN; {}", grants.replace("keyward_app", &role))).await;
    drop(store);
    let (scheme, rest) = database.url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let store = Store::connect(&format!("{scheme}://{role}@{place}")).await.unwrap();

    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let grace = vendor.customer("Grace Hopper").await;
    let license = vendor.license_of(&grace, "Pro").await;
    engine.suspend_license(&vendor.access(), license.id, None).await.unwrap();
    clock.advance(HOUR);
    assert_eq!(sign(&engine).await, 1);
    assert!(matches!(engine.tidy(&Retention::default()).await.unwrap(), Tidied::Unsteady | Tidied::Nothing));
    let access = vendor.access::<WriteOwners>();
    let caller = ConfirmedCaller::program(&access).unwrap();
    engine.erase_customer(&access, &caller, grace.id).await.unwrap();
    assert_eq!(proven(&engine, &vendor).await.events.len(), 5);
    for forbidden in [
        "DELETE FROM audit_events",
        "UPDATE audit_events SET action = 'license.deleted'",
        "UPDATE audit_events SET seq = seq + 1",
        "DELETE FROM audit_checkpoints",
        "UPDATE audit_checkpoints SET hash = hash",
    ] {
        let tx = store.write().await.unwrap();
        tx.own_rows().execute(forbidden, &[]).await.unwrap_err();
    }
    drop((engine, vendor, store));
    owner.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    drop(owner);
    database.drop().await;
}
