//! What is stored and removed.

use crate::depot::{Depot, refused};
use crate::images::{Image, MANIFEST, digest};
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

#[database_test]
async fn an_upload_stays_on_this_host(store: Store) {
    let (depot, _) = Depot::open(store).await;
    let begun = depot
        .ask("POST", "/v2/acme/app/blobs/uploads/")
        .key(&depot.push)
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example")
        .send();
    assert_eq!(begun.status, 202);
    let place = begun.header("location").to_owned();
    assert!(place.starts_with("/v2/acme/app/blobs/uploads/"), "{place}");
    let chunk = depot.ask("PATCH", &place).key(&depot.push).body("application/octet-stream", b"hello").send();
    assert_eq!((chunk.status, chunk.header("range")), (202, "0-4"));
    let place = chunk.header("location").to_owned();
    let wrong = depot.ask("PUT", &format!("{place}&digest={}", digest(b"other"))).key(&depot.push).send();
    assert_eq!(wrong.refusal(), refused(400, "DIGEST_INVALID", "DIGEST_INVALID by the upstream"));
}

#[database_test]
async fn what_is_no_manifest_is_not_passed_on(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    for body in [&b"no JSON"[..], b"[]"] {
        let answer =
            depot.ask("PUT", "/v2/acme/app/manifests/1.0").key(&depot.push).body(MANIFEST, body).send();
        assert_eq!(answer.refusal(), refused(400, "MANIFEST_INVALID", "this is no manifest"));
    }
    let large = vec![b' '; 4 * 1024 * 1024 + 1];
    let answer =
        depot.ask("PUT", "/v2/acme/app/manifests/1.0").key(&depot.push).body(MANIFEST, &large).send();
    assert_eq!(answer.refusal(), refused(413, "MANIFEST_INVALID", "a manifest has at most 4 MiB"));
    assert!(upstream.asked().is_empty());
}

#[database_test]
async fn a_key_to_delete_deletes_and_the_tag_is_gone(store: Store) {
    let (depot, _) = Depot::open(store).await;
    let image = Image::new("one");
    depot.push("acme/app", "1.0", &image);
    depot.push("acme/app", "2.0", &Image::new("two"));
    let path = format!("/v2/acme/app/manifests/{}", image.digest());
    assert_eq!(depot.ask("DELETE", &path).key(&depot.delete).send().status, 202);
    assert_eq!(depot.get(&path, &depot.pull).status, 404);
    assert_eq!(depot.get("/v2/acme/app/tags/list", &depot.pull).json()["tags"], serde_json::json!(["2.0"]));
    let page = keyward_domain::PageRequest { limit: 50, after: None };
    let known = depot.engine.artifacts(&depot.vendor.access(), None, None, page).await.unwrap().newest();
    let tags = depot.engine.artifact_tags(&depot.vendor.access(), known[0].id).await.unwrap();
    let tags: Vec<_> = tags.into_iter().map(|tag| tag.pointing.tag).collect();
    assert_eq!(tags, ["2.0".parse().unwrap()], "the catalogue knows");
    let blob = format!("/v2/acme/app/blobs/{}", digest(&image.layer));
    assert_eq!(depot.ask("DELETE", &blob).key(&depot.delete).send().status, 202);
    assert_eq!(depot.get(&blob, &depot.pull).status, 404);
}

#[database_test]
async fn what_was_removed_past_the_gateway_is_forgotten_when_it_is_missed(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    let image = Image::new("one");
    depot.push("acme/app", "1.0", &image);
    let page = keyward_domain::PageRequest { limit: 50, after: None };
    let known = depot.engine.artifacts(&depot.vendor.access(), None, None, page).await.unwrap().newest();
    let tags = async || depot.engine.artifact_tags(&depot.vendor.access(), known[0].id).await.unwrap().len();
    assert_eq!(tags().await, 1);
    upstream.remove("acme/app", &image.digest());
    assert_eq!(depot.get(&format!("/v2/acme/app/manifests/{}", image.digest()), &depot.pull).status, 404);
    assert_eq!(tags().await, 0);
}
