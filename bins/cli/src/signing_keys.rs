//! Keys that licenses are signed with.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

use crate::client::{Connection, Page};
use crate::output::{line, table};
use crate::{Outcome, reading};

#[derive(Debug, Args)]
pub(crate) struct SigningKeys {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a signing key, or bring your own. It is pending until it is activated
    Create {
        /// Sign with it at once; the one before is retired, and its tokens verify on
        #[arg(long)]
        activate: bool,
        /// Your own Ed25519 key (PKCS#8 PEM, as keygen makes one)
        #[arg(long, value_name = "FILE")]
        private_key: Option<PathBuf>,
    },
    /// List signing keys
    List,
    /// Show one signing key
    Show {
        /// Its key id (kid)
        kid: String,
    },
    /// Print its public key as PEM
    PublicKey {
        /// Its key id (kid)
        kid: String,
    },
    /// Sign with it from now on; the one before is retired, and its tokens verify on
    Activate {
        /// Its key id (kid)
        kid: String,
    },
    /// Revoke it for ever: nothing that it has signed verifies any more
    Revoke {
        /// Its key id (kid)
        kid: String,
    },
}

#[derive(Deserialize)]
struct SigningKey {
    kid: String,
    state: String,
    since: Option<String>,
    created_at: String,
}

impl SigningKeys {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::Create { activate, private_key } => {
                let pem = private_key.as_deref().map(reading::file).transpose()?;
                let body = json!({ "activate": activate, "private_key_pem": pem });
                server.show(&server.post("signing-keys", &body)?, show)?;
            }
            Action::List => server.show(&server.get("signing-keys")?, list)?,
            Action::Show { kid } => server.show(&server.get(&format!("signing-keys/{kid}"))?, show)?,
            Action::PublicKey { kid } => {
                let pem = server.get_text(&format!("signing-keys/{kid}/public-key.pem"))?;
                line(pem.trim_end())?;
            }
            Action::Activate { kid } => {
                let path = format!("signing-keys/{kid}/activate");
                server.show(&server.post(&path, &json!({}))?, show)?;
            }
            Action::Revoke { kid } => {
                let path = format!("signing-keys/{kid}/revoke");
                server.show(&server.post(&path, &json!({}))?, show)?;
            }
        }
        Ok(Outcome::Good)
    }
}

fn show(key: SigningKey) -> anyhow::Result<()> {
    line(&format!("kid      {}", key.kid))?;
    line(&format!("state    {}", key.state))?;
    if let Some(since) = key.since {
        line(&format!("since    {since}"))?;
    }
    line(&format!("created  {}", key.created_at))
}

fn list(page: Page<SigningKey>) -> anyhow::Result<()> {
    let rows: Vec<_> = page.items.into_iter().map(|key| [key.kid, key.state, key.created_at]).collect();
    table(["KID", "STATE", "CREATED"], &rows)
}
