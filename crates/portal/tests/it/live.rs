//! Pages that show what happens are told of what is new, also of what another server has written, for as long as whoever is at them may see
//! it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use keyward_engine::Engine;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{another_engine, engine};

use crate::browser::Browser;

/// Status, headers and body of a stream.
struct Stream {
    status: u16,
    headers: actix_web::http::header::HeaderMap,
    body: BoxBody,
}

impl Stream {
    async fn open(engine: &Arc<Engine>, shared: &keyward_portal::Shared, cookie: &str, path: &str) -> Self {
        let app = App::new()
            .app_data(web::Data::from(Arc::clone(engine)))
            .app_data(web::Data::new(keyward_web::Settings::default()))
            .wrap(from_fn(keyward_web::around))
            .configure(|config| keyward_portal::configure(config, shared));
        let app = init_service(app).await;
        let request = TestRequest::get().uri(path).insert_header(("Cookie", cookie));
        let request = request.peer_addr(([127, 0, 0, 1], 40_000).into());
        let response = call_service(&app, request.to_request()).await;
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.into_body().boxed(),
        }
    }

    /// What it says next; `None` at its end.
    async fn next(&mut self) -> Option<String> {
        let next = poll_fn(|context| Pin::new(&mut self.body).poll_next(context));
        let next =
            actix_web::rt::time::timeout(Duration::from_secs(20), next).await.expect("it says something");
        next.map(|bytes| String::from_utf8(bytes.unwrap().to_vec()).unwrap())
    }

    /// The mark that it tells next.
    async fn mark(&mut self) -> String {
        loop {
            let text = self.next().await.expect("it goes on");
            if let Some((_, mark)) = text.split_once("event: mark\ndata: ") {
                return mark.trim_end().to_owned();
            }
        }
    }
}

#[database_test]
async fn what_another_server_writes_is_told(store: Store) {
    let (engine, _) = engine(store.clone());
    let (other, _) = another_engine(store, 2);
    let vendor = Browser::open(engine).await;
    let (_, page) = vendor.get("/audit").await;
    let shown = page.split("data-mark=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(page.contains("data-live=\"/live/audit\""));
    let shared = keyward_portal::Shared::default();
    let mut stream = Stream::open(&vendor.engine, &shared, &vendor.cookie, "/live/audit").await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.headers.get("content-type").unwrap(), "text/event-stream");
    assert_eq!(stream.headers.get("x-accel-buffering").unwrap(), "no");
    assert_eq!(stream.headers.get("cache-control").unwrap(), "no-store");
    assert_eq!(stream.mark().await, shown, "a page that was just made has nothing to fetch");
    let elsewhere = Browser { engine: other, cookie: vendor.cookie.clone(), csrf: vendor.csrf.clone() };
    elsewhere.send("/customers/new", &[("name", "Globex"), ("email", "g@globex.example")]).await.unwrap();
    let mark = stream.mark().await;
    assert_ne!(mark, shown);
    assert!(vendor.get("/audit").await.1.contains(&format!("data-mark=\"{mark}\"")));
}

#[database_test]
async fn a_stream_ends_with_the_session(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let shared = keyward_portal::Shared::default();
    let mut stream = Stream::open(&vendor.engine, &shared, &vendor.cookie, "/live/audit").await;
    stream.mark().await;
    vendor.send("/sign-out", &[]).await.unwrap();
    // What happens until then may still be told.
    let mut told = 0;
    while stream.next().await.is_some() {
        told += 1;
        assert!(told < 5, "it does not end");
    }
    let refused = Stream::open(&vendor.engine, &shared, &vendor.cookie, "/live/audit").await;
    assert_eq!(refused.status, 401);
}

#[database_test]
async fn a_session_has_four_streams_and_gets_them_back(store: Store) {
    let (engine, _) = engine(store);
    let vendor = Browser::open(engine).await;
    let shared = keyward_portal::Shared::default();
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(Stream::open(&vendor.engine, &shared, &vendor.cookie, "/live/audit").await);
    }
    assert!(streams.iter().all(|stream| stream.status == 200));
    let open = async || Stream::open(&vendor.engine, &shared, &vendor.cookie, "/live/audit").await;
    let refused = open().await;
    assert_eq!((refused.status, refused.headers.contains_key("retry-after")), (429, true));
    streams.pop();
    assert_eq!(open().await.status, 200);
    let unknown = "/live/registries/019b76da-a800-75a2-a189-41c3936b9186";
    assert_eq!(Stream::open(&vendor.engine, &shared, &vendor.cookie, unknown).await.status, 404);
    assert_eq!(Stream::open(&vendor.engine, &shared, "", "/live/audit").await.status, 401);
}
