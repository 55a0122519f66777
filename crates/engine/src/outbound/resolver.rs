//! The client for sign-in providers, which asks the guard before each connection.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use keyward_domain::outbound::is_public;
use ureq::http::Uri;
use ureq::tls::{Certificate, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::{Authorities, Guard, Unreachable, bounds};

#[derive(Debug)]
struct Guarded(Guard, Plain);

/// Where requests may go without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    /// Wherever the URL says so.
    Anywhere,
    /// To addresses that are not public, which the operator has opened.
    OffThePublic,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?.to_owned();
        let own = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(own);
        let guard = self.0.clone();
        let (sender, receiver) = mpsc::sync_channel(1);
        // The DNS can't be interrupted, but left alone.
        std::thread::spawn(move || sender.send(guard.resolve(&host, port)));
        let patience = (*timeout.after).min(bounds::RESOLVE);
        let open = receiver.recv_timeout(patience).unwrap_or(Err(Unreachable::Late));
        let mut open = open.map_err(|why| ureq::Error::Io(io::Error::other(why)))?;
        if self.1 == Plain::OffThePublic && uri.scheme_str() != Some("https") {
            open.retain(|address| !is_public(address.ip()));
        }
        let mut found = self.empty();
        for address in open {
            found.push(address);
        }
        if found.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        Ok(found)
    }
}

/// A client for a few requests, each within `timeout`. It takes no proxy from the environment, which would go where the guard
/// can't see, and follows no redirect.
pub(crate) fn agent(
    guard: &Guard,
    authorities: &Authorities,
    timeout: Duration,
    plain: Plain,
) -> ureq::Agent {
    let roots = authorities.certificates().map(|der| Certificate::from_der(der).to_owned());
    agent_with(guard, TlsConfig::builder().root_certs(roots.into()).build(), timeout, plain)
}

/// The same, with TLS of its own.
pub(crate) fn agent_with(guard: &Guard, tls: TlsConfig, timeout: Duration, plain: Plain) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .proxy(None)
        .user_agent("keyward")
        .tls_config(tls)
        .build();
    ureq::Agent::with_parts(config, DefaultConnector::default(), Guarded(guard.clone(), plain))
}
