//! How a sink is connected to: which addresses, whose certificates, and how long.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_domain::SinkAddress;
use keyward_domain::audit_sink::{Pem, SinkCredential, SinkFault};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::outbound::{Authorities, Guard, Plain, Unreachable, bounds};

/// What is needed to send something to a sink.
#[derive(Clone)]
pub(super) struct Transport {
    pub address: SinkAddress,
    pub ca_certificates: Option<Pem>,
    pub credential: SinkCredential,
    pub guard: Guard,
    pub authorities: Authorities,
    /// Where HTTP goes without TLS.
    pub plain: Plain,
}

/// A field, and what is wrong with it.
type Unusable = (&'static str, &'static str);

/// Looks whether certificates and key can be used.
pub(super) fn check(ca: Option<&Pem>, credential: &SinkCredential) -> Result<(), Unusable> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = ca {
        for certificate in certificates(pem.as_str()).ok_or(("ca_certificates", "holds no certificates"))? {
            roots
                .add(certificate)
                .map_err(|_| ("ca_certificates", "holds a certificate that can't be used"))?;
        }
    }
    config(roots, credential).map(drop)
}

fn certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    read.ok().filter(|certificates| !certificates.is_empty())
}

fn config(roots: RootCertStore, credential: &SinkCredential) -> Result<ClientConfig, Unusable> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ("ca_certificates", "can't be used"))?
        .with_root_certificates(roots);
    let Some((chain, key)) = &credential.client else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(chain).ok_or(("client_certificate", "holds no certificates"))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| ("client_key", "holds no private key without a password"))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|_| ("client_key", "is not the private key of the certificate"))
}

impl Transport {
    /// Whose certificates count there, in DER.
    fn roots(&self) -> Vec<CertificateDer<'static>> {
        match &self.ca_certificates {
            Some(pem) => certificates(pem.as_str()).unwrap_or_default(),
            None => {
                let all = self.authorities.certificates();
                all.map(|der| CertificateDer::from(der.to_vec())).collect()
            }
        }
    }

    /// TLS as this sink wants it.
    pub(super) fn tls(&self) -> Result<ClientConfig, SinkFault> {
        let mut roots = RootCertStore::empty();
        // Of those that a machine trusts some may be of no use.
        roots.add_parsable_certificates(self.roots());
        config(roots, &self.credential).map_err(|_| SinkFault::Tls)
    }

    /// A client for HTTP.
    pub(super) fn agent(&self) -> Result<ureq::Agent, SinkFault> {
        use ureq::tls::{Certificate, ClientCert, PrivateKey, TlsConfig};
        let roots = self.roots();
        let roots = roots.iter().map(|der| Certificate::from_der(der).to_owned());
        let mut tls = TlsConfig::builder().root_certs(roots.into());
        if let Some((chain, key)) = &self.credential.client {
            let chain = certificates(chain).ok_or(SinkFault::Tls)?;
            let chain: Vec<_> = chain.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
            let key = PrivateKey::from_pem(key.as_bytes()).map_err(|_| SinkFault::Tls)?;
            tls = tls.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
        }
        Ok(crate::outbound::agent_with(&self.guard, tls.build(), bounds::AUDIT_SINK, self.plain))
    }

    /// A connection to one of a host's addresses, if there is time left.
    pub(super) fn connect(&self, host: &str, port: u16, until: Instant) -> Result<TcpStream, SinkFault> {
        let mut last = SinkFault::NoAddress;
        for address in self.resolve(host, port)? {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SinkFault::Timeout);
            }
            match TcpStream::connect_timeout(&address, left.min(bounds::CONNECT)) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = io_fault(&error),
            }
        }
        Err(last)
    }

    fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, SinkFault> {
        let (guard, host) = (self.guard.clone(), host.to_owned());
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        // The DNS can't be interrupted, but left alone.
        std::thread::spawn(move || sender.send(guard.resolve(&host, port)));
        let open = receiver.recv_timeout(bounds::RESOLVE).unwrap_or(Err(Unreachable::Late));
        open.map_err(|why| {
            tracing::debug!(%why, "an audit sink can't be reached");
            SinkFault::NoAddress
        })
    }
}

/// Lets reading and writing take no longer than until then.
pub(super) fn limit(stream: &TcpStream, until: Instant) -> Result<(), SinkFault> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(SinkFault::Timeout);
    }
    let left = Some(left.max(Duration::from_millis(1)));
    let set = stream.set_read_timeout(left).and_then(|()| stream.set_write_timeout(left));
    set.map_err(|error| io_fault(&error))
}

/// What an error of the network is called.
pub(super) fn io_fault(error: &io::Error) -> SinkFault {
    let inner = error.get_ref();
    if inner.is_some_and(|inner| inner.is::<Unreachable>()) {
        return SinkFault::NoAddress;
    }
    if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
        return SinkFault::Tls;
    }
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => SinkFault::Timeout,
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable => SinkFault::Refused,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => SinkFault::Protocol,
        _ => SinkFault::Reset,
    }
}
