//! What the gateway answers, without a real registry behind it: machines at `POST /registry/key`, and upstreams of all
//! sorts.
#![allow(clippy::unwrap_used, reason = "tests")]

mod addresses;
mod agents;
mod denied;
mod depot;
mod direct;
mod health;
mod hostile;
mod images;
mod lying;
mod names;
mod oci;
mod pull;
mod push;
mod real;
mod referrers;
mod sweeps;

use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyward_domain::PageRequest;
use keyward_domain::registry::{ArtifactPolicy, Decision, KeyAccess, Rotation};
use keyward_engine::{Engine, EventFilter, NewRegistryKey, TokenFormat};
use keyward_registry::Shared;
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{engine, new_registry_key};
use serde_json::{Value, json};

const DAY: i64 = 24 * 60 * 60;

struct Answer {
    status: u16,
    headers: actix_web::http::header::HeaderMap,
    json: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Asks as `curl -X POST -u ci:PASSWORD` does, one of a server's workers.
async fn collect(engine: &Arc<Engine>, shared: &Shared, host: &str, password: Option<&str>) -> Answer {
    ask(engine, shared, TestRequest::post().uri("/registry/key"), host, password).await
}

async fn ask(
    engine: &Arc<Engine>,
    shared: &Shared,
    request: TestRequest,
    host: &str,
    password: Option<&str>,
) -> Answer {
    let app = App::new()
        .app_data(web::Data::from(Arc::clone(engine)))
        .app_data(web::Data::new(keyward_web::Settings::default()))
        .wrap(from_fn(keyward_web::around))
        .configure(|config| keyward_registry::configure(config, shared));
    let app = init_service(app).await;
    let mut request = request.insert_header(("Host", host)).peer_addr(([192, 0, 2, 7], 40_000).into());
    if let Some(password) = password {
        let basic = format!("Basic {}", STANDARD.encode(format!("ci:{password}")));
        request = request.insert_header(("Authorization", basic));
    }
    let response = call_service(&app, request.to_request()).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = to_bytes(response.into_body()).await.unwrap_or_default();
    Answer { status, headers, json: serde_json::from_slice(&bytes).unwrap_or_default() }
}

#[database_test]
async fn a_machine_collects_the_new_secret_of_its_key(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    let new = NewRegistryKey {
        access: KeyAccess::ReadWrite,
        rotation: Some(Rotation::new(90, 7).unwrap()),
        expires_at: Some(engine.now().plus_seconds(365 * DAY)),
        ..new_registry_key(&registry)
    };
    let made = engine.create_registry_key(&vendor.access(), new, None).await.unwrap();
    let old = made.secret.expose();
    let shared = Shared::default();
    let collect = async |host: &str, password: Option<&str>| collect(&engine, &shared, host, password).await;

    let nothing = collect("licenses.example", Some(old)).await;
    assert_eq!((nothing.status, nothing.header("cache-control")), (200, "no-store"));
    let end = "2027-01-01T00:00:00Z";
    assert_eq!(
        nothing.json,
        json!({"name": "ci", "secret": null, "previous_expires_at": null, "expires_at": end})
    );
    clock.advance(90 * DAY);
    assert!(matches!(engine.run_due_rotations().await.unwrap(), keyward_engine::jobs::ItemRun::Done(_)));
    let given = collect("releases.licenses.example:8443", Some(old)).await;
    assert_eq!((given.status, given.header("cache-control")), (200, "no-store"));
    let secret = given.json["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("kw_reg_") && secret != old);
    assert_eq!(
        (&given.json["previous_expires_at"], &given.json["expires_at"]),
        (&json!("2026-04-08T00:00:00Z"), &json!(end))
    );
    assert_eq!(collect("anything.example", Some(old)).await.json, given.json, "again");
    let pasted = format!("\u{feff}{old}\r\n");
    assert_eq!(collect("anything.example", Some(&pasted)).await.json, given.json, "as a file brings it");
    let held = collect("anything.example", Some(&secret)).await;
    assert_eq!((held.status, &held.json["secret"]), (200, &json!(null)), "who shows it has it");

    let strange = collect("anything.example", None).await;
    assert_eq!(strange.status, 401);
    assert_eq!(strange.header("www-authenticate"), "Basic realm=\"anything.example\", charset=\"UTF-8\"");
    engine.revoke_registry_key(&vendor.access(), made.key.id).await.unwrap();
    for _ in 0..50 {
        for password in [old, &*secret] {
            assert_eq!(collect("licenses.example", Some(password)).await.status, 401);
        }
    }
    let slowed = collect("licenses.example", Some("kw_reg_wrong")).await;
    assert_eq!((slowed.status, slowed.header("retry-after").is_empty()), (429, false));
}

#[database_test]
async fn who_is_refused_again_and_again_is_answered_from_memory(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    engine.set_artifact_policy(&vendor.access(), ArtifactPolicy::EntitledOnly).await.unwrap();
    let license = vendor.license("Server", "{}").await;
    let other = vendor.license("Other", "{}").await;
    let token = async |id| engine.license_token(&vendor.access(), id, TokenFormat::Jwt).await.unwrap();
    let (one, two) = (token(license.id).await, token(other.id).await);
    let shared = Shared::default();
    let pull = async |token: &str, number: usize| {
        let request = TestRequest::get().uri(&format!("/v2/x{number}/manifests/v{number}"));
        ask(&engine, &shared, request, registry.host.as_str(), Some(token)).await
    };
    for number in 0..120 {
        assert_eq!(pull(&one, number).await.status, 403, "{number}");
    }
    clock.advance(10);
    let slowed = pull(&one, 120).await;
    assert_eq!((slowed.status, slowed.header("retry-after")), (429, "50"));
    assert_eq!(slowed.json["errors"][0]["code"], "TOOMANYREQUESTS");
    let why = slowed.json["errors"][0]["message"].as_str().unwrap();
    assert!(why.contains("your license does not include"), "{why}");
    assert_eq!(pull(&two, 0).await.status, 403, "another's credential is another's");
    assert!(engine.flush_log().await.error.is_none());
    let page = PageRequest { limit: 200, after: None };
    let filter = EventFilter { decision: Some(Decision::Denied), ..EventFilter::default() };
    let written = engine.registry_events(&vendor.access(), filter, page).await.unwrap().newest();
    assert_eq!(written.len(), 121, "and nothing of what was answered from memory");

    clock.advance(50);
    assert_eq!(pull(&one, 121).await.status, 403, "a minute later it is looked up again");
    assert_eq!(pull(&two, 1).await.status, 403);
    engine.revoke_license(&vendor.access(), license.id, None).await.unwrap();
    assert_eq!(
        pull(&one, 122).await.status,
        401,
        "revoked: dead at the very next request, though its signature is known"
    );
    assert_eq!(pull(&two, 2).await.status, 403);
}
