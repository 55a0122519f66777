//! The people of a customer, on their own pages and on the vendor's.

use std::sync::Arc;

use keyward_domain::{CustomerRole, CustomerUserRef, PageRequest};
use keyward_engine::{CustomerUserChange, Engine};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::browser::Browser;
use crate::posts::asks_first;
use crate::{Answer, ask, csrf, encode};

/// A browser of somebody of a customer.
pub(crate) struct Person {
    engine: Arc<Engine>,
    cookie: String,
}

impl Person {
    fn of(engine: &Arc<Engine>, answer: &Answer) -> Self {
        let mut cookies = answer.headers.get_all("set-cookie").filter_map(|cookie| cookie.to_str().ok());
        let cookie = cookies.find(|cookie| cookie.starts_with("keyward-customer=")).unwrap();
        Self { engine: Arc::clone(engine), cookie: cookie.split(';').next().unwrap().to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        ask(&self.engine, "GET", path, &self.cookie, "").await
    }

    /// Sends a form with the values that a page of the session holds.
    pub(crate) async fn send(&self, path: &str, values: &[(&str, &str)]) -> Answer {
        let token = csrf(&self.get("/portal").await.text).to_owned();
        self.send_with(&token, path, values).await
    }

    async fn send_with(&self, token: &str, path: &str, values: &[(&str, &str)]) -> Answer {
        ask(&self.engine, "POST", path, &self.cookie, &body(token, values)).await
    }
}

fn body(token: &str, values: &[(&str, &str)]) -> String {
    let pairs = values.iter().map(|(name, value)| format!("&{}={}", encode(name), encode(value)));
    format!("csrf={token}{}", pairs.collect::<String>())
}

/// The address of the link in the only mail that waits.
async fn mailed(engine: &Engine) -> String {
    let mail = engine.claim_mail().await.unwrap().expect("a mail is on its way");
    engine.mail_sent(&mail).await.unwrap();
    let word = mail.body.split_whitespace().find(|word| word.contains("/link/")).unwrap();
    format!("/link/{}", word.rsplit('/').next().unwrap())
}

/// A vendor, the path of a customer's page, and the customer's contact, signed in.
pub(crate) async fn scene(engine: &Arc<Engine>) -> (Browser, String, Person) {
    let vendor = Browser::open(Arc::clone(engine)).await;
    let new = [("name", "Example"), ("email", "it@example.com")];
    let customer = vendor.send("/customers/new", &new).await.unwrap();
    let asked = ask(engine, "POST", "/portal/sign-in", "", "email=it%40example.com").await;
    assert_eq!(asked.status, 303);
    let link = mailed(engine).await;
    assert!(ask(engine, "GET", &link, "", "").await.text.contains("This link works once"));
    let admin = Person::of(engine, &ask(engine, "POST", &link, "", "").await);
    (vendor, customer, admin)
}

/// Somebody whom the vendor invites and who accepts with a password.
pub(crate) async fn join(vendor: &Browser, customer: &str, email: &str, role: &str) -> Person {
    let invite = [("name", "Ann <b>"), ("email", email), ("role", role)];
    vendor.send(&format!("{customer}/people"), &invite).await.unwrap();
    let link = mailed(&vendor.engine).await;
    let page = ask(&vendor.engine, "GET", &link, "", "").await;
    assert!(page.text.contains("Join Example"), "{}", page.text);
    let short = ask(&vendor.engine, "POST", &link, "", "password=short&again=short").await;
    assert!(short.text.contains("at least 12 characters") && short.text.contains("<details open"));
    let password = encode(crate::PASSWORD);
    let body = format!("password={password}&again={password}");
    let joined = ask(&vendor.engine, "POST", &link, "", &body).await;
    assert_eq!((joined.status, joined.header("location")), (303, "/portal"));
    let again = ask(&vendor.engine, "POST", &link, "", "").await;
    assert_eq!(again.status, 410, "the link opens once");
    Person::of(&vendor.engine, &joined)
}

async fn confirm(person: &mut Person, page: &str) {
    let sent = person.send("/portal/confirm", &[("password", crate::PASSWORD), ("page", page)]).await;
    assert_eq!((sent.status, sent.header("location")), (303, page));
    *person = Person::of(&person.engine, &sent);
}

#[database_test]
async fn an_admin_invites_and_removes_at_once(store: Store) {
    let (engine, _) = engine(store);
    let (vendor, customer, admin) = scene(&engine).await;
    let invite = [("name", "Viv"), ("email", "viv@example.com"), ("role", "viewer")];
    let sent = admin.send("/portal/people", &invite).await;
    assert_eq!((sent.status, sent.header("location")), (303, "/portal/people?done=invited"));
    let page = admin.get("/portal/people").await.text;
    assert!(page.contains("viv@example.com") && page.contains(">invited<") && page.contains(">you<"));
    let taken = admin.send("/portal/people", &invite).await;
    assert!(taken.text.contains("is taken by another user of this customer"), "{}", taken.text);
    assert!(taken.text.contains("value=\"viv@example.com\""), "what was typed is kept");

    // Accepted without a password.
    let link = mailed(&engine).await;
    let viv = Person::of(&engine, &ask(&engine, "POST", &link, "", "").await);
    let seen = viv.get("/portal/people").await;
    assert!(
        seen.text.contains("it@example.com") && !seen.text.contains("/role"),
        "looks, and changes nothing"
    );
    let open = csrf(&seen.text).to_owned();
    let refused =
        viv.send("/portal/people", &[("name", "X"), ("email", "x@example.com"), ("role", "viewer")]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("Only admins manage the people of your company"));
    let renamed = viv.send("/portal/name", &[("name", "Vivian <b>")]).await;
    assert_eq!((renamed.status, renamed.header("location")), (303, "/portal/profile?done=saved"));
    assert!(admin.get("/portal/people").await.text.contains("<td>Vivian &#60;b&#62;</td>"));

    let id = page.split("/portal/people/").nth(2).unwrap();
    let id = page
        .split("action=\"/portal/people/")
        .map(|part| &part[..36])
        .find(|id| {
            let row = format!("/portal/people/{id}/invite");
            page.contains(&row)
        })
        .unwrap_or(&id[..36])
        .to_owned();
    // Admins are made by who has shown who they are.
    let promoted = admin.send(&format!("/portal/people/{id}/role"), &[("role", "admin")]).await;
    assert_eq!(
        (promoted.status, promoted.header("location")),
        (303, "/portal/confirm?page=/portal/people&sent=yes")
    );
    let confirm = admin.get("/portal/confirm?page=/portal/people&sent=yes").await.text;
    assert!(confirm.contains("/portal/forgot") && confirm.contains("Nothing was changed yet"));

    let removal = admin.get(&format!("/portal/people/{id}/remove")).await;
    assert!(removal.text.contains("Remove Viv"), "{}", removal.text);
    asks_first(&removal.text, &format!("/portal/people/{id}/delete"));
    assert_eq!(viv.get(&format!("/portal/people/{id}/remove")).await.status, 403);
    let removed = admin.send(&format!("/portal/people/{id}/delete"), &[]).await;
    assert_eq!((removed.status, removed.header("location")), (303, "/portal/people?done=removed"));
    let next = viv.get("/portal").await;
    assert_eq!((next.status, next.header("location")), (303, "/portal/sign-in"), "the very next click");
    let late = viv.send_with(&open, "/portal/people", &invite).await;
    assert_eq!(
        (late.status, late.header("location")),
        (303, "/portal/sign-in?ended=yes"),
        "a form that was open"
    );
    let people = vendor.get(&format!("{customer}/people")).await.1;
    assert!(people.contains("it@example.com") && !people.contains("viv@example.com"));
}

#[database_test]
async fn forms_of_customers_are_guarded_as_members_are(store: Store) {
    let (engine, _) = engine(store);
    let (_, _, admin) = scene(&engine).await;
    let invite = [("name", "Viv"), ("email", "viv@example.com"), ("role", "viewer")];
    let token = csrf(&admin.get("/portal/people").await.text).to_owned();
    for forged in ["", "x.y"] {
        assert_eq!(admin.send_with(forged, "/portal/people", &invite).await.status, 403, "{forged:?}");
    }
    let foreign = [("Cookie", admin.cookie.as_str()), ("Sec-Fetch-Site", "cross-site")];
    let shared = keyward_portal::Shared::default();
    let sent =
        crate::ask_with(&engine, &shared, "POST", "/portal/people", &foreign, &body(&token, &invite)).await;
    assert_eq!(sent.status, 403);
    assert!(engine.claim_mail().await.unwrap().is_none(), "nothing was done");
    // Pages about what one signs in with ask first who one is.
    for path in [
        "/portal/password",
        "/portal/authenticator",
        "/portal/authenticator/remove",
        "/portal/recovery-codes/new",
    ] {
        let led = admin.get(path).await;
        assert_eq!(
            (led.status, led.header("location")),
            (303, format!("/portal/confirm?page={path}").as_str())
        );
    }
}

#[database_test]
async fn people_of_a_customer_sign_in_by_password_and_code(store: Store) {
    let (engine, _) = engine(store);
    let (vendor, customer, _) = scene(&engine).await;
    let mut ann = join(&vendor, &customer, "ann@example.com", "admin").await;
    confirm(&mut ann, "/portal/authenticator").await;
    let page = ann.get("/portal/authenticator").await.text;
    assert!(page.contains("Profile</a>") && page.contains("<svg"), "{page}");
    let wrong = ann.send("/portal/authenticator", &[("secret", "AAAA"), ("code", "000000")]).await;
    assert!(wrong.text.contains("does not fit"));
    let changed = ann
        .send("/portal/password", &[("password", "another long one"), ("again", "another long one")])
        .await;
    assert_eq!((changed.status, changed.header("location")), (303, "/portal/profile?done=password"));
    let ann = Person::of(&engine, &changed);
    let profile = ann.get("/portal/profile?done=password").await.text;
    assert!(
        profile.contains("Password changed")
            && profile.contains("this one")
            && profile.contains("Ann &#60;b&#62;"),
        "{profile}"
    );

    let sign_in = async |word: &str| {
        let body = format!("email=ANN%40example.com&password={}", encode(word));
        ask(&engine, "POST", "/portal/sign-in/password", "", &body).await
    };
    assert_eq!(sign_in(crate::PASSWORD).await.status, 401);
    let unknown =
        ask(&engine, "POST", "/portal/sign-in/password", "", "email=no%40example.com&password=another").await;
    let refused = sign_in("another").await;
    assert_eq!(
        (unknown.status, unknown.text.replace("no@", "ANN@")),
        (refused.status, refused.text),
        "nobody is told who is there"
    );
    let other = Person::of(&engine, &sign_in("another long one").await);
    // One session ends another of the same person.
    let sessions = ann.get("/portal/profile").await.text;
    let end = sessions.split("href=\"").find(|part| part.starts_with("/portal/sessions/")).unwrap();
    let end = end.split('"').next().unwrap();
    asks_first(&ann.get(end).await.text, end);
    let ended = ann.send(end, &[]).await;
    assert_eq!((ended.status, ended.header("location")), (303, "/portal/profile?done=ended#sessions"));
    assert_eq!(other.get("/portal").await.status, 303);
}

#[database_test]
async fn the_vendor_sees_and_repairs_the_people_of_a_customer(store: Store) {
    let (engine, _) = engine(store);
    let (vendor, customer, _) = scene(&engine).await;
    let ann = join(&vendor, &customer, "ann@example.com", "admin").await;
    let page = vendor.get(&customer).await.1;
    assert!(page.contains(&format!("{customer}/people")));
    let people = vendor.get(&format!("{customer}/people")).await.1;
    assert!(people.contains("2026-01-01 00:00"), "when they last signed in: {people}");
    let id = customer.rsplit('/').next().unwrap().parse().unwrap();
    let users = engine.customer_users(&vendor.access().await, id, PageRequest::default()).await.unwrap();
    let found =
        users.into_parts().0.into_iter().find(|user| user.email.as_str() == "ann@example.com").unwrap();
    // A role that is lowered counts at the next click, and for a form that is open.
    let open = csrf(&ann.get("/portal/people").await.text).to_owned();
    let lower = CustomerUserChange { role: Some(CustomerRole::Viewer), ..CustomerUserChange::default() };
    let of = CustomerUserRef { customer: id, user: found.id };
    engine.update_customer_user(&vendor.access().await, of, lower, None).await.unwrap();
    let late = ann
        .send_with(&open, "/portal/people", &[("name", "X"), ("email", "x@example.com"), ("role", "viewer")])
        .await;
    assert_eq!(late.status, 403);
    let one = format!("{customer}/people/{}", found.id);
    let removal = vendor.get(&format!("{one}/remove")).await.1;
    asks_first(&removal, &format!("{one}/delete"));
    assert!(removal.contains("Remove Ann") && !removal.contains("second factor"), "there is none: {removal}");
    let second = format!("{one}/second-factor");
    asks_first(&vendor.get(&second).await.1, &second);
    let none = vendor.send(&format!("{one}/second-factor"), &[]).await.unwrap_err();
    assert!(none.contains("there is no second factor"), "{none}");
    let again = vendor.send(&format!("{one}/invite"), &[]).await.unwrap_err();
    assert!(again.contains("has accepted the invitation before"), "{again}");
    assert_eq!(vendor.send(&format!("{one}/delete"), &[]).await.unwrap(), format!("{customer}/people"));
    assert_eq!(ann.get("/portal").await.status, 303);
    // Of another customer it is not there.
    let other =
        vendor.send("/customers/new", &[("name", "Other"), ("email", "o@example.com")]).await.unwrap();
    assert_eq!(vendor.get(&format!("{other}/people/{}/remove", found.id)).await.0, 404);
}
