//! The pages over HTTP: who may see which, and what hostile text becomes in them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod applications;
mod audit;
mod browser;
mod buckets;
mod calendar;
mod console;
mod customer_deployments;
mod customer_people;
mod html;
mod live;
mod many;
mod posts;
mod registries;
mod sessions;
mod sign_in;
mod text;
mod unchanged;
mod usage;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use keyward_domain::Role;
use keyward_engine::{ClientInfo, Engine, NewMember, NewOrganization, Password};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

struct Answer {
    status: u16,
    headers: actix_web::http::header::HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends one request to a fresh application on this engine.
async fn ask(engine: &Arc<Engine>, method: &str, path: &str, cookie: &str, body: &str) -> Answer {
    ask_with(engine, &keyward_portal::Shared::default(), method, path, &[("Cookie", cookie)], body).await
}

/// The same with headers, of a server that remembers tries.
async fn ask_with(
    engine: &Arc<Engine>,
    shared: &keyward_portal::Shared,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let app = App::new()
        .app_data(web::Data::from(Arc::clone(engine)))
        .app_data(web::Data::new(keyward_web::Settings::default()))
        .wrap(from_fn(keyward_web::around))
        .configure(keyward_web::configure)
        .configure(|config| keyward_portal::configure(config, shared));
    let app = Rc::new(init_service(app).await);
    let mut request = TestRequest::default()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(path)
        .peer_addr(([127, 0, 0, 1], 40_000).into())
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload(body.to_owned());
    for header in headers {
        request = request.insert_header(*header);
    }
    let response = call_service(&*app, request.to_request()).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = to_bytes(response.into_body()).await.unwrap_or_default();
    Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}

/// Shows again whose session this is; gives the cookie that it goes on with.
async fn confirmed(engine: &Arc<Engine>, cookie: &str) -> String {
    let page = ask(engine, "GET", "/confirm?page=/tokens", cookie, "").await;
    let body = format!("csrf={}&password={}&page=/tokens", csrf(&page.text), encode(PASSWORD));
    let done = ask(engine, "POST", "/confirm", cookie, &body).await;
    done.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// What a form of this page holds against forgery.
fn csrf(page: &str) -> &str {
    page.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap()
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

const PASSWORD: &str = "a long password";

fn client_info() -> ClientInfo {
    ClientInfo { address: String::new(), user_agent: String::new(), device: None }
}

/// Sets a server up, and gives a cookie for each role.
async fn people(engine: &Arc<Engine>) -> Vec<(Role, String)> {
    let link = engine.setup_link().await.unwrap().unwrap();
    let secret =
        keyward_domain::Secret::parse(keyward_domain::SecretKind::Setup, link.rsplit('/').next().unwrap());
    let new = NewOrganization {
        name: "Acme".parse().unwrap(),
        owner_email: "owner@acme.example".parse().unwrap(),
        slug: None,
        owner_name: None,
    };
    let password = || Password::parse(PASSWORD).unwrap();
    let owner = engine.set_up(&secret.unwrap(), new, password(), client_info()).await.unwrap();
    let mut cookies = vec![(Role::Owner, format!("keyward={}", owner.secret.expose()))];
    let Some(keyward_engine::AnySession::Member(ada)) = engine.session(&owner.secret).await.unwrap() else {
        panic!()
    };
    for role in [Role::Admin, Role::Member, Role::Viewer] {
        let new = NewMember {
            name: role.as_str().parse().unwrap(),
            email: format!("{role}@acme.example").parse().unwrap(),
            role,
        };
        engine.invite_member(&ada.identity.access().unwrap(), new).await.unwrap();
        let mail = engine.claim_mail().await.unwrap().unwrap();
        engine.mail_sent(&mail).await.unwrap();
        let word = mail.body.split_whitespace().find(|word| word.contains("kw_link_")).unwrap();
        let kind = keyward_domain::SecretKind::Link;
        let link = keyward_domain::Secret::parse(kind, word.rsplit('/').next().unwrap()).unwrap();
        let opened = engine.open_member_link(&link, password(), client_info()).await.unwrap().unwrap();
        cookies.push((role, format!("keyward={}", opened.secret.expose())));
    }
    cookies
}

/// Pages, and from which role down they are refused.
const PAGES: [(&str, [u16; 4]); 22] = [
    ("/", [200, 200, 200, 200]),
    ("/products", [200, 200, 200, 200]),
    ("/products.csv", [200, 200, 200, 200]),
    ("/products/new", [200, 200, 403, 403]),
    ("/applications", [200, 200, 200, 200]),
    ("/applications/new", [200, 200, 403, 403]),
    ("/customers", [200, 200, 200, 200]),
    ("/customers/new", [200, 200, 200, 403]),
    ("/licenses", [200, 200, 200, 200]),
    ("/licenses.csv", [200, 200, 200, 200]),
    ("/licenses/new", [200, 200, 200, 403]),
    ("/registries", [200, 200, 200, 200]),
    ("/registries/new", [200, 200, 403, 403]),
    ("/members", [200, 200, 200, 200]),
    ("/tokens", [200, 200, 403, 403]),
    ("/settings", [200, 200, 200, 200]),
    ("/settings/notices", [200, 200, 200, 200]),
    ("/alerts", [200, 200, 200, 200]),
    ("/settings/sign-in-provider", [200, 200, 403, 403]),
    ("/settings/deletion", [200, 403, 403, 403]),
    ("/audit", [200, 200, 200, 200]),
    ("/audit/export", [200, 200, 200, 200]),
];

/// Forms, and from which role down they are refused; they lack what they need, so nobody changes anything.
const FORMS: [(&str, [u16; 4]); 12] = [
    ("/products/new", [200, 200, 403, 403]),
    ("/applications/new", [200, 200, 403, 403]),
    ("/customers/new", [200, 200, 200, 403]),
    ("/licenses/new", [200, 200, 200, 403]),
    ("/registries/new", [200, 200, 403, 403]),
    ("/settings/artifact-policy", [200, 200, 200, 403]),
    ("/members", [200, 200, 403, 403]),
    ("/tokens", [303, 303, 403, 403]),
    ("/settings", [200, 200, 403, 403]),
    ("/settings/notices", [200, 200, 403, 403]),
    ("/settings/sign-in-provider", [303, 403, 403, 403]),
    ("/settings/deletion", [303, 403, 403, 403]),
];

#[database_test]
async fn each_role_sees_and_does_what_it_may(store: Store) {
    let (engine, _) = engine(store);
    for (number, (role, cookie)) in people(&engine).await.into_iter().enumerate() {
        let mut token = String::new();
        for (path, expected) in PAGES {
            let page = ask(&engine, "GET", path, &cookie, "").await;
            assert_eq!(page.status, expected[number], "{role} {path}");
            if path == "/" {
                token = csrf(&page.text).to_owned();
            }
        }
        for (path, expected) in FORMS {
            let sent = ask(&engine, "POST", path, &cookie, &format!("csrf={token}")).await;
            assert_eq!(sent.status, expected[number], "{role} {path}: {}", sent.text);
            let forged = ask(&engine, "POST", path, &cookie, "csrf=0").await;
            assert_eq!(forged.status, 403, "{role} {path}");
        }
    }
}

#[database_test]
async fn tokens_show_their_maker_and_are_taken_over_by_owners(store: Store) {
    let (engine, clock) = engine(store);
    let people = people(&engine).await;
    // Not without showing again who one is.
    let (stale, fresh) = (&people[0].1, confirmed(&engine, &people[0].1).await);
    assert_eq!(ask(&engine, "GET", "/", stale, "").await.status, 303);
    let (owner, admin) = (&fresh, &confirmed(&engine, &people[1].1).await);
    let token = |cookie: &str| {
        let (engine, cookie) = (engine.clone(), cookie.to_owned());
        async move { csrf(&ask(&engine, "GET", "/tokens", &cookie, "").await.text).to_owned() }
    };
    let (owners, admins) = (token(owner).await, token(admin).await);
    let body = |csrf: &str, name: &str, scope: &str| {
        format!("csrf={csrf}&name={name}&{}=true", encode(&format!("scope {scope}")))
    };
    let made = ask(&engine, "POST", "/tokens", admin, &body(&admins, "pipeline", "licenses:read")).await;
    let made = ask(&engine, "GET", made.header("location"), admin, "").await;
    assert!(made.text.contains("kw_mgmt_"), "{}", made.text);
    // What the role does not include is not offered, and not taken.
    assert!(!made.text.contains("scope owners:write"));
    let greedy = ask(&engine, "POST", "/tokens", admin, &body(&admins, "greedy", "owners:write")).await;
    assert!(greedy.text.contains("choose at least one"), "{}", greedy.text);
    ask(&engine, "POST", "/tokens", owner, &body(&owners, "own", "owners:write")).await;

    let (seen, theirs) = (
        ask(&engine, "GET", "/tokens", owner, "").await.text,
        ask(&engine, "GET", "/tokens", admin, "").await.text,
    );
    let row = |text: &str, name: &str| {
        text.split("<tr>").find(|row| row.contains(&format!("<td>{name}</td>"))).unwrap().to_owned()
    };
    let path = |row: &str, verb: &str| row.split('"').find(|part| part.ends_with(verb)).map(str::to_owned);
    let pipeline = row(&seen, "pipeline");
    assert!(pipeline.contains("<td>admin</td>") && pipeline.contains(">active<"), "{pipeline}");
    let take_over = path(&pipeline, "/take-over").unwrap();
    assert_eq!(path(&row(&seen, "own"), "/take-over"), None, "it is the owner's already");
    assert_eq!(
        (path(&row(&theirs, "pipeline"), "/take-over"), path(&row(&theirs, "own"), "/revoke")),
        (None, None)
    );
    let revoke = path(&row(&seen, "own"), "/revoke").unwrap();
    for path in [&take_over, &revoke] {
        let refused = ask(&engine, "POST", path, admin, &format!("csrf={admins}")).await;
        assert!(
            refused.status == 403
                && refused.text.contains("Your role, admin, does not include owners:write."),
            "{}",
            refused.text
        );
    }
    let members = ask(&engine, "GET", "/members", owner, "").await.text;
    let row_of_admin = members.split("<tr>").find(|row| row.contains("admin@acme.example")).unwrap();
    let delete = path(row_of_admin, "/delete").unwrap();
    assert_eq!(ask(&engine, "POST", &delete, owner, &format!("csrf={owners}")).await.status, 303);
    let orphan = row(&ask(&engine, "GET", "/tokens", owner, "").await.text, "pipeline");
    assert!(orphan.contains("<td>admin (removed)</td>") && orphan.contains(">orphaned<"), "{orphan}");
    clock.advance(300);
    let late = ask(&engine, "POST", &take_over, owner, &format!("csrf={owners}")).await;
    assert_eq!(late.header("location"), "/confirm?page=/tokens&sent=yes", "as for a new token");
    let owner = &confirmed(&engine, owner).await;
    let led = ask(&engine, "POST", &take_over, owner, &format!("csrf={owners}")).await;
    assert_eq!(led.header("location"), "/tokens?done=taken-over");
    let taken = row(&ask(&engine, "GET", "/tokens", owner, "").await.text, "pipeline");
    assert!(taken.contains("<td>owner</td>") && taken.contains(">active<"), "{taken}");
}

#[database_test]
async fn owners_are_not_offered_to_others(store: Store) {
    let (engine, _) = engine(store);
    let people = people(&engine).await;
    let page = |cookie: String| {
        let engine = engine.clone();
        async move { ask(&engine, "GET", "/members", &cookie, "").await.text }
    };
    assert!(page(people[0].1.clone()).await.contains("<option value=\"owner\""));
    let seen = page(people[1].1.clone()).await;
    assert!(seen.contains("<option value=\"admin\"") && !seen.contains("<option value=\"owner\""));
    let body = format!("csrf={}&name=X&email=x%40acme.example&role=owner", csrf(&seen));
    let refused = ask(&engine, "POST", "/members", &people[1].1, &body).await;
    assert!(refused.status == 403 && refused.text.contains("owners:write"), "{}", refused.text);
}

#[database_test]
async fn strangers_are_asked_to_sign_in(store: Store) {
    let (engine, _) = engine(store);
    people(&engine).await;
    for (path, _) in PAGES {
        for cookie in ["", "keyward=x", "keyward=kw_sess_000000000000000000000000000000000000000"] {
            let page = ask(&engine, "GET", path, cookie, "").await;
            assert_eq!((page.status, page.header("location")), (303, "/sign-in"), "{path}");
        }
    }
    for path in [
        "/portal",
        "/portal/profile",
        "/portal/people",
        "/portal/people/018f0000-0000-7000-8000-000000000000/remove",
        "/portal/password",
        "/portal/authenticator",
        "/portal/recovery-codes",
        "/portal/confirm",
        "/portal/applications",
        "/portal/images",
        "/portal/licenses.ics",
        "/portal/applications/x/1/files/.env",
        "/portal/licenses/018f0000-0000-7000-8000-000000000000",
    ] {
        let page = ask(&engine, "GET", path, "", "").await;
        assert_eq!((page.status, page.header("location")), (303, "/portal/sign-in"));
    }
    let license = "/onboarding/license/018f0000-0000-7000-8000-000000000000";
    assert_eq!(ask(&engine, "GET", license, "", "").await.status, 410);
    for path in ["/onboarding/x", "/link/x", "/setup/x", "/assets/x/y"] {
        assert_eq!(ask(&engine, "GET", path, "", "").await.status, 404, "{path}");
    }
}

#[database_test]
async fn guessing_is_slowed_down(store: Store) {
    let (engine, _) = engine(store);
    people(&engine).await;
    let app = App::new()
        .app_data(web::Data::from(Arc::clone(&engine)))
        .configure(|config| keyward_portal::configure(config, &keyward_portal::Shared::default()));
    let app = init_service(app).await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let body = format!("email=owner%40acme.example&password={}", encode("wrong wrong wrong"));
        let request = TestRequest::post()
            .uri("/sign-in")
            .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
            .set_payload(body);
        statuses.push(call_service(&app, request.to_request()).await.status().as_u16());
    }
    assert_eq!(statuses, [vec![401; 10], vec![429; 2]].concat());
}

#[database_test]
async fn hostile_text_stays_text(store: Store) {
    let (engine, _) = engine(store);
    let (_, cookie) = people(&engine).await.remove(0);
    let token = csrf(&ask(&engine, "GET", "/", &cookie, "").await.text).to_owned();
    let hostile = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onfocus=alert(1) autofocus='",
        "</textarea><script>1</script>",
        "{{7*7}}",
        "javascript:alert(1)",
        "<svg/onload=alert(1)>",
        "&lt;b&gt;",
    ];
    for text in hostile {
        let value = encode(text);
        let body = format!("csrf={token}&name={value}&email=a%40b.example&notes={value}");
        let made = ask(&engine, "POST", "/customers/new", &cookie, &body).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let customer = made.header("location").to_owned();
        let body = format!("csrf={token}&name={value}&description={value}");
        assert_eq!(ask(&engine, "POST", "/products/new", &cookie, &body).await.status, 303);
        let body = format!(
            "csrf={token}&name={value}&description={value}&customer=organization&payload={}",
            encode(&serde_json::json!({ "a": text }).to_string())
        );
        let made = ask(&engine, "POST", "/licenses/new", &cookie, &body).await;
        assert_eq!(made.status, 303, "{}", made.text);
        let license = made.header("location").to_owned();
        let search = format!("/licenses?q={value}");
        for path in ["/", "/products", "/customers", "/licenses", "/audit", &customer, &license, &search] {
            let page = ask(&engine, "GET", path, &cookie, "").await;
            assert_eq!(page.status, 200, "{path}");
            for part in ["<script>", "<img src=x", "<svg/", "' onfocus", "</textarea><"] {
                assert!(!page.text.contains(part), "{part} of {text} in {path}");
            }
            assert!(page.header("content-security-policy").contains("script-src 'self'"));
            assert_eq!(page.header("cache-control"), "no-store");
        }
    }
}

#[database_test]
async fn tables_are_ordered_by_plain_links(store: Store) {
    let (engine, clock) = engine(store);
    let (_, cookie) = people(&engine).await.remove(0);
    let token = csrf(&ask(&engine, "GET", "/", &cookie, "").await.text).to_owned();
    for number in 0..60 {
        let name = format!("License {:02}", number * 7 % 60);
        let body = format!("csrf={token}&name={}&customer=organization&payload=%7B%7D", encode(&name));
        assert_eq!(ask(&engine, "POST", "/licenses/new", &cookie, &body).await.status, 303);
        clock.advance(1);
    }
    let rows = |text: &str| -> Vec<String> {
        let found = text.split("License ").skip(1).map(|rest| rest.chars().take(2).collect::<String>());
        found.filter(|number| number.chars().all(|c| c.is_ascii_digit())).collect()
    };
    let expected: Vec<_> = (0..60).map(|number| format!("{number:02}")).collect();
    let first = ask(&engine, "GET", "/licenses?sort=name", &cookie, "").await.text;
    assert!(first.contains("aria-sort=\"ascending\"") && first.contains("/licenses?sort=-name\""));
    let next = first.split("href=\"").find(|rest| rest.contains("Next page")).unwrap();
    let next = next.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
    let second = ask(&engine, "GET", &next, &cookie, "").await.text;
    assert_eq!([rows(&first), rows(&second)].concat(), expected);
    assert!(!second.contains("Next page") && second.contains("name=\"sort\" value=\"name\""));
    let down = ask(&engine, "GET", "/licenses?sort=-name&q=license%201", &cookie, "").await.text;
    assert_eq!(rows(&down), (10..20).rev().map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(down.contains("aria-sort=\"descending\""));
    let file = ask(&engine, "GET", "/licenses.csv?sort=-name&q=license%201", &cookie, "").await.text;
    assert_eq!(rows(&file), rows(&down), "the file is of what is shown");
    for odd in
        ["sort=nothing", "sort=name&cursor=x", "sort=name&cursor=WyJuYW1lIiwxLFtdXQ", "status=gone&product=x"]
    {
        assert_eq!(ask(&engine, "GET", &format!("/licenses?{odd}"), &cookie, "").await.status, 200, "{odd}");
    }
}
