//! Who gets nothing, or not this, and what they are told.

use keyward_domain::registry::KeyAccess;
use keyward_engine::{NewLicense, NewProduct, ProductChange, Terms};
use keyward_testkit::Vendor;
use keyward_testkit::engine::{another_engine, new_license, new_registry};

use crate::depot::{Depot, HOST, key, refused};
use crate::images::{Image, MANIFEST, digest};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

const MANIFEST_PATH: &str = "/v2/acme/app/manifests/1.0";

/// What a wrong key is told.
fn nobody() -> (u16, String, String) {
    let message = "log in with a registry key of this host, or as customer with the token of a license";
    refused(401, "UNAUTHORIZED", message)
}

fn denied(message: &str) -> (u16, String, String) {
    refused(403, "DENIED", message)
}

#[database_test]
async fn nobody_is_told_how_to_log_in(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    let challenge = format!("Basic realm=\"{HOST}\", charset=\"UTF-8\"");
    let basic = |text: &str| format!("Basic {text}");
    for shown in [
        None,
        Some("Basic".to_owned()),
        Some(basic("!!!")),
        Some(basic("Zm9v")),
        Some("Digest x".into()),
        Some("Bearer kw_reg_x".into()),
    ] {
        for path in ["/v2/", MANIFEST_PATH, "/v2/_catalog"] {
            let ask = depot.ask("GET", path);
            let answer = match &shown {
                Some(shown) => ask.header("authorization", shown),
                None => ask,
            }
            .send();
            assert_eq!(answer.refusal(), nobody(), "{shown:?} {path}");
            assert_eq!(answer.header("www-authenticate"), challenge);
        }
    }
    assert!(upstream.asked().is_empty());
}

#[database_test]
async fn a_key_opens_its_own_registry_alone(store: Store) {
    let (depot, _) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let theirs = Vendor::found(&depot.engine, "Other").await;
    let new = keyward_engine::NewRegistry {
        host: Some("r.other.example".parse().unwrap()),
        upstream: "http://127.0.0.1:9".parse().unwrap(),
        ..new_registry("Other")
    };
    let registry = depot.engine.create_registry(&theirs.access(), new, None).await.unwrap().value;
    let foreign = key(&theirs, &registry, "foreign", KeyAccess::ReadWriteDelete).await;
    let license = theirs.license("Theirs", "{}").await;
    let token = depot
        .engine
        .license_token(&theirs.access(), license.id, keyward_engine::TokenFormat::Jwt)
        .await
        .unwrap();
    for shown in [&foreign, &token] {
        assert_eq!(depot.get(MANIFEST_PATH, shown).refusal(), nobody());
        assert_eq!(depot.ask("GET", "/v2/").host("r.other.example").key(shown).send().status, 200);
    }
    assert_eq!(depot.ask("GET", "/v2/").host("r.other.example").key(&depot.delete).send().status, 401);
    let no_registry = refused(404, "NAME_UNKNOWN", "there is no registry at this host");
    let nowhere = depot.ask("GET", "/v2/").host("nowhere.example").key(&depot.pull);
    assert_eq!(nowhere.header("x-forwarded-host", HOST).send().refusal(), no_registry);
}

#[database_test]
async fn a_key_is_dead_at_the_request_after_it_was_revoked_at_another_server(store: Store) {
    let (other, _) = another_engine(store.clone(), 2);
    let (depot, _) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let (access, page) = (depot.vendor.access(), keyward_domain::PageRequest { limit: 50, after: None });
    let keys = depot.engine.registry_keys(&access, Some(depot.registry.id), page).await.unwrap().newest();
    let id = keys.iter().find(|key| key.name.as_str() == "pull").unwrap().id;
    for _ in 0..3 {
        assert_eq!(depot.get(MANIFEST_PATH, &depot.pull).status, 200);
    }
    other.revoke_registry_key(&depot.vendor.access(), id).await.unwrap();
    assert_eq!(depot.get(MANIFEST_PATH, &depot.pull).refusal(), nobody());
    assert_eq!(depot.get(MANIFEST_PATH, &depot.push).status, 200);
}

#[database_test]
async fn a_license_is_dead_at_the_request_after_it_was_revoked_at_another_server(store: Store) {
    let (other, _) = another_engine(store.clone(), 2);
    let (depot, _) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let buyer = depot.buyer("Buyer").await;
    depot.entitle(&buyer, "acme/app", &["1.0"]).await;
    assert_eq!(depot.get(MANIFEST_PATH, &buyer.token).status, 200);
    other.revoke_license(&depot.vendor.access(), buyer.license.id, None).await.unwrap();
    assert_eq!(depot.get(MANIFEST_PATH, &buyer.token).refusal(), nobody());
}

#[database_test]
async fn a_tag_is_closed_at_the_request_after_the_entitlement_ended(store: Store) {
    let (depot, _) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let buyer = depot.buyer("Buyer").await;
    depot.entitle(&buyer, "acme/app", &["1.0"]).await;
    assert_eq!(depot.get(MANIFEST_PATH, &buyer.token).status, 200);
    let page = keyward_domain::PageRequest { limit: 50, after: None };
    let held = depot
        .engine
        .artifact_entitlements(&depot.vendor.access(), Some(buyer.customer.id), page)
        .await
        .unwrap()
        .newest();
    depot.engine.delete_artifact_entitlement(&depot.vendor.access(), held[0].id, None).await.unwrap();
    assert_eq!(
        depot.get(MANIFEST_PATH, &buyer.token).refusal(),
        denied("your license does not include acme/app")
    );
}

#[database_test]
async fn what_is_not_included_is_named(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    let (one, two) = (Image::new("one"), Image::new("two"));
    depot.push("acme/app", "1.0", &one);
    depot.push("acme/app", "2.0", &two);
    depot.push("acme/secret", "1.0", &one);
    let buyer = depot.buyer("Buyer").await;
    depot.entitle(&buyer, "acme/app", &["1.0"]).await;
    let of_app = format!("acme/app@{}", two.digest());
    let layer = format!("acme/app@{}", digest(&two.layer));
    for (path, what) in [
        ("acme/app/manifests/2.0".to_owned(), "acme/app:2.0"),
        ("acme/app/manifests/absent".to_owned(), "acme/app:absent"),
        (format!("acme/app/manifests/{}", two.digest()), &*of_app),
        (format!("acme/app/referrers/{}", two.digest()), &*of_app),
        (format!("acme/app/blobs/{}", digest(&two.layer)), &*layer),
        ("acme/secret/manifests/1.0".to_owned(), "acme/secret"),
        ("acme/absent/manifests/1.0".to_owned(), "acme/absent"),
        (format!("acme/secret/blobs/{}", digest(&one.layer)), "acme/secret"),
    ] {
        let answer = depot.get(&format!("/v2/{path}"), &buyer.token).refusal();
        assert_eq!(answer, denied(&format!("your license does not include {what}")), "{path}");
    }
    let asked = upstream.asked();
    assert!(
        asked.iter().all(|asked| !asked.address.contains("acme/absent")),
        "refused before the upstream is asked"
    );
}

#[database_test]
async fn halted_licenses_say_why(store: Store) {
    let (depot, _) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let access = || depot.vendor.access();
    let now = depot.engine.now();
    let new = |name: &str| new_license(name, "{}");
    let make = async |new: NewLicense| depot.engine.create_license(&access(), new, None).await.unwrap().value;
    let ended =
        make(NewLicense { ends: keyward_domain::Ends::at(Some(now.plus_seconds(3_600))), ..new("Ended") })
            .await;
    let later =
        make(NewLicense { not_before: Some(now.plus_seconds(30 * 24 * 3_600)), ..new("Later") }).await;
    let suspended = make(new("Suspended")).await;
    let suspended_token = depot.token(&suspended).await;
    depot.engine.suspend_license(&access(), suspended.id, None).await.unwrap();
    let product = NewProduct { name: "Server".parse().unwrap(), rest: ProductChange::default() };
    let product = depot.engine.create_product(&depot.vendor.access(), product, None).await.unwrap().product;
    let terms = Terms::Product { product: product.id, fields: Default::default() };
    let sold = make(NewLicense { terms, ..new("Sold") }).await;
    let sold_token = depot.token(&sold).await;
    depot.engine.archive_product(&depot.vendor.access(), product.id, None).await.unwrap();
    depot.clock.advance(3_600);
    for (token, why) in [
        (
            depot.token(&ended).await,
            "the license Ended expired after 2026-01-01 01:00 UTC; ask Acme to renew it",
        ),
        (depot.token(&later).await, "the license Later is not valid before 2026-01-31"),
        (suspended_token, "the license Suspended is suspended; ask Acme"),
        (sold_token, "Server is out of service"),
    ] {
        for path in [MANIFEST_PATH, "/v2/acme/app/tags/list", "/v2/_catalog"] {
            assert_eq!(depot.get(path, &token).refusal(), denied(why), "{path}");
        }
        let push = depot.ask("PUT", MANIFEST_PATH).key(&token).body(MANIFEST, b"{}").send();
        assert_eq!(push.refusal(), denied(why));
        assert_eq!(depot.get("/v2/", &token).status, 200, "logs in all the same");
    }
}

#[database_test]
async fn a_suspended_vendor_serves_nobody(store: Store) {
    let (depot, _) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let license = depot.vendor.license("L", "{}").await;
    let token = depot.token(&license).await;
    depot
        .engine
        .suspend_organization(&depot.vendor.access(), depot.vendor.founded.organization.id)
        .await
        .unwrap();
    for shown in [&depot.pull, &depot.delete, &token] {
        assert_eq!(depot.get(MANIFEST_PATH, shown).refusal(), denied("Acme is suspended on this server"));
        assert_eq!(
            depot.ask("DELETE", MANIFEST_PATH).key(shown).send().refusal(),
            denied("Acme is suspended on this server")
        );
    }
}

#[database_test]
async fn a_key_to_read_changes_nothing(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    let image = Image::new("one");
    depot.push("acme/app", "1.0", &image);
    let before = upstream.asked().len();
    let pulls = denied("this registry key can only pull; it takes a Read/Write key to push");
    let deletes = denied("this registry key cannot delete; it takes one with the access read_write_delete");
    let blob = format!("/v2/acme/app/blobs/{}", digest(&image.layer));
    for (method, path) in [
        ("PUT", MANIFEST_PATH),
        ("POST", "/v2/acme/app/blobs/uploads/"),
        ("PATCH", "/v2/acme/app/blobs/uploads/u1"),
        ("GET", "/v2/acme/app/blobs/uploads/u1"),
        ("DELETE", "/v2/acme/app/blobs/uploads/u1"),
    ] {
        assert_eq!(
            depot.ask(method, path).key(&depot.pull).body(MANIFEST, b"{}").send().refusal(),
            pulls,
            "{method} {path}"
        );
    }
    for (method, path) in [("DELETE", MANIFEST_PATH), ("DELETE", &*blob)] {
        for key in [&depot.pull, &depot.push] {
            assert_eq!(depot.ask(method, path).key(key).send().refusal(), deletes, "{method} {path}");
        }
    }
    assert_eq!(upstream.asked().len(), before, "the upstream is not asked");
}

#[database_test]
async fn a_license_is_for_pulling_only(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    let buyer = depot.buyer("Buyer").await;
    depot.entitle(&buyer, "acme/app", &[]).await;
    let only = denied("a license opens a registry for pulling only");
    for (method, path) in [
        ("PUT", MANIFEST_PATH),
        ("DELETE", MANIFEST_PATH),
        (
            "POST",
            "/v2/acme/app/blobs/uploads/?mount=sha256:0000000000000000000000000000000000000000000000000000000000000000&from=acme/secret",
        ),
    ] {
        assert_eq!(
            depot.ask(method, path).key(&buyer.token).body(MANIFEST, b"{}").send().refusal(),
            only,
            "{method} {path}"
        );
    }
    assert!(upstream.asked().is_empty());
}
