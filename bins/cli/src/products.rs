//! Products on a server, and their keys.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::{Connection, Page, Part, SecretFile};
use crate::output::{line, table};
use crate::{Outcome, reading, usage};

#[derive(Debug, Args)]
pub(crate) struct Products {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a product; prints its API key, once
    Create {
        /// Unique among your products
        #[arg(long)]
        name: String,
        /// JSON file with the rest: description, page, fields, pull_roles, versions, settings
        #[arg(long, value_name = "FILE")]
        definition: Option<PathBuf>,
        #[command(flatten)]
        secret: SecretFile,
    },
    /// List products, newest first
    List {
        /// Only those whose name contains this
        #[arg(long, default_value = "")]
        search: String,
        #[command(flatten)]
        part: Part,
    },
    /// Show one product
    Show {
        /// The product's id
        id: String,
    },
    /// Change a product by what a JSON file says
    Update {
        /// The product's id
        id: String,
        /// JSON file with what is to be changed
        #[arg(long, value_name = "FILE")]
        definition: PathBuf,
    },
    /// Make a key for a new customer, or for one there is; prints license key and token
    CreateKey(NewKey),
    /// Replace a product's API key; prints the new one, once. Applications with the old one are refused at once
    RotateKey {
        /// The product's id
        id: String,
        /// Let the old key live on for so many seconds, up to 30 days
        #[arg(long, default_value_t = 0)]
        overlap_seconds: u32,
        #[command(flatten)]
        secret: SecretFile,
    },
    /// Take a product out of sale and service
    Archive {
        /// The product's id
        id: String,
    },
    /// Take it back
    Unarchive {
        /// The product's id
        id: String,
    },
    /// Take a product out of service for a while
    Disable {
        /// The product's id
        id: String,
    },
    /// Take it back into service
    Enable {
        /// The product's id
        id: String,
    },
    /// Show today's bucket of a product, and who took the most of it
    Bucket {
        /// The product's id
        id: String,
    },
    /// Show how often a product was asked
    Usage {
        /// The product's id
        id: String,
    },
    /// List the versions of a product that validate its licenses, or the licenses that one of them has validated
    #[command(disable_version_flag = true)]
    VersionsInUse {
        /// The product's id
        id: String,
        /// List the licenses of this version
        #[arg(long = "version", value_name = "VERSION")]
        of: Option<String>,
        /// List the licenses of applications that name no version
        #[arg(long, conflicts_with = "of")]
        unnamed: bool,
        /// So many days before today, up to 366
        #[arg(long, default_value_t = 30)]
        days: u32,
        #[command(flatten)]
        part: Part,
    },
}

#[derive(Debug, Args)]
struct NewKey {
    /// The product's id
    id: String,
    /// The new customer's name
    #[arg(long, required_unless_present = "customer")]
    name: Option<String>,
    /// The new customer's contact address
    #[arg(long, required_unless_present = "customer")]
    email: Option<String>,
    /// A customer there is, by id
    #[arg(long, conflicts_with_all = ["name", "email"])]
    customer: Option<String>,
    /// Values of the product's fields, as JSON
    #[arg(long, value_name = "JSON")]
    fields: Option<String>,
    /// First second no longer valid (RFC 3339), or the last valid day in UTC; none if not told
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
}

#[derive(Deserialize)]
struct Product {
    id: String,
    name: String,
    state: String,
    api_key: ApiKey,
    secret: Option<String>,
}

#[derive(Deserialize)]
struct ApiKey {
    hint: String,
}

#[derive(Deserialize)]
struct CreatedKey {
    license: License,
    token: String,
}

#[derive(Deserialize)]
struct License {
    id: String,
    license_key: String,
}

#[derive(Deserialize)]
struct Usage {
    limit: Option<u32>,
    items: Vec<Day>,
}

#[derive(Deserialize)]
struct Day {
    day: String,
    used: u64,
    answers: Map<String, Value>,
}

/// Today's bucket.
#[derive(Deserialize)]
struct Bucket {
    day: String,
    limit: Option<u32>,
    used: u64,
    shares: Shares,
    addresses: Vec<AddressUsage>,
    licenses: Vec<LicenseUsage>,
    unknown_keys: Taken,
    alerts: Vec<BucketAlert>,
}

#[derive(Deserialize)]
struct Shares {
    address: Option<u64>,
    license: Option<u64>,
    unknown_key: Option<u64>,
}

#[derive(Deserialize)]
struct AddressUsage {
    address: String,
    #[serde(flatten)]
    taken: Taken,
}

#[derive(Deserialize)]
struct LicenseUsage {
    license_id: String,
    #[serde(flatten)]
    taken: Taken,
}

#[derive(Deserialize)]
struct Taken {
    used: u64,
    refused: u64,
}

#[derive(Deserialize)]
struct BucketAlert {
    message: String,
}

impl Products {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        let act = |id: &str, action: &str, body: &Value| -> anyhow::Result<()> {
            server.show(&server.post(&format!("products/{id}/{action}"), body)?, show)
        };
        match self.action {
            Action::Create { name, definition, secret } => {
                let mut body = definition.as_deref().map(read).transpose()?.unwrap_or_default();
                body.insert("name".to_owned(), name.into());
                server.show_made(("secret", &secret), || server.post("products", &body), show)?;
            }
            Action::List { search, part } => {
                server.show(&server.list("products", &[("q", &search)], &part)?, list)?;
            }
            Action::Show { id } => server.show(&server.get(&format!("products/{id}"))?, show)?,
            Action::Update { id, definition } => {
                server.show(&server.patch(&format!("products/{id}"), &read(&definition)?)?, show)?;
            }
            Action::CreateKey(new) => {
                let path = format!("products/{}/keys", new.id);
                server.show(&server.post(&path, &new.body()?)?, key)?;
            }
            Action::RotateKey { id, overlap_seconds, secret } => {
                let (path, body) =
                    (format!("products/{id}/rotate-key"), json!({ "overlap_seconds": overlap_seconds }));
                server.show_made(("secret", &secret), || server.post(&path, &body), show)?;
            }
            Action::Archive { id } => act(&id, "archive", &json!({}))?,
            Action::Unarchive { id } => act(&id, "unarchive", &json!({}))?,
            Action::Disable { id } => act(&id, "disable", &json!({}))?,
            Action::Enable { id } => act(&id, "enable", &json!({}))?,
            Action::Bucket { id } => server.show(&server.get(&format!("products/{id}/bucket"))?, bucket)?,
            Action::Usage { id } => server.show(&server.get(&format!("products/{id}/usage"))?, days)?,
            Action::VersionsInUse { id, of: None, unnamed: false, days, part: _ } => {
                let answer = server.get(&format!("products/{id}/versions-in-use?days={days}"))?;
                server.show(&answer, usage::versions)?;
            }
            Action::VersionsInUse { id, of, unnamed: _, days, part } => {
                let version = of.unwrap_or_default();
                let (path, days) = (format!("products/{id}/versions-in-use/licenses"), days.to_string());
                let query = [("version", version.as_str()), ("days", days.as_str())];
                server.show(&server.list(&path, &query, &part)?, usage::licenses)?;
            }
        }
        Ok(Outcome::Good)
    }
}

impl NewKey {
    fn body(self) -> anyhow::Result<Map<String, Value>> {
        let mut body = Map::new();
        let texts = [
            ("name", self.name),
            ("email", self.email),
            ("customer_id", self.customer),
            ("expires_at", self.expires),
        ];
        for (name, text) in texts {
            body.extend(text.map(|text| (name.to_owned(), text.into())));
        }
        if let Some(fields) = self.fields {
            let fields = serde_json::from_str(&fields).context("--fields is not JSON")?;
            body.insert("fields".to_owned(), fields);
        }
        Ok(body)
    }
}

fn read(file: &std::path::Path) -> anyhow::Result<Map<String, Value>> {
    let text = reading::file(file)?;
    serde_json::from_str(&text).with_context(|| format!("{} is not a JSON object", file.display()))
}

fn show(product: Product) -> anyhow::Result<()> {
    line(&format!("id       {}", product.id))?;
    line(&format!("name     {}", product.name))?;
    line(&format!("state    {}", product.state))?;
    match product.secret {
        Some(secret) => line(&format!("API key  {secret}   (shown this once)")),
        None => line(&format!("API key  {}…", product.api_key.hint)),
    }
}

fn list(page: Page<Product>) -> anyhow::Result<()> {
    let rows: Vec<_> =
        page.items.into_iter().map(|product| [product.id, product.name, product.state]).collect();
    table(["ID", "NAME", "STATE"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}

fn key(made: CreatedKey) -> anyhow::Result<()> {
    line(&format!("license      {}", made.license.id))?;
    line(&format!("license key  {}", made.license.license_key))?;
    line(&format!("token        {}", made.token))
}

fn days(usage: Usage) -> anyhow::Result<()> {
    let limit = usage.limit.map_or_else(|| "any number".to_owned(), |limit| limit.to_string());
    line(&format!("a day: {limit}"))?;
    let answers = |answers: Map<String, Value>| {
        answers.into_iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let rows: Vec<_> =
        usage.items.into_iter().map(|day| [day.day, day.used.to_string(), answers(day.answers)]).collect();
    table(["DAY", "USED", "ANSWERS"], &rows)
}

fn bucket(bucket: Bucket) -> anyhow::Result<()> {
    let all = |size: Option<u64>| size.map_or_else(|| "all".to_owned(), |size| size.to_string());
    line(&format!("day    {}", bucket.day))?;
    line(&format!("used   {}", bucket.used))?;
    line(&format!("limit  {}", bucket.limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())))?;
    for alert in &bucket.alerts {
        line(&format!("alert  {}", alert.message))?;
    }
    let row = |who: String, taken: &Taken, share: Option<u64>| {
        [who, taken.used.to_string(), all(share), taken.refused.to_string()]
    };
    let mut rows = Vec::new();
    for address in &bucket.addresses {
        rows.push(row(format!("address {}", address.address), &address.taken, bucket.shares.address));
    }
    for license in &bucket.licenses {
        rows.push(row(format!("license {}", license.license_id), &license.taken, bucket.shares.license));
    }
    rows.push(row("unknown license keys".to_owned(), &bucket.unknown_keys, bucket.shares.unknown_key));
    table(["WHO", "USED", "SHARE", "REFUSED"], &rows)
}
