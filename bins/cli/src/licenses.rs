//! Licenses on a server.

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::{Connection, Page, Part};
use crate::instant;
use crate::output::{line, table};
use crate::reading::text_or_file;
use crate::{Outcome, usage};

#[derive(Debug, Args)]
pub(crate) struct Licenses {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a license
    Create(New),
    /// List licenses, newest first
    List {
        /// Only of this customer
        #[arg(long, default_value = "")]
        customer: String,
        /// Only those that no customer holds
        #[arg(long, conflicts_with = "customer")]
        unscoped: bool,
        /// Only of this product
        #[arg(long, default_value = "")]
        product: String,
        /// Only the one with this license key, however it was typed
        #[arg(long, default_value = "")]
        key: String,
        /// Only with this status: active, not_yet_valid, expired, suspended, revoked
        #[arg(long, default_value = "")]
        status: String,
        /// Only those whose name contains this
        #[arg(long, default_value = "")]
        search: String,
        #[command(flatten)]
        part: Part,
    },
    /// Show one license
    Show(Id),
    /// Show what a license is used for
    Usage(Id),
    /// Print a license's key, as people type it
    Key(Id),
    /// Print a license's token
    Token {
        #[command(flatten)]
        id: Id,
        /// Form of the token
        #[arg(long, value_enum, default_value_t = Format::Jwt)]
        format: Format,
    },
    /// Give a license new terms: by default one more year
    Renew {
        #[command(flatten)]
        id: Id,
        #[command(flatten)]
        terms: Terms,
        /// Withdraw the tokens issued before, instead of letting them expire
        #[arg(long)]
        revoke_previous: bool,
    },
    /// Hold a license back
    Suspend(Id),
    /// End a suspension
    Resume(Id),
    /// End a license for ever
    Revoke(Id),
    /// Delete a license
    Delete(Id),
    /// Forget all addresses a license was seen at, so that their places are free
    ResetAddresses(Id),
}

#[derive(Debug, Args)]
struct Id {
    /// The license's id
    id: String,
}

#[derive(Debug, Args)]
struct New {
    /// Unique name
    #[arg(long)]
    name: String,
    /// For your own reference
    #[arg(long)]
    description: Option<String>,
    /// Id of the customer who holds it; without, the whole organization
    #[arg(long)]
    customer: Option<String>,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
struct Terms {
    /// JSON object of custom claims, or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    payload: Option<String>,
    /// First valid second (RFC 3339 or Unix seconds), or a day in UTC, which begins it
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// End by the contract (RFC 3339 or Unix seconds), or the last day of it in UTC; the grace comes after it
    #[arg(long, value_name = "TIME", conflicts_with = "no_end")]
    ends_at: Option<String>,
    /// First second no longer valid, the grace included, or the last valid day in UTC
    #[arg(long, value_name = "TIME", conflicts_with = "no_end")]
    expires_at: Option<String>,
    /// Valid without end
    #[arg(long)]
    no_end: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// JSON Web Token, EdDSA
    Jwt,
    /// PASETO v4.public
    Paseto,
}

/// What create and renew send.
#[derive(Debug, Default, Serialize)]
struct Request {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    /// Absent for the server's default, `null` for no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Option<String>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    revoke_previous: bool,
}

#[derive(Deserialize)]
struct License {
    id: String,
    name: String,
    description: Option<String>,
    customer_id: Option<String>,
    license_key: Option<String>,
    status: String,
    revision: u32,
    health: String,
    not_before: String,
    ends_at: Option<String>,
    expires_at: Option<String>,
    payload: Box<RawValue>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

impl Licenses {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        let act = |id: &Id, action: &str, request: &Request| {
            server.show(&server.post(&format!("licenses/{}/{action}", id.id), request)?, show)
        };
        match self.action {
            Action::Create(new) => {
                let request = Request {
                    name: Some(new.name),
                    description: new.description,
                    customer_id: new.customer,
                    ..new.terms.request()?
                };
                server.show(&server.post("licenses", &request)?, show)?;
            }
            Action::Renew { id, terms, revoke_previous } => {
                act(&id, "renew", &Request { revoke_previous, ..terms.request()? })?;
            }
            Action::Suspend(id) => act(&id, "suspend", &Request::default())?,
            Action::Resume(id) => act(&id, "resume", &Request::default())?,
            Action::Revoke(id) => act(&id, "revoke", &Request::default())?,
            Action::Show(id) => server.show(&server.get(&format!("licenses/{}", id.id))?, show)?,
            Action::Usage(id) => {
                server.show(&server.get(&format!("licenses/{}/usage", id.id))?, usage::of_license)?;
            }
            Action::Key(id) => {
                let answer = server.get(&format!("licenses/{}", id.id))?;
                server.show(&answer, |license: License| {
                    line(&license.license_key.context("this license has no key: it is of no product")?)
                })?;
            }
            Action::Token { id, format } => {
                let format = match format {
                    Format::Jwt => "jwt",
                    Format::Paseto => "paseto",
                };
                let answer = server.get(&format!("licenses/{}/token?format={format}", id.id))?;
                server.show(&answer, |token: Token| line(&token.token))?;
            }
            Action::Delete(id) => {
                server.delete(&format!("licenses/{}", id.id))?;
                server.say("Deleted; its tokens count as revoked.")?;
            }
            Action::ResetAddresses(id) => {
                server.delete(&format!("licenses/{}/addresses", id.id))?;
                server.say("Done; no address is registered.")?;
            }
            Action::List { customer, unscoped, product, key, status, search, part } => {
                let filter = [
                    ("customer_id", &*customer),
                    ("product_id", &product),
                    ("license_key", &key),
                    ("status", &status),
                    ("q", &search),
                    ("unscoped", if unscoped { "true" } else { "" }),
                ];
                server.show(&server.list("licenses", &filter, &part)?, list)?;
            }
        }
        Ok(Outcome::Good)
    }
}

impl Terms {
    fn request(self) -> anyhow::Result<Request> {
        let start = self.not_before.as_deref().map(instant::start).transpose();
        let ends_at = self.ends_at.as_deref().map(instant::end).transpose().context("--ends-at")?;
        let end = self.expires_at.as_deref().map(instant::end).transpose();
        let payload = self.payload.as_deref().map(text_or_file).transpose()?;
        let payload = payload.map(|text| serde_json::from_str(&text)).transpose();
        Ok(Request {
            payload: payload.context("--payload is not JSON")?,
            not_before: start.context("--not-before")?.map(instant::show),
            ends_at: ends_at.map(instant::show),
            expires_at: if self.no_end {
                Some(None)
            } else {
                end.context("--expires-at")?.map(|end| Some(instant::show(end)))
            },
            ..Request::default()
        })
    }
}

fn show(license: License) -> anyhow::Result<()> {
    line(&format!("id           {}", license.id))?;
    line(&format!("name         {}", license.name))?;
    line(&format!("status       {}", license.status))?;
    if let Some(key) = &license.license_key {
        line(&format!("license key  {key}"))?;
    }
    line(&format!("customer     {}", license.customer_id.as_deref().unwrap_or("whole organization")))?;
    line(&format!("valid from   {}", license.not_before))?;
    line(&format!("health       {}", license.health))?;
    line(&format!("ends         {}", license.ends_at.as_deref().unwrap_or("never")))?;
    line(&format!("valid until  {}", license.expires_at.as_deref().unwrap_or("without end")))?;
    line(&format!("revision     {}", license.revision))?;
    line(&format!("payload      {}", license.payload.get()))?;
    license.description.map_or(Ok(()), |text| line(&format!("description  {text}")))
}

fn list(page: Page<License>) -> anyhow::Result<()> {
    let row = |license: License| {
        let end = license.ends_at.unwrap_or_else(|| "-".to_owned());
        [license.id, license.status, end, license.name]
    };
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "STATUS", "ENDS", "NAME"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
