//! The same pushes and pulls in front of a registry in memory and, where `KEYWARD_TEST_REGISTRY` names one (`http://…`, on
//! this machine, without authentication), in front of a real one.

use keyward_engine::NewCredential;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

use crate::depot::Depot;
use crate::images::{Image, digest};
use crate::oci::Oci;

const REGISTRY: &str = "KEYWARD_TEST_REGISTRY";

#[expect(clippy::disallowed_methods, reason = "whoever runs the tests names a registry in the environment")]
fn real() -> Option<String> {
    let named = std::env::var(REGISTRY).ok();
    if named.is_none() {
        eprintln!("not run against a real registry: {REGISTRY} names none (http://127.0.0.1:5000)");
    }
    named
}

async fn pushed_images_are_pulled(store: Store, url: &str) {
    let depot = Depot::before(store, url, NewCredential::None).await;
    let (old, new) = (Image::new("old"), Image::new("new"));
    depot.push("keyward-tests/app", "1.0", &old);
    depot.push("keyward-tests/app", "1.0", &new);
    depot.push("keyward-tests/app", "2.0", &old);
    let buyer = depot.buyer("Buyer").await;
    depot.entitle(&buyer, "keyward-tests/app", &["1.0"]).await;
    let other = depot.buyer("Other").await;
    depot.entitle(&other, "keyward-tests/app", &["2.0"]).await;
    for (key, tag, image, status) in [
        (&depot.pull, "1.0", &new, 200),
        (&depot.pull, "2.0", &old, 200),
        (&buyer.token, "1.0", &new, 200),
        (&buyer.token, "2.0", &old, 403),
        (&other.token, "2.0", &old, 200),
        (&other.token, "1.0", &new, 403),
    ] {
        for method in ["HEAD", "GET"] {
            let path = format!("/v2/keyward-tests/app/manifests/{tag}");
            let answer = depot.ask(method, &path).key(key).header("accept", crate::images::MANIFEST).send();
            assert_eq!(answer.status, status, "{method} {tag}: {answer:?}");
            if status == 200 {
                assert_eq!(answer.header("docker-content-digest"), image.digest());
                assert_eq!(answer.header("content-length"), image.manifest.len().to_string());
            }
        }
    }
    for (key, image, status) in [
        (&buyer.token, &new, 200),
        (&buyer.token, &old, 200),
        (&other.token, &old, 200),
        (&other.token, &new, 403),
    ] {
        let layer = depot.get(&format!("/v2/keyward-tests/app/blobs/{}", digest(&image.layer)), key);
        assert_eq!(layer.status, status, "{layer:?}");
        assert!(status != 200 || layer.body == image.layer);
    }
    let part = depot.ask("GET", &format!("/v2/keyward-tests/app/blobs/{}", digest(&new.layer)));
    let part = part.key(&depot.pull).header("range", "bytes=0-4").send();
    assert!(part.status == 206 && part.body == new.layer[..5] || part.status == 200, "{part:?}");
    let tags = depot.get("/v2/keyward-tests/app/tags/list", &buyer.token).json();
    assert_eq!(tags["tags"], serde_json::json!(["1.0"]));
}

#[database_test]
async fn images_go_in_and_come_out(store: Store) {
    pushed_images_are_pulled(store, &Oci::start().url()).await;
}

#[database_test]
async fn images_go_into_a_real_registry_and_come_out(store: Store) {
    if let Some(url) = real() {
        pushed_images_are_pulled(store, &url).await;
    }
}
