//! Management tokens on a server.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Outcome;
use crate::client::{Connection, Page, Part, SecretFile};
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct Tokens {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a token that acts for the same member as your own; prints its secret, this once
    Create(New),
    /// List tokens and who made them, newest first
    List {
        #[command(flatten)]
        part: Part,
    },
    /// Show one token
    Show {
        /// The token's id
        id: String,
    },
    /// Revoke a token for ever
    Revoke {
        /// The token's id
        id: String,
    },
    /// Make a token your own, as an owner: it acts for you from then on, whoever holds its secret
    TakeOver {
        /// The token's id
        id: String,
    },
}

#[derive(Debug, Args, Serialize)]
struct New {
    /// What it is for
    #[arg(long)]
    name: String,
    /// What it may do, such as licenses:read; may be repeated; without it, all that your own token may do now
    #[arg(long = "scope", value_name = "SCOPE")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    /// From when on it is dead, such as 2027-01-01T00:00:00Z; without it, never
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[command(flatten)]
    #[serde(skip)]
    secret: SecretFile,
}

#[derive(Deserialize)]
struct Token {
    id: String,
    name: String,
    maker: Maker,
    state: String,
    scopes: Vec<String>,
    effective_scopes: Vec<String>,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    secret: Option<String>,
}

#[derive(Deserialize)]
struct Maker {
    kind: String,
    name: Option<String>,
    role: Option<String>,
}

impl Maker {
    fn shown(&self) -> String {
        match (&self.name, &self.role) {
            (Some(name), Some(role)) => format!("{name} ({role})"),
            (Some(name), None) => format!("{name} (removed)"),
            (None, _) => self.kind.clone(),
        }
    }
}

impl Tokens {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::Create(new) => {
                server.show_made(("secret", &new.secret), || server.post("tokens", &new), show)?
            }
            Action::List { part } => server.show(&server.list("tokens", &[], &part)?, list)?,
            Action::Show { id } => server.show(&server.get(&format!("tokens/{id}"))?, show)?,
            Action::Revoke { id } => server.delete(&format!("tokens/{id}"))?,
            Action::TakeOver { id } => {
                server.show(&server.post(&format!("tokens/{id}/take-over"), &json!({}))?, show)?;
            }
        }
        Ok(Outcome::Good)
    }
}

fn show(token: Token) -> anyhow::Result<()> {
    line(&format!("id         {}", token.id))?;
    line(&format!("name       {}", token.name))?;
    line(&format!("made by    {}", token.maker.shown()))?;
    line(&format!("state      {}", token.state))?;
    line(&format!("scopes     {}", token.scopes.join(" ")))?;
    if token.effective_scopes != token.scopes {
        line(&format!("effective  {}", token.effective_scopes.join(" ")))?;
    }
    line(&format!("ends       {}", token.expires_at.as_deref().unwrap_or("never")))?;
    line(&format!("last used  {}", token.last_used_at.as_deref().unwrap_or("never")))?;
    token.secret.map_or(Ok(()), |secret| line(&format!("secret     {secret}")))
}

fn list(page: Page<Token>) -> anyhow::Result<()> {
    let row = |token: Token| [token.id, token.name, token.maker.shown(), token.state];
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "NAME", "MADE BY", "STATE"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
