//! Applications and their entitlements, from a vendor's first version to the file that a customer's machine fetches.

use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;
use serde_json::{Value, json};

use crate::client::{Answer, Ask, User};

const COMPOSE: &str = "services:\n  app:\n    image: registry.example/acme/server:1.4.2\n    environment:\n      LICENSE_KEY: {{ .LicenseKeys.server }}\n";

/// A vendor with an application, two customers, and a license of each.
struct Shop {
    user: User,
    application: String,
    customers: [String; 2],
    tokens: [String; 2],
}

impl Shop {
    async fn open(user: User) -> Self {
        let application =
            user.create("/api/v1/applications", r#"{"name":"Acme Server","kind":"compose"}"#).await;
        let (mut customers, mut tokens) = (Vec::new(), Vec::new());
        for name in ["One", "Two"] {
            let body = json!({ "name": name, "email": "it@example.com" }).to_string();
            let customer = user.create("/api/v1/customers", &body).await;
            let body = json!({ "name": format!("{name} license"), "customer_id": customer }).to_string();
            let license = user.create("/api/v1/licenses", &body).await;
            tokens.push(token(&user, &license).await);
            customers.push(customer);
        }
        let (customers, tokens) = (customers.try_into().unwrap(), tokens.try_into().unwrap());
        Self { user, application, customers, tokens }
    }

    fn versions(&self) -> String {
        format!("/api/v1/applications/{}/versions", self.application)
    }

    async fn release(&self, name: &str) -> Value {
        let body = json!({ "name": name, "notes": "**New**", "compose": COMPOSE, "environment": "A=1\n" });
        let made = self.user.post(&self.versions(), &body.to_string()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()
    }

    async fn grant(&self, customer: usize, versions: Value) -> Answer {
        let mut body = json!({ "customer_id": self.customers[customer], "application_id": self.application });
        match versions {
            Value::Bool(all) => body["all_versions"] = all.into(),
            names => body["versions"] = names,
        }
        self.user.post("/api/v1/application-entitlements", &body.to_string()).await
    }

    async fn as_customer(&self, token: &str, path: &str) -> Answer {
        let path = format!("/api/v1/customer/applications{path}");
        self.user.api.ask(Ask::new("GET", path).token(token)).await
    }
}

async fn token(user: &User, license: &str) -> String {
    let answer = user.get(&format!("/api/v1/licenses/{license}/token")).await;
    answer.json()["token"].as_str().unwrap().to_owned()
}

fn names(answer: &Answer) -> Vec<String> {
    let items = answer.json()["items"].as_array().unwrap().clone();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[database_test]
async fn an_application_is_named_changed_and_deleted(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let refused = user.post("/api/v1/applications", r#"{"kind":"tar","slug":"x"}"#).await;
    let faults = refused.faults();
    for fault in [("/name", "required"), ("/kind", "unknown_kind"), ("/slug", "unknown_field")] {
        assert!(faults.contains(&(fault.0.into(), fault.1.into())), "{faults:?}");
    }
    let create = Ask::new("POST", "/api/v1/applications").token(&user.token).header("Idempotency-Key", "a");
    let create = create.json(r#"{"name":"Acme Server","kind":"helm","description":"For all"}"#);
    let made = user.api.ask(create.clone()).await;
    assert_eq!((made.status.as_u16(), made.header("etag")), (201, Some("\"1\"")));
    let again = user.api.ask(create).await;
    assert_eq!((again.header("idempotency-replayed"), again.json()), (Some("true"), made.json()));
    assert_eq!(made.json()["slug"], "acme-server");
    let taken = user.post("/api/v1/applications", r#"{"name":"Acme Server","kind":"helm"}"#).await;
    assert_eq!(taken.problem(), (409, "already_exists".into()));
    let path = made.header("location").unwrap().to_owned();
    let kind = user.patch(&path, r#"{"kind":"compose"}"#).await;
    assert_eq!(kind.problem(), (422, "immutable_field".into()));
    let changed = user.patch(&path, r#"{"name":"Server","description":null}"#).await.json();
    assert_eq!(
        (&changed["name"], &changed["slug"], &changed["description"]),
        (&json!("Server"), &json!("acme-server"), &Value::Null)
    );
    let stale =
        Ask::new("PATCH", &path).token(&user.token).header("If-Match", "\"1\"").json(r#"{"name":"X"}"#);
    assert_eq!(user.api.ask(stale).await.problem(), (412, "precondition_failed".into()));
    assert_eq!(names(&user.get("/api/v1/applications?q=serv").await), ["Server"]);
    assert_eq!(user.delete(&path).await.status, 204);
    assert_eq!(user.get(&path).await.status, 404);
}

#[database_test]
async fn a_version_is_checked_once_and_never_changes(store: Store) {
    let (engine, _) = engine(store);
    let shop = Shop::open(User::new(&engine, "Acme").await).await;
    let path = shop.versions();
    let body = json!({
        "name": "1/2", "compose": "a: {{ .LicenseKeys }}", "chart": { "url": "ftp://x", "version": "" },
        "files": [{ "name": "../x", "content": "" }, { "name": "x", "content": "\u{0}" }],
    });
    let expected = [
        ("/name", "invalid_version_name"),
        ("/compose", "license_key_reference"),
        ("/chart/url", "invalid_url"),
        ("/chart/name", "required"),
        ("/chart/version", "invalid_version_name"),
        ("/files/0/name", "invalid_file_name"),
        ("/files/1/content", "control_character"),
    ];
    let refused = shop.user.post(&path, &body.to_string()).await;
    assert_eq!(refused.faults(), expected.map(|(place, code)| (place.to_owned(), code.to_owned())));
    let body = json!({ "name": "1", "values": "a: 1", "files": [{ "name": ".env", "content": "" }], "environment": "" });
    let refused = shop.user.post(&path, &body.to_string()).await;
    let expected =
        [("/compose", "required"), ("/values", "not_allowed"), ("/files/0/name", "duplicate_name")];
    assert_eq!(refused.faults(), expected.map(|(place, code)| (place.to_owned(), code.to_owned())));
    let large = json!({ "name": "1", "compose": format!("a: |\n{}", "\n".repeat(256 * 1024 - 5)) });
    let made = shop.user.post(&path, &large.to_string()).await;
    assert_eq!(made.status, 201, "as large as a file may be");

    let made = shop.release("1.4.2").await;
    assert_eq!(made["warnings"], json!([{ "file": "compose.yaml", "line": 5, "license_key": "server" }]));
    assert_eq!(made["files"][0], json!({ "name": "compose.yaml", "content": COMPOSE }));
    let twice = shop.user.post(&path, &json!({ "name": "1.4.2", "compose": "a: 1" }).to_string()).await;
    assert_eq!(twice.problem(), (409, "already_exists".into()));
    shop.release("1.10.0").await;
    shop.release("nightly").await;
    assert_eq!(names(&shop.user.get(&path).await), ["1.10.0", "1.4.2", "1", "nightly"]);
    let one = format!("{path}/1.4.2");
    let refused = shop.user.patch(&one, r#"{"compose":"a: 2"}"#).await;
    assert_eq!(refused.problem(), (422, "immutable_field".into()));
    let noted = shop.user.patch(&one, r##"{"notes":"# Fixed"}"##).await;
    assert_eq!((noted.json()["notes"].as_str(), noted.header("etag")), (Some("# Fixed"), Some("\"2\"")));
    assert_eq!(shop.user.post(&format!("{one}/archive"), "").await.json()["state"], "archived");
    assert_eq!(
        shop.user.post(&format!("{one}/archive"), "").await.problem(),
        (409, "invalid_transition".into())
    );
    assert_eq!(shop.user.post(&format!("{one}/unarchive"), "").await.json()["archived_at"], Value::Null);
    assert_eq!(shop.user.get(&format!("{path}/9")).await.status, 404);
}

#[database_test]
async fn a_version_says_how_agents_bring_it_up(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let chart = user.create("/api/v1/applications", r#"{"name":"Chart","kind":"helm"}"#).await;
    let shop = Shop::open(user).await;
    let path = shop.versions();
    let with = |name: &str, field: &str, value: Value| {
        json!({ "name": name, "compose": "services: {app: {image: a}}", field: value }).to_string()
    };
    for (field, value, code) in [
        ("health_seconds", json!(0), "out_of_range"),
        ("health_seconds", json!(3_601), "out_of_range"),
        ("health_seconds", json!("soon"), "wrong_type"),
        ("no_way_back", json!("yes"), "wrong_type"),
    ] {
        let refused = shop.user.post(&path, &with("1", field, value)).await;
        assert_eq!(refused.faults(), [(format!("/{field}"), code.to_owned())]);
    }
    let plain = shop.release("1.0").await;
    assert_eq!((&plain["health_seconds"], &plain["no_way_back"]), (&Value::Null, &json!(false)));
    shop.user.post(&path, &with("1.1", "health_seconds", json!(3_600))).await;
    shop.user.post(&path, &with("2.0", "no_way_back", json!(true))).await;
    let (slow, one_way) = (format!("{path}/1.1"), format!("{path}/2.0"));
    assert_eq!(shop.user.get(&slow).await.json()["health_seconds"], 3_600);
    assert_eq!(shop.user.get(&one_way).await.json()["no_way_back"], true);
    // Agents may have deployed it by what it said.
    let refused = shop.user.patch(&one_way, r#"{"no_way_back":false}"#).await;
    assert_eq!(refused.problem(), (422, "immutable_field".into()));

    let path = format!("/api/v1/applications/{}/versions", chart);
    let body = json!({ "name": "1", "health_seconds": 60, "no_way_back": true,
        "chart": { "url": "oci://registry.example.com/acme/server", "version": "1.0.0" } });
    let refused = shop.user.post(&path, &body.to_string()).await;
    assert_eq!(
        refused.faults(),
        [("/health_seconds".into(), "not_allowed".into()), ("/no_way_back".into(), "not_allowed".into())]
    );
}

#[database_test]
async fn what_was_granted_is_not_taken_back(store: Store) {
    let (engine, _) = engine(store);
    let shop = Shop::open(User::new(&engine, "Acme").await).await;
    shop.release("1.4.2").await;
    shop.release("1.5.0").await;
    let empty = shop.grant(0, json!([])).await;
    assert_eq!(empty.faults(), [("/versions".into(), "required".into())]);
    let unknown = shop.grant(0, json!(["1.4.2", "9"])).await;
    assert_eq!(unknown.faults(), [("/versions/1".into(), "not_found".into())]);
    let made = shop.grant(0, json!(["1.4.2"])).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json()["versions"], json!(["1.4.2"]));
    assert_eq!(shop.grant(0, json!(true)).await.problem(), (409, "already_exists".into()));
    let path = made.header("location").unwrap().to_owned();
    let both = shop.user.patch(&path, r#"{"versions":["1.5.0"],"all_versions":true}"#).await;
    assert_eq!(both.faults(), [("/versions".into(), "not_allowed".into())]);
    let taken = shop.user.patch(&path, r#"{"versions":["1.5.0"]}"#).await;
    assert_eq!(taken.problem(), (409, "granted_version".into()));
    assert_eq!(taken.json()["versions"], json!(["1.4.2"]));
    let moved = shop.user.patch(&path, r#"{"customer_id":null}"#).await;
    assert_eq!(moved.problem(), (422, "immutable_field".into()));
    let wider = shop.user.patch(&path, r#"{"all_versions":true,"note":"early"}"#).await.json();
    assert_eq!((&wider["all_versions"], &wider["versions"]), (&json!(true), &json!(["1.5.0", "1.4.2"])));
    assert_eq!(shop.user.delete(&path).await.problem(), (409, "granted_version".into()));
    let application = format!("/api/v1/applications/{}", shop.application);
    assert_eq!(shop.user.delete(&application).await.problem(), (409, "in_use".into()));
    let of = |customer: usize| {
        format!("/api/v1/application-entitlements?customer_id={}", shop.customers[customer])
    };
    assert_eq!(shop.user.get(&of(0)).await.json()["items"].as_array().unwrap().len(), 1);
    assert!(shop.user.get(&of(1)).await.json()["items"].as_array().unwrap().is_empty());
    let reading = shop.user.post("/api/v1/tokens", r#"{"name":"R","scopes":["entitlements:read"]}"#).await;
    let reading = reading.json()["secret"].as_str().unwrap().to_owned();
    let ask = |method, path: &str| Ask::new(method, path).token(&reading).json("{}");
    assert_eq!(shop.user.api.ask(ask("GET", &path)).await.status, 200);
    assert_eq!(shop.user.api.ask(ask("PATCH", &path)).await.problem(), (403, "forbidden".into()));
    assert_eq!(shop.user.api.ask(ask("GET", &application)).await.problem(), (403, "forbidden".into()));
}

#[database_test]
async fn a_customers_machine_fetches_its_files(store: Store) {
    let (engine, _) = engine(store);
    let shop = Shop::open(User::new(&engine, "Acme").await).await;
    let [one, two] = &shop.tokens;
    for version in ["1.4.2", "1.5.0"] {
        shop.release(version).await;
    }
    assert!(names(&shop.as_customer(one, "").await).is_empty());
    assert_eq!(shop.as_customer(one, "/acme-server/versions").await.problem(), (404, "not_found".into()));
    shop.grant(0, json!(["1.4.2"])).await;
    assert_eq!(names(&shop.as_customer(one, "").await), ["Acme Server"]);
    assert_eq!(names(&shop.as_customer(one, "/acme-server/versions").await), ["1.4.2"]);
    assert!(names(&shop.as_customer(two, "").await).is_empty());
    let version = "/acme-server/versions/1.4.2";
    let sheet = shop.as_customer(one, version).await.json();
    assert_eq!((&sheet["notes"], &sheet["files"][0]["available"]), (&json!("**New**"), &json!(false)));
    assert_eq!(shop.as_customer(one, &format!("{version}/files/.env")).await.text, "A=1\n");
    let file = format!("{version}/files/compose.yaml");
    let missing = shop.as_customer(one, &file).await;
    assert_eq!(missing.problem(), (409, "license_key_unavailable".into()));
    assert_eq!(missing.json()["license_keys"], json!(["server"]));

    let body = json!({ "name": "Server", "customer_id": shop.customers[0] }).to_string();
    let license = shop.user.create("/api/v1/licenses", &body).await;
    let key = token(&shop.user, &license).await;
    let fetched = shop.as_customer(one, &file).await;
    assert_eq!(fetched.text, COMPOSE.replace("{{ .LicenseKeys.server }}", &key));
    assert_eq!(fetched.header("cache-control"), Some("no-store"));
    for (token, path) in [
        (two, &*file),
        (one, "/acme-server/versions/1.5.0"),
        (one, "/acme-server/versions/1.4.2/files/x"),
        (one, "/other/versions"),
        (two, "/acme-server/versions"),
    ] {
        assert_eq!(shop.as_customer(token, path).await.problem(), (404, "not_found".into()), "{path}");
    }
    shop.user.post(&format!("/api/v1/licenses/{license}/suspend"), "").await;
    assert_eq!(shop.as_customer(&key, &file).await.problem(), (403, "license_not_active".into()));
    assert_eq!(shop.as_customer(&key, "").await.json()["license_status"], "suspended");
    assert_eq!(shop.as_customer(one, &file).await.problem(), (409, "license_key_unavailable".into()));
    let for_all = shop.user.create("/api/v1/licenses", r#"{"name":"for all"}"#).await;
    let for_all = token(&shop.user, &for_all).await;
    assert_eq!(shop.as_customer(&for_all, "").await.problem(), (403, "license_without_customer".into()));
    for nonsense in ["", "x.y.z", &shop.user.token, &format!("{one}A")] {
        let refused = shop.as_customer(nonsense, "").await;
        assert_eq!(refused.problem(), (401, "invalid_license_token".into()), "{nonsense}");
        assert!(refused.header("www-authenticate").is_some());
    }
    let bare = shop.user.api.ask(Ask::new("GET", "/api/v1/customer/applications")).await;
    assert_eq!(bare.problem(), (401, "invalid_license_token".into()));
    shop.user.delete(&format!("/api/v1/customers/{}", shop.customers[0])).await;
    assert_eq!(shop.as_customer(one, "").await.problem(), (403, "license_not_active".into()));
}

#[database_test]
async fn customers_are_told_what_their_own_licenses_are_used_for(store: Store) {
    let (engine, _) = engine(store);
    let shop = Shop::open(User::new(&engine, "Acme").await).await;
    let held = shop.user.get(&format!("/api/v1/licenses?customer_id={}", shop.customers[0])).await.json();
    let id = held["items"][0]["id"].as_str().unwrap().to_owned();
    let usage = async |token: &str, query: &str| {
        let path = format!("/api/v1/customer/licenses/{id}/usage{query}");
        shop.user.api.ask(Ask::new("GET", path).token(token)).await
    };
    let [one, two] = &shop.tokens;
    let own = usage(one, "").await;
    assert_eq!(own.status, 200, "{}", own.text);
    let theirs = shop.user.get(&format!("/api/v1/licenses/{id}/usage")).await;
    assert_eq!(own.json(), theirs.json(), "what the vendor sees");
    assert_eq!(own.json()["today"]["validations"], 0);
    assert_eq!(usage(two, "").await.problem().0, 404, "another customer's");
    assert_eq!(usage(&shop.user.token, "").await.problem(), (401, "invalid_license_token".into()));
    assert_eq!(usage(one, "?days=367").await.faults()[0].0, "days");
}

#[database_test]
async fn what_can_be_pulled_is_told_with_its_reasons(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let shop = Shop::open(user).await;
    let user = &shop.user;
    let registry =
        user.create("/api/v1/registries", r#"{"name":"R","upstream":"http://127.0.0.1:5000"}"#).await;
    let host =
        user.get(&format!("/api/v1/registries/{registry}")).await.json()["host"].as_str().unwrap().to_owned();
    let mut artifacts = Vec::new();
    for repository in ["acme/server", "acme/agent"] {
        let body = json!({ "registry_id": registry, "repository": repository }).to_string();
        artifacts.push(user.create("/api/v1/artifacts", &body).await);
    }
    let compose = format!(
        "services:\n  a:\n    image: {host}/acme/server:2.1\n  b: {{image: '{host}/acme/agent:1'}}\n  c: {{image: 'docker.io/library/nginx:1'}}\n"
    );
    let body = json!({ "name": "2.1.0", "compose": compose }).to_string();
    assert_eq!(user.post(&shop.versions(), &body).await.status, 201);
    let grant = shop.grant(0, json!(["2.1.0"])).await.json()["id"].as_str().unwrap().to_owned();
    let missing = async || {
        let answer =
            user.get(&format!("/api/v1/application-entitlements/{grant}/missing-images")).await.json();
        let items = answer["items"].as_array().unwrap().clone();
        let one = |item: &Value| {
            format!("{} {} {}", item["version"], item["image"], item["reason"]).replace('"', "")
        };
        items.iter().map(one).collect::<Vec<_>>()
    };
    let pullable = async || {
        let path = format!("/api/v1/customers/{}/artifacts", shop.customers[0]);
        let items = user.get(&path).await.json()["items"].as_array().unwrap().clone();
        let reason = |reason: &Value| format!("{} {}", reason["ground"], reason["tags"]).replace('"', "");
        let one = |item: &Value| {
            let reasons: Vec<_> = item["reasons"].as_array().unwrap().iter().map(reason).collect();
            (item["image"].as_str().unwrap().to_owned(), reasons)
        };
        items.iter().map(one).collect::<Vec<_>>()
    };
    let (server, agent) = (format!("{host}/acme/server"), format!("{host}/acme/agent"));
    assert_eq!(missing().await, [""; 0], "the registries are open until the first entitlement");
    assert_eq!(pullable().await.len(), 2);

    let entitle = |customer: usize, tags: Value| {
        let grants = json!([{ "artifact_id": artifacts[0], "mode": "named", "tags": tags }]);
        json!({ "customer_id": shop.customers[customer], "grants": grants, "close": true }).to_string()
    };
    user.create("/api/v1/artifact-entitlements", &entitle(1, json!(["1.0"]))).await;
    let closed = [format!("2.1.0 {agent}:1 not_covered"), format!("2.1.0 {server}:2.1 not_covered")];
    assert_eq!(missing().await, closed);
    assert!(pullable().await.is_empty());
    user.create("/api/v1/artifact-entitlements", &entitle(0, json!(["1.0"]))).await;
    let other = [format!("2.1.0 {agent}:1 not_covered"), format!("2.1.0 {server}:2.1 other_tags")];
    assert_eq!(missing().await, other);
    assert_eq!(pullable().await, [(server.clone(), vec!["entitlement [1.0]".to_owned()])]);

    // A license of a product with a pull role opens every tag, beside the entitlement.
    let product = r#"{"name":"P","pull_roles":[{"name":"all","repositories":["acme/*"]}]}"#;
    let product = user.post("/api/v1/products", product).await.json()["id"].as_str().unwrap().to_owned();
    let license =
        json!({ "name": "roles", "customer_id": shop.customers[0], "product_id": product }).to_string();
    let license = user.create("/api/v1/licenses", &license).await;
    assert_eq!(missing().await, [""; 0]);
    let (mut found, both) = (pullable().await, ["entitlement [1.0]", "entitlement [1.0]", "pull_role null"]);
    found.iter_mut().for_each(|(_, reasons)| reasons.sort());
    found.sort();
    assert_eq!(found[0], (agent, vec!["pull_role null".to_owned()]));
    assert_eq!(found[1], (server, both.map(str::to_owned).to_vec()));

    // What is decided at the registry is what is told.
    user.post(&format!("/api/v1/licenses/{license}/suspend"), "").await;
    assert_eq!(missing().await, other);
    let theirs = user.get("/api/v1/licenses").await.json()["items"].as_array().unwrap().clone();
    for license in theirs.iter().filter(|license| license["customer_id"] == shop.customers[0]) {
        let id = license["id"].as_str().unwrap();
        user.post(&format!("/api/v1/licenses/{id}/suspend"), "").await;
    }
    assert!(missing().await.iter().all(|line| line.ends_with("no_license")));
    assert!(pullable().await.is_empty());
}
