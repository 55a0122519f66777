//! A certificate authority of the test's own, and a server whose certificate it has issued.
#![allow(clippy::expect_used, reason = "in tests, what is missing should stop the test with its reason")]

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// An authority that nobody else knows.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Pair {
    /// The first certificate.
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a test's own certificate")
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("a test's own certificate");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Authority of a test");
        Self(
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a test's own certificate"))
                .expect("a test's own certificate"),
        )
    }

    /// Its certificate, in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names, until the first day of a year.
    pub fn issue(&self, names: &[&str], until: i32) -> Pair {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("a test's own certificate");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a test's own certificate");
        let certificate = params.signed_by(&key, &self.0).expect("a test's own certificate").pem();
        Pair { certificate, key: key.serialize_pem() }
    }

    /// A client that believes this authority alone, and offers these protocols.
    pub fn client(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.pem().as_bytes()).expect("a test's own certificate"))
            .expect("a test's own certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("a test's own certificate");
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// A connection to a server at `address`, which must prove to be `127.0.0.1`.
    pub fn connect(
        &self,
        address: &str,
        protocols: &[&str],
    ) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut connection = ClientConnection::new(
            self.client(protocols),
            ServerName::try_from("127.0.0.1").expect("a test's own certificate"),
        )
        .expect("a test's own certificate");
        let mut stream = TcpStream::connect(address)?;
        connection.complete_io(&mut stream)?;
        Ok(StreamOwned::new(connection, stream))
    }

    /// A server for `localhost` and `127.0.0.1` that answers each connection by `answer`, until the test ends.
    pub fn serve<A>(&self, answer: A) -> SocketAddr
    where
        A: Fn(BufReader<&mut dyn ReadWrite>) + Send + Sync + 'static,
    {
        let pair = self.issue(&["localhost", "127.0.0.1"], 2100);
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a test's own certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("a test's own certificate");
        let config = builder
            .with_no_client_auth()
            .with_single_cert(vec![pair.der()], key)
            .expect("a test's own certificate");
        let (config, answer) = (Arc::new(config), Arc::new(answer));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a test's own certificate");
        let address = listener.local_addr().expect("a test's own certificate");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (connection, answer) = (
                    ServerConnection::new(Arc::clone(&config)).expect("a test's own certificate"),
                    Arc::clone(&answer),
                );
                std::thread::spawn(move || {
                    let mut stream = StreamOwned::new(connection, stream);
                    answer(BufReader::new(&mut stream));
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                });
            }
        });
        address
    }
}

/// A connection.
pub trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

/// Reads a request to the end of its head, and gives its first line.
pub fn head(reader: &mut BufReader<&mut dyn ReadWrite>) -> String {
    let mut first = String::new();
    let _ = reader.read_line(&mut first);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
        line.clear();
    }
    first
}
