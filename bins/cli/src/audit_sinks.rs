//! Where an audit log is streamed to.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::client::{Connection, Page, Part};
use crate::output::{line, table};

#[derive(Debug, Args)]
pub(crate) struct AuditSinks {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Stream the audit log somewhere
    Create {
        /// What it is called
        #[arg(long)]
        name: String,
        /// syslog+tls://host:port, or the https:// URL of an OTLP receiver for logs
        #[arg(long, value_name = "ADDRESS")]
        address: String,
        /// Begin with the next event, and not with the first that is kept
        #[arg(long)]
        skip_history: bool,
        #[command(flatten)]
        credential: Credential,
    },
    /// List sinks, newest first
    List {
        #[command(flatten)]
        part: Part,
    },
    /// Show one sink, and how far it has come
    Show {
        /// The sink's id
        id: String,
    },
    /// Change a sink
    Update {
        /// The sink's id
        id: String,
        /// What it is called
        #[arg(long)]
        name: Option<String>,
        /// Where it is from now on; certificate, key and headers are to be given again
        #[arg(long, value_name = "ADDRESS")]
        address: Option<String>,
        #[command(flatten)]
        credential: Credential,
    },
    /// Send a sink nothing until it is resumed
    Pause {
        /// The sink's id
        id: String,
    },
    /// Send a sink what it has missed, and what comes
    Resume {
        /// The sink's id
        id: String,
    },
    /// Delete a sink
    Delete {
        /// The sink's id
        id: String,
    },
}

#[derive(Debug, Args)]
struct Credential {
    /// The only certificate authorities that count there, in PEM
    #[arg(long, value_name = "FILE")]
    sink_ca_file: Option<PathBuf>,
    /// The certificate that the server shows there, in PEM
    #[arg(long, value_name = "FILE", requires = "client_key_file")]
    client_certificate_file: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE", requires = "client_certificate_file")]
    client_key_file: Option<PathBuf>,
    /// A file with headers for an OTLP receiver, each on a line as “Name: value”
    #[arg(long, value_name = "FILE")]
    headers_file: Option<PathBuf>,
}

impl Credential {
    fn add_to(&self, body: &mut Map<String, Value>) -> anyhow::Result<()> {
        for (name, path) in [
            ("ca_certificates", &self.sink_ca_file),
            ("client_certificate", &self.client_certificate_file),
            ("client_key", &self.client_key_file),
        ] {
            if let Some(path) = path {
                body.insert(name.to_owned(), json!(read(path)?));
            }
        }
        if let Some(path) = &self.headers_file {
            let text = read(path)?;
            let headers: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            body.insert("headers".to_owned(), json!(headers));
        }
        Ok(())
    }
}

fn read(path: &PathBuf) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[derive(Deserialize)]
struct Sink {
    id: String,
    name: String,
    address: String,
    state: String,
    seq: i64,
    last_seq: i64,
    missed: i64,
    failing_since: Option<String>,
    fault: Option<String>,
    succeeded_at: Option<String>,
}

impl AuditSinks {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        let at = |id: &str, verb: &str| format!("audit-sinks/{id}{verb}");
        match self.action {
            Action::Create { name, address, skip_history, credential } => {
                let mut body = Map::new();
                body.insert("name".to_owned(), json!(name));
                body.insert("address".to_owned(), json!(address));
                body.insert("skip_history".to_owned(), json!(skip_history));
                credential.add_to(&mut body)?;
                server.show(&server.post("audit-sinks", &body)?, show)?;
            }
            Action::List { part } => server.show(&server.list("audit-sinks", &[], &part)?, list)?,
            Action::Show { id } => server.show(&server.get(&at(&id, ""))?, show)?,
            Action::Update { id, name, address, credential } => {
                let mut body = Map::new();
                for (member, value) in [("name", name), ("address", address)] {
                    if let Some(value) = value {
                        body.insert(member.to_owned(), json!(value));
                    }
                }
                credential.add_to(&mut body)?;
                let body = Value::Object(body);
                server.show(&server.patch(&at(&id, ""), &body)?, show)?;
            }
            Action::Pause { id } => server.show(&server.post(&at(&id, "/pause"), &json!({}))?, show)?,
            Action::Resume { id } => server.show(&server.post(&at(&id, "/resume"), &json!({}))?, show)?,
            Action::Delete { id } => server.delete(&at(&id, ""))?,
        }
        Ok(Outcome::Good)
    }
}

fn show(sink: Sink) -> anyhow::Result<()> {
    line(&format!("id          {}", sink.id))?;
    line(&format!("name        {}", sink.name))?;
    line(&format!("address     {}", sink.address))?;
    line(&format!("state       {}", sink.state))?;
    line(&format!("taken       event {} of {}", sink.seq, sink.last_seq))?;
    line(&format!("last taken  {}", sink.succeeded_at.as_deref().unwrap_or("never")))?;
    if sink.missed > 0 {
        line(&format!("missed      {} events", sink.missed))?;
    }
    match (sink.failing_since, sink.fault) {
        (Some(since), Some(fault)) => line(&format!("failing     since {since}: {fault}")),
        _ => Ok(()),
    }
}

fn list(page: Page<Sink>) -> anyhow::Result<()> {
    let row = |sink: Sink| {
        let state = if sink.failing_since.is_some() { "failing".to_owned() } else { sink.state };
        [sink.id, sink.name, sink.address, format!("{} of {}", sink.seq, sink.last_seq), state]
    };
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    table(["ID", "NAME", "ADDRESS", "TAKEN", "STATE"], &rows)?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
