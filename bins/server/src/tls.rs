//! TLS by the server itself: certificate and key come from two files, which are read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use anyhow::{Context as _, bail};
use keyward_engine::{Clock as _, SystemClock};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_cert::der::{Decode as _, SliceReader};
use zeroize::Zeroizing;

/// How often the files are read. Whatever renews them is told nothing of the server, so nothing has to tell it.
const PAUSE: Duration = Duration::from_secs(2);

const DAY: i64 = 24 * 60 * 60;

/// How long before its end a certificate should have been renewed; a fifth of its life if that is shorter.
const RENEWED_BEFORE: i64 = 14 * DAY;

/// The files, in PEM.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    /// The server's certificate, and those that lead from it to its authority.
    pub certificate: PathBuf,
    /// The private key of the first.
    pub key: PathBuf,
}

/// What is in the files.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

/// The certificate that is served now.
pub(crate) struct Tls {
    files: TlsFiles,
    served: RwLock<Served>,
}

struct Served {
    contents: Contents,
    certified: Arc<CertifiedKey>,
    begins_at: i64,
    ends_at: i64,
}

impl Tls {
    /// Reads the files; both must be in order.
    pub(crate) fn open(files: &TlsFiles) -> anyhow::Result<Self> {
        let served = Served::from(files.read()?)?;
        Ok(Self { files: files.clone(), served: RwLock::new(served) })
    }

    /// The configuration of a server that always gives the newest certificate.
    pub(crate) fn server_config(self: &Arc<Self>) -> anyhow::Result<ServerConfig> {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        Ok(builder.with_no_client_auth().with_cert_resolver(Arc::clone(self) as _))
    }

    /// Reads the files again and again, for as long as the server runs, and says each day if the end is near.
    pub(crate) async fn watch(self: Arc<Self>, host: String) {
        let (mut last, mut told_at) = (Look::Served, None);
        loop {
            let now = now();
            if told_at.is_none_or(|told_at: i64| (now - told_at).abs() >= DAY) {
                told_at = Some(now);
                self.tell(now, &host);
            }
            actix_web::rt::time::sleep(PAUSE).await;
            let tls = Arc::clone(&self);
            // A file may be far away.
            if let Ok(look) = actix_web::rt::task::spawn_blocking(move || tls.look(last)).await {
                if matches!(look, Look::Taken) {
                    told_at = None;
                }
                last = look;
            } else {
                last = Look::Served;
            }
        }
    }

    /// Takes what is in the files, if it is new and in order. What is not may just be being written: it is told once it has
    /// been so twice.
    fn look(&self, last: Look) -> Look {
        let found = self.files.read();
        if found.as_ref().is_ok_and(|contents| *contents == self.served().contents) {
            return Look::Served;
        }
        let seen = found.as_ref().map_err(|error| format!("{error:#}")).cloned();
        match last {
            Look::Faulty(before) if before == seen => {
                if let Err(error) = found.and_then(Served::from) {
                    let error = format!("{error:#}");
                    tracing::error!(
                        error,
                        "the new certificate can't be used; the one before is still served"
                    );
                }
                return Look::Told(seen);
            }
            Look::Told(before) if before == seen => return Look::Told(seen),
            _ => {}
        }
        match found.and_then(Served::from) {
            Ok(new) => {
                tracing::info!(ends_at = instant(new.ends_at), "a new certificate is served");
                *self.served.write().unwrap_or_else(PoisonError::into_inner) = new;
                Look::Taken
            }
            Err(_) => Look::Faulty(seen),
        }
    }

    /// Says what is wrong with a certificate that is served all the same.
    fn tell(&self, now: i64, host: &str) {
        for warning in self.warnings(now, host) {
            tracing::warn!("{warning}");
        }
    }

    /// What is wrong with the certificate now, though it can be served.
    pub(crate) fn warnings(&self, now: i64, host: &str) -> Vec<String> {
        let served = self.served();
        let (begins_at, ends_at) = (instant(served.begins_at), instant(served.ends_at));
        let mut warnings = Vec::new();
        if now < served.begins_at {
            warnings.push(format!("the certificate of KEYWARD_TLS_CERT is not valid before {begins_at}"));
        }
        if now >= served.ends_at {
            warnings.push(format!("the certificate of KEYWARD_TLS_CERT ended on {ends_at}"));
        } else if served.ends_at - now < RENEWED_BEFORE.min((served.ends_at - served.begins_at) / 5) {
            warnings
                .push(format!("the certificate of KEYWARD_TLS_CERT ends on {ends_at} and was not renewed"));
        }
        if !is_for(&served.certified, host) {
            warnings.push(format!(
                "the certificate of KEYWARD_TLS_CERT is not for {host}, the host of KEYWARD_PUBLIC_URL"
            ));
        }
        warnings
    }

    /// When the certificate that is served ends, in Unix seconds.
    pub(crate) fn ends_at(&self) -> i64 {
        self.served().ends_at
    }

    fn served(&self) -> RwLockReadGuard<'_, Served> {
        self.served.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was found in the files.
enum Look {
    /// What is served.
    Served,
    /// Something new, which is served now.
    Taken,
    /// Something that can't be served: its contents, or why they can't be read.
    Faulty(Result<Contents, String>),
    /// The same, and the operator was told.
    Told(Result<Contents, String>),
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.served().certified))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl TlsFiles {
    fn read(&self) -> anyhow::Result<Contents> {
        let read = |setting: &str, path: &Path| {
            std::fs::read(path).with_context(|| format!("{setting}: reading {}", path.display()))
        };
        Ok(Contents {
            certificate: read("KEYWARD_TLS_CERT", &self.certificate)?,
            key: Zeroizing::new(read("KEYWARD_TLS_KEY", &self.key)?),
        })
    }
}

impl Served {
    fn from(contents: Contents) -> anyhow::Result<Self> {
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(&contents.certificate)
                .collect::<Result<_, _>>()
                .map_err(|error| anyhow::anyhow!("KEYWARD_TLS_CERT is no certificate in PEM: {error}"))?;
        let Some(first) = chain.first() else { bail!("KEYWARD_TLS_CERT holds no certificate in PEM") };
        let (begins_at, ends_at) =
            validity(first).context("KEYWARD_TLS_CERT holds a certificate that can't be read")?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|_| anyhow::anyhow!("KEYWARD_TLS_KEY holds no private key in PEM without a password"))?;
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                anyhow::anyhow!("KEYWARD_TLS_KEY is not the key of the certificate in KEYWARD_TLS_CERT")
            }
            error => anyhow::anyhow!("KEYWARD_TLS_KEY can't be used: {error}"),
        })?;
        Ok(Self { contents, certified: Arc::new(certified), begins_at, ends_at })
    }
}

/// As upstreams are asked with.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// From when until when a certificate is valid, in Unix seconds.
fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let certificate = x509_cert::Certificate::decode(&mut SliceReader::new(certificate).ok()?).ok()?;
    let validity = certificate.tbs_certificate.validity;
    let unix = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).ok();
    Some((unix(validity.not_before)?, unix(validity.not_after)?))
}

fn is_for(certified: &CertifiedKey, host: &str) -> bool {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let Ok(name) = ServerName::try_from(host) else { return false };
    let certificate = certified.end_entity_cert().and_then(ParsedCertificate::try_from);
    certificate.is_ok_and(|certificate| rustls::client::verify_server_name(&certificate, &name).is_ok())
}

/// The present, in Unix seconds.
pub(crate) fn now() -> i64 {
    i64::try_from(SystemClock.unix_millis() / 1000).unwrap_or(i64::MAX)
}

fn instant(unix: i64) -> String {
    keyward_domain::Timestamp::from_unix(unix).map_or_else(|| unix.to_string(), |at| at.to_string())
}
