//! Requests, each within what is left of the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::{Response, Uri};
use ureq::{Agent, Body, Error};

use super::decision::{Fault, NetworkKind, Problem};

/// The most of an error's body that is read.
const MOST_PROBLEM_BYTES: u64 = 16 * 1024;

/// Until when a check has to be done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    /// What is left; none that the clock can't count to is as good as a day.
    pub(super) fn left(self) -> Duration {
        self.0.map_or(Duration::from_secs(86_400), |at| at.saturating_duration_since(Instant::now()))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Wire {
    pub(super) agent: Agent,
    /// Whether `https` can be spoken.
    pub(super) tls: bool,
}

impl Wire {
    pub(super) fn post(
        &self,
        url: &str,
        api_key: &str,
        json: &str,
        most: u64,
        until: Deadline,
    ) -> Result<String, Fault> {
        let request = self.agent.post(self.checked(url, until)?);
        let request =
            request.header("Authorization", format!("Bearer {api_key}")).content_type("application/json");
        // The agent's own timeout is the same: without settings of its own, the request shares the prepared TLS.
        read(request.send(json).map_err(lost)?, most)
    }

    pub(super) fn get(&self, url: &str, accept: &str, most: u64, until: Deadline) -> Result<String, Fault> {
        let request = self.agent.get(self.checked(url, until)?).header("Accept", accept);
        let request = request.config().timeout_global(Some(until.left())).build();
        read(request.call().map_err(lost)?, most)
    }

    /// ureq panics where it needs a provider of TLS and has none, and takes no time for a second.
    fn checked<'a>(&self, url: &'a str, until: Deadline) -> Result<&'a str, Fault> {
        if !self.tls && is_https(url) {
            return Err(Fault::NoTlsProvider);
        }
        if until.left().is_zero() {
            return Err(lost(Error::Timeout(ureq::Timeout::Global)));
        }
        Ok(url)
    }
}

/// `http` or `https` with a host, and without a user, whose name and password would be shown and are never sent.
pub(super) fn is_url(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && !has_user
}

pub(super) fn is_https(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https"))
}

/// Whether what comes from there can be trusted to be the server's: by TLS, or since it never leaves this machine.
pub(super) fn is_authentic(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    let loopback = host == "localhost"
        || host == "[::1]"
        || host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback());
    uri.scheme_str() == Some("https") || loopback
}

fn read(mut answer: Response<Body>, most: u64) -> Result<String, Fault> {
    let status = answer.status().as_u16();
    let retry_after =
        answer.headers().get("retry-after").and_then(|text| text.to_str().ok()?.trim().parse().ok());
    if status == 200 {
        return answer.body_mut().with_config().limit(most).read_to_string().map_err(lost);
    }
    let body = answer.body_mut().with_config().limit(MOST_PROBLEM_BYTES).read_to_string().unwrap_or_default();
    let problem = Problem::read(status, &body);
    Err(match status {
        429 => Fault::RateLimited { problem, retry_after: retry_after.map(Duration::from_secs) },
        408 | 425 | 500..=599 => Fault::Unavailable(problem),
        400..=499 => Fault::Rejected(problem),
        _ => Fault::Unexpected(problem),
    })
}

fn lost(error: Error) -> Fault {
    let kind = match &error {
        Error::Timeout(_) => NetworkKind::Timeout,
        Error::HostNotFound => NetworkKind::Dns,
        Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) => NetworkKind::Tls,
        Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl => NetworkKind::Proxy,
        Error::Io(io) if io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => NetworkKind::Tls,
        Error::Io(io) if io.kind() == std::io::ErrorKind::TimedOut => NetworkKind::Timeout,
        Error::Io(_) | Error::ConnectionFailed => NetworkKind::Connection,
        _ => NetworkKind::Protocol,
    };
    Fault::Unreachable { kind, source: Arc::new(error) }
}
