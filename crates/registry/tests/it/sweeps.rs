//! Looking through registries from time to time.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use keyward_domain::OutboundRules;
use keyward_engine::Engine;
use keyward_engine::jobs::{Job, Runner};
use keyward_registry::{Shared, Sweeps};
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{TestNetwork, engine_in};

use crate::hostile::{Upstream, registry};

/// Two servers, until the registries have been looked at; how many looks they say they have done.
async fn two_servers(engine: &Arc<Engine>) -> u64 {
    let servers = [(); 2].map(|()| {
        let sweeps: Rc<dyn Job> = Rc::new(Sweeps::new(Arc::clone(engine), &Shared::default()));
        Runner::new(Arc::clone(engine), vec![sweeps])
    });
    let mut done = 0;
    while done == 0 {
        for server in &servers {
            done += server.turn("registry_sweeps").await.unwrap().run.unwrap().done;
        }
        actix_web::rt::time::sleep(Duration::from_millis(5)).await;
    }
    done
}

#[database_test]
async fn of_two_servers_one_looks_through_a_registry(store: Store) {
    let (engine, clock) = engine_in(store, OutboundRules::loopback(), TestNetwork::default());
    let vendor = Vendor::found(&engine, "Acme").await;
    let upstream = Upstream::by_head(|_, _, write| {
        // As long as it takes the other server to see that the registry is due.
        std::thread::sleep(Duration::from_millis(100));
        let body = "{\"repositories\":[]}";
        let length = body.len();
        write(
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .as_bytes(),
        );
    });
    let (made, _) = registry(&vendor, "a.example", &format!("http://{}", upstream.address)).await;
    for count in 1..=2 {
        assert_eq!(two_servers(&engine).await, 1);
        let asked = upstream.asked();
        assert_eq!(asked.iter().filter(|head| head.contains("_catalog")).count(), count, "{asked:?}");
        let seen = engine.registry(&vendor.access(), made.id).await.unwrap();
        assert_eq!((seen.swept_at, seen.sweep_fault), (Some(engine.now()), None));
        clock.advance(3_600);
    }
}
