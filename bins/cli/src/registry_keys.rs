//! Credentials of machines for registries.

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Outcome;
use crate::client::{Connection, Page, Part, SecretFile};
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct RegistryKeys {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a registry key; prints its secret, this once
    Create(New),
    /// List registry keys, newest first
    List {
        /// Only those of this registry
        #[arg(long, value_name = "ID", default_value = "")]
        registry: String,
        #[command(flatten)]
        part: Part,
    },
    /// Show one registry key
    Show {
        /// The key's id
        id: String,
    },
    /// Give a key a new secret now; prints it, this once
    Rotate {
        /// The key's id
        id: String,
        /// Let the old secret live on for so many seconds, up to 30 days
        #[arg(long, default_value_t = 0)]
        overlap_seconds: u32,
        /// Give it the same lifetime anew
        #[arg(long)]
        renew: bool,
        #[command(flatten)]
        secret: SecretFile,
    },
    /// Say how a key gets a new secret by itself
    #[command(group(clap::ArgGroup::new("how").required(true).args(["every_days", "never"])))]
    Rotation {
        /// The key's id
        id: String,
        /// After so many days
        #[arg(long, value_name = "DAYS", requires = "overlap_days")]
        every_days: Option<u32>,
        /// The old secret lives on for so many days
        #[arg(long, value_name = "DAYS", requires = "every_days")]
        overlap_days: Option<u32>,
        /// Not at all
        #[arg(long)]
        never: bool,
    },
    /// Print a new secret that a rotation has made and nobody has collected yet, once
    Reveal {
        /// The key's id
        id: String,
        #[command(flatten)]
        secret: SecretFile,
    },
    /// Revoke a key for ever
    Revoke {
        /// The key's id
        id: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
enum Access {
    Read,
    ReadWrite,
    ReadWriteDelete,
}

#[derive(Debug, Args, Serialize)]
struct New {
    /// The only registry that it opens, by id
    #[arg(long, value_name = "ID")]
    #[serde(rename = "registry_id")]
    registry: String,
    /// What it is for
    #[arg(long)]
    name: String,
    /// Who answers for it; you, if not told
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// What it may do
    #[arg(long, value_enum, default_value_t = Access::Read)]
    access: Access,
    /// From when on it is dead, such as 2027-01-01T00:00:00Z, or its last day in UTC; without it, never
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[command(flatten)]
    #[serde(skip)]
    secret: SecretFile,
}

#[derive(Deserialize)]
struct RegistryKey {
    id: String,
    registry_id: String,
    name: String,
    owner: String,
    access: String,
    hint: String,
    rotation: Option<Rotation>,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
    secret: Option<String>,
}

#[derive(Deserialize)]
struct Rotation {
    every_days: u32,
    overlap_days: u32,
}

impl RegistryKeys {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::Create(new) => {
                server.show_made(("secret", &new.secret), || server.post("registry-keys", &new), show)?;
            }
            Action::List { registry, part } => {
                server.show(&server.list("registry-keys", &[("registry_id", &registry)], &part)?, list)?;
            }
            Action::Show { id } => server.show(&server.get(&format!("registry-keys/{id}"))?, show)?,
            Action::Rotate { id, overlap_seconds, renew, secret } => {
                let path = format!("registry-keys/{id}/rotate");
                let body = json!({ "overlap_seconds": overlap_seconds, "renew": renew });
                server.show_made(("secret", &secret), || server.post(&path, &body), show)?;
            }
            Action::Rotation { id, every_days, overlap_days, never: _ } => {
                let rotation = every_days.zip(overlap_days);
                let rotation = rotation.map(|(every_days, overlap_days)| {
                    json!({ "every_days": every_days, "overlap_days": overlap_days })
                });
                let body = json!({ "rotation": rotation });
                server.show(&server.patch(&format!("registry-keys/{id}"), &body)?, show)?;
            }
            Action::Reveal { id, secret } => {
                let path = format!("registry-keys/{id}/reveal");
                server.show_made(("secret", &secret), || server.post(&path, &json!({})), show)?;
            }
            Action::Revoke { id } => {
                server.delete(&format!("registry-keys/{id}"))?;
                server.say("Revoked.")?;
            }
        }
        Ok(Outcome::Good)
    }
}

fn show(key: RegistryKey) -> anyhow::Result<()> {
    line(&format!("id         {}", key.id))?;
    line(&format!("name       {}", key.name))?;
    line(&format!("registry   {}", key.registry_id))?;
    line(&format!("owner      {}", key.owner))?;
    line(&format!("access     {}", key.access))?;
    let rotation = key.rotation.map_or_else(
        || "none".to_owned(),
        |Rotation { every_days, overlap_days }| {
            format!("every {every_days} days, the old secret lives on for {overlap_days}")
        },
    );
    line(&format!("rotation   {rotation}"))?;
    line(&format!("ends       {}", key.expires_at.as_deref().unwrap_or("never")))?;
    if let Some(revoked) = key.revoked_at {
        line(&format!("revoked    {revoked}"))?;
    }
    line(&format!("last used  {}", key.last_used_at.as_deref().unwrap_or("never")))?;
    match key.secret {
        Some(secret) => line(&format!("secret     {secret}")),
        None => line(&format!("secret     {}…", key.hint)),
    }
}

fn list(page: Page<RegistryKey>) -> anyhow::Result<()> {
    let row = |key: RegistryKey| {
        let state = if key.revoked_at.is_some() { "revoked" } else { "active" };
        [key.id, key.name, key.access, state.to_owned()]
    };
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "NAME", "ACCESS", "STATE"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
