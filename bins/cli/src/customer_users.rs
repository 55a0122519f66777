//! The users of a customer.

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{Connection, Page, Part};
use crate::output::{line, table};

#[derive(Debug, Subcommand)]
pub(crate) enum CustomerUsers {
    /// Invite a user by mail
    Invite(New),
    /// List a customer's users, newest first
    List {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        part: Part,
    },
    /// Show one user
    Show(One),
    /// Change a user's name or role
    Update(Change),
    /// Invite a user again, who has not accepted yet
    InviteAgain(One),
    /// Remove a user's second factor, who has lost it; their sessions end at once
    ResetSecondFactor(One),
    /// Remove a user; their sessions end at once
    Delete(One),
    /// Remove a user, and take their name and address out of all that is kept
    Erase(One),
}

#[derive(Debug, Args)]
pub(crate) struct Of {
    /// The customer's id
    #[arg(long)]
    customer: String,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    #[command(flatten)]
    of: Of,
    /// The user's id
    id: String,
}

#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Admin,
    Viewer,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct New {
    #[command(flatten)]
    #[serde(skip)]
    of: Of,
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
pub(crate) struct Change {
    #[command(flatten)]
    #[serde(skip)]
    one: One,
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
struct User {
    id: String,
    email: String,
    name: String,
    role: String,
    status: String,
    last_signed_in_at: Option<String>,
}

impl One {
    fn path(&self) -> String {
        format!("{}/{}", self.of.path(), self.id)
    }
}

impl Of {
    fn path(&self) -> String {
        format!("customers/{}/users", self.customer)
    }
}

impl CustomerUsers {
    pub(crate) fn run(self, server: &Connection) -> anyhow::Result<()> {
        match self {
            Self::Invite(new) => server.show(&server.post(&new.of.path(), &new)?, show),
            Self::List { of, part } => server.show(&server.list(&of.path(), &[], &part)?, list),
            Self::Show(one) => server.show(&server.get(&one.path())?, show),
            Self::Update(change) => server.show(&server.patch(&change.one.path(), &change)?, show),
            Self::InviteAgain(one) => {
                server.act(&format!("{}/invite", one.path()), &json!({}))?;
                server.say("Invited.")
            }
            Self::ResetSecondFactor(one) => {
                server.act(&format!("{}/reset-second-factor", one.path()), &json!({}))?;
                server.say("Removed. The password alone signs this user in.")
            }
            Self::Delete(one) => {
                server.delete(&one.path())?;
                server.say("Removed.")
            }
            Self::Erase(one) => {
                server.act(&format!("{}/erase", one.path()), &json!({}))?;
                server.say("Removed, and taken out of what is kept.")
            }
        }
    }
}

fn show(user: User) -> anyhow::Result<()> {
    line(&format!("id              {}", user.id))?;
    line(&format!("name            {}", user.name))?;
    line(&format!("email           {}", user.email))?;
    line(&format!("role            {}", user.role))?;
    line(&format!("status          {}", user.status))?;
    line(&format!("last signed in  {}", user.last_signed_in_at.as_deref().unwrap_or("never")))
}

fn list(page: Page<User>) -> anyhow::Result<()> {
    let row = |user: User| {
        let last = user.last_signed_in_at.unwrap_or_else(|| "never".to_owned());
        [user.id, user.name, user.email, user.role, user.status, last]
    };
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "NAME", "EMAIL", "ROLE", "STATUS", "LAST SIGNED IN"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
