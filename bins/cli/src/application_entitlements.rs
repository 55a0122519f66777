//! What customers may deploy, on a server.

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Outcome;
use crate::client::{Connection, Page, Part};
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct ApplicationEntitlements {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Entitle a customer to versions of an application
    Create {
        /// The customer's id
        #[arg(long)]
        customer: String,
        /// The application's id
        #[arg(long)]
        application: String,
        #[command(flatten)]
        versions: Versions,
        /// Internal, never shown to the customer
        #[arg(long)]
        note: Option<String>,
    },
    /// Grant more versions beside those granted before
    Grant {
        /// The entitlement's id
        id: String,
        #[command(flatten)]
        versions: Versions,
    },
    /// List entitlements, newest first
    List {
        /// Only of this customer
        #[arg(long, default_value = "")]
        customer: String,
        /// Only to this application
        #[arg(long, default_value = "")]
        application: String,
        #[command(flatten)]
        part: Part,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Versions {
    /// Versions to grant, with commas between
    #[arg(long, value_delimiter = ',')]
    versions: Vec<String>,
    /// All versions that are and will be
    #[arg(long)]
    all: bool,
}

impl Versions {
    fn put(self, mut before: Vec<String>, body: &mut Value) {
        if self.all {
            body["all_versions"] = true.into();
        } else {
            before.extend(self.versions);
            body["versions"] = before.into();
        }
    }
}

#[derive(Deserialize)]
struct Entitlement {
    id: String,
    customer_id: String,
    application_id: String,
    all_versions: bool,
    versions: Vec<String>,
}

impl Entitlement {
    fn granted(&self) -> String {
        let versions = self.versions.join(", ");
        if self.all_versions { format!("all ({versions})") } else { versions }
    }
}

impl ApplicationEntitlements {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::Create { customer, application, versions, note } => {
                let mut body = json!({ "customer_id": customer, "application_id": application });
                if let Some(note) = note {
                    body["note"] = note.into();
                }
                versions.put(Vec::new(), &mut body);
                server.show(&server.post("application-entitlements", &body)?, show)?;
            }
            Action::Grant { id, versions } => {
                let path = format!("application-entitlements/{id}");
                let held: Entitlement = serde_json::from_str(server.get(&path)?.get())?;
                let mut body = json!({});
                versions.put(held.versions, &mut body);
                server.show(&server.patch(&path, &body)?, show)?;
            }
            Action::List { customer, application, part } => {
                let query = [("customer_id", &*customer), ("application_id", &*application)];
                server.show(&server.list("application-entitlements", &query, &part)?, list)?;
            }
        }
        Ok(Outcome::Good)
    }
}

fn show(entitlement: Entitlement) -> anyhow::Result<()> {
    line(&format!("id           {}", entitlement.id))?;
    line(&format!("customer     {}", entitlement.customer_id))?;
    line(&format!("application  {}", entitlement.application_id))?;
    line(&format!("granted      {}", entitlement.granted()))
}

fn list(page: Page<Entitlement>) -> anyhow::Result<()> {
    let row = |one: Entitlement| {
        let granted = one.granted();
        [one.id, one.customer_id, one.application_id, granted]
    };
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "CUSTOMER", "APPLICATION", "GRANTED"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
