//! A vendor's registry with a gateway in front of it, and those who ask there.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyward_domain::registry::{KeyAccess, Registry};
use keyward_domain::{Customer, License, OutboundRules, Timestamp};
use keyward_engine::{
    Engine, NewArtifact, NewCredential, NewEntitlement, NewGrant, NewRegistry, NewRegistryKey, TagChoice,
    TokenFormat,
};
use keyward_testkit::database::Store;
use keyward_testkit::engine::{TestNetwork, engine_in, new_registry, new_registry_key};
use keyward_testkit::{TestClock, Vendor};
use serde_json::Value;

use crate::hostile::Served;
use crate::images::{Image, MANIFEST, digest};
use crate::oci::Oci;

pub(crate) const HOST: &str = "r.acme.example";

/// A gateway in front of one registry, and a key of each kind for it.
pub(crate) struct Depot {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: TestClock,
    pub(crate) vendor: Vendor,
    pub(crate) registry: Registry,
    pub(crate) served: Served,
    pub(crate) pull: String,
    pub(crate) push: String,
    pub(crate) delete: String,
}

/// A customer with a license.
pub(crate) struct Buyer {
    pub(crate) customer: Customer,
    pub(crate) license: License,
    pub(crate) token: String,
}

impl Depot {
    /// In front of a registry in memory.
    pub(crate) async fn open(store: Store) -> (Self, Oci) {
        let upstream = Oci::start();
        (Self::before(store, &upstream.url(), NewCredential::Token).await, upstream)
    }

    /// In front of the registry at `url`.
    pub(crate) async fn before(store: Store, url: &str, credential: NewCredential) -> Self {
        let (engine, clock) = engine_in(store, OutboundRules::loopback(), TestNetwork::default());
        let vendor = Vendor::found(&engine, "Acme").await;
        let new = NewRegistry {
            host: Some(HOST.parse().unwrap()),
            upstream: url.parse().unwrap(),
            credential,
            ..new_registry("Releases")
        };
        let registry = engine.create_registry(&vendor.access(), new, None).await.unwrap().value;
        let served = Served::start(&engine);
        let key = |name, access| key(&vendor, &registry, name, access);
        let pull = key("pull", KeyAccess::Read).await;
        let push = key("push", KeyAccess::ReadWrite).await;
        let delete = key("delete", KeyAccess::ReadWriteDelete).await;
        Self { engine, clock, vendor, registry, served, pull, push, delete }
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(self.served.address, method, path)
    }

    pub(crate) fn get(&self, path: &str, key: &str) -> Answer {
        self.ask("GET", path).key(key).send()
    }

    /// Pushes an image under a tag, as clients do.
    #[track_caller]
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &Image) {
        for blob in [&image.config, &image.layer] {
            let begun = self.ask("POST", &format!("/v2/{repository}/blobs/uploads/")).key(&self.push).send();
            assert_eq!(begun.status, 202, "{begun:?}");
            let place = begun.header("location");
            let sign = if place.contains('?') { '&' } else { '?' };
            let stored = self.ask("PUT", &format!("{place}{sign}digest={}", digest(blob))).key(&self.push);
            let stored = stored.body("application/octet-stream", blob).send();
            assert_eq!(stored.status, 201, "{stored:?}");
        }
        let path = format!("/v2/{repository}/manifests/{tag}");
        let stored = self.ask("PUT", &path).key(&self.push).body(MANIFEST, &image.manifest).send();
        assert_eq!(
            (stored.status, stored.header("docker-content-digest")),
            (201, &*image.digest()),
            "{stored:?}"
        );
    }

    /// A customer with a license for a year, who is entitled to nothing yet.
    pub(crate) async fn buyer(&self, name: &str) -> Buyer {
        let customer = self.vendor.customer(name).await;
        let license = self.vendor.license_of(&customer, &format!("License of {name}")).await;
        let token = self.token(&license).await;
        Buyer { customer, license, token }
    }

    pub(crate) async fn token(&self, license: &License) -> String {
        self.engine.license_token(&self.vendor.access(), license.id, TokenFormat::Jwt).await.unwrap()
    }

    /// Lets a customer have these tags of a repository; without any, all there are and will be.
    pub(crate) async fn entitle(&self, buyer: &Buyer, repository: &str, tags: &[&str]) {
        let (access, repository) = (self.vendor.access(), repository.parse().unwrap());
        let new = NewArtifact { registry: self.registry.id, repository };
        let artifact = self.engine.create_artifact(&self.vendor.access(), new, None).await.unwrap().value.id;
        let tags = match tags {
            [] => TagChoice::All,
            tags => TagChoice::Named(tags.iter().map(|tag| tag.parse().unwrap()).collect()),
        };
        let grants = vec![NewGrant { artifact, tags }];
        let new = NewEntitlement { customer: buyer.customer.id, description: None, grants, close: true };
        self.engine.create_artifact_entitlement(&access, new, None).await.unwrap();
    }
}

/// A new key of a registry.
pub(crate) async fn key(vendor: &Vendor, registry: &Registry, name: &str, access: KeyAccess) -> String {
    let new = NewRegistryKey {
        name: name.parse().unwrap(),
        access,
        expires_at: None::<Timestamp>,
        ..new_registry_key(registry)
    };
    let made = vendor.engine.create_registry_key(&vendor.access(), new, None).await.unwrap();
    made.secret.expose().to_owned()
}

/// A request to the gateway.
pub(crate) struct Ask {
    to: SocketAddr,
    line: String,
    host: String,
    headers: String,
    body: Vec<u8>,
}

impl Ask {
    fn new(to: SocketAddr, method: &str, path: &str) -> Self {
        let line = format!("{method} {path} HTTP/1.1");
        Self { to, line, host: HOST.to_owned(), headers: String::new(), body: Vec::new() }
    }

    pub(crate) fn key(self, key: &str) -> Self {
        let basic = STANDARD.encode(format!("customer:{key}"));
        self.header("authorization", &format!("Basic {basic}"))
    }

    pub(crate) fn host(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn body(self, kind: &str, bytes: &[u8]) -> Self {
        Self { body: bytes.to_vec(), ..self.header("content-type", kind) }
    }

    pub(crate) fn send(self) -> Answer {
        let mut stream = TcpStream::connect(self.to).unwrap();
        let head = format!(
            "{}\r\nhost: {}\r\n{}content-length: {}\r\nconnection: close\r\n\r\n",
            self.line,
            self.host,
            self.headers,
            self.body.len()
        );
        stream.write_all(&[head.as_bytes(), &self.body].concat()).unwrap();
        let mut bytes = Vec::new();
        let broken = stream.read_to_end(&mut bytes).is_err();
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Answer { status: 0, head: String::new(), body: bytes, broken: true };
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        Answer { status: head[9..12].parse().unwrap(), head, body: bytes[end + 4..].to_vec(), broken }
    }
}

/// What the gateway answers.
pub(crate) struct Answer {
    /// 0 where the connection was closed before an answer.
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the connection was reset in the middle.
    pub(crate) broken: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// All headers but those that say when it was answered and by which request.
    pub(crate) fn headers(&self) -> Vec<String> {
        let varies = |line: &str| ["date:", "x-request-id:"].iter().any(|name| line.starts_with(name));
        let mut lines: Vec<_> = self.head.lines().skip(1).map(str::to_lowercase).collect();
        lines.retain(|line| !varies(line));
        lines.sort();
        lines
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The status, and code and sentence of the error.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let error = &self.json()["errors"][0];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("code"), text("message"))
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n\n{}", self.head, String::from_utf8_lossy(&self.body))
    }
}

/// A refusal as [`Answer::refusal`] gives it.
pub(crate) fn refused(status: u16, code: &str, message: &str) -> (u16, String, String) {
    (status, code.to_owned(), message.to_owned())
}
