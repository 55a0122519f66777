//! Every form that a page has, sent: what was carried out is answered with a redirect, so that a reload repeats nothing, and
//! what takes something away was asked before.

use std::collections::BTreeSet;

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;

use crate::browser::Browser;
use crate::html::forms;

/// What answers 200 by design: it changes nothing, and a reload may repeat it.
const LOOK_ONLY: [&str; 5] = [
    "/products/preview-form",
    "/products/preview-page",
    "/products/{id}/fields/edit",
    "/products/{id}/settings/edit",
    "/products/{id}/versions/edit",
];

/// How the addresses end of forms that take something away: each is on a page of its own there.
const ASKED: [&str; 9] = [
    "/revoke",
    "/delete",
    "/withdraw",
    "/archive",
    "/disable",
    "/suspend",
    "/end",
    "/rotate-secret",
    "/activate",
];

/// Forms that take more to be carried out than there is here, each with the test that sends it.
const ELSEWHERE: [(&str, &str); 41] = [
    ("/alerts/{id}/acknowledge", "registries: an alert is acknowledged"),
    ("/registry-keys/{id}/reveal", "registries: a new secret that waits"),
    ("/customers/{id}/grant-artifacts", "registries: what is granted is pulled"),
    ("/artifact-entitlements/{id}", "registries: what is granted is pulled"),
    ("/artifact-entitlements/{id}/end", "registries: what is granted is pulled"),
    ("/settings/authenticator", "sessions, and the engine's `identity`"),
    ("/settings/authenticator/remove", "sessions, and the engine's `identity`"),
    ("/settings/recovery-codes", "sessions, and the engine's `identity`"),
    ("/settings/sign-in-provider", "the engine's `providers`"),
    ("/settings/sign-in-provider/remove", "the engine's `providers`"),
    ("/settings/sessions/{id}/end", "sessions: a session is ended by another"),
    ("/portal/name", "customer_people"),
    ("/portal/people", "customer_people"),
    ("/portal/people/{id}/role", "customer_people"),
    ("/portal/people/{id}/invite", "customer_people"),
    ("/portal/people/{id}/delete", "customer_people"),
    ("/portal/sessions/{id}/end", "customer_people"),
    ("/portal/confirm", "customer_people"),
    ("/portal/password", "customer_people"),
    ("/portal/authenticator", "customer_people, and the engine's `customer_users`"),
    ("/portal/authenticator/remove", "customer_people, and the engine's `customer_users`"),
    ("/portal/recovery-codes", "customer_people, and the engine's `customer_users`"),
    ("/portal/sign-in/password", "customer_people"),
    ("/portal/targets", "customer_deployments"),
    ("/portal/targets/{id}", "customer_deployments"),
    ("/portal/targets/{id}/code", "customer_deployments"),
    ("/portal/targets/{id}/release", "customer_deployments"),
    ("/portal/deploy/{slug}/{version}", "customer_deployments"),
    ("/portal/deployments/{id}/change", "customer_deployments"),
    ("/portal/deployments/{id}/roll-back/{number}", "customer_deployments"),
    ("/portal/deployments/{id}/run", "customer_deployments"),
    ("/portal/deployments/{id}/stop", "customer_deployments"),
    ("/portal/deployments/{id}/remove", "customer_deployments"),
    ("/customers/{id}/people/{user}/invite", "customer_people"),
    ("/customers/{id}/people/{user}/delete", "customer_people"),
    ("/customers/{id}/people/{user}/second-factor", "customer_people"),
    ("/setup/{secret}", "the engine's `visitors`"),
    ("/link/{secret}", "the engine's `visitors`"),
    ("/onboarding/{secret}", "sessions"),
    ("/tokens/{id}/take-over", "the test of a token's maker"),
    ("/settings/start-trial", "refused on every plan but Free"),
];

/// The forms that the source has routes for.
fn routed() -> BTreeSet<String> {
    fn read(folder: &std::path::Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split(".route(").skip(1).filter(|part| part.contains("web::post()")) {
                let place = part.split(',').next().unwrap().trim();
                let place = match place.strip_prefix('"') {
                    Some(place) => place.trim_end_matches('"').to_owned(),
                    // One of a table of paths, which there is for each kind of people.
                    None if place.starts_with("paths.") => {
                        let field = format!(" {}: \"", place.trim_start_matches("paths."));
                        let values = text.split(&field).skip(1).filter_map(|rest| rest.split('"').next());
                        found.extend(values.map(str::to_owned));
                        continue;
                    }
                    None => {
                        let value = text.split(&format!("const {place}: &str = \"")).nth(1).unwrap();
                        value.split('"').next().unwrap().to_owned()
                    }
                };
                found.insert(place);
            }
        }
    }
    let mut found = BTreeSet::new();
    read(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found
}

/// A question has one form, which does what it asks about, and says what comes of it.
pub(crate) fn asks_first(page: &str, path: &str) {
    assert!(page.contains("<h2>What will happen</h2>"), "{path} asks nothing: {page}");
    let sent =
        forms(page).into_iter().filter(|form| form.method == "post" && !form.action.ends_with("/sign-out"));
    let actions: Vec<_> = sent.map(|form| form.action).collect();
    assert_eq!(actions, [path], "one question, one button");
}

/// No template but these has a red button that does something.
const RED: [&str; 3] =
    ["question.html", "console/deletion.html", "console/artifact_entitlement_preview.html"];

#[test]
fn what_takes_something_away_is_a_question() {
    fn red(folder: &std::path::Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                red(&path, found);
            } else if std::fs::read_to_string(&path).unwrap().split("<button ").skip(1).any(|button| {
                let tag = button.split('>').next().unwrap();
                tag.contains("type=\"submit\"") && tag.split([' ', '"', '{', '}']).any(|class| class == "bad")
            }) {
                let path = path.to_str().unwrap();
                found.insert(path.split("/templates/").nth(1).unwrap().to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    red(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut found);
    assert_eq!(found, RED.map(str::to_owned).into());
}

struct Walk {
    vendor: Browser,
    sent: BTreeSet<String>,
}

impl Walk {
    /// Sends a form; where it leads.
    async fn send(&mut self, route: &str, path: &str, values: &[(&str, &str)]) -> String {
        self.sent.insert(route.to_owned());
        if ASKED.iter().any(|end| path.ends_with(end)) && path != "/settings/deletion/withdraw" {
            asks_first(&self.vendor.get(path).await.1, path);
        }
        match self.vendor.send(path, values).await {
            Ok(page) => page,
            Err(shown) => panic!("{path}: {shown}"),
        }
    }

    /// Sends forms of one thing, as `{id}`.
    async fn each(&mut self, page: &str, root: &str, forms: &[(&str, &[(&str, &str)])]) {
        for (form, values) in forms {
            self.send(&format!("{root}{form}"), &format!("{page}{form}"), values).await;
        }
    }
}

#[database_test]
async fn every_form_that_is_carried_out_leads_on(store: Store) {
    let (engine, _) = engine(store);
    let mut walk = Walk { vendor: Browser::open(engine).await, sent: BTreeSet::new() };
    assert_eq!(walk.vendor.confirm(crate::PASSWORD).await, 303);
    walk.sent.insert("/confirm".to_owned());

    let product =
        walk.send("/products/new", "/products/new", &[("name", "Server")]).await.replace("/key", "");
    walk.each(
        &product,
        "/products/{id}",
        &[
            ("/settings", &[("name", "Server"), ("ip_enforcement", "off")]),
            ("/fields", &[]),
            ("/page", &[("page", "# Hello")]),
            ("/versions", &[]),
            ("/rotate-key", &[("overlap_days", "1")]),
            ("/keys/new", &[("email", "b@buyer.example"), ("name", "Buyer")]),
        ],
    )
    .await;
    for verb in ["archive", "unarchive", "disable", "enable"] {
        walk.send(
            "/products/{id}/{verb:archive|unarchive|disable|enable}",
            &format!("{product}/{verb}"),
            &[],
        )
        .await;
    }

    let customer = walk
        .send("/customers/new", "/customers/new", &[("name", "Buyer"), ("email", "b@buyer.example")])
        .await;
    let id = customer.rsplit('/').next().unwrap().to_owned();
    walk.each(&customer, "/customers/{id}", &[("", &[("name", "Buyer"), ("email", "c@buyer.example")])])
        .await;
    let invite = [("name", "Ada"), ("email", "ada@buyer.example"), ("role", "viewer")];
    walk.each(&customer, "/customers/{id}", &[("/people", &invite)]).await;
    let people = walk.vendor.get(&format!("{customer}/people")).await.1;
    let role = people.split("action=\"").find(|part| part.split('"').next().unwrap().ends_with("/role"));
    let role = role.unwrap().split('"').next().unwrap().to_owned();
    walk.send("/customers/{id}/people/{user}/role", &role, &[("role", "admin")]).await;
    let license = [("name", "L"), ("customer", id.as_str()), ("payload", "{}")];
    let license = walk.send("/licenses/new", "/licenses/new", &license).await;
    walk.each(
        &license,
        "/licenses/{id}",
        &[
            ("", &[("name", "L")]),
            ("/renew", &[]),
            ("/onboarding-link", &[]),
            ("/mail-onboarding-link", &[]),
            ("/reset-addresses", &[]),
        ],
    )
    .await;
    for verb in ["suspend", "resume"] {
        walk.send("/licenses/{id}/{verb:suspend|resume}", &format!("{license}/{verb}"), &[]).await;
    }
    let page = walk.vendor.get(&license).await.1;
    let link = page.split("/onboarding-links/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let route = "/licenses/{id}/onboarding-links/{link}/withdraw";
    walk.send(route, &format!("{license}/onboarding-links/{link}/withdraw"), &[]).await;
    walk.each(&license, "/licenses/{id}", &[("/revoke", &[("confirm", "L")])]).await;
    walk.each(&license, "/licenses/{id}", &[("/delete", &[])]).await;

    let application =
        walk.send("/applications/new", "/applications/new", &[("name", "App"), ("kind", "compose")]).await;
    let version = [("name", "1.0.0"), ("compose", "services:\n  app:\n    image: app\n")];
    walk.each(&application, "/applications/{id}", &[("", &[("name", "App")]), ("/new-version", &version)])
        .await;
    let release = format!("{application}/versions/1.0.0");
    walk.each(
        &release,
        "/applications/{id}/versions/{version}",
        &[("", &[("notes", "New")]), ("/archive", &[]), ("/unarchive", &[])],
    )
    .await;
    let name = application.rsplit('/').next().unwrap().to_owned();
    let grant = [("application", name.as_str()), ("version-1.0.0", "true")];
    walk.each(&customer, "/customers/{id}", &[("/grant-application", &grant)]).await;
    let page = walk.vendor.get(&customer).await.1;
    let held = page.split("/application-entitlements/").nth(1).unwrap().get(..36).unwrap();
    let held = format!("/application-entitlements/{held}");
    walk.send("/application-entitlements/{id}", &held, &[("note", "pilot"), ("version-1.0.0", "true")]).await;
    let unused =
        walk.send("/applications/new", "/applications/new", &[("name", "Unused"), ("kind", "compose")]).await;
    walk.each(&unused, "/applications/{id}", &[("/delete", &[("confirm", "Unused")])]).await;
    walk.each(&customer, "/customers/{id}", &[("/delete", &[("confirm", "Buyer")])]).await;

    let registry = [("name", "Releases"), ("upstream", "http://127.0.0.1:5000"), ("credential", "token")];
    let registry = walk.send("/registries/new", "/registries/new", &registry).await;
    let settings = [
        ("name", "Releases"),
        ("host", "releases.licenses.example"),
        ("upstream", "http://127.0.0.1:5000"),
        ("credential", "token"),
        ("service", "releases.licenses.example"),
    ];
    walk.each(
        &registry,
        "/registries/{id}",
        &[
            ("/sweep", &[]),
            ("/settings", &settings),
            ("/artifacts", &[("repository", "acme/app")]),
            ("/notifications", &[]),
            ("/notifications/end", &[]),
        ],
    )
    .await;
    let key = [("name", "ci"), ("expiry", "90")];
    let key = walk
        .send("/registries/{id}/keys/new", &format!("{registry}/keys/new"), &key)
        .await
        .replace("/secret", "");
    walk.each(&key, "/registry-keys/{id}", &[("/rotate", &[]), ("/rotation", &[]), ("/revoke", &[])]).await;
    walk.each(&registry, "/registries/{id}", &[("/delete", &[("confirm", "Releases")])]).await;

    let member = [("name", "Vera"), ("email", "vera@acme.example"), ("role", "viewer")];
    walk.send("/members", "/members", &member).await;
    let page = walk.vendor.get("/members").await.1;
    let row = page.split("<tr>").find(|row| row.contains("vera@acme.example")).unwrap();
    let member = row.split("action=\"/members/").nth(1).unwrap().get(..36).unwrap();
    let member = format!("/members/{member}");
    walk.each(
        &member,
        "/members/{id}",
        &[("/role", &[("role", "member")]), ("/invite", &[]), ("/delete", &[])],
    )
    .await;
    let token = walk
        .send("/tokens", "/tokens", &[("name", "CI"), ("scope licenses:read", "true")])
        .await
        .replace("/secret", "");
    walk.each(&token, "/tokens/{id}", &[("/revoke", &[])]).await;

    let endpoint = [("url", "https://hooks.example/"), ("event-*", "true")];
    let webhook = walk.send("/webhooks", "/webhooks", &endpoint).await.replace("/secret", "");
    walk.each(
        &webhook,
        "/webhooks/{id}",
        &[
            ("", &[("url", "https://hooks.example/"), ("event-license.*", "true")]),
            ("/pause", &[]),
            ("/resume", &[]),
            ("/rotate-secret", &[("overlap_seconds", "86400")]),
            ("/replay", &[]),
        ],
    )
    .await;
    let sent = walk.send("/webhooks/{id}/test", &format!("{webhook}/test"), &[]).await;
    let sent = sent.split('?').next().unwrap().to_owned();
    let retry = "/webhooks/{id}/deliveries/{delivery_id}/retry";
    walk.send(retry, &format!("{sent}/retry"), &[]).await;
    walk.each(&webhook, "/webhooks/{id}", &[("/delete", &[])]).await;

    let sink = [("name", "SIEM"), ("address", "https://siem.example/v1/logs"), ("headers", "A: b\nC: d")];
    let sink = walk.send("/audit/sinks", "/audit/sinks", &sink).await;
    let sink = sink.split('?').next().unwrap().to_owned();
    walk.each(
        &sink,
        "/audit/sinks/{id}",
        &[
            ("", &[("name", "Other"), ("address", "https://siem.example/v1/logs"), ("headers", "E: f")]),
            ("/pause", &[]),
            ("/resume", &[]),
            ("/delete", &[]),
        ],
    )
    .await;

    walk.send("/settings", "/settings", &[("name", "Acme")]).await;
    let slug = walk.vendor.get("/settings/deletion").await.1;
    let slug = slug.split("The slug ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    walk.send("/settings/deletion", "/settings/deletion", &[("slug", slug.as_str())]).await;
    walk.send("/settings/deletion/withdraw", "/settings/deletion/withdraw", &[]).await;
    walk.send("/settings/notices", "/settings/notices", &[("days", "30, 7")]).await;
    walk.send("/settings/artifact-policy", "/settings/artifact-policy", &[("policy", "entitled_only")]).await;
    walk.send("/settings/signing-keys", "/settings/signing-keys", &[]).await;
    let page = walk.vendor.get("/settings").await.1;
    let kid =
        page.split("href=\"/settings/signing-keys/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    walk.send("/settings/signing-keys/{id}/activate", &format!("/settings/signing-keys/{kid}/activate"), &[])
        .await;

    for (route, values) in [
        ("/forgot", [("email", "owner@acme.example")].as_slice()),
        ("/portal/sign-in", &[("email", "b@buyer.example")]),
        ("/portal/forgot", &[("email", "b@buyer.example")]),
        ("/sign-in", &[("email", "owner@acme.example"), ("password", crate::PASSWORD)]),
        ("/portal/sign-out", &[]),
        ("/settings/password", &[("password", "a new password 1"), ("again", "a new password 1")]),
        ("/settings/name", &[("name", "Ada")]),
        ("/sign-out", &[]),
    ] {
        walk.send(route, route, values).await;
    }

    let mut known = walk.sent;
    known.extend(ELSEWHERE.iter().map(|(route, _)| (*route).to_owned()));
    known.extend(LOOK_ONLY.map(str::to_owned));
    let missing: Vec<_> = routed().difference(&known).cloned().collect();
    assert!(missing.is_empty(), "no test says what these forms answer: {missing:?}");
    let gone: Vec<_> = known.difference(&routed()).cloned().collect();
    assert!(gone.is_empty(), "there are no such forms: {gone:?}");
}
