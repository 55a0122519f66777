//! How a client is set up.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keyward_token::{Keyring, pasted};
use rustls::crypto::CryptoProvider;
use ureq::Proxy;
use ureq::http::HeaderValue;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::client::{Client, Shared};
use super::keys::{KeySource, Keys};
use super::lists::Lists;
use super::store::Store;
use super::wire::{Wire, is_authentic, is_https, is_url};
use crate::{Machine, Verifier};

/// The longest that anyone waits for an answer.
const MOST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes a [`Client`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    url: String,
    api_key: String,
    verifier: Verifier,
    timeout: Duration,
    offline_seconds: u32,
    file: Option<PathBuf>,
    list_file: Option<PathBuf>,
    machine: Option<Machine>,
    keys: Option<KeySource>,
    authorities: Option<Vec<Certificate<'static>>>,
    provider: Option<Arc<CryptoProvider>>,
    proxy: ProxyChoice,
}

#[derive(Clone)]
enum ProxyChoice {
    None,
    Url(String),
    Environment,
}

/// Without the product API key.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("url", &self.url).finish_non_exhaustive()
    }
}

/// There is no certificate in what was given as certificate authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no certificate in PEM, or one that can't be read")]
pub struct NoCertificate;

/// Why there is no client: what is set does not work anywhere.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The server's address is no URL of `http` or `https` with a host, or it has a user or a query.
    #[error("the server's address is no http or https URL")]
    Url,
    /// The product API key has characters that no HTTP header has.
    #[error("the product API key has characters that no such key has")]
    ApiKey,
    /// The address of keys is not `https`, and not on this machine: anybody in between could put keys in.
    #[error("the address of keys is not https")]
    KeysUrl,
    /// There is no TLS provider, and an address is `https`: name one by [`ClientBuilder::tls_provider`], install one as the
    /// process's default before, or turn on the feature `ring`.
    #[error("there is no TLS provider for https: name one, install a default, or turn on the feature `ring`")]
    NoTlsProvider,
    /// The TLS provider has no cipher suite that works.
    #[error("the TLS provider does not work: {0}")]
    TlsProvider(#[source] Arc<dyn Error + Send + Sync>),
    /// The proxy is none that speaks HTTP.
    #[error("the proxy is no http or https URL")]
    Proxy,
}

impl ClientBuilder {
    pub(super) fn new(url: &str, api_key: &str, product_id: &str, keys: Keyring) -> Self {
        Self {
            url: url.trim().trim_end_matches('/').to_owned(),
            api_key: pasted(api_key).into_owned(),
            verifier: Verifier::new(keys, pasted(product_id)),
            timeout: Duration::from_secs(5),
            offline_seconds: 7 * 24 * 60 * 60,
            file: None,
            list_file: None,
            machine: Machine::of_system(),
            keys: None,
            authorities: None,
            provider: None,
            proxy: ProxyChoice::None,
        }
    }

    /// For how many days the last good answer counts while the server is out of reach; 7 if not told, 0 for never.
    pub fn offline_days(self, days: u16) -> Self {
        Self { offline_seconds: u32::from(days).saturating_mul(24 * 60 * 60), ..self }
    }

    /// Keeps the last answer in this file, beyond the life of the process. Its folder must be there, on a disk of the machine: a
    /// network folder that hangs holds a check up. Several processes may share the file.
    pub fn keep_in(self, file: impl Into<PathBuf>) -> Self {
        Self { file: Some(file.into()), ..self }
    }

    /// Keeps the last status list in this file, for [`Client::check_list`].
    pub fn keep_list_in(self, file: impl Into<PathBuf>) -> Self {
        Self { list_file: Some(file.into()), ..self }
    }

    /// Ties what is kept to something else than the [id of the system](Machine::of_system), which is taken unless this is
    /// told: the id of an installation or of a cluster. `None` ties it to nothing.
    pub fn machine(self, machine: Option<Machine>) -> Self {
        Self { machine, ..self }
    }

    /// Where newer keys are looked for when something is signed by an unknown one: once, not more often than every five
    /// minutes, and within the timeout of the check. What is found takes the place of all keys that were at hand, since a key that is
    /// gone was revoked; nothing is found in an empty or broken set.
    ///
    /// With an address, the server's certificate is all that vouches for the keys. A proxy can keep the connection from
    /// coming about, and no more; but **whoever chooses the [authorities](Self::authorities) chooses the keys**, so don't let
    /// the user of the application do so beside an address. Fetched keys live as long as the client and are never kept in a
    /// file that the user could edit.
    pub fn refresh_keys_from(self, source: KeySource) -> Self {
        Self { keys: Some(source), ..self }
    }

    /// How long a check takes at most, with all its parts; 5 seconds if not told, and a day at most.
    pub fn timeout(self, timeout: Duration) -> Self {
        // No clock of a machine can add what is much longer.
        Self { timeout: timeout.min(MOST_TIMEOUT), ..self }
    }

    /// By how many seconds the clocks of machine and server may differ for "valid" to count; 300 unless set. The answer is of now in
    /// any case, by its nonce: this is about clocks by which the end of a license would be judged wrongly.
    pub fn clock_tolerance_seconds(self, seconds: u32) -> Self {
        Self { verifier: self.verifier.clock_tolerance_seconds(seconds), ..self }
    }

    /// Believes certificates of these authorities, in PEM, in place of the public ones: for a server whose certificate
    /// is of an authority of its own.
    pub fn authorities(self, pem: &str) -> Result<Self, NoCertificate> {
        let mut found = Vec::new();
        for item in parse_pem(pem.as_bytes()) {
            if let PemItem::Certificate(certificate) = item.map_err(|_| NoCertificate)? {
                found.push(certificate);
            }
        }
        if found.is_empty() { Err(NoCertificate) } else { Ok(Self { authorities: Some(found), ..self }) }
    }

    /// The cryptography of TLS. Unless it is told, it is the one that the program has installed as its default when the client is
    /// built, and else that of the crate's feature `ring`. The client never installs one.
    pub fn tls_provider(self, provider: Arc<CryptoProvider>) -> Self {
        Self { provider: Some(provider), ..self }
    }

    /// Asks through this proxy, `http://[user:password@]host[:port]` or `https://…`; through none unless it is told. To an
    /// `https` server the proxy only passes bytes on.
    pub fn proxy(self, url: impl Into<String>) -> Self {
        Self { proxy: ProxyChoice::Url(url.into()), ..self }
    }

    /// Asks through the proxy that the environment names (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), if any.
    /// The environment is read when the client is built, and not at all otherwise.
    pub fn proxy_from_environment(self) -> Self {
        Self { proxy: ProxyChoice::Environment, ..self }
    }

    /// The client.
    pub fn build(self) -> Result<Client, SetupError> {
        // The path of the question goes at its end.
        if !is_url(&self.url) || self.url.contains(['?', '#']) {
            return Err(SetupError::Url);
        }
        HeaderValue::from_str(&self.api_key).map_err(|_| SetupError::ApiKey)?;
        let proxy = self.proxy.resolve()?;
        let mut addresses = vec![self.url.as_str()];
        if let Some(KeySource::Url(url)) = &self.keys {
            if !is_url(url) || !is_authentic(url) {
                return Err(SetupError::KeysUrl);
            }
            addresses.push(url);
        }
        let provider =
            self.provider.or_else(|| CryptoProvider::get_default().cloned()).or_else(provider_of_feature);
        let by_tls = addresses.into_iter().any(is_https);
        let to_proxy_by_tls =
            proxy.as_ref().is_some_and(|proxy| proxy.protocol() == ureq::ProxyProtocol::Https);
        if provider.is_none() && (by_tls || to_proxy_by_tls) {
            return Err(SetupError::NoTlsProvider);
        }
        let tls = provider.is_some();
        let roots = self.authorities.map_or(RootCerts::WebPki, RootCerts::from);
        let mut config = TlsConfig::builder().root_certs(roots);
        if let Some(provider) = provider {
            // What ureq would take for granted.
            rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(rustls::ALL_VERSIONS)
                .map_err(|error| SetupError::TlsProvider(Arc::new(error)))?;
            config = config.unversioned_rustls_crypto_provider(provider);
        }
        let config = ureq::Agent::config_builder()
            .tls_config(config.build())
            .proxy(proxy)
            .timeout_global(Some(self.timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        let (product_id, tolerance) = (self.verifier.product_id(), self.verifier.clock_tolerance());
        let store = Store::new(self.file, self.machine.as_ref(), product_id, tolerance);
        let shared = Shared {
            url: format!("{}/api/v1/validate", self.url),
            api_key: self.api_key,
            keys: Keys::new(self.verifier, self.keys),
            wire: Wire { agent: config.new_agent(), tls },
            timeout: self.timeout,
            offline_seconds: self.offline_seconds,
            machine: self.machine,
            store,
            lists: Lists::new(self.list_file),
        };
        Ok(Client { shared: Arc::new(shared) })
    }
}

impl ProxyChoice {
    fn resolve(&self) -> Result<Option<Proxy>, SetupError> {
        let proxy = match self {
            Self::None => return Ok(None),
            Self::Url(url) => Some(Proxy::new(url.trim()).map_err(|_| SetupError::Proxy)?),
            Self::Environment => Proxy::try_from_env(),
        };
        let speaks_http = |proxy: &Proxy| {
            matches!(proxy.protocol(), ureq::ProxyProtocol::Http | ureq::ProxyProtocol::Https)
        };
        if proxy.as_ref().is_none_or(speaks_http) { Ok(proxy) } else { Err(SetupError::Proxy) }
    }
}

fn provider_of_feature() -> Option<Arc<CryptoProvider>> {
    #[cfg(feature = "ring")]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(feature = "ring"))]
    None
}
