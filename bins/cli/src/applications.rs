//! Applications on a server, and their versions.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::{Connection, Page, Part};
use crate::output::{line, table};
use crate::{Outcome, reading};

#[derive(Debug, Args)]
pub(crate) struct Applications {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create an application
    Create {
        /// Unique among your applications
        #[arg(long)]
        name: String,
        /// How it is deployed
        #[arg(long, value_parser = ["compose", "helm"])]
        kind: String,
        /// What it is, for the customers who have it
        #[arg(long)]
        description: Option<String>,
    },
    /// List applications, newest first
    List {
        /// Only those whose name contains this
        #[arg(long, default_value = "")]
        search: String,
        #[command(flatten)]
        part: Part,
    },
    /// List the versions of an application, the highest first
    Versions {
        /// The application's id
        id: String,
    },
    /// Create a version from files
    Release(Box<Release>),
    /// Offer a version to nobody new
    Archive {
        /// The application's id
        id: String,
        /// The version's name
        #[arg(value_name = "VERSION")]
        name: String,
    },
    /// Offer a version again
    Unarchive {
        /// The application's id
        id: String,
        /// The version's name
        #[arg(value_name = "VERSION")]
        name: String,
    },
    /// Delete an application that no customer is entitled to
    Delete {
        /// The application's id
        id: String,
    },
}

#[derive(Debug, Args)]
struct Release {
    /// The application's id
    id: String,
    /// The version's name, such as 1.4.2
    #[arg(value_name = "VERSION")]
    name: String,
    /// A file with what customers read of it, in Markdown
    #[arg(long, value_name = "FILE")]
    notes: Option<PathBuf>,
    /// The Compose file
    #[arg(long, value_name = "FILE")]
    compose: Option<PathBuf>,
    /// The environment file of Compose
    #[arg(long, value_name = "FILE")]
    environment: Option<PathBuf>,
    /// The chart: oci://…, or the URL of its repository
    #[arg(long, value_name = "URL", requires = "chart_version")]
    chart: Option<String>,
    /// The chart's name in its repository
    #[arg(long, value_name = "NAME", requires = "chart")]
    chart_name: Option<String>,
    /// The chart's version
    #[arg(long, value_name = "VERSION", requires = "chart")]
    chart_version: Option<String>,
    /// The base values of the chart
    #[arg(long, value_name = "FILE")]
    values: Option<PathBuf>,
    /// How long it may take to be healthy where an agent brings it up, in seconds
    #[arg(long, value_name = "SECONDS")]
    health_seconds: Option<u32>,
    /// Leave it where it fails, since the version before can't read its data any more
    #[arg(long)]
    no_way_back: bool,
    /// A further file; may be given again
    #[arg(long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Release {
    fn body(&self) -> anyhow::Result<Value> {
        let mut body = Map::new();
        body.insert("name".to_owned(), json!(self.name));
        let own = [
            ("notes", &self.notes),
            ("compose", &self.compose),
            ("environment", &self.environment),
            ("values", &self.values),
        ];
        for (field, path) in own {
            if let Some(path) = path {
                body.insert(field.to_owned(), json!(read(path)?));
            }
        }
        if let Some(url) = &self.chart {
            let chart = json!({ "url": url, "name": self.chart_name, "version": self.chart_version });
            body.insert("chart".to_owned(), chart);
        }
        if let Some(seconds) = self.health_seconds {
            body.insert("health_seconds".to_owned(), json!(seconds));
        }
        if self.no_way_back {
            body.insert("no_way_back".to_owned(), json!(true));
        }
        let further = |path: &PathBuf| {
            let name = path
                .file_name()
                .context("a file needs a name")?
                .to_str()
                .context("a file name is not UTF-8")?;
            Ok(json!({ "name": name, "content": read(path)? }))
        };
        let files = self.files.iter().map(further).collect::<anyhow::Result<Vec<_>>>()?;
        if !files.is_empty() {
            body.insert("files".to_owned(), Value::Array(files));
        }
        Ok(Value::Object(body))
    }
}

fn read(path: &PathBuf) -> anyhow::Result<String> {
    Ok(reading::file(path)?.to_string())
}

#[derive(Deserialize)]
struct Application {
    id: String,
    name: String,
    slug: String,
    kind: String,
}

#[derive(Deserialize)]
struct Version {
    name: String,
    state: String,
    created_at: String,
    #[serde(default)]
    warnings: Vec<Warning>,
}

#[derive(Deserialize)]
struct Warning {
    file: String,
    line: usize,
    license_key: String,
}

impl Applications {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::Create { name, kind, description } => {
                let mut body = json!({ "name": name, "kind": kind });
                if let Some(description) = description {
                    body["description"] = description.into();
                }
                server.show(&server.post("applications", &body)?, show)?;
            }
            Action::List { search, part } => {
                let answer = server.list("applications", &[("q", &search)], &part)?;
                server.show(&answer, list)?;
            }
            Action::Versions { id } => {
                server.show(&server.get(&format!("applications/{id}/versions"))?, versions)?;
            }
            Action::Release(release) => {
                let path = format!("applications/{}/versions", release.id);
                server.show(&server.post(&path, &release.body()?)?, version)?;
            }
            Action::Archive { id, name } => {
                let path = format!("applications/{id}/versions/{name}/archive");
                server.show(&server.post(&path, &json!({}))?, version)?;
            }
            Action::Unarchive { id, name } => {
                let path = format!("applications/{id}/versions/{name}/unarchive");
                server.show(&server.post(&path, &json!({}))?, version)?;
            }
            Action::Delete { id } => {
                server.delete(&format!("applications/{id}"))?;
                server.say("Deleted, with its versions.")?;
            }
        }
        Ok(Outcome::Good)
    }
}

fn show(application: Application) -> anyhow::Result<()> {
    line(&format!("id    {}", application.id))?;
    line(&format!("name  {}", application.name))?;
    line(&format!("slug  {}", application.slug))?;
    line(&format!("kind  {}", application.kind))
}

fn list(page: Page<Application>) -> anyhow::Result<()> {
    let row = |application: Application| [application.id, application.name, application.kind];
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "NAME", "KIND"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}

fn version(version: Version) -> anyhow::Result<()> {
    line(&format!("version  {}", version.name))?;
    line(&format!("state    {}", version.state))?;
    for warning in version.warnings {
        let Warning { file, line: number, license_key } = warning;
        line(&format!("warning: {file}, line {number}: no license is called {license_key}"))?;
    }
    Ok(())
}

fn versions(page: Page<Version>) -> anyhow::Result<()> {
    let row = |version: Version| [version.name, version.state, version.created_at];
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["VERSION", "STATE", "CREATED"], &rows)
}
