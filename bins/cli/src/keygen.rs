//! Makes an Ed25519 key pair.

use std::fs::OpenOptions;
use std::io::Write as _;

use anyhow::Context as _;
use clap::Args;
use keyward_token::SecretKey;

use crate::Outcome;
use crate::output::line;

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
        write_new(&self.out, key.to_pem().as_bytes(), 0o600)?;
        write_new(&public, key.public_key().to_pem().as_bytes(), 0o644)?;
        line(&format!("secret key  {} (keep it to yourself)", self.out))?;
        line(&format!("public key  {public}"))?;
        line(&format!("kid         {}", key.public_key().kid()))?;
        Ok(Outcome::Good)
    }
}

/// Writes a file that must not be there yet: a key is never overwritten.
fn write_new(path: &str, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).with_context(|| format!("creating {path}"))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(|| format!("writing {path}"))
}
