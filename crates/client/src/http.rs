//! Asks over HTTP, and falls back on the last good answer.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use keyward_token::{Keyring, UnixSeconds, pasted};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::{Answer, Kept, Lapsed, Question, Untrusted, Verifier};

/// The longest answer that is read.
const MOST_BYTES: u64 = 128 * 1024;

/// Asks one server for one product.
pub struct Client {
    url: String,
    api_key: String,
    verifier: Verifier,
    agent: ureq::Agent,
    grace_seconds: u32,
    file: Option<PathBuf>,
    kept: Mutex<Option<Kept>>,
}

/// What the application may do.
#[derive(Debug)]
#[must_use = "whether the application may run is in it"]
pub enum Decision {
    /// Run: the server said so just now.
    Licensed(Answer),
    /// Run: the server is out of reach, and said so not long ago.
    Offline {
        /// What it said then.
        answer: Answer,
        /// Until when that counts.
        until: UnixSeconds,
        /// Why it could not be asked.
        fault: Fault,
    },
    /// Don't: the server said so just now, and signed it.
    Refused(Answer),
    /// Nobody knows: the server is out of reach, and there is no good answer left.
    Unknown(Fault),
}

impl Decision {
    /// Whether the application may run.
    pub fn may_run(&self) -> bool {
        matches!(self, Self::Licensed(_) | Self::Offline { .. })
    }
}

/// Why the server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection, or it broke.
    #[error("the license server is out of reach: {0}")]
    Unreachable(String),
    /// The server did not decide: it is busy or out of order, or does not know the product API key.
    #[error("the license server did not decide (HTTP {status})")]
    Undecided {
        /// The HTTP status. 401: the product API key is wrong. 429: the day's validations are used up.
        status: u16,
    },
    /// Someone answered, but not the license server.
    #[error("{0}")]
    Untrusted(#[from] Untrusted),
    /// This machine has no randomness or no clock to ask with.
    #[error("this machine gives no {0}")]
    Machine(&'static str),
    /// And the answer that was kept does not help.
    #[error("{fault}; {lapsed}")]
    Lapsed {
        /// Why the server could not be asked.
        fault: Box<Fault>,
        /// Why the kept answer does not count.
        lapsed: Lapsed,
    },
}

/// The longest that anyone waits for an answer.
const MOST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes a [`Client`].
pub struct ClientBuilder {
    url: String,
    api_key: String,
    verifier: Verifier,
    timeout: Duration,
    grace_seconds: u32,
    file: Option<PathBuf>,
    authorities: Option<Vec<Certificate<'static>>>,
}

/// There is no certificate in what was given as certificate authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no certificate in PEM, or one that can't be read")]
pub struct NoCertificate;

impl Client {
    /// For a server's public URL and one product: its API key and its id. The keys are the public ones of the
    /// vendor's organization.
    pub fn builder(url: &str, api_key: &str, product_id: &str, keys: Keyring) -> ClientBuilder {
        ClientBuilder {
            url: url.trim().trim_end_matches('/').to_owned(),
            api_key: pasted(api_key).into_owned(),
            verifier: Verifier::new(keys, pasted(product_id)),
            timeout: Duration::from_secs(5),
            grace_seconds: 7 * 24 * 60 * 60,
            file: None,
            authorities: None,
        }
    }

    /// Asks whether a license may run. Takes as long as the timeout at most.
    pub fn check(&self, license_key: &str, version: Option<&str>) -> Decision {
        let mut random = [0; 16];
        let Ok(()) = getrandom::fill(&mut random) else {
            return Decision::Unknown(Fault::Machine("randomness"));
        };
        let question = Question::new(license_key, version, random);
        let asked = self.ask(&question);
        let Some(now) = now() else { return Decision::Unknown(Fault::Machine("time")) };
        let decided = asked.and_then(|body| Ok((self.verifier.verify(&body, &question, now)?, body)));
        match decided {
            Ok((answer, body)) if answer.valid => {
                self.keep(Some(Kept::new(body)));
                Decision::Licensed(answer)
            }
            Ok((answer, _)) => {
                // What it said of this license before no longer counts.
                if self.kept().is_some_and(|kept| kept.is_about(&question.license_key)) {
                    self.keep(None);
                }
                Decision::Refused(answer)
            }
            Err(fault) => self.recall(&question, now, fault),
        }
    }

    fn ask(&self, question: &Question) -> Result<String, Fault> {
        let lost = |error: ureq::Error| Fault::Unreachable(error.to_string());
        let mut answer = self
            .agent
            .post(format!("{}/api/v1/validate", self.url))
            .header("Authorization", format!("Bearer {}", self.api_key))
            .content_type("application/json")
            .send(question.to_json())
            .map_err(lost)?;
        match answer.status().as_u16() {
            200 => answer.body_mut().with_config().limit(MOST_BYTES).read_to_string().map_err(lost),
            status => Err(Fault::Undecided { status }),
        }
    }

    fn recall(&self, question: &Question, now: UnixSeconds, fault: Fault) -> Decision {
        let Some(kept) = self.kept() else { return Decision::Unknown(fault) };
        match kept.recall(&self.verifier, question, now, self.grace_seconds) {
            Ok((answer, until)) => Decision::Offline { answer, until, fault },
            Err(lapsed) => Decision::Unknown(Fault::Lapsed { fault: Box::new(fault), lapsed }),
        }
    }

    /// Keeping is a help and no duty: where it fails, there is just no answer to fall back on.
    fn keep(&self, kept: Option<Kept>) {
        match (&self.file, &kept) {
            (Some(file), Some(kept)) => drop(write(file, kept)),
            (Some(file), None) => drop(std::fs::remove_file(file)),
            (None, _) => {}
        }
        if let Ok(mut place) = self.kept.lock() {
            *place = kept;
        }
    }

    fn kept(&self) -> Option<Kept> {
        let kept = self.kept.lock().ok().and_then(|kept| kept.clone());
        kept.or_else(|| self.read())
    }

    fn read(&self) -> Option<Kept> {
        serde_json::from_str(&std::fs::read_to_string(self.file.as_ref()?).ok()?).ok()
    }
}

/// Whole or not at all, also when the machine goes down meanwhile.
fn write(file: &Path, kept: &Kept) -> std::io::Result<()> {
    let beside = file.with_extension("new");
    let mut new = std::fs::File::create(&beside)?;
    new.write_all(&serde_json::to_vec(kept)?)?;
    new.sync_all()?;
    std::fs::rename(beside, file)
}

#[expect(clippy::disallowed_methods, reason = "here the application's clock comes in")]
fn now() -> Option<UnixSeconds> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(UnixSeconds::from(since))
}

impl ClientBuilder {
    /// For how many days the last good answer counts while the server is out of reach; 7 if not told, 0 for never.
    #[must_use]
    pub fn grace_days(self, days: u16) -> Self {
        Self { grace_seconds: u32::from(days).saturating_mul(24 * 60 * 60), ..self }
    }

    /// Keeps the last good answer in this file, beyond the life of the process.
    #[must_use]
    pub fn keep_in(self, file: impl Into<PathBuf>) -> Self {
        Self { file: Some(file.into()), ..self }
    }

    /// How long to wait for the server; 5 seconds if not told, and a day at most.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        // No clock of a machine can add what is much longer.
        Self { timeout: timeout.min(MOST_TIMEOUT), ..self }
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

    /// The client.
    pub fn build(self) -> Client {
        let roots = self.authorities.map_or(RootCerts::WebPki, RootCerts::from);
        let config = ureq::Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .timeout_global(Some(self.timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Client {
            url: self.url,
            api_key: self.api_key,
            verifier: self.verifier,
            agent: config.new_agent(),
            grace_seconds: self.grace_seconds,
            file: self.file,
            kept: Mutex::new(None),
        }
    }
}
