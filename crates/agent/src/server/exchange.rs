//! One request and its answer, both signed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_protocol::MOST_BODY;
use keyward_protocol::signed::{self, Request, SCHEME, SIGNATURE_HEADER, SignatureError};
use keyward_token::{Keyring, SecretKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::{self, HeaderMap, Method};
use ureq::{Agent, Body};

use super::connection::PATIENCE;
use crate::clock::host_now;

/// Makes a body that fits its request.
pub(super) type Prove<'a> = &'a dyn Fn(&Request) -> Result<Vec<u8>, AskError>;

/// What is asked.
#[derive(Clone, Default)]
pub(super) struct Ask<'a> {
    pub method: Method,
    pub path: &'a str,
    pub body: Vec<u8>,
    /// Makes the body, where it has to fit the request.
    pub prove: Option<Prove<'a>>,
    /// The `ETag` of what is known already.
    pub known: Option<&'a str>,
    /// For how many seconds the server may wait for something new.
    pub wait: Option<u32>,
}

/// Who asks whom.
pub(super) struct Asker<'a> {
    pub client: &'a Agent,
    /// What is dialled.
    pub address: &'a str,
    /// For whom it is signed.
    pub server: &'a str,
    pub iss: String,
    pub key: SecretKey,
    pub trust: Trust,
    /// How far the server's clock is ahead of the host's.
    pub ahead: i64,
}

/// Whose answers are believed.
pub(super) enum Trust {
    /// Those of keys that are known.
    Pinned(Keyring),
    /// At enrolment, those of the keys in the answer itself, which comes by TLS.
    OnFirstUse,
}

/// An answer that the vendor has signed for this request.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The HTTP status: a success, or 304.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The `ETag`.
    pub etag: Option<String>,
    /// The server's time.
    pub at: i64,
}

/// Why there is no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The server can't be reached.
    #[error("the server can't be reached: {0}")]
    Away(String),
    /// What came is not signed for this request by the vendor, so nothing of it counts.
    #[error("an answer with the status {status} was not believed: its signature {why}")]
    Unsigned {
        /// The HTTP status that it had.
        status: u16,
        /// What is wrong with the signature.
        why: Unsigned,
    },
    /// The server says no.
    #[error("{0}")]
    Refused(Problem),
    /// It is signed, but not what it is to be.
    #[error("the server's answer can't be used: {0}")]
    Unreadable(String),
    /// The host can't sign or keep anything.
    #[error("{0}")]
    Host(String),
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// There is none.
    #[error("is missing; something between this host and the server may have answered in its place")]
    Missing,
    /// It does not count.
    #[error(transparent)]
    Wrong(#[from] SignatureError),
}

/// A refusal (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// Its stable name.
    pub code: String,
    /// What it says to people.
    pub message: String,
    /// The server's time.
    pub at: i64,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server says: {} ({}, {})", self.message, self.code, self.status)
    }
}

impl AskError {
    /// Whether the same may succeed later without anybody's doing.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Away(_) | Self::Unsigned { .. } | Self::Host(_) => true,
            Self::Refused(problem) => problem.status >= 500 || matches!(problem.status, 408 | 425 | 429),
            Self::Unreadable(_) => false,
        }
    }

    /// The HTTP status, believed or not.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Unsigned { status, .. } => Some(*status),
            Self::Refused(problem) => Some(problem.status),
            Self::Away(_) | Self::Unreadable(_) | Self::Host(_) => None,
        }
    }
}

impl Answered {
    /// Reads the body.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, AskError> {
        serde_json::from_slice(&self.body).map_err(|error| AskError::Unreadable(error.to_string()))
    }
}

impl Asker<'_> {
    /// Asks.
    pub(super) fn ask(&self, ask: &Ask<'_>) -> Result<Answered, AskError> {
        let mut request = self.request(ask)?;
        let body = ask.prove.map_or_else(|| Ok(ask.body.clone()), |prove| prove(&request))?;
        request.bh = signed::body_hash(&body);
        let mut answer = self.send(ask, &body, &request.sign(&self.key))?;
        let status = answer.status().as_u16();
        let body = answer
            .body_mut()
            .with_config()
            .limit(u64::try_from(MOST_BODY).unwrap_or(u64::MAX))
            .read_to_vec()
            .map_err(|error| away(&error))?;
        let signed = self.verified(&request, status, answer.headers(), &body);
        match signed {
            Ok(at) if answer.status().is_success() || status == 304 => {
                Ok(Answered { status, etag: text(answer.headers(), "etag").map(str::to_owned), body, at })
            }
            // A redirect, too: it is never followed.
            Ok(at) => Err(AskError::Refused(problem(status, &body, at))),
            // By TLS alone, as long as no key is known; nothing is believed but that it is a refusal.
            Err(_) if matches!(self.trust, Trust::OnFirstUse) && status >= 400 => {
                let at = text(answer.headers(), "date").and_then(date).unwrap_or_else(host_now);
                Err(AskError::Refused(problem(status, &body, at)))
            }
            Err(why) => Err(AskError::Unsigned { status, why }),
        }
    }

    fn request(&self, ask: &Ask<'_>) -> Result<Request, AskError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| AskError::Host(error.to_string()))?;
        let keys = match &self.trust {
            Trust::Pinned(keys) => {
                keys.iter().take(signed::MOST_KEYS).map(|key| key.kid().to_string()).collect()
            }
            Trust::OnFirstUse => Vec::new(),
        };
        Ok(Request {
            iss: self.iss.clone(),
            aud: self.server.to_owned(),
            htm: ask.method.as_str().to_owned(),
            htu: format!("{}{}", self.server, ask.path),
            bh: String::new(),
            iat: host_now().saturating_add(self.ahead),
            jti: URL_SAFE_NO_PAD.encode(random),
            keys,
        })
    }

    fn send(&self, ask: &Ask<'_>, body: &[u8], signature: &str) -> Result<http::Response<Body>, AskError> {
        let mut request = http::Request::builder()
            .method(ask.method.clone())
            .uri(format!("{}{}", self.address, ask.path))
            .header(http::header::AUTHORIZATION, format!("{SCHEME} {signature}"));
        if let Some(known) = ask.known {
            request = request.header(http::header::IF_NONE_MATCH, known);
        }
        if let Some(wait) = ask.wait {
            request = request.header("Prefer", format!("wait={wait}"));
        }
        let patience = PATIENCE + Duration::from_secs(ask.wait.unwrap_or(0).into());
        let wrong = |error: http::Error| AskError::Host(error.to_string());
        let sent = if ask.method == Method::GET {
            let request = request.body(()).map_err(wrong)?;
            let request = self.client.configure_request(request).timeout_recv_response(Some(patience));
            self.client.run(request.build())
        } else {
            let request = request.header(http::header::CONTENT_TYPE, "application/json");
            let request = request.body(body).map_err(wrong)?;
            let request = self.client.configure_request(request).timeout_recv_response(Some(patience));
            self.client.run(request.build())
        };
        sent.map_err(|error| away(&error))
    }

    /// The server's time, if it has signed this answer to this request.
    fn verified(
        &self,
        request: &Request,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<i64, Unsigned> {
        let mut all = headers.get_all(SIGNATURE_HEADER).iter();
        let signature = all.next().and_then(|value| value.to_str().ok()).ok_or(Unsigned::Missing)?;
        if all.next().is_some() {
            return Err(SignatureError::Malformed.into());
        }
        let own;
        let keys = match &self.trust {
            Trust::Pinned(keys) => keys,
            Trust::OnFirstUse => {
                own = keys_in(body);
                &own
            }
        };
        Ok(signed::Answer::verify(signature, keys, request, status, body)?.iat)
    }
}

/// The keys that an answer brings along. Without, none is known.
fn keys_in(body: &[u8]) -> Keyring {
    #[derive(Deserialize)]
    struct Brought {
        jwks: String,
    }
    let brought: Option<Brought> = serde_json::from_slice(body).ok();
    brought.and_then(|brought| crate::identity::keyring(&brought.jwks).ok()).unwrap_or_default()
}

fn problem(status: u16, body: &[u8], at: i64) -> Problem {
    #[derive(Deserialize)]
    struct Body {
        code: String,
        title: Option<String>,
        detail: Option<String>,
    }
    let body: Option<Body> = serde_json::from_slice(body).ok();
    let (code, message) = match body {
        Some(body) => (body.code, body.detail.or(body.title).unwrap_or_default()),
        None => ("unknown".to_owned(), "it did not say why".to_owned()),
    };
    Problem { status, code: printable(&code), message: printable(&message), at }
}

/// What strangers say, so that it can be shown: one line without control characters, and not without end.
pub(super) fn printable(text: &str) -> String {
    let visible = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    visible.take(500).collect()
}

/// The instant of a header `Date` (RFC 9110 §5.6.7), `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split([' ', ':']);
    let mut next = || parts.next();
    let day: i64 = next()?.parse().ok()?;
    let name = next()?;
    let month = i64::try_from(MONTHS.iter().position(|month| *month == name)?).ok()?;
    let year: i64 = next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let [hour, minute, second]: [i64; 3] =
        [next()?.parse().ok()?, next()?.parse().ok()?, next()?.parse().ok()?];
    // Years that begin in March, so that the day that some have more is their last.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn away(error: &ureq::Error) -> AskError {
    let text = error.to_string();
    let hint = if text.contains("UnknownIssuer") {
        "; its certificate is of an authority that is not known here: name that in `ca_file` of agent.toml"
    } else {
        ""
    };
    AskError::Away(format!("{}{hint}", printable(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_answers_are_read() {
        assert_eq!(date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(date("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        assert_eq!(date("Tue, 01 Dec 2026 00:00:00 GMT"), Some(1_796_083_200));
        for text in ["", "Sun, ", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 99999 08:49:37 GMT"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn what_strangers_say_is_one_short_line() {
        assert_eq!(printable("a\nb\u{1b}[2J"), "a b [2J");
        assert_eq!(printable(&"é".repeat(1000)).chars().count(), 500);
    }
}
