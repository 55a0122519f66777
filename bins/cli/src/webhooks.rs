//! Webhook endpoints on a server, and what was sent to them.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use crate::Outcome;
use crate::client::{Connection, Page, Part, SecretFile};
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct Webhooks {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create an endpoint; prints its signing secret, this once
    Create(New),
    /// List endpoints, newest first
    List {
        #[command(flatten)]
        part: Part,
    },
    /// Show one endpoint
    Show {
        /// The endpoint's id
        id: String,
    },
    /// Change an endpoint
    Update(Change),
    /// Give an endpoint a new secret; prints it, this once
    RotateSecret {
        /// The endpoint's id
        id: String,
        /// For how many seconds the old secret signs too
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        overlap: u32,
        #[command(flatten)]
        secret: SecretFile,
    },
    /// Send a test
    Test {
        /// The endpoint's id
        id: String,
    },
    /// Keep messages for an endpoint until it is resumed
    Pause {
        /// The endpoint's id
        id: String,
    },
    /// Send messages again to an endpoint that was paused or disabled
    Resume {
        /// The endpoint's id
        id: String,
    },
    /// List what was sent to an endpoint, newest first
    Deliveries {
        /// The endpoint's id
        id: String,
        /// Only those that are pending, delivered or failed
        #[arg(long, default_value = "")]
        state: String,
        /// Only this kind of event, such as license.created
        #[arg(long = "type", value_name = "TYPE", default_value = "")]
        kind: String,
        #[command(flatten)]
        part: Part,
    },
    /// Send all failed messages again, or those of a stretch of time
    Replay(Replay),
    /// Delete an endpoint
    Delete {
        /// The endpoint's id
        id: String,
    },
}

#[derive(Debug, Args, Serialize)]
struct New {
    /// Where messages are sent
    #[arg(long)]
    url: String,
    /// What it is for
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Which events it is told: license.created, license.*, or * for all; may be repeated
    #[arg(long = "event", value_name = "EVENT", default_value = "*")]
    events: Vec<String>,
    /// Only of the product with this id; may be repeated
    #[arg(long = "product", value_name = "ID")]
    products: Vec<String>,
    #[command(flatten)]
    #[serde(skip)]
    secret: SecretFile,
}

#[derive(Debug, Args)]
struct Change {
    /// The endpoint's id
    id: String,
    /// Where messages are sent from now on
    #[arg(long)]
    url: Option<String>,
    /// What it is for; empty for nothing
    #[arg(long)]
    description: Option<String>,
    /// Which events it is told from now on; may be repeated
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
}

#[derive(Debug, Args, Serialize)]
struct Replay {
    /// The endpoint's id
    #[serde(skip)]
    id: String,
    /// Also what was delivered
    #[arg(long)]
    delivered: bool,
    /// Messages from then on, such as 2027-01-01 or 2027-01-01T08:00:00Z
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Messages from before then, or the last day
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

#[derive(Deserialize)]
struct Webhook {
    id: String,
    url: String,
    description: Option<String>,
    events: Vec<String>,
    state: String,
    disabled_reason: Option<String>,
    failures: u32,
    succeeded_at: Option<String>,
    secret: Option<String>,
}

#[derive(Deserialize)]
struct Delivery {
    id: String,
    r#type: String,
    state: String,
    attempts: u32,
    created_at: String,
}

#[derive(Deserialize)]
struct Replayed {
    count: u64,
    more: bool,
}

impl Webhooks {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        let at = |id: &str, verb: &str| format!("webhooks/{id}{verb}");
        match self.action {
            Action::Create(new) => {
                server.show_made(("secret", &new.secret), || server.post("webhooks", &new), show)?;
            }
            Action::List { part } => server.show(&server.list("webhooks", &[], &part)?, list)?,
            Action::Show { id } => server.show(&server.get(&at(&id, ""))?, show)?,
            Action::Update(change) => {
                server.show(&server.patch(&at(&change.id, ""), &change.body())?, show)?
            }
            Action::RotateSecret { id, overlap, secret } => {
                let body = json!({"overlap_seconds": overlap});
                let rotate = || server.post(&at(&id, "/rotate-secret"), &body);
                server.show_made(("secret", &secret), rotate, show)?;
            }
            Action::Test { id } => {
                server.show(&server.post(&at(&id, "/test"), &json!({}))?, |sent: Delivery| {
                    line(&format!("It is on its way: {}", sent.id))
                })?;
            }
            Action::Pause { id } => server.show(&server.post(&at(&id, "/pause"), &json!({}))?, show)?,
            Action::Resume { id } => server.show(&server.post(&at(&id, "/resume"), &json!({}))?, show)?,
            Action::Deliveries { id, state, kind, part } => {
                let query = [("state", state.as_str()), ("type", kind.as_str())];
                server.show(&server.list(&at(&id, "/deliveries"), &query, &part)?, deliveries)?;
            }
            Action::Replay(replay) => {
                server.show(&server.post(&at(&replay.id, "/replay"), &replay)?, |done: Replayed| {
                    let more = if done.more { "; there are more: run it again" } else { "" };
                    line(&format!("{} messages are on their way{more}", done.count))
                })?;
            }
            Action::Delete { id } => server.delete(&at(&id, ""))?,
        }
        Ok(Outcome::Good)
    }
}

impl Change {
    fn body(&self) -> serde_json::Value {
        let mut body = Map::new();
        if let Some(url) = &self.url {
            body.insert("url".to_owned(), json!(url));
        }
        if let Some(description) = &self.description {
            let description = Some(description).filter(|text| !text.is_empty());
            body.insert("description".to_owned(), json!(description));
        }
        if !self.events.is_empty() {
            body.insert("events".to_owned(), json!(self.events));
        }
        body.into()
    }
}

fn show(webhook: Webhook) -> anyhow::Result<()> {
    line(&format!("id              {}", webhook.id))?;
    line(&format!("url             {}", webhook.url))?;
    if let Some(description) = webhook.description {
        line(&format!("description     {description}"))?;
    }
    line(&format!("events          {}", webhook.events.join(" ")))?;
    let reason = webhook.disabled_reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    line(&format!("state           {}{reason}", webhook.state))?;
    line(&format!("failures        {}", webhook.failures))?;
    line(&format!("last delivered  {}", webhook.succeeded_at.as_deref().unwrap_or("never")))?;
    webhook.secret.map_or(Ok(()), |secret| line(&format!("secret          {secret}")))
}

fn list(page: Page<Webhook>) -> anyhow::Result<()> {
    let row = |webhook: Webhook| [webhook.id, webhook.url, webhook.events.join(" "), webhook.state];
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "URL", "EVENTS", "STATE"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}

fn deliveries(page: Page<Delivery>) -> anyhow::Result<()> {
    let row = |sent: Delivery| [sent.id, sent.r#type, sent.created_at, sent.attempts.to_string(), sent.state];
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "TYPE", "CREATED", "ATTEMPTS", "STATE"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
