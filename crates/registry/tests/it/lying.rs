//! Upstreams that fail, lie or stand still: clients are told that the registry is not available, and never given what is
//! wrong as if it were right.

use keyward_engine::NewCredential;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

use crate::depot::{Depot, refused};
use crate::hostile::Upstream;
use crate::images::{Image, MANIFEST, digest};

/// In front of an upstream that answers each request with this.
async fn before(store: Store, answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> (Depot, Upstream) {
    let upstream = Upstream::by_head(move |_, head, write| {
        write(&answer(head));
    });
    (Depot::before(store, &format!("http://{}", upstream.address), NewCredential::Token).await, upstream)
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn unavailable() -> (u16, String, String) {
    refused(502, "UNAVAILABLE", "the registry behind this host is not available; try again later")
}

#[database_test]
async fn one_that_fails_or_refuses_the_gateway_is_not_available(store: Store) {
    let statuses = ["500 Internal Server Error", "503 Service Unavailable", "401 Unauthorized", "302 Found"];
    let (depot, _upstream) = before(store, move |head| {
        let status = statuses.into_iter().find(|status| head.contains(&format!("/s{}/", &status[..3]))).unwrap();
        let headers = "location: https://elsewhere.example/v2/\r\nwww-authenticate: Basic realm=\"inside\"\r\ncontent-length: 6\r\n";
        answer(status, headers, b"inside")
    })
    .await;
    for status in statuses {
        for path in ["manifests/1.0", "tags/list"] {
            let told = depot.get(&format!("/v2/s{}/{path}", &status[..3]), &depot.pull);
            assert_eq!(told.refusal(), unavailable(), "{status} {path}");
            assert!(!format!("{told:?}").contains("inside"), "{told:?}");
            assert!(!format!("{told:?}").contains("elsewhere"), "{told:?}");
        }
    }
}

#[database_test]
async fn a_manifest_that_breaks_off_is_not_given(store: Store) {
    let image = Image::new("one");
    let (bytes, shown) = (image.manifest.clone(), image.digest());
    let (depot, _upstream) = before(store, move |_| {
        let headers = format!(
            "content-type: {MANIFEST}\r\ndocker-content-digest: {shown}\r\ncontent-length: {}\r\n",
            bytes.len() + 10
        );
        answer("200 OK", &headers, &bytes)
    })
    .await;
    assert_eq!(depot.get("/v2/acme/app/manifests/1.0", &depot.pull).refusal(), unavailable());
}

#[database_test]
async fn a_blob_that_breaks_off_does_not_end_well(store: Store) {
    let (depot, _upstream) =
        before(store, |_| answer("200 OK", "content-length: 100\r\n", b"too little")).await;
    let given = depot.get(&format!("/v2/acme/app/blobs/{}", digest(b"x")), &depot.pull);
    let announced = given.header("content-length").parse::<usize>().ok();
    assert!(given.broken || announced != Some(given.body.len()), "{given:?}");
}

#[database_test]
async fn nothing_is_learned_from_bytes_that_are_not_their_digest(store: Store) {
    let (image, other) = (Image::new("one"), Image::new("other"));
    let (bytes, claimed) = (image.manifest.clone(), other.digest());
    let (depot, _upstream) = before(store, move |head| {
        if head.contains("/blobs/") {
            return answer("200 OK", "content-length: 1\r\n", b"x");
        }
        let headers = format!(
            "content-type: {MANIFEST}\r\ndocker-content-digest: {claimed}\r\ncontent-length: {}\r\n",
            bytes.len()
        );
        let body: &[u8] = if head.starts_with("HEAD") { b"" } else { &bytes };
        answer("200 OK", &headers, body)
    })
    .await;
    let buyer = depot.buyer("Buyer").await;
    depot.entitle(&buyer, "acme/app", &["1.0"]).await;
    assert_eq!(
        depot.get("/v2/acme/app/manifests/1.0", &buyer.token).status,
        200,
        "clients check it themselves"
    );
    let layer = depot.get(&format!("/v2/acme/app/blobs/{}", digest(&image.layer)), &buyer.token);
    assert_eq!(layer.status, 403, "what the bytes name is not opened by it");
}

#[database_test]
async fn a_manifest_that_is_too_large_is_not_given(store: Store) {
    let large = vec![b' '; 5 * 1024 * 1024];
    let (depot, _upstream) = before(store, move |_| {
        answer("200 OK", &format!("content-type: {MANIFEST}\r\ncontent-length: {}\r\n", large.len()), &large)
    })
    .await;
    assert_eq!(depot.get("/v2/acme/app/manifests/1.0", &depot.pull).refusal(), unavailable());
}

#[database_test]
async fn one_that_does_not_know_its_own_lists_is_not_available(store: Store) {
    let (depot, _upstream) = before(store, |_| {
        answer("200 OK", "content-type: application/json\r\ncontent-length: 8\r\n", b"no JSON!")
    })
    .await;
    for path in ["/v2/acme/app/tags/list", "/v2/_catalog"] {
        assert_eq!(depot.get(path, &depot.pull).refusal(), unavailable(), "{path}");
    }
}

#[database_test]
async fn no_place_of_an_upload_leads_past_the_gateway(store: Store) {
    let (depot, _upstream) = before(store, |_| {
        answer("202 Accepted", "location: https://elsewhere.example/upload\r\ncontent-length: 0\r\n", b"")
    })
    .await;
    let begun = depot.ask("POST", "/v2/acme/app/blobs/uploads/").key(&depot.push).send();
    assert_eq!((begun.status, begun.header("location")), (202, ""));
}
