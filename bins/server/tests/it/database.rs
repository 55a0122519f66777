//! What clients see while the database is gone, frozen or replaced by a standby that missed a change.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use keyward_testkit::database::FreshPostgres;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{run, server, stderr};

pub(crate) const FORWARD: u8 = 0;
/// Connections that are open carry nothing any more, and are not closed; new ones work.
pub(crate) const FREEZE_OLD: u8 = 1;
/// Nothing is let through and everything is closed.
pub(crate) const REFUSE: u8 = 2;

/// Stands between the server and PostgreSQL.
pub(crate) struct Proxy {
    address: SocketAddr,
    mode: Arc<AtomicU8>,
    /// How often the mode was changed: connections are of the time in which they were opened.
    epoch: Arc<AtomicU8>,
}

impl Proxy {
    fn before(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy =
            Self { address: listener.local_addr().unwrap(), mode: Arc::default(), epoch: Arc::default() };
        let (mode, epoch) = (Arc::clone(&proxy.mode), Arc::clone(&proxy.epoch));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if mode.load(Ordering::SeqCst) == REFUSE {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&upstream) else { continue };
                let born = epoch.load(Ordering::SeqCst);
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (mode, epoch) = (Arc::clone(&mode), Arc::clone(&epoch));
                    std::thread::spawn(move || carry(from, to, &mode, &epoch, born));
                }
            }
        });
        proxy
    }

    pub(crate) fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, mode: &AtomicU8, epoch: &AtomicU8, born: u8) {
    from.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut bytes = [0; 16 * 1024];
    loop {
        let old = epoch.load(Ordering::SeqCst) != born;
        match mode.load(Ordering::SeqCst) {
            FREEZE_OLD if old => {
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
            REFUSE => break,
            _ => {}
        }
        match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(length) if to.write_all(&bytes[..length]).is_err() => break,
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = (from.shutdown(std::net::Shutdown::Both), to.shutdown(std::net::Shutdown::Both));
}

/// A vendor's server at work on PostgreSQL.
pub(crate) struct Shop {
    _folder: TempDir,
    child: Child,
    pub(crate) url: String,
    pub(crate) token: String,
    agent: ureq::Agent,
}

pub(crate) struct License {
    pub(crate) id: String,
    pub(crate) api_key: String,
    pub(crate) key: String,
}

impl Shop {
    fn open(database: &str) -> Self {
        Self::open_with(database, &[], &[])
    }

    /// With more arguments for the first command, and more settings for the server.
    pub(crate) fn open_with(database: &str, first: &[&str], settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bootstrap = ["bootstrap", "--organization", "Acme", "--email", "a@acme.example"];
        let made = server(folder.path(), &[&bootstrap, first].concat())
            .env("DATABASE_URL", database)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", stderr(&made));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let child = server(folder.path(), &["--listen", &listen, "--drain-seconds", "0"])
            .env("DATABASE_URL", database)
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .new_agent();
        let token = made["token"].as_str().unwrap().to_owned();
        let shop = Self { _folder: folder, child, url: format!("http://{listen}"), token, agent };
        shop.within(20, || shop.get("/readyz").0 == 200);
        shop
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Option<String>) {
        let request = self.agent.get(format!("{}{path}", self.url));
        match request.header("Authorization", format!("Bearer {}", self.token)).call() {
            Ok(answer) => {
                let retry =
                    answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
                (answer.status().as_u16(), retry)
            }
            Err(_) => (0, None),
        }
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: Value) -> (u16, Value) {
        let request = self.agent.post(format!("{}{path}", self.url));
        let mut answer = request.header("Authorization", format!("Bearer {token}")).send_json(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap_or_default())
    }

    /// The same, again while the answer is that the database is not there, which says that nothing happened: what watches over the
    /// database may learn of a fail-over when it is over.
    fn post_through(&self, path: &str, body: &Value) -> (u16, Value) {
        let begun = Instant::now();
        loop {
            match self.post(path, &self.token, body.clone()) {
                (503, _) if begun.elapsed() < Duration::from_secs(10) => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                answer => return answer,
            }
        }
    }

    pub(crate) fn license(&self) -> License {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (_, product) = self.post("/api/v1/products", &self.token, json!({"name": "Server"}));
        let path = format!("/api/v1/products/{}/keys", text(&product["id"]));
        let customer = json!({"name": "Example", "email": "it@example.com"});
        let (_, made) = self.post(&path, &self.token, customer);
        let license = &made["license"];
        License {
            id: text(&license["id"]),
            api_key: text(&product["secret"]),
            key: text(&license["license_key"]),
        }
    }

    pub(crate) fn validate(&self, license: &License) -> (u16, String) {
        let (code, body) =
            self.post("/api/v1/validate", &license.api_key, json!({"license_key": license.key}));
        (code, body["status"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn within(&self, seconds: u64, holds: impl Fn() -> bool) -> Duration {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < Duration::from_secs(seconds), "not within {seconds} seconds");
            std::thread::sleep(Duration::from_millis(50));
        }
        begun.elapsed()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A fresh database and a proxy in front of its server; `None` without a server.
pub(crate) fn proxied() -> Option<(FreshPostgres, Proxy, String)> {
    let database = block_on(FreshPostgres::create())?;
    let rest = database.url.split_once('@').unwrap().1;
    let (authority, name) = rest.split_once('/').unwrap();
    let proxy = Proxy::before(authority.to_owned());
    let url = format!("postgres://postgres@{}/{name}", proxy.address);
    Some((database, proxy, url))
}

#[test]
fn a_database_that_is_gone_is_told_within_two_seconds_and_found_again() {
    let Some((database, proxy, url)) = proxied() else { return };
    let shop = Shop::open(&url);
    let license = shop.license();
    assert_eq!(shop.validate(&license), (200, "active".to_owned()));
    proxy.set(REFUSE);
    for path in ["/api/v1/customers", "/o/acme/jwks.json", "/o/acme/status-list", "/readyz", "/v2/"] {
        let begun = Instant::now();
        let (code, retry) = shop.get(path);
        assert!(begun.elapsed() < Duration::from_millis(2_500), "{path} took {:?}", begun.elapsed());
        assert_eq!((code, retry.as_deref()), (503, Some("2")), "{path}");
    }
    let begun = Instant::now();
    assert_eq!(shop.validate(&license).0, 503);
    assert!(begun.elapsed() < Duration::from_millis(2_500), "{:?}", begun.elapsed());
    assert_eq!(shop.get("/healthz").0, 200);
    proxy.set(FORWARD);
    shop.within(5, || shop.get("/readyz").0 == 200);
    assert_eq!(shop.validate(&license), (200, "active".to_owned()));
    drop(shop);
    block_on(database.drop());
}

#[test]
fn connections_that_froze_are_replaced() {
    let Some((database, proxy, url)) = proxied() else { return };
    let shop = Shop::open(&url);
    let license = shop.license();
    // Many connections, so that each that is tried first is a dead one.
    std::thread::scope(|scope| {
        (0..16).for_each(|_| drop(scope.spawn(|| (0..20).for_each(|_| drop(shop.get("/api/v1/customers"))))));
    });
    assert_eq!(shop.validate(&license), (200, "active".to_owned()));
    proxy.set(FREEZE_OLD);
    let back = shop.within(15, || {
        shop.validate(&license) == (200, "active".to_owned()) && shop.get("/api/v1/customers").0 == 200
    });
    assert!(back < Duration::from_secs(15), "{back:?}");
    assert_eq!(shop.get("/readyz").0, 200);
    drop(shop);
    block_on(database.drop());
}

/// The primary is lost together with a change that its standby has not got, and the next change has the same number.
#[test]
fn what_is_revoked_after_a_fail_over_is_revoked_in_every_memory() {
    let Some(database) = block_on(FreshPostgres::create()) else { return };
    let shop = Shop::open(&database.url);
    let license = shop.license();
    assert_eq!(shop.validate(&license), (200, "active".to_owned()));
    let standby = format!("{}_standby", database.name());
    // Only at rest can a database be copied: the server is kept away for a moment.
    let rest = |name: &str| {
        block_on(database.execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")));
        let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        block_on(database.execute(&end));
    };
    let open = |name: &str| {
        block_on(database.execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")));
        shop.within(10, || shop.get("/readyz").0 == 200);
    };
    rest(database.name());
    block_on(database.execute(&format!("CREATE DATABASE {standby} TEMPLATE {}", database.name())));
    open(database.name());

    let lost = shop.post_through("/api/v1/customers", &json!({"name": "Lost", "email": "l@example.com"}));
    assert_eq!(lost.0, 201);
    assert_eq!(shop.validate(&license), (200, "active".to_owned()));

    rest(database.name());
    block_on(database.execute(&format!("ALTER DATABASE {0} RENAME TO {0}_lost", database.name())));
    block_on(database.execute(&format!("ALTER DATABASE {standby} RENAME TO {}", database.name())));
    open(database.name());
    let revoked = shop.post_through(&format!("/api/v1/licenses/{}/revoke", license.id), &json!({}));
    assert_eq!(revoked.0, 200, "{}", revoked.1);
    assert_eq!(shop.validate(&license), (200, "revoked".to_owned()));
    drop(shop);
    block_on(database.execute(&format!("DROP DATABASE {}_lost WITH (FORCE)", database.name())));
    block_on(database.drop());
}

#[test]
fn a_refused_database_is_named_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let begun = Instant::now();
    let output = server(folder.path(), &["migrate"])
        .env("DATABASE_URL", format!("postgres://postgres@127.0.0.1:{free}/x"))
        .output()
        .unwrap();
    crate::refuses(&output, "onnection refused");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(!run(folder.path(), &["check"]).status.success());
}

/// Several first starts at once make one master key, and all work.
#[test]
fn several_first_starts_agree() {
    let Some(database) = block_on(FreshPostgres::create()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let starts: Vec<_> = (0..5)
        .map(|_| {
            server(folder.path(), &["migrate"])
                .env("DATABASE_URL", &database.url)
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for start in starts {
        let output = start.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    block_on(database.drop());
}
