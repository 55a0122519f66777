//! Customers on a server.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::client::{Connection, Page, Part};
use crate::customer_users::CustomerUsers;
use crate::output::{line, table};
use crate::{Outcome, usage};

#[derive(Debug, Args)]
pub(crate) struct Customers {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a customer
    Create(New),
    /// List customers, newest first
    List {
        /// Only those whose name or address contains this
        #[arg(long, default_value = "")]
        search: String,
        #[command(flatten)]
        part: Part,
    },
    /// Show one customer
    Show {
        /// The customer's id
        id: String,
    },
    /// Show what all that a customer holds is used for
    Usage {
        /// The customer's id
        id: String,
    },
    /// Delete a customer and revoke all they hold
    Delete {
        /// The customer's id
        id: String,
    },
    /// The people of a customer, who sign in to the customer portal
    #[command(subcommand)]
    Users(CustomerUsers),
}

#[derive(Debug, Args, Serialize)]
struct New {
    /// Customer or organization name
    #[arg(long)]
    name: String,
    /// Contact address
    #[arg(long)]
    email: String,
    /// Internal notes, never shown to the customer
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
}

#[derive(Deserialize)]
struct Customer {
    id: String,
    name: String,
    email: String,
    notes: Option<String>,
    created_at: String,
}

impl Customers {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::Create(new) => server.show(&server.post("customers", &new)?, show)?,
            Action::Show { id } => server.show(&server.get(&format!("customers/{id}"))?, show)?,
            Action::Usage { id } => {
                server.show(&server.get(&format!("customers/{id}/usage"))?, usage::of_customer)?;
            }
            Action::Delete { id } => {
                server.delete(&format!("customers/{id}"))?;
                server.say("Deleted; all licenses of this customer are revoked.")?;
            }
            Action::Users(action) => action.run(server)?,
            Action::List { search, part } => {
                let answer = server.list("customers", &[("q", &search)], &part)?;
                server.show(&answer, list)?;
            }
        }
        Ok(Outcome::Good)
    }
}

fn show(customer: Customer) -> anyhow::Result<()> {
    line(&format!("id       {}", customer.id))?;
    line(&format!("name     {}", customer.name))?;
    line(&format!("email    {}", customer.email))?;
    line(&format!("created  {}", customer.created_at))?;
    customer.notes.map_or(Ok(()), |notes| line(&format!("notes    {notes}")))
}

fn list(page: Page<Customer>) -> anyhow::Result<()> {
    let rows: Vec<_> =
        page.items.into_iter().map(|customer| [customer.id, customer.name, customer.email]).collect();
    table(["ID", "NAME", "EMAIL"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
