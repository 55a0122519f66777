//! Joins public keys in one JWK Set, for whoever signs without a server.

use anyhow::Context as _;
use clap::Args;
use keyward_token::Keyring;

use crate::output::line;
use crate::{Outcome, reading};

#[derive(Debug, Args)]
pub(crate) struct Jwks {
    /// Public keys as PEM, JWK, JWKS or PASERK: the one that signs, those before it whose tokens are still good, and the next
    #[arg(value_name = "FILE", required = true)]
    keys: Vec<String>,
}

impl Jwks {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let mut all = Keyring::new();
        for path in &self.keys {
            for key in reading::public_keys(path)? {
                all.insert(key).with_context(|| format!("the key file {path}"))?;
            }
        }
        line(&all.to_jwks())?;
        Ok(Outcome::Good)
    }
}
