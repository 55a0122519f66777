//! The audit log on a server, and whether an export of it is whole.

mod chain;

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use keyward_token::Keyring;
use serde::Deserialize;
use serde_json::json;

use chain::Source;

use crate::client::{Connection, Page, Part};
use crate::output::{line, table};
use crate::{Outcome, instant, reading};

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what happened, newest first
    List(List),
    /// Write the chain of events with its checkpoints, one JSON object a line
    Export {
        /// Where to [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check an export offline: that no event is missing, altered or swapped, and up to when that is signed
    Verify {
        /// The organization's public keys, as /o/…/jwks.json gives them; kept from before, they prove more
        #[arg(long, value_name = "FILE", required = true)]
        jwks: Vec<String>,
        /// The file is what a sink has collected, and no export: lines may come again, and its end need not be signed yet
        #[arg(long)]
        collected: bool,
        /// Of what was collected, only the lines of the organization with this id
        #[arg(long, value_name = "ID", requires = "collected")]
        organization: Option<String>,
        /// The export, or the lines that were collected
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct List {
    /// Whoever has this id, or all of a kind, such as member or server
    #[arg(long, default_value = "")]
    actor: String,
    /// One action, such as license.revoked, or all that is done to a kind of things, such as license
    #[arg(long, default_value = "")]
    action: String,
    /// What was done to the thing with this id
    #[arg(long, default_value = "")]
    target: String,
    /// Not before this day or instant
    #[arg(long, default_value = "")]
    since: String,
    /// Up to this day, or before this instant
    #[arg(long, default_value = "")]
    until: String,
    /// Only events with this text in names or details
    #[arg(long, default_value = "")]
    search: String,
    #[command(flatten)]
    part: Part,
}

#[derive(Deserialize)]
struct Event {
    at: String,
    sentence: String,
    seq: Option<u64>,
    address: Option<String>,
}

impl Audit {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let server = &self.connection;
        match self.action {
            Action::List(List { actor, action, target, since, until, search, part }) => {
                let query = [
                    ("actor", &*actor),
                    ("action", &*action),
                    ("target", &*target),
                    ("since", &*since),
                    ("until", &*until),
                    ("q", &*search),
                ];
                server.show(&server.list("audit-events", &query, &part)?, list)?;
                Ok(Outcome::Good)
            }
            Action::Export { output } => {
                match output {
                    Some(path) => {
                        let shown = path.display().to_string();
                        let mut file = File::create(&path).with_context(|| format!("writing {shown}"))?;
                        server.download("audit-events/export", &mut file)?;
                        file.flush()
                            .and_then(|()| file.sync_all())
                            .with_context(|| format!("writing {shown}"))?;
                    }
                    None => server.download("audit-events/export", &mut std::io::stdout())?,
                }
                Ok(Outcome::Good)
            }
            Action::Verify { jwks, collected, organization, file } => {
                let source = if collected { Source::Collected { organization } } else { Source::Export };
                verify(&jwks, source, &file)
            }
        }
    }
}

fn list(page: Page<Event>) -> anyhow::Result<()> {
    let rows = page.items.into_iter().map(|event| {
        let seq = event.seq.map(|seq| seq.to_string()).unwrap_or_default();
        [seq, event.at, event.address.unwrap_or_default(), event.sentence]
    });
    table(["NO.", "AT", "FROM", "WHAT"], &rows.collect::<Vec<_>>())?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}

fn verify(jwks: &[String], source: Source, path: &PathBuf) -> anyhow::Result<Outcome> {
    let mut keys = Keyring::new();
    for path in jwks {
        for key in reading::public_keys(path)? {
            // The same key in two files is one.
            let _ = keys.insert(key);
        }
    }
    let shown = path.display().to_string();
    let file = File::open(path).with_context(|| format!("reading {shown}"))?;
    match chain::check(BufReader::new(file), &keys, source).with_context(|| format!("reading {shown}"))? {
        Ok(proven) => {
            let told = json!({
                "organization": proven.organization,
                "first": proven.first,
                "last": proven.last,
                "hash": proven.hash,
                "signed_at": instant::show(proven.signed_at),
                "checkpoints": proven.checkpoints,
                "unknown_keys": proven.unknown_keys,
                "forgotten_values": proven.forgotten,
                "repeated_lines": proven.repeated,
                "unsigned": proven.unsigned,
            });
            line(&told.to_string())?;
            Ok(Outcome::Good)
        }
        Err(fault) => {
            let told = json!({ "code": fault.code, "line": fault.line, "detail": fault.detail });
            line(&told.to_string())?;
            Ok(Outcome::Refused)
        }
    }
}
