//! Signing in, as those see it who guess and those who are guessed at.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, Error, web};
use keyward_engine::Engine;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::{PASSWORD, encode, people};

type Request = actix_http::Request;

/// One server: what it remembers of those who try is its own.
async fn server(
    engine: &Arc<Engine>,
) -> Rc<impl Service<Request, Response = ServiceResponse<impl actix_web::body::MessageBody>, Error = Error>> {
    let shared = keyward_portal::Shared::default();
    let app = App::new()
        .app_data(web::Data::from(Arc::clone(engine)))
        .app_data(web::Data::new(keyward_web::Settings::default()))
        .wrap(from_fn(keyward_web::around))
        .configure(keyward_web::configure)
        .configure(move |config| keyward_portal::configure(config, &shared));
    Rc::new(init_service(app).await)
}

/// A form, sent from an address.
fn form(path: &str, address: &str, body: String) -> TestRequest {
    TestRequest::post()
        .uri(path)
        .peer_addr(std::net::SocketAddr::new(address.parse().unwrap(), 40_000))
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload(body)
}

fn sign_in(address: &str, email: &str, password: &str) -> TestRequest {
    form("/sign-in", address, format!("email={}&password={}", encode(email), encode(password)))
}

/// Status, `Retry-After` and text.
async fn send(
    app: &impl Service<Request, Response = ServiceResponse<impl actix_web::body::MessageBody>, Error = Error>,
    request: TestRequest,
) -> (u16, String, String) {
    let response = call_service(app, request.to_request()).await;
    let retry = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let text = to_bytes(response.into_body()).await.unwrap_or_default();
    (status, retry.unwrap_or_default(), String::from_utf8_lossy(&text).into_owned())
}

#[database_test]
async fn an_address_is_typed_in_any_case(store: Store) {
    let (engine, _) = engine(store);
    people(&engine).await;
    let app = server(&engine).await;
    assert_eq!(send(&*app, sign_in("192.0.2.1", "OWNER@Acme.EXAMPLE", PASSWORD)).await.0, 303);
    assert_eq!(
        send(&*app, form("/forgot", "192.0.2.1", "email=Owner%40ACME.example".to_owned())).await.0,
        303
    );
    let mail = engine.claim_mail().await.unwrap().unwrap();
    assert_eq!(mail.recipient.as_str(), "owner@acme.example");
    // An address as earlier versions took it is looked for, and says nothing of itself.
    let old = send(&*app, sign_in("192.0.2.1", "jörg@acme.example", PASSWORD)).await;
    assert_eq!(old.0, 401);
}

#[database_test]
async fn a_pair_is_refused_with_the_time_to_wait(store: Store) {
    let (engine, _) = engine(store);
    people(&engine).await;
    let app = server(&engine).await;
    for _ in 0..10 {
        let wrong = send(&*app, sign_in("2001:db8::1", "owner@acme.example", "wrong wrong wrong")).await;
        assert_eq!((wrong.0, wrong.1.as_str()), (401, ""));
    }
    // From elsewhere in the same /64, and on a server that has seen none of it.
    for app in [app, server(&engine).await] {
        let refused = send(&*app, sign_in("2001:db8::2", "owner@acme.example", PASSWORD)).await;
        assert_eq!((refused.0, refused.1.as_str()), (429, "900"));
        assert!(refused.2.contains("Wait 15 minutes") && refused.2.contains("name=\"password\""));
    }
}

#[database_test]
async fn signing_in_oneself_wins_an_address_no_tries_at_others(store: Store) {
    let (engine, _) = engine(store);
    people(&engine).await;
    let app = server(&engine).await;
    let mut refused = 0;
    for number in 0..30 {
        let wrong =
            send(&*app, sign_in("192.0.2.1", &format!("a{number}@acme.example"), "wrong wrong wrong")).await;
        refused += u32::from(wrong.0 == 429);
        let own = send(&*app, sign_in("192.0.2.1", "owner@acme.example", PASSWORD)).await;
        assert_eq!(own.0, if number < 19 { 303 } else { 429 }, "{number}");
    }
    assert_eq!(refused, 10);
    assert_eq!(send(&*app, sign_in("192.0.2.2", "owner@acme.example", PASSWORD)).await.0, 303);
}

#[database_test]
async fn a_device_that_has_signed_in_passes_where_its_network_is_full(store: Store) {
    let (engine, _) = engine(store);
    people(&engine).await;
    let app = server(&engine).await;
    let done = call_service(&*app, sign_in("192.0.2.1", "owner@acme.example", PASSWORD).to_request()).await;
    let device = done.headers().get_all("set-cookie").map(|value| value.to_str().unwrap());
    let device = device.into_iter().find(|value| value.starts_with("keyward-device=")).unwrap().to_owned();
    assert!(device.contains("HttpOnly") && device.contains("Max-Age=31536000"), "{device}");
    let device = device.split(';').next().unwrap();
    for number in 0..25 {
        send(&*app, sign_in("192.0.2.1", &format!("a{number}@acme.example"), "wrong wrong wrong")).await;
    }
    assert_eq!(send(&*app, sign_in("192.0.2.1", "owner@acme.example", PASSWORD)).await.0, 429);
    let known = sign_in("192.0.2.1", "owner@acme.example", PASSWORD).insert_header(("Cookie", device));
    assert_eq!(send(&*app, known).await.0, 303);
    let other = sign_in("192.0.2.1", "admin@acme.example", PASSWORD).insert_header(("Cookie", device));
    assert_eq!(send(&*app, other).await.0, 429, "for its own account alone");
}

#[database_test]
async fn forms_of_strangers_are_small(store: Store) {
    let (engine, _) = engine(store);
    let (_, cookie) = people(&engine).await.remove(0);
    let app = server(&engine).await;
    for path in [
        "/sign-in",
        "/forgot",
        "/portal/sign-in",
        "/link/kw_link_x",
        "/setup/kw_setup_x",
        "/onboarding/kw_onb_x",
    ] {
        let long = form(path, "192.0.2.1", format!("email={}", "a".repeat(20_000)));
        assert_eq!(send(&*app, long).await.0, 413, "{path}");
    }
    // A cookie that looks like one is not enough.
    let forged = keyward_domain::Secret::new(keyward_domain::SecretKind::Session, [9; 24]);
    let forged = format!("keyward={}", forged.expose());
    let long = |path: &str, cookie: &str| {
        form(path, "192.0.2.1", format!("notes={}", "a".repeat(20_000)))
            .insert_header(("Cookie", cookie.to_owned()))
    };
    assert_eq!(send(&*app, long("/sign-in", &forged)).await.0, 413);
    assert_eq!(
        send(&*app, long("/customers/new", &cookie)).await.0,
        403,
        "read, and without its value against forgery"
    );
    let email =
        send(&*app, sign_in("192.0.2.1", &format!("{}@acme.example", "a".repeat(4_000)), PASSWORD)).await;
    assert_eq!(email.0, 401);
}

#[database_test]
async fn links_and_mails_are_not_guessed_or_asked_for_without_end(store: Store) {
    let (engine, _) = engine(store);
    people(&engine).await;
    let app = server(&engine).await;
    let unknown = |kind| keyward_domain::Secret::new(kind, [9; 24]).expose().to_owned();
    for path in [
        format!("/link/{}", unknown(keyward_domain::SecretKind::Link)),
        format!("/setup/{}", unknown(keyward_domain::SecretKind::Setup)),
        "/forgot".to_owned(),
    ] {
        let mut last = (0, String::new(), String::new());
        for number in 0..21 {
            let body = format!("email=a%40b.example&password={PASSWORD}&again={PASSWORD}");
            last = send(&*app, form(&path, &format!("2001:db8::{number:x}"), body)).await;
            assert_eq!(last.0 == 429, number == 20, "{path} {number} {}", last.2);
        }
        assert_eq!(last.1, "900");
    }
}
