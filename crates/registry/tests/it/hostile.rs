//! Upstreams that do what no registry should: answer without end, lead back here, or not answer at all.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyward_domain::registry::{KeyAccess, Registry};
use keyward_domain::{OutboundRules, Timestamp};
use keyward_engine::outbound::bounds;
use keyward_engine::{Engine, NewCredential, NewRegistry, NewRegistryKey, RegistryChange};
use keyward_registry::Shared;
use keyward_testkit::Vendor;
use keyward_testkit::database::Store;
use keyward_testkit::database_test;
use keyward_testkit::engine::{TestNetwork, engine_in, new_registry, new_registry_key};

/// A server with the gateway, on a thread of its own until the end of the test.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
}

impl Served {
    pub(crate) fn start(engine: &Arc<Engine>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (engine, (sender, receiver)) = (Arc::clone(engine), mpsc::channel());
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let shared = Shared::default();
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(web::Data::from(Arc::clone(&engine)))
                        .app_data(web::Data::new(keyward_web::Settings::default()))
                        .wrap(from_fn(keyward_web::around))
                        .configure(|config| keyward_registry::configure(config, &shared))
                });
                let server =
                    server.workers(1).disable_signals().shutdown_timeout(0).listen(listener).unwrap().run();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self { address, handle: receiver.recv().unwrap() }
    }

    /// Sends a request without waiting for what comes of it.
    fn send(&self, host: &str, key: &str, path: &str, more: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let basic = STANDARD.encode(format!("ci:{key}"));
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Basic {basic}\r\n{more}connection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    /// The status, the head and the body of an answer.
    pub(crate) fn get(&self, host: &str, key: &str, path: &str, more: &str) -> (u16, String, String) {
        let mut text = String::new();
        self.send(host, key, path, more).read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
    }
}

/// An upstream that writes what it is told to, and notes how much of it was taken.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    taken: Arc<AtomicUsize>,
}

impl Upstream {
    fn start(answer: impl Fn(usize, &mut dyn FnMut(&[u8]) -> bool) + Send + 'static) -> Self {
        Self::by_head(move |number, _, write| answer(number, write))
    }

    /// One that looks at the head of each request.
    pub(crate) fn by_head(
        answer: impl Fn(usize, &str, &mut dyn FnMut(&[u8]) -> bool) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, taken) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicUsize>::default());
        let (noted, counted) = (Arc::clone(&asked), Arc::clone(&taken));
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while reader.read_line(&mut head).unwrap_or_default() > 2 {}
                let number = noted.lock().unwrap().len();
                noted.lock().unwrap().push(head.clone());
                let mut wrote = false;
                answer(number, &head, &mut |bytes| {
                    wrote = true;
                    let done = stream.write_all(bytes).is_ok();
                    counted.fetch_add(if done { bytes.len() } else { 0 }, Ordering::SeqCst);
                    done
                });
                if !wrote {
                    kept.push(stream);
                }
            }
        });
        Self { address, asked, taken }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

const OPEN: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";

/// A registry at `host`, in front of `upstream`, and the secret of a key of it.
pub(crate) async fn registry(vendor: &Vendor, host: &str, upstream: &str) -> (Registry, String) {
    let new = NewRegistry {
        host: Some(host.parse().unwrap()),
        upstream: upstream.parse().unwrap(),
        credential: NewCredential::Token,
        ..new_registry(host)
    };
    let made = vendor.engine.create_registry(&vendor.access(), new, None).await.unwrap().value;
    let key =
        NewRegistryKey { access: KeyAccess::Read, expires_at: None::<Timestamp>, ..new_registry_key(&made) };
    let key = vendor.engine.create_registry_key(&vendor.access(), key, None).await.unwrap();
    (made, key.secret.expose().to_owned())
}

#[database_test]
async fn an_endless_catalog_ends(store: Store) {
    static FILLER: [u8; 64 * 1_024] = [b' '; 64 * 1_024];
    let (engine, _) = engine_in(store, OutboundRules::loopback(), TestNetwork::default());
    let vendor = Vendor::found(&engine, "Acme").await;
    let served = Served::start(&engine);
    let link = "link: </v2/_catalog?n=1000&last=x>; rel=\"next\"\r\n";
    // Pages of 30 MiB, each with another after it, announced or not.
    let large = Upstream::start(move |_, write| {
        let begun = write(
            format!("{OPEN}{link}content-length: 31457280\r\n\r\n{{\"repositories\":[\"a\"").as_bytes(),
        );
        let _ = begun && (0..480).all(|_| write(&FILLER));
    });
    let chunked = Upstream::start(move |_, write| {
        let begun = write(format!("{OPEN}{link}transfer-encoding: chunked\r\n\r\n").as_bytes());
        let _ = begun && (0..480).all(|_| write(b"10000\r\n") && write(&FILLER) && write(b"\r\n"));
    });
    // Small ones, which never end.
    let many = Upstream::start(move |number, write| {
        let page = format!("{{\"repositories\":[\"r{number}\"]}}");
        write(format!("{OPEN}{link}content-length: {}\r\n\r\n{page}", page.len()).as_bytes());
    });
    // One with more entries than there may be, in few bytes.
    let full = Upstream::start(move |_, write| {
        let page = format!("{{\"repositories\":[{}\"b\"]}}", "\"a\",".repeat(bounds::LIST_ITEMS));
        write(format!("{OPEN}content-length: {}\r\n\r\n{page}", page.len()).as_bytes());
    });
    // One that claims to be packed. It is never unpacked.
    let packed = Upstream::start(move |_, write| {
        write(
            format!("{OPEN}content-encoding: gzip\r\ncontent-length: 3\r\n\r\n\u{1f}\u{8}\u{8}").as_bytes(),
        );
    });
    for (name, upstream, most_asked) in [
        ("large", &large, 1),
        ("chunked", &chunked, 1),
        ("many", &many, bounds::LIST_PAGES),
        ("full", &full, 1),
        ("packed", &packed, 1),
    ] {
        let host = format!("{name}.example");
        let (_, key) = registry(&vendor, &host, &format!("http://{}", upstream.address)).await;
        let (status, _, body) = served.get(&host, &key, "/v2/_catalog", "");
        assert_eq!((status, body.contains("UNAVAILABLE")), (502, true), "{name}: {body}");
        assert_eq!(upstream.asked().len(), most_asked, "{name}");
        // What the buffers of the operating system hold counts as taken.
        let taken = upstream.taken.load(Ordering::SeqCst);
        assert!(taken < bounds::LIST_PAGE_BYTES + 12 * 1_024 * 1_024, "{name}: {taken}");
    }
    // What fits is read to its end.
    let fine = Upstream::start(|number, write| {
        let page = r#"{"repositories":["a","b"]}"#;
        let link = if number == 0 { "link: </v2/_catalog?last=b>; rel=\"next\"\r\n" } else { "" };
        write(format!("{OPEN}{link}content-length: {}\r\n\r\n{page}", page.len()).as_bytes());
    });
    let (_, key) = registry(&vendor, "fine.example", &format!("http://{}", fine.address)).await;
    assert_eq!((served.get("fine.example", &key, "/v2/_catalog", "").0, fine.asked().len()), (200, 2));
    served.handle.stop(false).await;
}

#[database_test]
async fn a_registry_that_leads_back_here_is_seen(store: Store) {
    let (engine, _) = engine_in(store, OutboundRules::loopback(), TestNetwork::default());
    let vendor = Vendor::found(&engine, "Acme").await;
    let served = Served::start(&engine);
    let port = served.address.port();
    // Each asks the other, under the name that it is called by there.
    let (one, key) = registry(&vendor, "127.0.0.1", &format!("http://localhost:{port}")).await;
    let (two, other) = registry(&vendor, "localhost", &format!("http://127.0.0.1:{port}")).await;
    for (registry, key) in [(one, &other), (two, &key)] {
        let basic = NewCredential::Basic { user: "ci".parse().unwrap(), password: key.clone().into() };
        let change = RegistryChange { credential: Some(basic), ..RegistryChange::default() };
        engine.update_registry(&vendor.access(), registry.id, change, None).await.unwrap();
    }
    for path in ["/v2/a/manifests/1", "/v2/a/tags/list", "/v2/_catalog"] {
        let (status, _, body) = served.get("127.0.0.1", &key, path, "");
        assert_eq!((status, body.contains("leads back")), (508, true), "{path}: {body}");
    }
    served.handle.stop(false).await;
}

#[database_test]
async fn whoever_passes_a_request_on_is_named(store: Store) {
    let (engine, _) = engine_in(store, OutboundRules::loopback(), TestNetwork::default());
    let vendor = Vendor::found(&engine, "Acme").await;
    let served = Served::start(&engine);
    let upstream = Upstream::start(|_, write| {
        write(format!("{OPEN}content-length: 11\r\n\r\n{{\"tags\":[]}}").as_bytes());
    });
    let (_, key) = registry(&vendor, "a.example", &format!("http://{}", upstream.address)).await;
    let own = engine.installation().to_owned();
    for path in [
        "/v2/a/tags/list",
        "/v2/a/manifests/1",
        "/v2/a/blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ] {
        served.get("a.example", &key, path, "via: 1.1 another\r\n");
        let asked = upstream.asked().pop().unwrap().to_lowercase();
        assert!(asked.contains(&format!("via: 1.1 another, 1.1 {}\r\n", own.to_lowercase())), "{asked}");
        let before = upstream.asked().len();
        assert_eq!(served.get("a.example", &key, path, &format!("via: 1.1 {own}\r\n")).0, 508);
        assert_eq!(upstream.asked().len(), before);
    }
    served.handle.stop(false).await;
}

#[database_test]
async fn no_more_is_under_way_than_may_be(store: Store) {
    let (engine, _) = engine_in(store, OutboundRules::loopback(), TestNetwork::default());
    let vendor = Vendor::found(&engine, "Acme").await;
    let served = Served::start(&engine);
    let silent = Upstream::start(|_, _| ());
    let (made, key) = registry(&vendor, "a.example", &format!("http://{}", silent.address)).await;
    let most = bounds::REQUESTS_OF_HOLDER as usize;
    let _waiting: Vec<_> =
        (0..most).map(|_| served.send("a.example", &key, "/v2/a/manifests/1", "")).collect();
    while silent.asked().len() < most {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let (status, head, body) = served.get("a.example", &key, "/v2/a/manifests/1", "");
    assert_eq!((status, head.contains("retry-after: 5")), (503, true), "{head}{body}");
    assert_eq!(silent.asked().len(), most);
    // Who has another key still gets through.
    let new = NewRegistryKey { name: "another".parse().unwrap(), ..new_registry_key(&made) };
    let another = vendor.engine.create_registry_key(&vendor.access(), new, None).await.unwrap();
    let _more = served.send("a.example", another.secret.expose(), "/v2/a/manifests/1", "");
    while silent.asked().len() == most {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    served.handle.stop(false).await;
}

#[database_test]
async fn whatever_is_the_matter_with_an_upstream_is_told_alike(store: Store) {
    let network = TestNetwork::default();
    let (engine, _) = engine_in(store, OutboundRules::loopback(), network.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let served = Served::start(&engine);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plain = Upstream::start(|_, write| {
        write(b"SSH-2.0-OpenSSH_9.6\r\n");
    });
    for (name, second) in [("private.example", "10.0.0.1"), ("metadata.example", "169.254.169.254")] {
        network.set(name, &[&["192.175.48.1"], &[second]]);
    }
    network.set("gone.example", &[&["192.175.48.1"], &[]]);
    let mut told = Vec::new();
    for (number, upstream) in [
        format!("http://{closed}"),
        format!("http://{}", plain.address),
        format!("https://{}", plain.address).replace("127.0.0.1", "127.0.0.2"),
        "https://private.example".to_owned(),
        "https://metadata.example".to_owned(),
        "https://gone.example".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let host = format!("r{number}.example");
        let (_, key) = registry(&vendor, &host, &upstream).await;
        let (status, _, body) = served.get(&host, &key, "/v2/a/manifests/1", "");
        told.push((status, body));
    }
    assert_eq!(told[0].0, 502);
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    served.handle.stop(false).await;
}
