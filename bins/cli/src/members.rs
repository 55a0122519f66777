//! Members of an organization.

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Outcome;
use crate::client::{Connection, Page, Part};
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct Members {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a member. They set a password, or sign in at your provider, once they are invited
    Create(New),
    /// List members, newest first
    List {
        #[command(flatten)]
        part: Part,
    },
    /// Show one member
    Show {
        /// The member's id
        id: String,
    },
    /// Change a member's name or role
    Update(Change),
    /// Send a member a link by mail to set their first password
    Invite {
        /// The member's id
        id: String,
    },
    /// Remove a member; their tokens and sessions end at once
    Delete {
        /// The member's id
        id: String,
    },
    /// Remove a member, and take their name and address out of all that is kept
    Erase {
        /// The member's id
        id: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Owner,
    Admin,
    Member,
    Viewer,
}

#[derive(Debug, Args, Serialize)]
struct New {
    /// Their e-mail address, by which they sign in
    #[arg(long)]
    email: String,
    /// Their name
    #[arg(long)]
    name: String,
    /// What they may do
    #[arg(long, value_enum)]
    role: Role,
}

#[derive(Debug, Args, Serialize)]
struct Change {
    /// The member's id
    #[serde(skip)]
    id: String,
    /// The new name
    #[arg(long, required_unless_present = "role")]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The new role
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
}

#[derive(Deserialize)]
struct Member {
    id: String,
    email: String,
    name: String,
    role: String,
    created_at: String,
}

impl Members {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::Create(new) => server.show(&server.post("members", &new)?, show)?,
            Action::List { part } => server.show(&server.list("members", &[], &part)?, list)?,
            Action::Show { id } => server.show(&server.get(&format!("members/{id}"))?, show)?,
            Action::Update(change) => {
                server.show(&server.patch(&format!("members/{}", change.id), &change)?, show)?;
            }
            Action::Invite { id } => {
                server.act(&format!("members/{id}/invite"), &json!({}))?;
                server.say("Invited.")?;
            }
            Action::Delete { id } => {
                server.delete(&format!("members/{id}"))?;
                server.say("Removed.")?;
            }
            Action::Erase { id } => {
                server.act(&format!("members/{id}/erase"), &json!({}))?;
                server.say("Removed, and taken out of what is kept.")?;
            }
        }
        Ok(Outcome::Good)
    }
}

fn show(member: Member) -> anyhow::Result<()> {
    line(&format!("id     {}", member.id))?;
    line(&format!("name   {}", member.name))?;
    line(&format!("email  {}", member.email))?;
    line(&format!("role   {}", member.role))?;
    line(&format!("since  {}", member.created_at))
}

fn list(page: Page<Member>) -> anyhow::Result<()> {
    let row = |member: Member| [member.id, member.name, member.email, member.role];
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "NAME", "EMAIL", "ROLE"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
