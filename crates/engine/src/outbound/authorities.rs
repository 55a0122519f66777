//! Whose certificates count where the server connects to others.

use std::sync::{Arc, OnceLock};

/// Certificate authorities: the public ones, those that this machine trusts, and the operator's own.
#[derive(Clone, Default)]
pub struct Authorities {
    own: Arc<Vec<Vec<u8>>>,
    /// Read when the first server is asked.
    machine: Arc<OnceLock<Vec<Vec<u8>>>>,
}

impl Authorities {
    /// With these besides, each a certificate in DER.
    pub fn with_own(own: Vec<Vec<u8>>) -> Self {
        Self { own: Arc::new(own), ..Self::default() }
    }

    /// All certificates, in DER.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        let public = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(AsRef::as_ref);
        public.chain(self.private())
    }

    /// Those that are not public.
    pub fn private(&self) -> impl Iterator<Item = &[u8]> {
        let machine = self.machine.get_or_init(|| {
            let found = rustls_native_certs::load_native_certs();
            found.certs.iter().map(|certificate| certificate.to_vec()).collect()
        });
        machine.iter().chain(self.own.iter()).map(Vec::as_slice)
    }
}

/// What helps the operator who reads in the log that a server's certificate is not believed.
pub fn hint(fault: &str) -> &'static str {
    if fault.contains("UnknownIssuer") {
        " (KEYWARD_CA_FILE names certificate authorities of your own)"
    } else {
        ""
    }
}
