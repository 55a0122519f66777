//! An application with rustls as it comes (its provider is aws-lc-rs), to which keyward-client is added.

use std::sync::Arc;

use keyward_client::{Client, ClientBuilder, Keyring, SetupError};
use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

fn client() -> ClientBuilder {
    Client::builder("https://127.0.0.1:9", "kw_prod_x", "p", Keyring::new())
}

fn main() {
    // There is no default yet, and the client neither makes one nor goes ahead without.
    assert!(matches!(client().build(), Err(SetupError::NoTlsProvider)));
    let told = client().tls_provider(Arc::new(aws_lc_rs::default_provider())).build().expect("a client");
    assert!(!told.check("KEY", None).may_run());
    assert!(CryptoProvider::get_default().is_none());

    // This is what panicked: rustls can't choose between two providers.
    let _ = ClientConfig::builder();

    // That has installed the default, and now the client takes it by itself.
    let decision = client().build().expect("a client").check("KEY", None);
    assert!(!decision.may_run(), "{decision}");
}
