//! What the application may do, and why the server could not say.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keyward_token::UnixSeconds;

use super::keys::KeysError;
use crate::{Answer, KeptFileError, Lapsed, Status, Untrusted};

/// What the application may do.
#[derive(Debug, Clone)]
#[must_use = "whether the application may run is in it"]
pub enum Decision {
    /// Run: the server said so just now.
    #[non_exhaustive]
    Licensed {
        /// What it said.
        answer: Answer,
        /// Why the answer could not be kept for later, if it should be and could not.
        not_kept: Option<KeptFileError>,
    },
    /// Run: the server could not be asked, and said so not long ago.
    #[non_exhaustive]
    Offline {
        /// What it said then.
        answer: Answer,
        /// Until when that counts.
        until: UnixSeconds,
        /// Why it could not be asked.
        fault: Fault,
    },
    /// Don't: the server said so just now, and signed it.
    #[non_exhaustive]
    Refused {
        /// What it said.
        answer: Answer,
        /// Why the refusal could not be kept. It is remembered as long as the client lives, and a later process will not know of it.
        not_kept: Option<KeptFileError>,
    },
    /// Don't: the server could not be asked, and there is no answer that counts.
    #[non_exhaustive]
    Unknown {
        /// Why it could not be asked.
        fault: Fault,
        /// Why the answer that was kept does not count; `None` if there is none.
        lapsed: Option<Lapsed>,
    },
}

impl Decision {
    /// Whether the application may run.
    #[must_use = "whether the application may run"]
    pub fn may_run(&self) -> bool {
        matches!(self, Self::Licensed { .. } | Self::Offline { .. })
    }

    /// What the server has said, now or before.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Licensed { answer, .. } | Self::Offline { answer, .. } | Self::Refused { answer, .. } => {
                Some(answer)
            }
            Self::Unknown { .. } => None,
        }
    }

    /// Why the license may not run, if the server has said so: just now, or as its last word before.
    pub fn refusal(&self) -> Option<&Status> {
        match self {
            Self::Refused { answer, .. } => Some(answer.status()),
            Self::Unknown { lapsed: Some(Lapsed::Refused(status)), .. } => Some(status),
            _ => None,
        }
    }

    /// Why the server could not be asked.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Offline { fault, .. } | Self::Unknown { fault, .. } => Some(fault),
            Self::Licensed { .. } | Self::Refused { .. } => None,
        }
    }

    /// Why what the server said could not be kept.
    pub fn not_kept(&self) -> Option<&KeptFileError> {
        match self {
            Self::Licensed { not_kept, .. } | Self::Refused { not_kept, .. } => not_kept.as_ref(),
            Self::Offline { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// One line for a log or a support mail.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Licensed { answer, .. } => write!(f, "licensed ({})", answer.status())?,
            Self::Offline { until, fault, .. } => {
                write!(f, "licensed until {until} without the server: {fault}")?
            }
            Self::Refused { answer, .. } => write!(f, "not licensed ({})", answer.status())?,
            Self::Unknown { fault, lapsed: None } => write!(f, "unknown: {fault}")?,
            Self::Unknown { fault, lapsed: Some(lapsed) } => write!(f, "unknown: {fault}; {lapsed}")?,
        }
        self.not_kept().map_or(Ok(()), |error| write!(f, "; {error}"))
    }
}

/// Why the server could not be asked. Nothing of it is signed: whoever is between application and server can cause each of
/// them, so none ends the offline period.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No connection, or it broke, or nothing came in time.
    #[error("the license server is out of reach: {source}")]
    Unreachable {
        /// Where it failed.
        kind: NetworkKind,
        /// What the network or the system said.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The question itself was refused (HTTP 4xx): 401 for a wrong product API key, 400 for a request that is none.
    #[error("the license server refuses the request: {0}")]
    Rejected(Problem),
    /// The day's validations of the product are used up (HTTP 429).
    #[error("the license server takes no more requests: {problem}")]
    RateLimited {
        /// What the server said.
        problem: Problem,
        /// After how long to ask again, by the server's `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The server is busy or out of order (HTTP 5xx, 408, 425).
    #[error("the license server is out of order: {0}")]
    Unavailable(Problem),
    /// An HTTP status that a license server never answers with, redirections included: a sign-in page of a network, a wrong
    /// address.
    #[error("this is no license server: {0}")]
    Unexpected(Problem),
    /// Someone answered, but not the license server.
    #[error("{0}")]
    Untrusted(#[from] Untrusted),
    /// The answer is signed by an unknown key, and newer keys can't be had.
    #[error("the answer is signed by an unknown key, and no newer keys can be had: {0}")]
    Keys(#[source] Box<KeysError>),
    /// There is no TLS provider for an `https` address.
    #[error("there is no TLS provider: see `ClientBuilder::tls_provider`")]
    NoTlsProvider,
    /// This machine has no randomness or no thread to ask with.
    #[error("this machine gives no {0}")]
    Machine(&'static str),
}

/// Where a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NetworkKind {
    /// Nothing came in time.
    Timeout,
    /// The name has no address.
    Dns,
    /// No connection, or it broke.
    Connection,
    /// The server's certificate is not trusted, or TLS failed otherwise.
    Tls,
    /// The proxy refused.
    Proxy,
    /// What came back is not HTTP, or too long.
    Protocol,
}

/// An answer with an HTTP status other than 200. Its texts come from whoever answered: show them, and decide nothing by them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The name of the error: `invalid_api_key`, or the `code` of a problem document (RFC 9457).
    pub code: Option<String>,
    /// A sentence for people.
    pub detail: Option<String>,
}

impl Problem {
    pub(super) fn read(status: u16, body: &str) -> Self {
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let text = |names: [&str; 3]| {
            let found = names.into_iter().find_map(|name| body.get(name)?.as_str());
            found.map(|text| text.chars().filter(|c| !c.is_control()).take(300).collect())
        };
        Self { status, code: text(["code", "status", "type"]), detail: text(["detail", "message", "title"]) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        for text in [&self.code, &self.detail].into_iter().flatten() {
            write!(f, ", {text}")?;
        }
        Ok(())
    }
}
