//! Repositories of registries.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::client::{Connection, Page, Part};
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct Artifacts {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Name a repository before anything was pushed to it, so that it can be granted
    Create(New),
    /// List artifacts, newest first
    List {
        /// Only those of this registry
        #[arg(long, value_name = "ID", default_value = "")]
        registry: String,
        /// Only those whose repository contains this
        #[arg(long, default_value = "")]
        search: String,
        #[command(flatten)]
        part: Part,
    },
    /// Show one artifact
    Show {
        /// The artifact's id
        id: String,
    },
}

#[derive(Debug, Args, Serialize)]
struct New {
    /// The registry, by id
    #[arg(long, value_name = "ID")]
    #[serde(rename = "registry_id")]
    registry: String,
    /// The repository, such as acme/app
    #[arg(long)]
    repository: String,
}

#[derive(Deserialize)]
struct Artifact {
    id: String,
    registry_id: String,
    repository: String,
}

impl Artifacts {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::Create(new) => server.show(&server.post("artifacts", &new)?, show)?,
            Action::List { registry, search, part } => {
                let filter = [("registry_id", &*registry), ("q", &search)];
                server.show(&server.list("artifacts", &filter, &part)?, list)?;
            }
            Action::Show { id } => server.show(&server.get(&format!("artifacts/{id}"))?, show)?,
        }
        Ok(Outcome::Good)
    }
}

fn show(artifact: Artifact) -> anyhow::Result<()> {
    line(&format!("id          {}", artifact.id))?;
    line(&format!("registry    {}", artifact.registry_id))?;
    line(&format!("repository  {}", artifact.repository))
}

fn list(page: Page<Artifact>) -> anyhow::Result<()> {
    let rows: Vec<_> = page.items.into_iter().map(|artifact| [artifact.id, artifact.repository]).collect();
    table(["ID", "REPOSITORY"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
