//! What was unusual at registries or fails, and what was told of products' daily buckets.

use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;
use serde_json::json;

use crate::Outcome;
use crate::client::{Connection, Page, Part};
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct Alerts {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what was unusual at registries or fails, newest first
    List {
        /// Only those that nobody has acknowledged yet, or that someone has
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Only those of this registry
        #[arg(long, value_name = "ID", default_value = "")]
        registry: String,
        /// Only those of this registry key
        #[arg(long, value_name = "ID", default_value = "")]
        registry_key: String,
        #[command(flatten)]
        part: Part,
    },
    /// Show one alert
    Show {
        /// The alert's id
        id: String,
    },
    /// Say that you have seen to an alert
    Acknowledge {
        /// The alert's id
        id: String,
    },
    /// List what was told of products' daily buckets, newest first
    Buckets {
        /// Only of this product
        #[arg(long, value_name = "ID", default_value = "")]
        product: String,
        #[command(flatten)]
        part: Part,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Open,
    Acknowledged,
}

#[derive(Deserialize)]
struct Alert {
    id: String,
    state: String,
    kind: String,
    message: String,
    registry_id: Option<String>,
    registry_key_id: Option<String>,
    license_id: Option<String>,
    webhook_id: Option<String>,
    audit_sink_id: Option<String>,
    created_at: String,
}

#[derive(Deserialize)]
struct BucketAlert {
    id: String,
    product_id: String,
    kind: String,
    message: String,
    created_at: String,
}

impl Alerts {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::List { state, registry, registry_key, part } => {
                let state = match state {
                    None => "",
                    Some(State::Open) => "open",
                    Some(State::Acknowledged) => "acknowledged",
                };
                let filter =
                    [("state", state), ("registry_id", &*registry), ("registry_key_id", &*registry_key)];
                server.show(&server.list("alerts", &filter, &part)?, list)?;
            }
            Action::Show { id } => server.show(&server.get(&format!("alerts/{id}"))?, show)?,
            Action::Acknowledge { id } => {
                server.show(&server.post(&format!("alerts/{id}/acknowledge"), &json!({}))?, show)?;
            }
            Action::Buckets { product, part } => {
                server.show(&server.list("bucket-alerts", &[("product_id", &product)], &part)?, buckets)?;
            }
        }
        Ok(Outcome::Good)
    }
}

fn show(alert: Alert) -> anyhow::Result<()> {
    line(&format!("id        {}", alert.id))?;
    line(&format!("state     {}", alert.state))?;
    line(&format!("kind      {}", alert.kind))?;
    line(&format!("what      {}", alert.message))?;
    for (name, id) in [
        ("registry", alert.registry_id),
        ("key", alert.registry_key_id),
        ("license", alert.license_id),
        ("webhook", alert.webhook_id),
        ("sink", alert.audit_sink_id),
    ] {
        if let Some(id) = id {
            line(&format!("{name:<8}  {id}"))?;
        }
    }
    line(&format!("at        {}", alert.created_at))
}

fn list(page: Page<Alert>) -> anyhow::Result<()> {
    let row = |alert: Alert| [alert.id, alert.created_at, alert.state, alert.kind, alert.message];
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "AT", "STATE", "KIND", "WHAT"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}

fn buckets(page: Page<BucketAlert>) -> anyhow::Result<()> {
    let row = |alert: BucketAlert| [alert.id, alert.created_at, alert.product_id, alert.kind, alert.message];
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "AT", "PRODUCT", "KIND", "WHAT"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
