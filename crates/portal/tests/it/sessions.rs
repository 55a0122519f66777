//! Which cookies are in the way of which forms, and showing again who one is.

use keyward_domain::{Secret, SecretKind};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::browser::Browser;
use crate::posts::asks_first;
use crate::{Answer, ask, ask_with, csrf, encode, people};

const DEAD: &str = "keyward=kw_sess_0000000000000000000000000000000001kX0fT";

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// The addresses of fresh onboarding links of two licenses.
async fn onboarding_links(vendor: &Browser) -> [String; 2] {
    let mut links = Vec::new();
    for name in ["One", "Two"] {
        let body = [("name", name), ("customer", "organization"), ("payload", "{}")];
        let license = vendor.send("/licenses/new", &body).await.unwrap();
        let page = vendor.shown(&format!("{license}/onboarding-link"), &[]).await;
        let url = page.split("https://licenses.example").find(|rest| rest.starts_with("/onboarding/kw_onb_"));
        links.push(url.unwrap().split('<').next().unwrap().to_owned());
    }
    links.try_into().unwrap()
}

#[database_test]
async fn no_cookie_is_in_the_way_of_a_form_without_a_session(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine.clone()).await;
    let new = [("name", "Buyer"), ("email", "buyer@customer.example")];
    vendor.send("/customers/new", &new).await.unwrap();
    let customer = vendor.customer("buyer@customer.example").await;
    let both = format!("{}; {customer}", vendor.cookie);
    let dead = Secret::new(SecretKind::Session, [9; 24]);
    let dead = format!("keyward={}; keyward-customer={}", dead.expose(), dead.expose());
    for cookies in ["", DEAD, &dead, &vendor.cookie, &customer, &both] {
        for (path, body, expected) in [
            ("/sign-in", "email=owner%40acme.example&password=wrong", 401),
            ("/forgot", "email=nobody%40acme.example", 303),
            ("/portal/sign-in", "email=nobody%40acme.example", 303),
            ("/setup/kw_setup_x", "", 404),
            ("/link/kw_link_x", "", 404),
        ] {
            let sent = ask(&engine, "POST", path, cookies, body).await;
            assert_eq!(sent.status, expected, "{path} with {cookies}: {}", sent.text);
        }
    }
    for path in ["/sign-in", "/portal/sign-in"] {
        let page = ask(&engine, "GET", path, &dead, "").await;
        let taken: Vec<_> = page.headers.get_all("set-cookie").map(|value| value.to_str().unwrap()).collect();
        assert!(taken.len() == 2 && taken.iter().all(|cookie| cookie.contains("Max-Age=0")), "{taken:?}");
    }
    let body = format!("email=owner%40acme.example&password={}", encode(crate::PASSWORD));
    let signed_in = ask(&engine, "POST", "/sign-in", &dead, &body).await;
    assert_eq!((signed_in.status, signed_in.header("location")), (303, "/"));

    // Each signs out alone.
    let out = ask(&engine, "POST", "/portal/sign-out", &both, "").await;
    assert_eq!((out.status, out.header("location")), (303, "/portal/sign-in"));
    assert_eq!(ask(&engine, "GET", "/portal", &both, "").await.status, 303);
    assert_eq!(ask(&engine, "GET", "/", &both, "").await.status, 200);
    let out = ask(&engine, "POST", "/sign-out", &dead, "").await;
    assert_eq!((out.status, out.header("location")), (303, "/sign-in"));
}

#[database_test]
async fn an_onboarding_link_opens_in_any_browser_and_signs_nobody_out(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine.clone()).await;
    let [one, two] = onboarding_links(&vendor).await;
    let first = ask(&engine, "POST", &one, &vendor.cookie, "").await;
    assert_eq!(first.status, 303, "{}", first.text);
    let cookies = format!("{}; {}", vendor.cookie, cookie(&first));
    let second = ask(&engine, "POST", &two, &cookies, "").await;
    assert_eq!(second.status, 303, "{}", second.text);
    let cookies = format!("{cookies}; {}", cookie(&second));
    let (here, there) = (first.header("location"), second.header("location"));
    assert!(here.starts_with("/onboarding/license/") && here != there);
    for path in [here, there, "/"] {
        assert_eq!(ask(&engine, "GET", path, &cookies, "").await.status, 200, "{path}");
    }
    let file = |path: &str| format!("{path}/license.jwt");
    let files = (
        ask(&engine, "GET", &file(here), &cookies, "").await,
        ask(&engine, "GET", &file(there), &cookies, "").await,
    );
    assert!(files.0.text != files.1.text, "each has its own license");
    let swapped = cookies.replace(here.rsplit('/').next().unwrap(), there.rsplit('/').next().unwrap());
    assert_eq!(ask(&engine, "GET", here, &swapped, "").await.status, 410, "of another license");
}

#[database_test]
async fn refused_forms_say_what_to_do(store: Store) {
    let (engine, clock) = engine(store);
    let vendor = Browser::open(engine.clone()).await;
    let body = format!("csrf={}&name=A&email=a%40b.example", vendor.csrf);
    let shared = keyward_portal::Shared::default();
    for headers in [
        [("Cookie", vendor.cookie.as_str()), ("Origin", "null")],
        [("Cookie", vendor.cookie.as_str()), ("Origin", "https://evil.example")],
        [("Cookie", vendor.cookie.as_str()), ("Sec-Fetch-Site", "cross-site")],
    ] {
        for path in ["/customers/new", "/sign-in", "/sign-out"] {
            let sent = ask_with(&engine, &shared, "POST", path, &headers, &body).await;
            assert_eq!(sent.status, 403, "{path} {headers:?}");
            assert!(sent.text.contains("open the page here and send the form from there"));
        }
    }
    let other = vendor.again().await;
    let sent = ask(&engine, "POST", "/customers/new", &other.cookie, &body).await;
    assert!(
        sent.status == 403 && sent.text.contains("Go back, reload the page and send the form again"),
        "{}",
        sent.text
    );
    clock.advance(13 * 60 * 60);
    let sent = ask(&engine, "POST", "/customers/new", &vendor.cookie, &body).await;
    assert_eq!((sent.status, sent.header("location")), (303, "/sign-in?ended=yes"));
    let page = ask(&engine, "GET", "/sign-in?ended=yes", &vendor.cookie, "").await;
    assert!(page.text.contains("Your session has ended") && page.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(page.header("referrer-policy"), "same-origin", "else browsers hide where its form comes from");
}

#[database_test]
async fn what_changes_an_identity_asks_again_who_one_is(store: Store) {
    let (engine, clock) = engine(store);
    let mut vendor = Browser::open(engine.clone()).await;
    for (path, values, page) in [
        ("/settings/password", "password=a+new+password+1&again=a+new+password+1", "/settings/password"),
        ("/settings/authenticator", "secret=A&code=1", "/settings/authenticator"),
        ("/settings/authenticator/remove", "own=x", "/settings/authenticator/remove"),
        ("/settings/recovery-codes", "", "/settings/recovery-codes/new"),
        ("/settings/sign-in-provider", "issuer=https%3A%2F%2Fid.example", "/settings/sign-in-provider"),
        ("/settings/sign-in-provider/remove", "", "/settings/sign-in-provider"),
        ("/settings/deletion", "slug=acme", "/settings/deletion"),
        ("/settings/deletion/withdraw", "", "/settings/deletion"),
        ("/tokens", "name=CI", "/tokens"),
    ] {
        let sent =
            ask(&engine, "POST", path, &vendor.cookie, &format!("csrf={}&{values}", vendor.csrf)).await;
        let to = format!("/confirm?page={page}&sent=yes");
        assert_eq!((sent.status, sent.header("location")), (303, to.as_str()), "{path}");
        let asked = vendor.get(&to).await;
        assert!(asked.0 == 200 && asked.1.contains("Nothing was changed yet"), "{path}");
    }
    for page in [
        "/settings/password",
        "/settings/authenticator",
        "/settings/authenticator/remove",
        "/settings/recovery-codes/new",
    ] {
        let shown = ask(&engine, "GET", page, &vendor.cookie, "").await;
        assert_eq!((shown.status, shown.header("location")), (303, format!("/confirm?page={page}").as_str()));
    }
    assert!(
        vendor
            .get("/confirm?page=https://evil.example")
            .await
            .1
            .contains("name=\"page\" value=\"/settings\"")
    );

    // Tries are counted, and then the right one waits too.
    let guess = |word: &str| format!("csrf={}&page=/tokens&password={}", vendor.csrf, encode(word));
    let mut statuses = Vec::new();
    for word in [vec!["wrong wrong wrong"; 10], vec![crate::PASSWORD; 2]].concat() {
        let answer = ask(&engine, "POST", "/confirm", &vendor.cookie, &guess(word)).await;
        statuses.push((answer.status, answer.header("retry-after").to_owned()));
    }
    let (judged, late) = ((401, String::new()), (429, "900".to_owned()));
    assert_eq!(statuses, [vec![judged; 10], vec![late; 2]].concat());
    clock.advance(900);

    let old = vendor.cookie.clone();
    assert_eq!(vendor.confirm(crate::PASSWORD).await, 303);
    assert!(vendor.cookie != old && ask(&engine, "GET", "/", &old, "").await.status == 303);
    let new = [("name", "CI"), ("scope licenses:read", "true")];
    let made = vendor.shown("/tokens", &new).await;
    assert!(made.contains("kw_mgmt_"), "the form of a page before the renewal goes on: {made}");
    let phone = vendor.again().await;
    let change = format!("csrf={}&password=a+new+password+1&again=a+new+password+1", vendor.csrf);
    let sent = ask(&engine, "POST", "/settings/password", &vendor.cookie, &change).await;
    assert_eq!((sent.status, sent.header("location")), (303, "/settings?done=password"));
    vendor.take_cookie(&sent);
    assert_eq!(vendor.get("/settings").await.0, 200);
    assert_eq!(ask(&engine, "GET", "/", &phone.cookie, "").await.status, 303, "other sessions have ended");
}

#[database_test]
async fn whoever_is_signed_in_changes_their_own_name(store: Store) {
    let (engine, _) = engine(store);
    let people = people(&engine).await;
    let (owner, viewer) = (&people[0].1, &people[3].1);
    let page = ask(&engine, "GET", "/settings/name", viewer, "").await.text;
    assert!(page.contains("value=\"viewer\""), "{page}");
    let empty = format!("csrf={}&name=", csrf(&page));
    let refused = ask(&engine, "POST", "/settings/name", viewer, &empty).await;
    assert!(refused.status == 200 && refused.text.contains("id=\"name-fault\""), "{}", refused.text);
    let body = format!("csrf={}&name=Vera+Viewer", csrf(&page));
    let sent = ask(&engine, "POST", "/settings/name", viewer, &body).await;
    assert_eq!((sent.status, sent.header("location")), (303, "/settings?done=saved"));
    for path in ["/members", "/audit"] {
        let page = ask(&engine, "GET", path, owner, "").await.text;
        assert!(page.contains("Vera Viewer"), "{path}: {page}");
    }
}

#[database_test]
async fn a_session_is_ended_by_another(store: Store) {
    let (engine, _) = engine(store);
    let here = Browser::open(engine).await;
    let phone = here.again().await;
    let page = here.get("/settings").await.1;
    let end = page.split('"').find(|part| part.starts_with("/settings/sessions/")).unwrap();
    asks_first(&here.get(end).await.1, end);
    assert_eq!(phone.get("/").await.0, 200, "a question ends nothing");
    assert_eq!(here.send(end, &[]).await.unwrap(), "/settings");
    assert_eq!((phone.get("/").await.0, here.get("/").await.0), (303, 200));
    assert_eq!(here.get(end).await.0, 404, "it has ended");
}

#[database_test]
async fn a_reload_and_a_double_click_make_nothing_twice(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine.clone()).await;
    let page = vendor.get("/customers/new").await.1;
    let body = format!("csrf={}&name=Buyer&email=b%40c.example", csrf(&page));
    let clicks = [
        ask(&engine, "POST", "/customers/new", &vendor.cookie, &body).await,
        ask(&engine, "POST", "/customers/new", &vendor.cookie, &body).await,
    ];
    assert_eq!(clicks[0].header("location"), clicks[1].header("location"));
    let again = vendor.get("/customers/new").await.1;
    let body = format!("csrf={}&name=Buyer&email=b%40c.example", csrf(&again));
    let other = ask(&engine, "POST", "/customers/new", &vendor.cookie, &body).await;
    assert!(other.header("location") != clicks[0].header("location"), "a page that was opened anew");

    let body = format!("csrf={}&name=Server", csrf(&vendor.get("/products/new").await.1));
    let first = ask(&engine, "POST", "/products/new", &vendor.cookie, &body).await;
    let second = ask(&engine, "POST", "/products/new", &vendor.cookie, &body).await;
    let key = first.header("location");
    assert_eq!((first.status, second.status, second.header("location")), (303, 303, key));
    let head = ask(&engine, "HEAD", key, &vendor.cookie, "").await;
    assert_eq!(head.status, 200);
    assert!(vendor.get(key).await.1.contains("kw_prod_"));
    let reloaded = vendor.get(key).await;
    assert!(
        reloaded.0 == 200 && reloaded.1.contains("It was shown once") && !reloaded.1.contains("kw_prod_")
    );
}

#[database_test]
async fn a_cookie_alone_changes_neither_owners_nor_keys_nor_the_slug(store: Store) {
    let (engine, clock) = engine(store);
    let mut owner = Browser::open(engine.clone()).await;
    let viewer = |page: &str| {
        let row = page.split("<tr>").find(|row| row.contains("viewer@acme.example")).unwrap();
        row.split("action=\"").nth(1).unwrap().split("/role").next().unwrap().to_owned()
    };
    let member = viewer(&owner.get("/members").await.1);
    owner.confirm(crate::PASSWORD).await;
    owner.send("/settings/signing-keys", &[]).await.unwrap();
    clock.advance(300);
    let keys = owner.get("/settings").await.1;
    let pending = keys.split('"').find(|part| part.ends_with("/activate")).unwrap();
    let role = format!("{member}/role");
    let eve = [("name", "Eve"), ("email", "eve@acme.example"), ("role", "owner")];
    let slug = [("name", "Acme"), ("slug", "other"), ("blocked", "")];
    let owner_role = [("role", "owner")];
    let (deletion, none) = (format!("{member}/delete"), [].as_slice());
    for (path, values, back) in [
        ("/members", eve.as_slice(), "/members"),
        (role.as_str(), owner_role.as_slice(), "/members"),
        (deletion.as_str(), none, "/members"),
        ("/settings/signing-keys", none, "/settings"),
        (pending, none, "/settings"),
        ("/settings", slug.as_slice(), "/settings"),
    ] {
        if path.ends_with("/delete") {
            // By now an owner: who is not is removed without being asked again.
            owner.confirm(crate::PASSWORD).await;
            owner.send(&role, &[("role", "owner")]).await.unwrap();
            clock.advance(300);
        }
        let before = owner.get("/audit").await.1.matches("<tr>").count();
        let mut body = format!("csrf={}", owner.csrf);
        values.iter().for_each(|(name, value)| body.push_str(&format!("&{name}={}", encode(value))));
        let led = ask(&engine, "POST", path, &owner.cookie, &body).await;
        assert_eq!(led.header("location"), format!("/confirm?page={back}&sent=yes"), "{path}: {}", led.text);
        assert_eq!(owner.get("/audit").await.1.matches("<tr>").count(), before, "{path}");
        owner.confirm(crate::PASSWORD).await;
        let done = owner.send(path, values).await;
        assert_eq!(done.as_deref().map(|to| to.split('#').next().unwrap()), Ok(back), "{path}");
        clock.advance(300);
    }
}
