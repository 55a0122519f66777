//! Pages of a vendor with very many of everything: nothing is cut off, and no form saves anything else than it names.

use keyward_domain::product::Bounds;
use keyward_domain::registry::{Artifact, Registry};
use keyward_domain::{
    ArtifactId, BlockList, Customer, CustomerId, Kid, License, LicenseId, LicenseState, OrganizationScope,
    Payload, Revision, RevisionId, RevisionState, Secret, SecretKind, Timestamp, Validity,
};
use keyward_engine::{AnySession, MemberSession, NewRegistryKey};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{START, engine, new_registry};

use crate::ask;
use crate::browser::Browser;

const CUSTOMERS: u64 = 10_000;

/// Of the customer who holds most.
const HELD: u64 = 520;

/// An id that is the `n`th of its kind.
fn nth<T>(new: impl FnOnce(u64, [u8; 10]) -> T, n: u64) -> T {
    let mut tail = [0; 10];
    tail[2..].copy_from_slice(&n.to_be_bytes());
    new(u64::try_from(START).unwrap() * 1_000 + n, tail)
}

fn at(days: i64) -> Timestamp {
    Timestamp::from_unix(START).unwrap().plus_days(days)
}

fn customer(scope: OrganizationScope, n: u64) -> Customer {
    Customer {
        id: nth(CustomerId::new, n),
        organization: scope.id(),
        name: format!("Buyer {n:05}").parse().unwrap(),
        email: format!("buyer-{n}@many.example").parse().unwrap(),
        notes: None,
        blocked: BlockList::default(),
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

fn license(scope: OrganizationScope, n: u64, holder: Option<u64>, end: i64, kid: Kid) -> License {
    let id = nth(LicenseId::new, n);
    License {
        id,
        organization: scope.id(),
        name: format!("Grant {n:05}").parse().unwrap(),
        description: None,
        customer: holder.map(|n| nth(CustomerId::new, n)),
        product: None,
        key: None,
        bounds: Bounds::default(),
        state: LicenseState::Active,
        revision: Revision {
            id: nth(RevisionId::new, n),
            license: id,
            number: 1,
            validity: Validity::new(at(0), Some(at(end))).unwrap(),
            payload: Payload::parse("{}").unwrap(),
            registry: Vec::new(),
            issuer: "https://licenses.example".into(),
            kid,
            status_index: u32::try_from(n).unwrap() + 100,
            state: RevisionState::Current,
            created_at: at(0),
        },
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

struct Market {
    vendor: Browser,
    person: MemberSession,
    store: Store,
}

impl Market {
    /// 10,000 customers, of whom the oldest holds 520 licenses and the next 2,000 one each; one license of the whole
    /// organization.
    async fn open(store: Store) -> Self {
        let (engine, clock) = engine(store.clone());
        let vendor = Browser::open(engine).await;
        let secret = Secret::parse(SecretKind::Session, vendor.cookie.split_once('=').unwrap().1).unwrap();
        let Some(AnySession::Member(person)) = vendor.engine.session(&secret).await.unwrap() else {
            panic!()
        };
        let scope = person.organization.scope();
        let keys = vendor.engine.signing_keys(&person.identity.access().unwrap()).await.unwrap();
        let customers: Vec<_> = (0..CUSTOMERS).map(|n| customer(scope, n)).collect();
        // The oldest end first.
        let mut licenses: Vec<_> = (0..HELD)
            .map(|n| license(scope, n, Some(0), if n < 3 { 10 } else { 400 }, keys[0].kid))
            .collect();
        licenses
            .extend((HELD..HELD + 2_000).map(|n| license(scope, n, Some(n - HELD + 1), 400, keys[0].kid)));
        licenses.push(license(scope, HELD + 2_000, None, 400, keys[0].kid));
        let tx = store.write().await.unwrap();
        tx.customers(scope).insert_all(&customers).await.unwrap();
        tx.licenses(scope).insert_all(&licenses).await.unwrap();
        tx.commit_unrecorded(keyward_testkit::database::Technical::Seed).await.unwrap();
        clock.advance(60);
        Self { vendor, person, store }
    }

    /// All of a list, page by page: how often `part` is on its pages, and how many pages there are.
    async fn walk(&self, cookie: &str, path: &str, list: &str, part: &str) -> (Vec<String>, usize) {
        let (mut seen, mut pages, mut path) = (Vec::new(), 0, path.to_owned());
        loop {
            let page = ask(&self.vendor.engine, "GET", &path, cookie, "").await;
            assert_eq!(page.status, 200, "{path}");
            let text = page.text;
            seen.extend(text.split(part).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
            pages += 1;
            let next = text.split("href=\"").skip(1).find(|rest| {
                rest.contains(" rel=\"next\"")
                    && rest.split('"').nth(1) == Some(" rel=")
                    && (list.is_empty() || rest.split('"').next().unwrap().contains(list))
            });
            let Some(next) = next else { return (seen, pages) };
            let next = next.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
            path = next.split('#').next().unwrap().to_owned();
            assert!(pages < 600, "{path}");
        }
    }

    async fn registry(&self) -> Registry {
        let access = self.person.identity.access().unwrap();
        self.vendor.engine.create_registry(&access, new_registry("Depot"), None).await.unwrap().value
    }

    async fn artifacts(&self, registry: &Registry, numbers: std::ops::Range<u64>) -> Vec<ArtifactId> {
        let tx = self.store.write().await.unwrap();
        let mut ids = Vec::new();
        for n in numbers {
            let artifact = Artifact {
                id: nth(ArtifactId::new, n),
                organization: registry.organization,
                registry: registry.id,
                repository: format!("acme/image-{n:03}").parse().unwrap(),
                created_at: at(0),
            };
            tx.artifacts(registry.scope()).insert(&artifact).await.unwrap();
            ids.push(artifact.id);
        }
        tx.commit_unrecorded(keyward_testkit::database::Technical::Seed).await.unwrap();
        ids
    }
}

#[database_test]
async fn nothing_is_cut_off_or_given_to_another(store: Store) {
    let market = Market::open(store).await;
    let (vendor, cookie) = (&market.vendor, market.vendor.cookie.clone());
    let (oldest, newest) = (nth(CustomerId::new, 0), nth(CustomerId::new, CUSTOMERS - 1));

    // The form is for the very customer from whose page it comes.
    let (status, page) = vendor.get(&format!("/customers/{oldest}")).await;
    let link = format!("/licenses/new?customer={oldest}");
    assert!(status == 200 && page.contains(&link));
    let (_, form) = vendor.get(&link).await;
    assert!(
        form.contains("For <strong>Buyer 00000</strong>")
            && form.contains(&format!("name=\"customer\" value=\"{oldest}\""))
    );
    let made = vendor
        .send("/licenses/new", &[("name", "Hers"), ("customer", &oldest.to_string()), ("payload", "{}")])
        .await
        .unwrap();
    let id: LicenseId = made.rsplit('/').next().unwrap().parse().unwrap();
    let saved = vendor.engine.license(&market.person.identity.access().unwrap(), id).await.unwrap();
    assert_eq!(saved.customer, Some(oldest));

    // Nobody's and somebody else's is an error, never the whole organization's.
    for customer in ["", "x", "018f0000-0000-7000-8000-000000000000"] {
        let refused = vendor
            .send("/licenses/new", &[("name", "Whose"), ("customer", customer), ("payload", "{}")])
            .await
            .unwrap_err();
        assert!(
            refused.contains("There is no such customer") && refused.contains("value=\"Whose\""),
            "{refused}"
        );
    }
    let refused = vendor.send("/licenses/new", &[("name", "Whose"), ("payload", "{}")]).await.unwrap_err();
    assert!(refused.contains("is required: a customer of yours"));
    assert_eq!(vendor.get("/licenses/new?customer=018f0000-0000-7000-8000-000000000000").await.0, 404);
    let made = vendor
        .send("/licenses/new", &[("name", "Everyone's"), ("customer", "organization"), ("payload", "{}")])
        .await
        .unwrap();
    let id: LicenseId = made.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(
        vendor.engine.license(&market.person.identity.access().unwrap(), id).await.unwrap().customer,
        None
    );

    // Whoever is looked for is found, without a script.
    let (_, found) = vendor.get("/licenses/new?q=buyer+00000").await;
    assert!(found.contains(&link) && found.contains("/licenses/new?customer=organization"));
    let (_, found) = vendor.get("/licenses?q=buyer-9999%40many").await;
    assert!(found.contains(&format!("/customers/{newest}")) && found.contains("No license."), "{found}");

    // Numbers are of everything.
    let (_, dashboard) = vendor.get("/").await;
    assert!(
        dashboard.contains("Ending soon")
            && dashboard.contains(&format!("/licenses/{}", nth(LicenseId::new, 0)))
    );
    vendor.send("/products/new", &[("name", "P")]).await.unwrap();
    let (_, dashboard) = vendor.get("/").await;
    for number in [HELD + 2_003, CUSTOMERS, 3] {
        assert!(dashboard.contains(&format!("<p class=\"number\">{number}</p>")), "{number}: {dashboard}");
    }
    assert!(page.contains(&format!("<span class=\"pill\">{HELD}</span>")), "{page}");

    // Lists go on to their end.
    let whole = |seen: &[String], count: u64| {
        let all: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len() as u64, all.len() as u64), (count, count));
    };
    let (seen, pages) =
        market.walk(&cookie, "/customers?q=buyer+00", "cursor", "<td><a href=\"/customers/").await;
    whole(&seen, 1_000);
    assert_eq!(pages, 20);
    let (seen, _) = market
        .walk(&cookie, &format!("/customers/{oldest}/licenses"), "cursor", "<td><a href=\"/licenses/")
        .await;
    whole(&seen, HELD + 1);
    let (seen, _) = market.walk(&cookie, "/licenses?sort=name", "cursor", "<td><a href=\"/licenses/").await;
    whole(&seen, HELD + 2_003);
    let (seen, _) = market
        .walk(&cookie, "/licenses?q=buyer+00&sort=", "cursor", "<th scope=\"row\"><a href=\"/customers/")
        .await;
    whole(&seen, 1_000);
    let csv = vendor.get("/licenses.csv?sort=name").await.1;
    assert_eq!(csv.lines().count() as u64, HELD + 2_004);

    // The customer's own list, too.
    let own = vendor.customer("buyer-0@many.example").await;
    let (seen, _) = market.walk(&own, "/portal", "cursor", "<td><a href=\"/portal/licenses/").await;
    whole(&seen, HELD + 1);

    // Who is deleted is still called by name, and their licenses are nobody else's.
    let deleted = nth(CustomerId::new, 7);
    vendor.send(&format!("/customers/{deleted}/delete"), &[("confirm", "Buyer 00007")]).await.unwrap();
    for path in ["/licenses?q=buyer+00007", "/licenses?sort=name&q=Grant+00526"] {
        let (_, found) = vendor.get(path).await;
        assert!(found.contains("Buyer 00007 (deleted)") && !found.contains("Whole organization"), "{found}");
    }
    let (_, found) = vendor.get(&format!("/licenses/{}", nth(LicenseId::new, HELD + 6))).await;
    assert!(found.contains("Buyer 00007 (deleted)") && !found.contains("Whole organization"));
    let (_, found) = vendor.get("/licenses?unscoped=true").await;
    assert!(
        found.contains("Whole organization")
            && found.contains("Grant 02520")
            && !found.contains("Grant 00526")
    );
}

#[database_test]
async fn a_form_changes_the_grants_that_it_shows(store: Store) {
    let market = Market::open(store).await;
    let vendor = &market.vendor;
    let registry = market.registry().await;
    let ids = market.artifacts(&registry, 0..205).await;
    let customer = format!("/customers/{}", nth(CustomerId::new, 0));
    let grant = format!("{customer}/grant-artifacts");
    let first: Vec<_> = ids[..3].iter().map(|id| format!("mode-{id}")).collect();
    let mut values: Vec<_> = first.iter().map(|name| (name.as_str(), "all")).collect();
    values.push(("close", "true"));
    vendor.send(&grant, &values).await.unwrap();
    let (_, page) = vendor.get(&customer).await;
    let held = page.split("/artifact-entitlements/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let path = format!("/artifact-entitlements/{held}");
    let access = || market.person.identity.access().unwrap();
    let granted = async || {
        let held = vendor.engine.artifact_entitlement(&access(), held.parse().unwrap()).await.unwrap();
        let mut ids: Vec<_> = held.grants.iter().map(|grant| grant.artifact).collect();
        ids.sort_unstable();
        (ids, held.version)
    };
    assert_eq!(granted().await.0, ids[..3]);

    // Saved as it is, and from a page that shows none of what is granted, it grants what it did.
    for query in ["", "?further=true", "?q=image-1"] {
        let (_, form) = vendor.get(&format!("{path}{query}")).await;
        let version =
            form.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let shown: Vec<_> =
            form.split("id=\"mode-").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
        let names: Vec<_> = shown.iter().map(|id| format!("mode-{id}")).collect();
        let mode = |id: &str| if ids[..3].iter().any(|held| held.to_string() == id) { "all" } else { "" };
        let mut values: Vec<_> =
            names.iter().zip(&shown).map(|(name, id)| (name.as_str(), mode(id))).collect();
        values.push(("version", version.as_str()));
        vendor.send(&path, &values).await.unwrap();
        assert_eq!(granted().await.0, ids[..3], "{query}");
    }

    // One more, from the far end; then one less.
    let version = granted().await.1.to_string();
    let more = format!("mode-{}", ids[204]);
    vendor.send(&path, &[(&more, "all"), ("version", &version)]).await.unwrap();
    assert_eq!(granted().await.0, [&ids[..3], &ids[204..]].concat());
    // Someone who saw it before that is told, and changes nothing.
    let stale = vendor.send(&path, &[(&first[0], ""), ("version", &version)]).await.unwrap_err();
    assert!(stale.contains("Someone else has changed it meanwhile") && stale.contains("acme/image-204"));
    assert_eq!(granted().await.0.len(), 4);
    let version = granted().await.1.to_string();
    vendor.send(&path, &[(&first[0], ""), ("version", &version)]).await.unwrap();
    assert_eq!(granted().await.0, [&ids[1..3], &ids[204..]].concat());
    let refused = vendor.send(&path, &[(&first[1], "")]).await.unwrap_err();
    assert!(
        refused.contains("Someone else has changed it meanwhile"),
        "a form without a version saves nothing"
    );

    // All of them can be reached, and the customer sees all images, page by page.
    let cookie = vendor.cookie.clone();
    let (seen, _) = market.walk(&cookie, &grant, "cursor", "<select id=\"mode-").await;
    assert_eq!(seen.len(), 205);
    let roles: Vec<_> = ids[10..190].iter().map(|id| format!("mode-{id}")).collect();
    let values: Vec<_> = roles.iter().map(|name| (name.as_str(), "all")).collect();
    vendor.send(&grant, &values).await.unwrap();
    let own = vendor.customer("buyer-0@many.example").await;
    let (seen, pages) = market.walk(&own, "/portal/images", "cursor", "class=\"card\"><h2>acme/image-").await;
    assert_eq!((seen.len(), pages), (183, 4));
}

#[database_test]
async fn lists_of_credentials_and_people_go_on(store: Store) {
    let (engine, clock) = engine(store);
    let mut vendor = Browser::open(engine).await;
    assert_eq!(vendor.confirm(crate::PASSWORD).await, 303);
    let secret = Secret::parse(SecretKind::Session, vendor.cookie.split_once('=').unwrap().1).unwrap();
    let Some(AnySession::Member(person)) = vendor.engine.session(&secret).await.unwrap() else { panic!() };
    let registry = vendor
        .engine
        .create_registry(&person.identity.access().unwrap(), new_registry("Depot"), None)
        .await
        .unwrap()
        .value;
    for n in 0..62 {
        clock.advance(1);
        vendor
            .send("/tokens", &[("name", &format!("token {n}")), ("scope products:read", "true")])
            .await
            .unwrap();
        let new = NewRegistryKey {
            name: format!("key {n}").parse().unwrap(),
            ..keyward_testkit::engine::new_registry_key(&registry)
        };
        let made =
            vendor.engine.create_registry_key(&person.identity.access().unwrap(), new, None).await.unwrap();
        if n >= 60 {
            vendor.engine.revoke_registry_key(&person.identity.access().unwrap(), made.key.id).await.unwrap();
        }
    }
    let (_, first) = vendor.get("/tokens").await;
    let next = first
        .split("href=\"")
        .find(|rest| rest.contains("rel=\"next\"") && rest.starts_with("/tokens?cursor="))
        .unwrap();
    let (_, second) = vendor.get(next.split('"').next().unwrap()).await;
    assert!(second.contains(">token 0<") && !second.contains("Next page") && second.contains("First page"));
    // Those that work come first, on whatever page.
    let keys = format!("/registries/{}/keys", registry.id);
    let (_, first) = vendor.get(&keys).await;
    assert!(!first.contains("pill revoked"));
    let next =
        first.split("href=\"").find(|rest| rest.contains("rel=\"next\"") && rest.starts_with(&keys)).unwrap();
    let (_, second) = vendor.get(next.split('"').next().unwrap()).await;
    assert_eq!(
        (second.matches("pill active\">active").count(), second.matches("pill revoked\">revoked").count()),
        (10, 2)
    );
    let (_, list) = vendor.get("/registries").await;
    assert!(list.contains(">60<span"));
}
