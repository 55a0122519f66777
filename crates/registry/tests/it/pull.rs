//! What is fetched, by whom, and that it arrives as the upstream has it.

use keyward_domain::PageRequest;
use keyward_domain::registry::{Decision, Operation};
use keyward_engine::EventFilter;

use crate::depot::{Answer, Depot, refused};
use crate::images::{Image, MANIFEST, digest};
use crate::oci::Asked;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

#[database_test]
async fn a_key_pulls_by_tag_and_by_digest(store: Store) {
    let (depot, _) = Depot::open(store).await;
    let image = Image::new("one");
    depot.push("acme/app", "1.0", &image);
    for reference in ["1.0", &*image.digest()] {
        let manifest = depot.get(&format!("/v2/acme/app/manifests/{reference}"), &depot.pull);
        assert_eq!((manifest.status, &manifest.body), (200, &image.manifest), "{reference}");
        assert_eq!(manifest.header("content-type"), MANIFEST);
        assert_eq!(manifest.header("docker-content-digest"), image.digest());
    }
    for blob in [&image.config, &image.layer] {
        let answer = depot.get(&format!("/v2/acme/app/blobs/{}", digest(blob)), &depot.pull);
        assert_eq!((answer.status, &answer.body), (200, blob));
    }
}

#[database_test]
async fn a_customer_pulls_what_a_granted_tag_leads_to(store: Store) {
    let (depot, _) = Depot::open(store).await;
    let (granted, other) = (Image::new("granted"), Image::new("other"));
    depot.push("acme/app", "1.0", &granted);
    depot.push("acme/app", "2.0", &other);
    let buyer = depot.buyer("Buyer").await;
    depot.entitle(&buyer, "acme/app", &["1.0"]).await;
    for path in [
        "manifests/1.0".to_owned(),
        format!("manifests/{}", granted.digest()),
        format!("blobs/{}", digest(&granted.config)),
        format!("blobs/{}", digest(&granted.layer)),
    ] {
        assert_eq!(depot.get(&format!("/v2/acme/app/{path}"), &buyer.token).status, 200, "{path}");
    }
    for path in [
        "manifests/2.0".to_owned(),
        format!("manifests/{}", other.digest()),
        format!("blobs/{}", digest(&other.layer)),
    ] {
        assert_eq!(depot.get(&format!("/v2/acme/app/{path}"), &buyer.token).status, 403, "{path}");
    }
}

#[database_test]
async fn what_was_pushed_past_the_gateway_is_looked_up_before_it_is_refused(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    let (first, second) = (Image::new("first"), Image::new("second"));
    depot.push("acme/app", "1.0", &first);
    depot.push("elsewhere", "1.0", &second);
    let buyer = depot.buyer("Buyer").await;
    depot.entitle(&buyer, "acme/app", &["1.0"]).await;
    let get =
        |image: &Image| depot.get(&format!("/v2/acme/app/manifests/{}", image.digest()), &buyer.token).status;
    assert_eq!(get(&second), 403, "nothing leads to it");
    upstream.copy("elsewhere", "acme/app");
    upstream.point("acme/app", "1.0", &second.digest());
    depot.clock.advance(11);
    assert_eq!(get(&second), 200);
    assert_eq!(get(&first), 200, "what the tag pointed to before loads on");
}

#[database_test]
async fn a_tag_that_moved_behind_our_back_is_seen_at_the_next_request(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    let (first, second) = (Image::new("first"), Image::new("second"));
    depot.push("acme/app", "1.0", &first);
    depot.push("acme/app", "2.0", &second);
    for (now, image) in [("first", &first), ("second", &second), ("first again", &first)] {
        upstream.point("acme/app", "1.0", &image.digest());
        for method in ["HEAD", "GET"] {
            let answer = depot.ask(method, "/v2/acme/app/manifests/1.0").key(&depot.pull).send();
            assert_eq!(answer.header("docker-content-digest"), image.digest(), "{method} {now}");
        }
    }
}

#[database_test]
async fn a_head_says_what_a_get_does(store: Store) {
    let (depot, _) = Depot::open(store).await;
    let image = Image::new("one");
    depot.push("acme/app", "1.0", &image);
    for path in [
        "/v2/".to_owned(),
        "/v2/acme/app/manifests/1.0".to_owned(),
        format!("/v2/acme/app/manifests/{}", image.digest()),
        format!("/v2/acme/app/blobs/{}", digest(&image.layer)),
        "/v2/acme/app/tags/list".to_owned(),
        "/v2/_catalog".to_owned(),
        "/v2/acme/app/manifests/absent".to_owned(),
        format!("/v2/acme/app/blobs/{}", digest(b"absent")),
        "/v2/ACME/app/manifests/1.0".to_owned(),
    ] {
        for key in [&*depot.pull, "kw_reg_wrong"] {
            let [head, get] = ["HEAD", "GET"].map(|method| depot.ask(method, &path).key(key).send());
            let of = |answer: &Answer| {
                let mut headers = answer.headers();
                // How long the upstream's own words would be, it says to a GET alone.
                headers.retain(|line| answer.status != 404 || !line.starts_with("content-length:"));
                (answer.status, headers)
            };
            assert_eq!(of(&head), of(&get), "{path}");
            assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
        }
    }
}

#[database_test]
async fn a_signature_goes_with_what_it_signs(store: Store) {
    let (depot, _) = Depot::open(store).await;
    let (granted, other) = (Image::new("granted"), Image::new("other"));
    for (tag, image) in [("1.0", &granted), ("2.0", &other)] {
        depot.push("acme/app", tag, image);
        let signature = Image::about(image);
        let fallback = format!("{}.sig", image.digest().replace(':', "-"));
        depot.push("acme/app", &fallback, &signature);
    }
    let buyer = depot.buyer("Buyer").await;
    depot.entitle(&buyer, "acme/app", &["1.0"]).await;
    for (image, status) in [(&granted, 200), (&other, 403)] {
        let signature = Image::about(image);
        for path in [
            format!("manifests/{}.sig", image.digest().replace(':', "-")),
            format!("manifests/{}", signature.digest()),
            format!("blobs/{}", digest(&signature.layer)),
            format!("referrers/{}", image.digest()),
        ] {
            let answer = depot.get(&format!("/v2/acme/app/{path}"), &buyer.token);
            assert_eq!(answer.status, status, "{path}: {answer:?}");
        }
    }
    let listed = depot.get(&format!("/v2/acme/app/referrers/{}", granted.digest()), &buyer.token).json();
    assert_eq!(listed["manifests"][0]["digest"], Image::about(&granted).digest());
}

#[database_test]
async fn lists_show_what_may_be_had(store: Store) {
    let (depot, _) = Depot::open(store).await;
    for tag in ["1.0", "2.0", "3.0"] {
        depot.push("acme/app", tag, &Image::new(tag));
    }
    depot.push("acme/secret", "1.0", &Image::new("secret"));
    let buyer = depot.buyer("Buyer").await;
    depot.entitle(&buyer, "acme/app", &["1.0", "3.0", "gone"]).await;
    for (key, tags, repositories) in [
        (&depot.pull, vec!["1.0", "2.0", "3.0"], vec!["acme/app", "acme/secret"]),
        (&buyer.token, vec!["1.0", "3.0"], vec!["acme/app"]),
    ] {
        assert_eq!(depot.get("/v2/acme/app/tags/list", key).json()["tags"], serde_json::json!(tags));
        assert_eq!(depot.get("/v2/_catalog", key).json()["repositories"], serde_json::json!(repositories));
    }
    let page = depot.get("/v2/acme/app/tags/list?n=1", &buyer.token);
    assert_eq!(page.header("link"), "</v2/acme/app/tags/list?last=1.0&n=1>; rel=\"next\"");
    let not_included = refused(403, "DENIED", "your license does not include acme/secret");
    assert_eq!(depot.get("/v2/acme/secret/tags/list", &buyer.token).refusal(), not_included);
}

#[database_test]
async fn what_the_upstream_does_not_have_is_not_there(store: Store) {
    let (depot, _) = Depot::open(store).await;
    let none = digest(b"none");
    for (path, code) in [
        ("/v2/acme/app/manifests/1.0".to_owned(), "MANIFEST_UNKNOWN"),
        (format!("/v2/acme/app/manifests/{none}"), "MANIFEST_UNKNOWN"),
        (format!("/v2/acme/app/blobs/{none}"), "BLOB_UNKNOWN"),
    ] {
        let answer = depot.get(&path, &depot.pull);
        assert_eq!(answer.refusal(), refused(404, code, &format!("{code} by the upstream")), "{path}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("inside"), "{answer:?}");
    }
    let unknown = refused(404, "NAME_UNKNOWN", "there is no such repository");
    assert_eq!(depot.get("/v2/acme/app/tags/list", &depot.pull).refusal(), unknown);
}

#[database_test]
async fn pulls_are_written_down_with_what_they_were(store: Store) {
    let (depot, _) = Depot::open(store).await;
    let image = Image::new("one");
    depot.push("acme/app", "1.0", &image);
    assert!(depot.engine.flush_log().await.error.is_none());
    depot.clock.advance(1);
    depot.ask("HEAD", "/v2/acme/app/manifests/1.0").key(&depot.pull).send();
    assert_eq!(depot.get("/v2/acme/app/manifests/1.0", &depot.pull).status, 200);
    let layer = format!("/v2/acme/app/blobs/{}", digest(&image.layer));
    assert_eq!(depot.get(&layer, &depot.pull).body, image.layer);
    assert!(depot.engine.flush_log().await.error.is_none());
    let filter = EventFilter { operation: Some(Operation::Pull), ..EventFilter::default() };
    let page = PageRequest { limit: 50, after: None };
    let pulls = depot.engine.registry_events(&depot.vendor.access(), filter, page).await.unwrap().newest();
    assert_eq!(pulls.len(), 1, "a HEAD is no pull, and a layer is part of one: {pulls:?}");
    assert_eq!((pulls[0].decision, pulls[0].bytes), (Decision::Allowed, image.layer.len() as u64));
    assert_eq!(pulls[0].digest.as_ref().map(ToString::to_string), Some(image.digest()));
}

#[database_test]
async fn clients_are_sent_where_blobs_are_kept_only_if_the_registry_says_so(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    let image = Image::new("one");
    depot.push("acme/app", "1.0", &image);
    upstream.keep_blobs_at("https://blobs.example/kept?signed=1");
    let layer = format!("/v2/acme/app/blobs/{}", digest(&image.layer));
    assert_eq!(depot.get(&layer, &depot.pull).refusal().0, 502);
    let change = keyward_engine::RegistryChange { pass_redirects: Some(true), ..Default::default() };
    depot.engine.update_registry(&depot.vendor.access(), depot.registry.id, change, None).await.unwrap();
    let moved = depot.get(&layer, &depot.pull);
    assert_eq!((moved.status, moved.header("location")), (307, "https://blobs.example/kept?signed=1"));
    assert_eq!(depot.get(&layer, "kw_reg_wrong").status, 401, "and nobody without a key");
}

#[database_test]
async fn the_upstream_is_asked_in_the_name_of_who_asks(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let before = upstream.asked().len();
    for _ in 0..3 {
        assert_eq!(depot.get("/v2/acme/app/manifests/1.0", &depot.pull).status, 200);
    }
    let asked = upstream.asked().split_off(before);
    assert!(asked.iter().filter(|asked| asked.method == "GET").count() >= 3, "each time: {asked:?}");
    for asked in asked {
        assert!(asked.address.starts_with("/v2/acme/app/manifests/"), "{asked:?}");
        assert!(asked.authorization.starts_with("Bearer ") && !asked.authorization.contains(&depot.pull));
    }
}

#[database_test]
async fn a_token_for_the_upstream_is_used_again_by_its_holder_for_half_a_minute(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    depot.push("acme/app", "1.0", &Image::new("one"));
    let shown = |key: &str| {
        assert_eq!(depot.get("/v2/acme/app/manifests/1.0", key).status, 200);
        let get = |asked: &Asked| asked.method == "GET" && asked.address.ends_with("/manifests/1.0");
        upstream.asked().into_iter().rfind(get).unwrap().authorization
    };
    let first = shown(&depot.pull);
    depot.clock.advance(29);
    assert_eq!(shown(&depot.pull), first);
    assert_ne!(shown(&depot.push), first, "another holder has another");
    depot.clock.advance(1);
    let second = shown(&depot.pull);
    assert_ne!(second, first);
    depot.clock.advance(-60);
    assert_ne!(shown(&depot.pull), second, "one from the future is not used");
}
