//! That an upstream answers again is seen by what passes, not only by the hourly look.

use keyward_domain::OutboundRules;
use keyward_engine::Engine;
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{TestNetwork, engine_in};

use crate::hostile::{Served, Upstream, registry};

async fn is_to_be_looked_at(engine: &Engine) -> bool {
    !engine.unswept_registries(3_600).await.unwrap().is_empty()
}

#[database_test]
async fn a_registry_is_looked_at_when_it_is_not_as_it_was_seen(store: Store) {
    let (engine, clock) = engine_in(store, OutboundRules::loopback(), TestNetwork::default());
    let vendor = Vendor::found(&engine, "Acme").await;
    let served = Served::start(&engine);
    let upstream = Upstream::by_head(|_, head, write| {
        let status = if head.contains("/gone/") { "500 Internal Server Error" } else { "200 OK" };
        write(
            format!(
                "HTTP/1.1 {status}\r\ncontent-type: a/b\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
            )
            .as_bytes(),
        );
    });
    let (made, key) = registry(&vendor, "a.example", &format!("http://{}", upstream.address)).await;
    let get = |name: &str| {
        served.get("a.example", &key, &format!("/v2/{name}/manifests/sha256:{}", "0".repeat(64)), "").0
    };
    let seen = async |fault: Option<&str>| engine.registry_swept(&made, engine.now(), fault).await.unwrap();
    seen(Some("it can't be reached")).await;
    assert_eq!(get("a"), 200);
    assert!(!is_to_be_looked_at(&engine).await, "it was looked at just now");
    clock.advance(60);
    assert_eq!(get("gone"), 502);
    assert!(!is_to_be_looked_at(&engine).await, "as it was seen");
    assert_eq!(get("a"), 200);
    assert!(is_to_be_looked_at(&engine).await, "it answers");
    clock.advance(1);
    seen(None).await;
    clock.advance(60);
    assert_eq!(get("a"), 200);
    assert!(!is_to_be_looked_at(&engine).await, "as it was seen");
    assert_eq!(get("gone"), 502);
    assert!(is_to_be_looked_at(&engine).await, "it answers no more");
    clock.advance(1);
    seen(Some("again")).await;
    clock.advance(30);
    assert_eq!(get("a"), 200);
    assert!(!is_to_be_looked_at(&engine).await, "not more than once a minute");
    served.handle.stop(false).await;
}
