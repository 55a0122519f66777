//! Names that are too long behind the prefix of a registry.

use keyward_domain::OutboundRules;
use keyward_engine::{NewCredential, NewRegistry};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{TestNetwork, engine_in, new_registry, new_registry_key};

use crate::hostile::{Served, Upstream};

#[database_test]
async fn a_name_that_is_too_long_behind_the_prefix_is_refused(store: Store) {
    let (engine, _) = engine_in(store, OutboundRules::loopback(), TestNetwork::default());
    let vendor = Vendor::found(&engine, "Acme").await;
    let served = Served::start(&engine);
    let upstream = Upstream::by_head(|_, _, write| {
        write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    let new = NewRegistry {
        host: Some("a.example".parse().unwrap()),
        upstream: format!("http://{}", upstream.address).parse().unwrap(),
        credential: NewCredential::Token,
        prefix: Some("acme".parse().unwrap()),
        ..new_registry("Main")
    };
    let made = engine.create_registry(&vendor.access(), new, None).await.unwrap().value;
    let key = engine.create_registry_key(&vendor.access(), new_registry_key(&made), None).await.unwrap();
    let key = key.secret.expose();
    for (length, status) in [(250, 404), (251, 400), (255, 400)] {
        let name = "a".repeat(length);
        for path in [format!("/v2/{name}/manifests/1"), format!("/v2/{name}/tags/list")] {
            let (answered, _, body) = served.get("a.example", key, &path, "");
            assert_eq!(answered, status, "{path}: {body}");
            if status == 400 {
                assert!(body.contains("NAME_INVALID") && body.contains("at most 250 characters"), "{body}");
            }
        }
        let new = keyward_engine::NewArtifact { registry: made.id, repository: name.parse().unwrap() };
        let known = engine.create_artifact(&vendor.access(), new, None).await;
        assert_eq!(known.is_ok(), status == 404, "{length}");
    }
    assert!(
        upstream
            .asked()
            .iter()
            .all(|head| head.contains(&"a".repeat(250)) && !head.contains(&"a".repeat(251)))
    );
    served.handle.stop(false).await;
}
