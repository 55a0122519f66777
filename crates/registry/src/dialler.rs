//! How connections to upstreams are opened: the engine says to which addresses, each time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Connector, ConnectorService};
use actix_web::dev::{Service, always_ready};
use actix_web::http::Uri;
use actix_web::rt::net::TcpStream;
use futures_util::future::LocalBoxFuture;
use keyward_domain::RegistryId;
use keyward_domain::registry::Registry;
use keyward_engine::Engine;
use keyward_engine::outbound::{Authorities, bounds};

/// The registries of which one worker keeps connections.
const MOST_CLIENTS: usize = 1_000;

/// Whom the server believes to be an upstream: read when the first is asked, once for all workers.
#[derive(Clone, Default)]
pub(crate) struct Tls(Arc<OnceLock<Option<Arc<rustls::ClientConfig>>>>);

impl Tls {
    fn config(&self, authorities: &Authorities) -> Option<Arc<rustls::ClientConfig>> {
        self.0.get_or_init(|| Self::read(authorities)).clone()
    }

    fn read(authorities: &Authorities) -> Option<Arc<rustls::ClientConfig>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(authorities.certificates().map(Into::into));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        match versions {
            Ok(builder) => Some(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())),
            Err(error) => {
                tracing::error!(%error, "no TLS towards upstreams");
                None
            }
        }
    }
}

/// The connections of one worker: each registry has its own, so that none is used for another organization than the one
/// it was opened for.
pub(crate) struct Connections {
    tls: Tls,
    clients: RefCell<HashMap<RegistryId, (i64, awc::Client)>>,
}

impl Connections {
    pub(crate) fn new(tls: Tls) -> Self {
        Self { tls, clients: RefCell::default() }
    }

    /// The client for a registry's upstream, as the registry is now.
    pub(crate) fn of(&self, engine: &Arc<Engine>, registry: &Registry) -> awc::Client {
        let mut clients = self.clients.borrow_mut();
        match clients.get(&registry.id) {
            Some((version, client)) if *version == registry.version => return client.clone(),
            Some(_) | None => {}
        }
        if clients.len() >= MOST_CLIENTS {
            // Requests under way have their own hold on it.
            clients.clear();
        }
        let client = self.client(engine, registry);
        clients.insert(registry.id, (registry.version, client.clone()));
        client
    }

    /// It takes no proxy from the environment, follows no redirect and unpacks nothing.
    fn client(&self, engine: &Arc<Engine>, registry: &Registry) -> awc::Client {
        let dialler = Dialler {
            engine: Arc::clone(engine),
            registry: Arc::new(registry.clone()),
            tcp: Connector::default().service(),
        };
        let connector = awc::Connector::new()
            .connector(dialler)
            .limit(bounds::REQUESTS_OF_UPSTREAM as usize)
            .timeout(bounds::CONNECT)
            .handshake_timeout(bounds::CONNECT);
        let connector = match self.tls.config(engine.authorities()) {
            Some(tls) => connector.rustls_0_23(tls),
            None => connector,
        };
        awc::Client::builder()
            .connector(connector)
            .disable_redirects()
            .disable_timeout()
            .no_default_headers()
            .finish()
    }
}

/// Opens a connection to one registry's upstream.
#[derive(Clone)]
struct Dialler {
    engine: Arc<Engine>,
    registry: Arc<Registry>,
    tcp: ConnectorService,
}

impl Service<ConnectInfo<Uri>> for Dialler {
    type Response = Connection<Uri, TcpStream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, ConnectError>>;

    always_ready!();

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let Self { engine, registry, tcp } = self.clone();
        Box::pin(async move {
            match engine.dial_upstream(&registry).await {
                Ok(addresses) => tcp.call(info.set_addrs(addresses)).await,
                Err(why) => {
                    let (host, upstream) = (&registry.host, &registry.upstream);
                    tracing::warn!(registry = %host, %upstream, %why, "no connection to an upstream is opened");
                    Err(ConnectError::Unresolved)
                }
            }
        })
    }
}
