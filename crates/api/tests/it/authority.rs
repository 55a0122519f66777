//! A management token acts for its maker: what it may do is its scopes, as far as the maker's role allows them now.

use keyward_domain::{Name, Permission, Role, Scopes};
use keyward_engine::NewToken;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::engine;
use serde_json::Value;

use crate::client::{Answer, Api, Ask, User};

/// Someone of the vendor, with a token of their own.
struct Person {
    id: String,
    token: String,
}

impl User {
    /// Adds a member who has made a token with all that the role allows.
    async fn person(&self, name: &str, role: Role) -> Person {
        let body = format!(r#"{{"name":"{name}","email":"{name}@acme.example","role":"{role}"}}"#);
        let id = self.create("/api/v1/members", &body).await;
        let token = self.token_of(&id, None).await;
        Person { id, token }
    }

    /// A token that a member makes in the portal, where it needs no other token; `None` for all that the role allows.
    async fn token_of(&self, member: &str, scopes: Option<Scopes>) -> String {
        let engine = &self.vendor.engine;
        let member = engine.member(&self.vendor.access(), member.parse().unwrap()).await.unwrap();
        let new = NewToken { name: member.name.clone(), scopes, expires_at: None };
        let made = engine.create_token(&member.identity().access().unwrap(), new, None).await.unwrap();
        made.secret.expose().to_owned()
    }

    async fn set_role(&self, member: &str, role: Role) {
        let set = self.patch(&format!("/api/v1/members/{member}"), &format!(r#"{{"role":"{role}"}}"#)).await;
        assert_eq!(set.status, 200, "{}", set.text);
    }

    /// A request with another token than the user's own.
    async fn with(&self, token: &str, verb: &str, path: &str, body: &str) -> Answer {
        self.api.ask(Ask::new(verb, path).token(token).json(body)).await
    }

    /// How the list shows the token of this name.
    async fn listed(&self, name: &str) -> Value {
        let list = self.get("/api/v1/tokens?limit=200").await.json();
        let found = list["items"].as_array().unwrap().iter().find(|token| token["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in {list}")).clone()
    }
}

/// The id of nothing.
const NOWHERE: &str = "018f0000-0000-7000-8000-000000000000";

/// An operation, as the OpenAPI document describes it.
struct Operation {
    verb: String,
    path: String,
    scope: Permission,
}

impl Operation {
    /// Sends it about things that are not there, without what it needs: whoever may do it hears of that.
    async fn ask(&self, user: &User, token: &str) -> Answer {
        let kid = "A".repeat(43);
        let id =
            if self.path.contains("/signing-keys/") { &kid } else { "018f0000-0000-7000-8000-000000000000" };
        let path = self.path.replace("{id}", id).replace("{number}", "1").replace("{version}", "1");
        let path = path.replace("{address}", "192.0.2.1").replace("{tag}", "v1");
        user.with(token, &self.verb, &path, "{}").await
    }
}

/// All operations that need a management token, each with the scope that the document names. One that names none fails
/// the test.
fn operations() -> Vec<Operation> {
    let document = keyward_api::openapi();
    let mut operations = Vec::new();
    for (path, verbs) in document["paths"].as_object().unwrap() {
        for (verb, operation) in verbs.as_object().unwrap() {
            let own = operation["security"].as_array();
            let Some(scopes) = own.map_or(Some(&Value::Null), |own| match own.as_slice() {
                [one] => one.get("management_token"),
                _ => None,
            }) else {
                continue;
            };
            let [scope] = scopes.as_array().map(Vec::as_slice).unwrap_or_default() else {
                panic!("{verb} {path} names no scope")
            };
            let scope = scope.as_str().unwrap().parse().unwrap();
            let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
            let needed = parameters.iter().filter(|one| one["in"] == "query" && one["required"] == true);
            let query: Vec<_> =
                needed.map(|one| format!("{}={NOWHERE}", one["name"].as_str().unwrap())).collect();
            let path = format!("{path}?{}", query.join("&"));
            operations.push(Operation { verb: verb.to_uppercase(), path, scope });
        }
    }
    operations
}

/// What is to be answered: 401 without a maker; 403 with the missing scope, and the role where that is the reason; anything
/// else otherwise.
fn expect(operation: &Operation, given: Scopes, now: Option<Role>, answer: &Answer) {
    let (Operation { verb, path, scope }, text) = (operation, &answer.text);
    let Some(role) = now else {
        assert_eq!(answer.problem(), (401, "unauthorized".into()), "{verb} {path}");
        return;
    };
    let refused = answer.status == 403 && answer.json()["code"] == "forbidden";
    if given.contains(*scope) && role.scopes().contains(*scope) {
        assert!(
            !refused && answer.status != 401 && !answer.status.is_server_error(),
            "{role}: {verb} {path}: {text}"
        );
    } else {
        assert!(refused, "{role}: {verb} {path}: {text}");
        assert_eq!(answer.json()["scope"], scope.as_str(), "{text}");
        let reason = (!role.scopes().contains(*scope)).then_some(role.as_str());
        assert_eq!(answer.json()["role"].as_str(), reason, "{verb} {path}: {text}");
    }
}

#[test]
fn operations_name_their_scopes() {
    let operations = operations();
    let used: Scopes = operations.iter().map(|operation| operation.scope).collect();
    assert_eq!(used, Scopes::all(), "each scope is good for something");
    assert!(operations.len() > 100);
}

/// Operations that take another scope where an owner is concerned; below, each is tried on one.
#[test]
fn operations_on_owners_are_marked() {
    let document = keyward_api::openapi();
    let verbs = document["paths"].as_object().unwrap().iter().flat_map(|(path, verbs)| {
        verbs
            .as_object()
            .unwrap()
            .iter()
            .map(move |(verb, operation)| (path.as_str(), verb.as_str(), operation))
    });
    let marked = verbs.filter(|(_, _, operation)| !operation["x-scopes-for-owners"].is_null());
    let marked: Vec<_> =
        marked.map(|(path, verb, operation)| (verb, path, &operation["x-scopes-for-owners"][0])).collect();
    let expected = [
        ("post", "/api/v1/members"),
        ("patch", "/api/v1/members/{id}"),
        ("delete", "/api/v1/members/{id}"),
        ("post", "/api/v1/members/{id}/invite"),
        ("delete", "/api/v1/tokens/{id}"),
    ];
    for (verb, path) in expected {
        assert!(marked.contains(&(verb, path, &"owners:write".into())), "{verb} {path} is in {marked:?}");
    }
    assert_eq!(marked.len(), expected.len(), "{marked:?}");
}

#[database_test]
async fn every_operation_follows_scopes_and_the_makers_present_role(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let operations = operations();
    for made_as in [Role::Owner, Role::Admin] {
        let eve = user.person(&format!("eve-{made_as}"), made_as).await;
        for now in Role::ALL {
            user.set_role(&eve.id, now).await;
            for operation in &operations {
                let answer = operation.ask(&user, &eve.token).await;
                expect(operation, made_as.scopes(), Some(now), &answer);
            }
        }
        assert_eq!(user.delete(&format!("/api/v1/members/{}", eve.id)).await.status, 204);
        for operation in &operations {
            expect(operation, made_as.scopes(), None, &operation.ask(&user, &eve.token).await);
        }
    }
}

#[database_test]
async fn the_documented_scope_is_what_it_takes_and_enough(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let owner = user.vendor.founded.owner.id.to_string();
    for operation in operations() {
        let alone = Scopes::NONE.with(operation.scope);
        for given in [alone, Role::Owner.scopes().without(operation.scope)] {
            // The operator's own is not an owner's to give.
            if given.contains(Permission::Operate) {
                continue;
            }
            let token = user.token_of(&owner, Some(given)).await;
            expect(&operation, given, Some(Role::Owner), &operation.ask(&user, &token).await);
        }
    }
}

#[database_test]
async fn a_new_customer_with_a_product_key_takes_the_scope_for_customers(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let owner = user.vendor.founded.owner.id.to_string();
    let product = user.create("/api/v1/products", r#"{"name":"P"}"#).await;
    let customer = user.create("/api/v1/customers", r#"{"name":"C","email":"c@c.example"}"#).await;
    let path = format!("/api/v1/products/{product}/keys");
    let token = user.token_of(&owner, Some(Scopes::NONE.with(Permission::WriteLicenses))).await;
    let refused = user.with(&token, "POST", &path, r#"{"name":"N","email":"n@c.example"}"#).await;
    assert_eq!(refused.json()["scope"], "customers:write", "{}", refused.text);
    let body = format!(r#"{{"customer_id":"{customer}"}}"#);
    assert_eq!(user.with(&token, "POST", &path, &body).await.status, 201);
}

#[database_test]
async fn nobody_but_an_owner_touches_owners(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let owner = user.person("olga", Role::Owner).await;
    let admin = user.person("eve", Role::Admin).await;
    let lesser = Role::Owner.scopes().without(Permission::WriteOwners);
    let lesser = user.token_of(&owner.id, Some(lesser)).await;
    let organization = user.vendor.founded.organization.id;
    let olgas = user.listed("olga").await["id"].as_str().unwrap().to_owned();
    let founders = user.vendor.founded.token.id;
    let first = format!("/api/v1/members/{}", user.vendor.founded.owner.id);
    let provider = format!("/api/v1/organizations/{organization}/sign-in-provider");
    let deletion = format!("/api/v1/organizations/{organization}/deletion");
    let before = user.get("/api/v1/members").await.text;
    let own = format!("/api/v1/members/{}", admin.id);
    let set = r#"{"issuer":"https://id.example","client_id":"c","client_secret":"s"}"#;
    let attempts = [
        ("POST", "/api/v1/members", r#"{"name":"X","email":"x@acme.example","role":"owner"}"#),
        ("PATCH", own.as_str(), r#"{"role":"owner"}"#),
        ("PATCH", first.as_str(), r#"{"role":"viewer"}"#),
        ("PATCH", first.as_str(), r#"{"name":"Mallory"}"#),
        ("DELETE", first.as_str(), ""),
        ("POST", &format!("{first}/invite"), ""),
        ("PUT", provider.as_str(), set),
        ("DELETE", provider.as_str(), ""),
        ("PUT", deletion.as_str(), r#"{"slug":"acme"}"#),
        ("DELETE", deletion.as_str(), ""),
        ("GET", &format!("/api/v1/organizations/{organization}/export"), ""),
        ("POST", &format!("{first}/erase"), ""),
        ("DELETE", &format!("/api/v1/tokens/{founders}"), ""),
        ("POST", &format!("/api/v1/tokens/{olgas}/take-over"), ""),
        ("POST", "/api/v1/tokens", r#"{"name":"T","scopes":["owners:write"]}"#),
        ("POST", "/api/v1/tokens", r#"{"name":"T","scopes":["operator"]}"#),
    ];
    for (verb, path, body) in attempts {
        for (token, role) in [(&admin.token, Some("admin")), (&lesser, None)] {
            let refused = user.with(token, verb, path, body).await;
            assert_eq!(refused.problem(), (403, "forbidden".into()), "{verb} {path} {body}");
            let operator = body.contains("operator");
            assert_eq!(refused.json()["scope"], if operator { "operator" } else { "owners:write" });
            assert!(operator || refused.json()["role"].as_str() == role, "{}", refused.text);
        }
    }
    let refused = user.with(&admin.token, "DELETE", &format!("/api/v1/tokens/{olgas}"), "").await;
    assert_eq!(refused.problem(), (403, "forbidden".into()), "an owner's token is ended by owners");
    assert_eq!(user.get("/api/v1/members").await.text, before);
    // Her own tokens are hers to end, and owners may do all of it.
    assert_eq!(user.with(&lesser, "DELETE", &format!("/api/v1/tokens/{olgas}"), "").await.status, 204);
    let all = user.token_of(&owner.id, None).await;
    assert_eq!(user.with(&all, "PATCH", &own, r#"{"role":"owner"}"#).await.status, 200);
    assert_eq!(user.with(&all, "DELETE", &first, "").await.status, 204);
}

#[database_test]
async fn a_replay_is_no_way_around(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let admin = user.person("eve", Role::Admin).await;
    let body = r#"{"name":"X","email":"x@acme.example","role":"owner"}"#;
    let ask = |token: &str| {
        Ask::new("POST", "/api/v1/members").token(token).json(body).header("Idempotency-Key", "k")
    };
    assert_eq!(user.api.ask(ask(&user.token)).await.status, 201);
    assert_eq!(user.api.ask(ask(&admin.token)).await.problem(), (403, "forbidden".into()));
    assert_eq!(user.api.ask(ask(&user.token)).await.status, 201);
}

#[database_test]
async fn tokens_made_with_a_token_belong_to_its_maker(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let eve = user.person("eve", Role::Admin).await;
    let child = user.with(&eve.token, "POST", "/api/v1/tokens", r#"{"name":"child"}"#).await.json();
    assert_eq!((&child["maker"]["id"], &child["maker"]["kind"]), (&eve.id.clone().into(), &"member".into()));
    let child = child["secret"].as_str().unwrap().to_owned();
    let grandchild = user.with(&child, "POST", "/api/v1/tokens", r#"{"name":"grandchild"}"#).await.json();
    let grandchild = grandchild["secret"].as_str().unwrap().to_owned();
    user.set_role(&eve.id, Role::Viewer).await;
    let listed = user.listed("grandchild").await;
    assert_eq!((&listed["maker"]["role"], &listed["state"]), (&"viewer".into(), &"active".into()));
    assert_eq!(listed["scopes"].as_array().unwrap().len(), Role::Admin.scopes().iter().count());
    assert_eq!(listed["effective_scopes"].as_array().unwrap().len(), Role::Viewer.scopes().iter().count());
    let refused = user.with(&grandchild, "POST", "/api/v1/products", r#"{"name":"P"}"#).await;
    assert_eq!(refused.json()["role"], "viewer", "{}", refused.text);
    // What she can't do any more she can't hand on, whatever the token was given.
    user.set_role(&eve.id, Role::Admin).await;
    assert_eq!(user.delete(&format!("/api/v1/members/{}", eve.id)).await.status, 204);
    for token in [&eve.token, &child, &grandchild] {
        assert_eq!(user.with(token, "GET", "/api/v1/products", "").await.problem().0, 401);
    }
}

#[database_test]
async fn an_owner_takes_over_what_was_left(store: Store) {
    let (engine, clock) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let olga = user.person("olga", Role::Owner).await;
    let eve = user.person("eve", Role::Admin).await;
    user.patch(&format!("/api/v1/members/{}", eve.id), r#"{"name":"Eve II"}"#).await;
    let name = |token: &Value| token["maker"]["name"].as_str().unwrap().to_owned();
    assert_eq!(name(&user.listed("eve").await), "Eve II");
    user.delete(&format!("/api/v1/members/{}", eve.id)).await;
    let left = user.listed("eve").await;
    assert_eq!(
        (left["state"].as_str(), &left["maker"]["role"], name(&left)),
        (Some("orphaned"), &Value::Null, "Eve II".into())
    );
    assert_eq!(left["effective_scopes"], serde_json::json!([]));

    let path = format!("/api/v1/tokens/{}/take-over", left["id"].as_str().unwrap());
    let taken = user.with(&olga.token, "POST", &path, "").await;
    assert_eq!((taken.status.as_u16(), name(&taken.json())), (200, "olga".into()), "{}", taken.text);
    assert_eq!(user.with(&eve.token, "POST", "/api/v1/products", r#"{"name":"P"}"#).await.status, 201);
    let made =
        user.with(&eve.token, "PATCH", &format!("/api/v1/members/{}", olga.id), r#"{"name":"O"}"#).await;
    assert_eq!(made.problem().0, 403, "no more than it was given");
    assert_eq!(user.with(&olga.token, "POST", &path, "").await.status, 200, "twice is no error");
    let log = user.get("/api/v1/audit-events").await.json();
    let taken = log["items"].as_array().unwrap().iter().filter(|event| event["action"] == "token.taken_over");
    let taken: Vec<_> = taken.collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        (&taken[0]["detail"]["from"]["name"], &taken[0]["detail"]["to"]["name"]),
        (&"Eve II".into(), &"olga".into())
    );
    // And she can go too.
    user.delete(&format!("/api/v1/members/{}", olga.id)).await;
    assert_eq!(user.with(&eve.token, "GET", "/api/v1/products", "").await.problem().0, 401);

    let id = left["id"].as_str().unwrap();
    assert_eq!(
        user.delete(&format!("/api/v1/tokens/{id}")).await.status,
        204,
        "an orphaned token can be revoked"
    );
    assert_eq!(user.post(&path, "").await.problem(), (409, "invalid_transition".into()));
    let body = r#"{"name":"short","expires_at":"2026-01-01T00:01:00Z"}"#;
    let short = user.create("/api/v1/tokens", body).await;
    clock.advance(60);
    let refused = user.post(&format!("/api/v1/tokens/{short}/take-over"), "").await;
    assert_eq!(refused.problem(), (409, "invalid_transition".into()));
    assert_eq!(user.listed("short").await["state"], "expired");
}

#[database_test]
async fn the_operators_scope_comes_from_the_command_line_alone(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let own = user.listed("Bootstrap").await;
    assert_eq!(own["maker"]["kind"], "operator");
    let handed_on = user.post("/api/v1/tokens", r#"{"name":"ops","scopes":["operator"]}"#).await;
    assert_eq!(handed_on.json()["maker"]["kind"], "operator", "{}", handed_on.text);
    let ops = handed_on.json()["secret"].as_str().unwrap().to_owned();
    let body = r#"{"name":"Second","owner_email":"eve@second.example"}"#;
    let founded = user.with(&ops, "POST", "/api/v1/organizations", body).await;
    assert_eq!(founded.status, 201, "{}", founded.text);
    // The owner's, not the operator's.
    let theirs = founded.json()["token"].as_str().unwrap().to_owned();
    let list = user.with(&theirs, "GET", "/api/v1/tokens", "").await.json();
    assert_eq!(list["items"][0]["maker"]["role"], "owner");
    assert!(!list["items"][0]["scopes"].as_array().unwrap().contains(&"operator".into()));
    // Taken over by a member, it is an operator's token no more.
    let olga = user.person("olga", Role::Owner).await;
    let path = format!("/api/v1/tokens/{}/take-over", handed_on.json()["id"].as_str().unwrap());
    let taken = user.with(&olga.token, "POST", &path, "").await;
    assert_eq!(taken.json()["effective_scopes"], serde_json::json!([]), "{}", taken.text);
    let refused = user.with(&ops, "POST", "/api/v1/organizations", body).await;
    assert_eq!(refused.problem(), (403, "forbidden".into()));
}

#[database_test]
async fn another_server_knows_at_once(store: Store) {
    let (engine, _) = engine(store.clone());
    let user = User::new(&engine, "Acme").await;
    let eve = user.person("eve", Role::Admin).await;
    let (other, _) = keyward_testkit::engine::engine(store);
    let elsewhere = Api::new(&other).await;
    let ask = || elsewhere.ask(Ask::new("POST", "/api/v1/products").token(&eve.token).json("{}"));
    assert_eq!(ask().await.status, 422);
    user.set_role(&eve.id, Role::Viewer).await;
    assert_eq!(ask().await.json()["role"], "viewer");
    user.delete(&format!("/api/v1/members/{}", eve.id)).await;
    assert_eq!(ask().await.problem().0, 401);
}

#[database_test]
async fn a_role_lowered_while_the_request_waits_counts(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let eve = user.person("eve", Role::Admin).await;
    let member = engine.member(&user.vendor.access(), eve.id.parse().unwrap()).await.unwrap();
    let secret = keyward_domain::Secret::parse(keyward_domain::SecretKind::Management, &eve.token).unwrap();
    let token = engine.authenticate(&secret).await.unwrap().unwrap();
    user.set_role(&eve.id, Role::Viewer).await;
    let name: Name = "P".parse().unwrap();
    for identity in [token, member.identity()] {
        let new = keyward_engine::NewProduct { name: name.clone(), rest: Default::default() };
        let made = engine.create_product(&identity.access().unwrap(), new, None).await;
        assert!(matches!(made, Err(keyward_engine::Error::Forbidden(_))));
        let new = NewToken { name: name.clone(), scopes: None, expires_at: None };
        let made = engine.create_token(&identity.access().unwrap(), new, None).await;
        assert!(matches!(made, Err(keyward_engine::Error::Forbidden(_))));
    }
    user.delete(&format!("/api/v1/members/{}", eve.id)).await;
    let left = engine.delete_customer(&token.access().unwrap(), NOWHERE.parse().unwrap(), None).await;
    assert!(matches!(left, Err(keyward_engine::Error::Unauthenticated)));
}

#[database_test]
async fn owners_who_demote_each_other_leave_one(store: Store) {
    let (engine, _) = engine(store);
    let user = User::new(&engine, "Acme").await;
    let (ann, bob) = (user.person("ann", Role::Owner).await, user.person("bob", Role::Owner).await);
    let first = user.vendor.founded.owner.id;
    assert_eq!(user.with(&ann.token, "DELETE", &format!("/api/v1/members/{first}"), "").await.status, 204);
    let demote = |by: &Person, whom: &Person| {
        let path = format!("/api/v1/members/{}", whom.id);
        let token = by.token.clone();
        let user = &user;
        async move { user.with(&token, "PATCH", &path, r#"{"role":"admin"}"#).await.status.as_u16() }
    };
    let (one, other) = futures_util::future::join(demote(&ann, &bob), demote(&bob, &ann)).await;
    let mut both = [one, other];
    both.sort_unstable();
    assert_eq!(both, [200, 403], "the second is an admin by then");
}
