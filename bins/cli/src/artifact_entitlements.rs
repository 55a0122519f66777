//! What customers may pull.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::client::{Connection, Page, Part};
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct ArtifactEntitlements {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Grant a customer tags of artifacts
    Create {
        #[command(flatten)]
        new: New,
        /// It may be the first, from which on customers without one can pull nothing
        #[arg(long)]
        close: bool,
    },
    /// Say what creating it would change, and change nothing
    Preview(New),
    /// List artifact entitlements, newest first
    List {
        /// Only those of this customer
        #[arg(long, value_name = "ID", default_value = "")]
        customer: String,
        #[command(flatten)]
        part: Part,
    },
    /// Show one artifact entitlement
    Show {
        /// The entitlement's id
        id: String,
    },
    /// Change what it grants, or its description
    Update {
        /// The entitlement's id
        id: String,
        /// What it grants instead of all before: ARTIFACT for all tags, ARTIFACT:current or ARTIFACT:TAG,TAG
        #[arg(long = "grant", value_name = "GRANT", value_parser = grant, required_unless_present = "description")]
        grants: Vec<Grant>,
        /// For your own reference
        #[arg(long)]
        description: Option<String>,
    },
    /// End an artifact entitlement
    Delete {
        /// The entitlement's id
        id: String,
    },
}

#[derive(Debug, Args)]
struct New {
    /// The customer, by id
    #[arg(long, value_name = "ID")]
    customer: String,
    /// What is granted, by the artifact's id: ARTIFACT for all tags there are and will be, ARTIFACT:current for those there are now, or
    /// ARTIFACT:TAG,TAG for these; may be repeated
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant, required = true)]
    grants: Vec<Grant>,
    /// For your own reference
    #[arg(long)]
    description: Option<String>,
}

impl New {
    fn body(self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("customer_id".to_owned(), self.customer.into());
        body.insert("grants".to_owned(), json!(self.grants));
        body.extend(self.description.map(|text| ("description".to_owned(), text.into())));
        body
    }
}

#[derive(Debug, Clone, Deserialize, Serialize)]
struct Grant {
    artifact_id: String,
    mode: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

fn grant(text: &str) -> Result<Grant, String> {
    let (artifact, tags) =
        text.split_once(':').map_or((text, None), |(artifact, tags)| (artifact, Some(tags)));
    let (mode, tags) = match tags {
        None => ("all", None),
        Some("current") => ("current", None),
        Some(tags) => ("named", Some(tags.split(',').map(str::to_owned).collect())),
    };
    if artifact.is_empty() {
        return Err("begins with the artifact's id".to_owned());
    }
    Ok(Grant { artifact_id: artifact.to_owned(), mode: mode.to_owned(), tags })
}

#[derive(Deserialize)]
struct Entitlement {
    id: String,
    customer_id: String,
    description: Option<String>,
    grants: Vec<Grant>,
}

#[derive(Deserialize)]
struct Preview {
    closes: bool,
    lose: Vec<Losing>,
    more: bool,
    grants: Vec<Grant>,
}

#[derive(Deserialize)]
struct Losing {
    name: String,
}

impl ArtifactEntitlements {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::Create { new, close } => {
                let mut body = new.body();
                body.insert("close".to_owned(), close.into());
                server.show(&server.post("artifact-entitlements", &body)?, show)?;
            }
            Action::Preview(new) => {
                server.show(&server.post("artifact-entitlements/preview", &new.body())?, preview)?;
            }
            Action::List { customer, part } => {
                let filter = [("customer_id", &*customer)];
                server.show(&server.list("artifact-entitlements", &filter, &part)?, list)?;
            }
            Action::Show { id } => {
                server.show(&server.get(&format!("artifact-entitlements/{id}"))?, show)?;
            }
            Action::Update { id, grants, description } => {
                let mut body = Map::new();
                if !grants.is_empty() {
                    body.insert("grants".to_owned(), json!(grants));
                }
                body.extend(description.map(|text| ("description".to_owned(), text.into())));
                server.show(&server.patch(&format!("artifact-entitlements/{id}"), &body)?, show)?;
            }
            Action::Delete { id } => {
                server.delete(&format!("artifact-entitlements/{id}"))?;
                server.say("Ended.")?;
            }
        }
        Ok(Outcome::Good)
    }
}

fn granted(grants: Vec<Grant>) -> anyhow::Result<()> {
    for grant in grants {
        let tags = grant.tags.map(|tags| format!(" ({})", tags.join(", "))).unwrap_or_default();
        line(&format!("grant        {} {}{tags}", grant.artifact_id, grant.mode))?;
    }
    Ok(())
}

fn show(entitlement: Entitlement) -> anyhow::Result<()> {
    line(&format!("id           {}", entitlement.id))?;
    line(&format!("customer     {}", entitlement.customer_id))?;
    if let Some(text) = entitlement.description {
        line(&format!("description  {text}"))?;
    }
    granted(entitlement.grants)
}

fn preview(preview: Preview) -> anyhow::Result<()> {
    granted(preview.grants)?;
    if preview.closes {
        line("It is the first: from then on customers without one can pull nothing (--close).")?;
    }
    for customer in preview.lose {
        line(&format!("loses all    {}", customer.name))?;
    }
    if preview.more { line("… and more") } else { Ok(()) }
}

fn list(page: Page<Entitlement>) -> anyhow::Result<()> {
    let row = |entitlement: Entitlement| {
        let (artifacts, text) = (entitlement.grants.len(), entitlement.description.unwrap_or_default());
        [entitlement.id, entitlement.customer_id, artifacts.to_string(), text]
    };
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "CUSTOMER", "ARTIFACTS", "DESCRIPTION"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
