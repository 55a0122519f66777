//! Organizations on a server, for its operator.

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::client::{Connection, Page, Part, SecretFile};
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct Organizations {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the organizations: all of them with an operator's token, else your own
    List {
        #[command(flatten)]
        part: Part,
    },
    /// Found an organization (operator), and print its first token
    Create {
        /// Its name
        #[arg(long)]
        name: String,
        /// The first owner's e-mail address
        #[arg(long)]
        owner_email: String,
        /// The first owner's name
        #[arg(long)]
        owner_name: Option<String>,
        /// Its slug, in public addresses and tokens [default: made from the name]
        #[arg(long)]
        slug: Option<String>,
        #[command(flatten)]
        secret: SecretFile,
    },
    /// Change your organization's name, or its slug until the first license is created
    Update {
        /// Your organization's id
        id: String,
        /// The new name
        #[arg(long)]
        name: Option<String>,
        /// The new slug
        #[arg(long)]
        slug: Option<String>,
    },
    /// Set an organization's plan, and what is granted beyond it (operator)
    Plan(Plan),
    /// Stop serving an organization's licenses (operator)
    Suspend {
        /// The organization's id
        id: String,
    },
    /// Serve an organization's licenses again (operator)
    Resume {
        /// The organization's id
        id: String,
    },
    /// Begin your trial of the plan pro, once, from the plan free
    StartTrial {
        /// Your organization's id
        id: String,
    },
}

#[derive(Debug, Args)]
struct Plan {
    /// The organization's id
    id: String,
    /// free, pro, pro_trial (30 days from now) or enterprise
    #[arg(long)]
    plan: Option<String>,
    /// The most products, or "default" for the plan's own limit
    #[arg(long, value_parser = limit)]
    products: Option<Value>,
    /// The most validations a product and day, or "default" for the plan's own limit
    #[arg(long, value_parser = limit)]
    validations_per_day: Option<Value>,
}

fn limit(text: &str) -> Result<Value, String> {
    match text {
        "default" => Ok(Value::Null),
        number => number.parse::<u32>().map(Value::from).map_err(|_| "a number or \"default\"".to_owned()),
    }
}

#[derive(Deserialize)]
struct Organization {
    id: String,
    name: String,
    slug: String,
    plan: String,
    limits: Limits,
    suspended_at: Option<String>,
}

/// An organization just founded.
#[derive(Deserialize)]
struct Founded {
    organization: Organization,
    token: String,
}

#[derive(Deserialize)]
struct Limits {
    products: Option<u32>,
    validations_per_day: Option<u32>,
}

impl Organizations {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        let act = |id: &str, action: &str, body: &Value| -> anyhow::Result<()> {
            server.show(&server.post(&format!("organizations/{id}/{action}"), body)?, show)
        };
        match self.action {
            Action::List { part } => {
                server.show(&server.list("organizations", &[], &part)?, list)?;
            }
            Action::Create { name, owner_email, owner_name, slug, secret } => {
                let members = [
                    ("name", Some(name)),
                    ("owner_email", Some(owner_email)),
                    ("owner_name", owner_name),
                    ("slug", slug),
                ];
                let body = given(members);
                server.show_made(
                    ("token", &secret),
                    || server.post("organizations", &body),
                    |made: Founded| {
                        show(made.organization)?;
                        line(&format!("token                {}", made.token))
                    },
                )?;
            }
            Action::Update { id, name, slug } => {
                let body = given([("name", name), ("slug", slug)]);
                server.show(&server.patch(&format!("organizations/{id}"), &body)?, show)?;
            }
            Action::Plan(Plan { id, plan, products, validations_per_day }) => {
                let mut body = Map::new();
                let plan = plan.map(Value::from);
                let changes =
                    [("plan", plan), ("products", products), ("validations_per_day", validations_per_day)];
                for (name, value) in changes {
                    body.extend(value.map(|value| (name.to_owned(), value)));
                }
                act(&id, "plan", &Value::Object(body))?;
            }
            Action::Suspend { id } => act(&id, "suspend", &json!({}))?,
            Action::Resume { id } => act(&id, "resume", &json!({}))?,
            Action::StartTrial { id } => act(&id, "start-trial", &json!({}))?,
        }
        Ok(Outcome::Good)
    }
}

/// The members that were given.
fn given<const N: usize>(members: [(&str, Option<String>); N]) -> Value {
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    Value::Object(given.collect())
}

fn most(limit: Option<u32>) -> String {
    limit.map_or_else(|| "any number".to_owned(), |limit| limit.to_string())
}

fn show(organization: Organization) -> anyhow::Result<()> {
    line(&format!("id                   {}", organization.id))?;
    line(&format!("name                 {}", organization.name))?;
    line(&format!("slug                 {}", organization.slug))?;
    line(&format!("plan                 {}", organization.plan))?;
    line(&format!("products             {}", most(organization.limits.products)))?;
    line(&format!("validations per day  {}", most(organization.limits.validations_per_day)))?;
    organization.suspended_at.map_or(Ok(()), |since| line(&format!("suspended            {since}")))
}

fn list(page: Page<Organization>) -> anyhow::Result<()> {
    let state = |suspended: Option<String>| suspended.map_or("active", |_| "suspended").to_owned();
    let rows: Vec<_> = page
        .items
        .into_iter()
        .map(|found| [found.id, found.name, found.plan, state(found.suspended_at)])
        .collect();
    table(["ID", "NAME", "PLAN", "STATE"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
