//! The connection to a server: certificates and proxies.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

use super::address::is_loopback;
use crate::config::Config;

/// How long an answer is waited for that comes at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes of a file of authorities: all the public ones are a quarter of it.
const MOST_AUTHORITIES: u64 = 1024 * 1024;

/// Why there can be no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The file of authorities can't be read.
    #[error("can't read the authorities in {}: {source}", .path.display())]
    Authorities {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has no authority in it.
    #[error("there is no certificate in {}: it is to be in PEM, with the line -----BEGIN CERTIFICATE-----", .0.display())]
    NoAuthority(PathBuf),
    /// The proxy is written in another way than one is.
    #[error("the proxy can't be used: {0}")]
    Proxy(String),
}

/// A client for a server: it trusts the system's authorities and the customer's, goes by the customer's proxy or the one that the
/// environment names, and follows no redirect.
///
/// # Errors
/// If what the customer says can't be followed.
pub fn connect(address: &str, config: &Config) -> Result<Agent, ConnectionError> {
    let client = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // Its version is among the facts; here it would be said with every poll.
        .user_agent("")
        .accept("")
        .accept_encoding("")
        .proxy(proxy(address, config)?)
        .max_idle_age(Duration::from_secs(90))
        .timeout_connect(Some(PATIENCE))
        .timeout_send_request(Some(PATIENCE))
        .timeout_send_body(Some(PATIENCE))
        .timeout_recv_body(Some(PATIENCE))
        .timeout_resolve(Some(PATIENCE));
    if !address.starts_with("https:") {
        return Ok(client.build().into());
    }
    let roots = RootCerts::from(roots(config.ca_file.as_deref())?);
    Ok(client.tls_config(TlsConfig::builder().root_certs(roots).build()).build().into())
}

fn roots(more: Option<&Path>) -> Result<Vec<Certificate<'static>>, ConnectionError> {
    let system = rustls_native_certs::load_native_certs().certs;
    let mut roots: Vec<_> = system.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let Some(path) = more else { return Ok(roots) };
    let unread = |source| ConnectionError::Authorities { path: path.to_owned(), source };
    // Not by `disk`, which follows no links: systems keep their certificates behind some.
    let found = std::fs::metadata(path).map_err(unread)?;
    if found.len() > MOST_AUTHORITIES || !found.is_file() {
        return Err(unread(io::Error::new(io::ErrorKind::InvalidData, "it is not a file of at most 1 MiB")));
    }
    let pem = std::fs::read(path).map_err(unread)?;
    let before = roots.len();
    for item in parse_pem(&pem) {
        if let Ok(PemItem::Certificate(certificate)) = item {
            roots.push(certificate);
        }
    }
    if roots.len() == before { Err(ConnectionError::NoAuthority(path.to_owned())) } else { Ok(roots) }
}

fn proxy(address: &str, config: &Config) -> Result<Option<Proxy>, ConnectionError> {
    let host = address.parse::<ureq::http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    if host.is_some_and(|host| is_loopback(&host)) {
        return Ok(None);
    }
    let Some(named) = &config.proxy else { return Ok(Proxy::try_from_env()) };
    let failed = |error: ureq::Error| ConnectionError::Proxy(error.to_string());
    let read = Proxy::new(named).map_err(failed)?;
    let mut proxy = Proxy::builder(read.protocol()).host(read.host()).port(read.port());
    if let Some(user) = read.username() {
        proxy = proxy.username(user);
    }
    if let Some(password) = read.password() {
        proxy = proxy.password(password);
    }
    let proxy = config.no_proxy.iter().fold(proxy, |proxy, host| proxy.no_proxy(host));
    proxy.build().map(Some).map_err(failed)
}
