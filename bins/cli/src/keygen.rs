//! Makes an Ed25519 key pair.

use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use keyward_token::SecretKey;

use crate::Outcome;
use crate::output::{NewFile, line};

#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// Where the secret key goes (PKCS#8 PEM, readable by you alone); the public key goes to FILE.pub
    #[arg(long, value_name = "FILE", default_value = "signing-key.pem")]
    out: String,
}

impl Keygen {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).context("the operating system gives no random bytes")?;
        let key = SecretKey::from_seed(seed);
        let public = format!("{}.pub", self.out);
        NewFile::create(Path::new(&self.out), 0o600)?.write(key.to_pem().as_bytes())?;
        NewFile::create(Path::new(&public), 0o644)?.write(key.public_key().to_pem().as_bytes())?;
        line(&format!("secret key  {} (keep it to yourself)", self.out))?;
        line(&format!("public key  {public}"))?;
        line(&format!("kid         {}", key.public_key().kid()))?;
        Ok(Outcome::Good)
    }
}
