//! Addresses that are read differently by different programs: none reaches the upstream.

use crate::depot::Depot;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;

#[database_test]
async fn what_the_grammar_refuses_goes_no_further(store: Store) {
    let (depot, upstream) = Depot::open(store).await;
    let zeros = "0".repeat(64);
    for (path, status, code) in [
        ("/v2/mine/app/../../acme/secret/manifests/1.0".to_owned(), 400, "NAME_INVALID"),
        ("/v2/mine/app/%2e%2e/%2e%2e/acme/secret/manifests/1.0".to_owned(), 400, "NAME_INVALID"),
        ("/v2/mine%2fapp/manifests/1".to_owned(), 400, "NAME_INVALID"),
        ("/v2/mine//app/manifests/1".to_owned(), 400, "NAME_INVALID"),
        ("/v2/./mine/app/manifests/1".to_owned(), 400, "NAME_INVALID"),
        ("/v2/acme/secret/manifests/%31.0".to_owned(), 400, "NAME_INVALID"),
        ("/v2/ACME/secret/manifests/1.0".to_owned(), 400, "NAME_INVALID"),
        (format!("/v2/{}/manifests/1", "a".repeat(256)), 400, "NAME_INVALID"),
        ("/v2/acme/app/manifests/sha256:zz".to_owned(), 400, "DIGEST_INVALID"),
        ("/v2/acme/app/blobs/sha256:00".to_owned(), 400, "DIGEST_INVALID"),
        (format!("/v2/acme/app/blobs/md5:{zeros}"), 400, "DIGEST_INVALID"),
        ("/v2/acme/app/manifests/-1.0".to_owned(), 404, "MANIFEST_UNKNOWN"),
        ("/v2/acme/app/blobs/uploads/a$b".to_owned(), 404, "BLOB_UPLOAD_UNKNOWN"),
        ("/v2/acme/app".to_owned(), 404, "UNSUPPORTED"),
        ("/v2x/acme/app/manifests/1".to_owned(), 404, ""),
    ] {
        let (answered, found, _) = depot.get(&path, &depot.delete).refusal();
        assert_eq!((answered, &*found), (status, code), "{path}");
    }
    for (method, path) in [
        ("POST", "/v2/acme/app/manifests/1.0"),
        ("PUT", "/v2/_catalog"),
        ("TRACE", "/v2/"),
        ("DELETE", "/v2/acme/app/tags/list"),
    ] {
        let (status, code, _) = depot.ask(method, path).key(&depot.delete).send().refusal();
        assert_eq!((status, &*code), (405, "UNSUPPORTED"), "{method} {path}");
    }
    let (status, code, message) = depot.get("/v2/acme/app/tags/list?n=x", &depot.pull).refusal();
    assert_eq!(
        (status, &*code, &*message),
        (400, "PAGINATION_NUMBER_INVALID", "n must be a number, 0 or more")
    );
    assert!(upstream.asked().is_empty(), "{:?}", upstream.asked());
}
