//! The hosts of customers, and what runs there.

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::Value;

use crate::Outcome;
use crate::client::{Connection, Page, Part};
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct DeploymentTargets {
    #[command(subcommand)]
    action: TargetAction,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum TargetAction {
    /// List the hosts of customers, newest first
    List {
        /// Only those of this customer
        #[arg(long, value_name = "ID", default_value = "")]
        customer: String,
        #[command(flatten)]
        part: Part,
    },
    /// Show one host
    Show {
        /// The target's id
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Deployments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what runs on the hosts of customers, newest first
    List {
        /// Only those of this customer
        #[arg(long, value_name = "ID", default_value = "")]
        customer: String,
        /// Only those on this target
        #[arg(long, value_name = "ID", default_value = "")]
        target: String,
        /// Only those of this application
        #[arg(long, value_name = "ID", default_value = "")]
        application: String,
        /// Only those that stand so, such as failed
        #[arg(long, default_value = "")]
        status: String,
        #[command(flatten)]
        part: Part,
    },
    /// Show one deployment
    Show {
        /// The deployment's id
        id: String,
    },
    /// List what a deployment was to be, newest first
    Revisions {
        /// The deployment's id
        id: String,
        #[command(flatten)]
        part: Part,
    },
    /// List what happened to a deployment on its host, newest first
    Transitions {
        /// The deployment's id
        id: String,
    },
}

#[derive(Deserialize)]
struct Target {
    id: String,
    name: String,
    customer_id: String,
    mode: String,
    status: String,
    agent: Option<Agent>,
    seen_at: Option<String>,
}

#[derive(Deserialize)]
struct Agent {
    fingerprint: String,
    address: String,
}

#[derive(Deserialize)]
struct Deployment {
    id: String,
    name: String,
    customer_id: String,
    target_id: String,
    application_version: String,
    revision: u32,
    status: String,
    state: Option<Value>,
    reported_at: Option<String>,
}

#[derive(Deserialize)]
struct Revision {
    number: u32,
    application_version: String,
    cause: Value,
    created_at: String,
}

#[derive(Deserialize)]
struct Transition {
    seq: u64,
    revision: u32,
    phase: Value,
}

#[derive(Deserialize)]
struct Transitions {
    items: Vec<Transition>,
}

impl DeploymentTargets {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            TargetAction::List { customer, part } => {
                let filter = [("customer_id", &*customer)];
                server.show(&server.list("deployment-targets", &filter, &part)?, targets)?;
            }
            TargetAction::Show { id } => {
                server.show(&server.get(&format!("deployment-targets/{id}"))?, target)?;
            }
        }
        Ok(Outcome::Good)
    }
}

impl Deployments {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::List { customer, target, application, status, part } => {
                let filter = [
                    ("customer_id", &*customer),
                    ("target_id", &*target),
                    ("application_id", &*application),
                    ("status", &*status),
                ];
                server.show(&server.list("deployments", &filter, &part)?, list)?;
            }
            Action::Show { id } => server.show(&server.get(&format!("deployments/{id}"))?, show)?,
            Action::Revisions { id, part } => {
                server.show(&server.list(&format!("deployments/{id}/revisions"), &[], &part)?, revisions)?;
            }
            Action::Transitions { id } => {
                server.show(&server.get(&format!("deployments/{id}/transitions"))?, transitions)?;
            }
        }
        Ok(Outcome::Good)
    }
}

fn targets(page: Page<Target>) -> anyhow::Result<()> {
    let row = |target: Target| {
        let seen = target.seen_at.unwrap_or_default();
        [target.id, target.name, target.customer_id, target.mode, target.status, seen]
    };
    let rows = page.items.into_iter().map(row).collect::<Vec<_>>();
    table(["ID", "NAME", "CUSTOMER", "MODE", "STATUS", "SEEN"], &rows)
}

fn target(target: Target) -> anyhow::Result<()> {
    line(&format!("id           {}", target.id))?;
    line(&format!("name         {}", target.name))?;
    line(&format!("customer     {}", target.customer_id))?;
    line(&format!("mode         {}", target.mode))?;
    line(&format!("status       {}", target.status))?;
    if let Some(agent) = target.agent {
        line(&format!("fingerprint  {}", agent.fingerprint))?;
        line(&format!("joined from  {}", agent.address))?;
    }
    line(&format!("seen         {}", target.seen_at.unwrap_or_else(|| "never".to_owned())))
}

fn list(page: Page<Deployment>) -> anyhow::Result<()> {
    let row = |one: Deployment| {
        [one.id, one.name, one.customer_id, one.application_version, one.revision.to_string(), one.status]
    };
    let rows = page.items.into_iter().map(row).collect::<Vec<_>>();
    table(["ID", "NAME", "CUSTOMER", "VERSION", "REVISION", "STATUS"], &rows)
}

fn show(deployment: Deployment) -> anyhow::Result<()> {
    line(&format!("id        {}", deployment.id))?;
    line(&format!("name      {}", deployment.name))?;
    line(&format!("customer  {}", deployment.customer_id))?;
    line(&format!("target    {}", deployment.target_id))?;
    line(&format!("version   {}", deployment.application_version))?;
    line(&format!("revision  {}", deployment.revision))?;
    line(&format!("status    {}", deployment.status))?;
    let message = deployment.state.as_ref().and_then(|state| state["phase"]["failure"]["message"].as_str());
    if let Some(message) = message {
        line(&format!("why       {message}"))?;
    }
    line(&format!("reported  {}", deployment.reported_at.unwrap_or_else(|| "never".to_owned())))
}

fn revisions(page: Page<Revision>) -> anyhow::Result<()> {
    let row = |one: Revision| {
        let cause = one.cause["kind"].as_str().unwrap_or_default().to_owned();
        [one.number.to_string(), one.application_version, cause, one.created_at]
    };
    table(["REVISION", "VERSION", "CAUSE", "CREATED"], &page.items.into_iter().map(row).collect::<Vec<_>>())
}

fn transitions(found: Transitions) -> anyhow::Result<()> {
    let row = |one: Transition| {
        let message = one.phase["failure"]["message"].as_str().unwrap_or_default().to_owned();
        let phase = one.phase["phase"].as_str().unwrap_or_default().to_owned();
        [one.seq.to_string(), one.revision.to_string(), phase, message]
    };
    table(["SEQ", "REVISION", "PHASE", "WHY"], &found.items.into_iter().map(row).collect::<Vec<_>>())
}
