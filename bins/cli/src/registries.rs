//! Registries on a server.

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::client::{Connection, Page, Part, SecretFile};
use crate::output::{line, table};
use crate::reading;

#[derive(Debug, Args)]
pub(crate) struct Registries {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put a host name in front of a container registry of yours
    Create {
        /// Unique among your registries
        #[arg(long)]
        name: String,
        /// The container registry's URL
        #[arg(long, value_name = "URL")]
        upstream: String,
        #[command(flatten)]
        more: More,
        /// The only part of the upstream that it opens, such as acme; it can't be changed
        #[arg(long)]
        prefix: Option<String>,
    },
    /// List registries, newest first
    List {
        #[command(flatten)]
        part: Part,
    },
    /// Show one registry
    Show {
        /// The registry's id
        id: String,
    },
    /// Change a registry
    Update {
        /// The registry's id
        id: String,
        /// The new name
        #[arg(long)]
        name: Option<String>,
        /// The container registry's new URL
        #[arg(long, value_name = "URL")]
        upstream: Option<String>,
        #[command(flatten)]
        more: More,
    },
    /// Print the certificate that the upstream needs to take the gateway's tokens
    Certificate {
        /// The registry's id
        id: String,
        /// Print what the upstream's configuration must say instead
        #[arg(long)]
        configuration: bool,
    },
    /// Look through the upstream now for what was pushed or deleted past the gateway
    Sweep {
        /// The registry's id
        id: String,
    },
    /// Let the upstream send notifications; prints the secret for it, this once
    EnableNotifications {
        /// The registry's id
        id: String,
        #[command(flatten)]
        secret: SecretFile,
    },
    /// Listen to the upstream's notifications no more
    DisableNotifications {
        /// The registry's id
        id: String,
    },
    /// Remove a registry; its keys are revoked
    Delete {
        /// The registry's id
        id: String,
    },
}

#[derive(Debug, Args, Serialize)]
struct More {
    /// The host name by which clients reach it
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// What the upstream calls its token service
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// Whether clients follow the upstream's redirects themselves
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pass_redirects: Option<bool>,
    /// Whether clients go to the upstream itself with tokens of this server
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    direct: Option<bool>,
    /// How the upstream knows the gateway
    #[arg(long, value_enum)]
    #[serde(skip)]
    credential: Option<Kind>,
    /// The gateway's user at the upstream, with --credential basic
    #[arg(long, requires = "password_file")]
    #[serde(skip)]
    user: Option<String>,
    /// The file with its password
    #[arg(long, value_name = "FILE", requires = "user")]
    #[serde(skip)]
    password_file: Option<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// By tokens that the registry's own key signs
    Token,
    /// By user and password
    Basic,
    /// Not at all
    None,
}

impl More {
    fn body(&self) -> anyhow::Result<Map<String, Value>> {
        let Value::Object(mut body) = serde_json::to_value(self)? else { return Ok(Map::new()) };
        let credential = match self.credential {
            None => return Ok(body),
            Some(Kind::Token) => json!({"kind": "token"}),
            Some(Kind::None) => json!({"kind": "none"}),
            Some(Kind::Basic) => {
                let password = self.password_file.as_deref().map(reading::file).transpose()?;
                let password = password.as_deref().map(|text| text.trim_end_matches(['\r', '\n']));
                json!({"kind": "basic", "user": self.user, "password": password})
            }
        };
        body.insert("credential".to_owned(), credential);
        Ok(body)
    }
}

#[derive(Deserialize)]
struct Registry {
    id: String,
    name: String,
    host: String,
    upstream: String,
    prefix: Option<String>,
    credential: Credential,
    swept_at: Option<String>,
    sweep_fault: Option<String>,
}

#[derive(Deserialize)]
struct Credential {
    kind: String,
    user: Option<String>,
}

#[derive(Deserialize)]
struct Certificate {
    certificate: String,
    configuration: String,
}

#[derive(Deserialize)]
struct Notifications {
    secret: String,
    configuration: String,
}

impl Registries {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::Create { name, upstream, more, prefix } => {
                let mut body = more.body()?;
                body.insert("name".to_owned(), name.into());
                body.insert("upstream".to_owned(), upstream.into());
                body.extend(prefix.map(|prefix| ("prefix".to_owned(), prefix.into())));
                server.show(&server.post("registries", &body)?, show)?;
            }
            Action::List { part } => server.show(&server.list("registries", &[], &part)?, list)?,
            Action::Show { id } => server.show(&server.get(&format!("registries/{id}"))?, show)?,
            Action::Update { id, name, upstream, more } => {
                let mut body = more.body()?;
                body.extend(name.map(|name| ("name".to_owned(), name.into())));
                body.extend(upstream.map(|upstream| ("upstream".to_owned(), upstream.into())));
                server.show(&server.patch(&format!("registries/{id}"), &body)?, show)?;
            }
            Action::Certificate { id, configuration } => {
                let answer = server.get(&format!("registries/{id}/certificate"))?;
                server.show(&answer, |found: Certificate| {
                    let text = if configuration { found.configuration } else { found.certificate };
                    line(text.trim_end())
                })?;
            }
            Action::Sweep { id } => {
                server.show(&server.post(&format!("registries/{id}/sweep"), &json!({}))?, show)?;
            }
            Action::EnableNotifications { id, secret } => {
                let path = format!("registries/{id}/notifications");
                server.show_made(
                    ("secret", &secret),
                    || server.post(&path, &json!({})),
                    |made: Notifications| {
                        line(&format!("secret  {}", made.secret))?;
                        line(made.configuration.trim_end())
                    },
                )?;
            }
            Action::DisableNotifications { id } => {
                server.delete(&format!("registries/{id}/notifications"))?;
                server.say("The upstream's notifications are no longer listened to.")?;
            }
            Action::Delete { id } => {
                server.delete(&format!("registries/{id}"))?;
                server.say("Removed; its keys are revoked.")?;
            }
        }
        Ok(Outcome::Good)
    }
}

fn show(registry: Registry) -> anyhow::Result<()> {
    line(&format!("id          {}", registry.id))?;
    line(&format!("name        {}", registry.name))?;
    line(&format!("host        {}", registry.host))?;
    line(&format!("upstream    {}", registry.upstream))?;
    if let Some(prefix) = registry.prefix {
        line(&format!("prefix      {prefix}"))?;
    }
    let user = registry.credential.user.map(|user| format!(" ({user})")).unwrap_or_default();
    line(&format!("credential  {}{user}", registry.credential.kind))?;
    line(&format!("swept       {}", registry.swept_at.as_deref().unwrap_or("never")))?;
    registry.sweep_fault.map_or(Ok(()), |fault| line(&format!("fault       {fault}")))
}

fn list(page: Page<Registry>) -> anyhow::Result<()> {
    let row = |registry: Registry| [registry.id, registry.name, registry.host, registry.upstream];
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "NAME", "HOST", "UPSTREAM"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
