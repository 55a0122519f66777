//! What people on the host see of a deployment, and how they run Compose for it themselves.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use keyward_domain::files::COMPOSE;
use keyward_protocol::desired::Deployment;
use uuid::Uuid;

use super::folder::Record;
use super::state::State;
use super::work::secrets;
use super::{Applier, Folder};
use crate::compose_program::{ComposeProblem, ComposeProgram, PATH};
use crate::config::{Config, ConfigError};
use crate::disk;
use crate::engine;
use crate::redact::Redactor;

/// What is written of a deployment, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The revision that runs, or is to.
    pub revision: u32,
    /// The name of its version.
    pub version: String,
    /// The names of its values.
    pub values: Vec<String>,
    /// Each file, with its text.
    pub files: Vec<(PathBuf, String)>,
}

/// Why Compose can't be run for a deployment.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Nothing was brought about.
    #[error("nothing of this deployment runs here")]
    Nothing,
    /// Orders do that.
    #[error("`{0}` would change what the agent has brought about; only {READING} can be run here")]
    Changing(String),
    /// There is no Compose.
    #[error(transparent)]
    Compose(#[from] ComposeProblem),
    /// The customer's file can't be followed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no engine.
    #[error("there is no socket of Docker or podman on this host; name it by `socket` in agent.toml")]
    Engine,
    /// What is kept can't be read.
    #[error("can't read what is kept of the deployment: {0}")]
    Io(#[from] io::Error),
}

/// What changes nothing that orders have brought about.
const READING: &str = "config, events, exec, images, logs, port, ps, stats, top";

/// The most bytes of a file that is shown.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

impl Applier {
    /// What is written of a deployment; `None` if nothing is.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn written(&self, id: Uuid) -> io::Result<Option<Written>> {
        let folder = self.folder(id);
        let Some((order, record)) = shown(&folder)? else { return Ok(None) };
        let redactor = Redactor::new(secrets(&order));
        let revision = folder.revision(order.revision);
        let mut paths = vec![revision.join(COMPOSE), revision.join("pin.yaml")];
        if let Some(record) = record {
            let found =
                std::fs::read_dir(folder.project_folder(&record.files)).into_iter().flatten().flatten();
            let mut found: Vec<_> = found.map(|found| found.path()).collect();
            found.sort();
            paths.extend(found);
        }
        let mut files = Vec::new();
        for path in paths {
            if let Some(bytes) = disk::read(&path, MOST_BYTES)? {
                files.push((path, redactor.redact(&String::from_utf8_lossy(&bytes))));
            }
        }
        let values = order.values.into_keys().collect();
        Ok(Some(Written { revision: order.revision, version: order.version, values, files }))
    }

    /// Compose for what runs of a deployment, with what a person asks of it. It is not run yet, and goes on with the terminal of
    /// whoever runs it.
    ///
    /// # Errors
    /// If it would change something, or can't be run.
    pub fn compose_command(&self, id: Uuid, args: &[String]) -> Result<Command, CommandError> {
        let asked = args.iter().find(|arg| !arg.starts_with('-')).map_or("", String::as_str);
        if !READING.split(", ").any(|reading| reading == asked)
            || args.first().is_none_or(|first| first != asked)
        {
            return Err(CommandError::Changing(asked.to_owned()));
        }
        let folder = self.folder(id);
        let Some((order, Some(record))) = shown(&folder)? else { return Err(CommandError::Nothing) };
        let config = Config::load(self.paths.config())?;
        let program = ComposeProgram::find(config.compose.as_deref())?;
        let socket = engine::find_socket(config.socket.as_deref()).ok_or(CommandError::Engine)?;
        let mut host = std::ffi::OsString::from("unix://");
        host.push(socket);
        let (files, revision) = (folder.project_folder(&record.files), folder.revision(order.revision));
        let mut command = Command::new(&program.path);
        command.arg("-p").arg(&order.project).arg("--project-directory").arg(&files);
        let environment = files.join(".env");
        if environment.is_file() {
            command.arg("--env-file").arg(environment);
        }
        command.arg("-f").arg(revision.join(COMPOSE)).arg("-f").arg(revision.join("pin.yaml")).args(args);
        command.env_clear().envs(&order.values).env("PATH", PATH).env("HOME", self.paths.state());
        command.env("DOCKER_HOST", host).current_dir(&files);
        if let Some(terminal) = std::env::var_os("TERM") {
            command.env("TERM", terminal);
        }
        Ok(command)
    }
}

/// The order whose revision runs, or else the last one, with what is known of it.
fn shown(folder: &Folder) -> io::Result<Option<(Deployment, Option<Record>)>> {
    let state: State = folder.state()?;
    let order = match state.current {
        Some(current) => folder.revision_order(current)?,
        None => folder.order()?,
    };
    let Some(order) = order else { return Ok(None) };
    let record = folder.record(order.revision)?;
    Ok(Some((order, record)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::Paths;

    #[test]
    fn only_what_changes_nothing_is_run_and_secrets_are_not_shown() {
        let place = tempfile::tempdir().unwrap();
        let paths = Paths::new(place.path().join("agent.toml"), place.path().join("state"));
        let applier = Applier::new(paths);
        let id = Uuid::from_u128(1);
        assert_eq!(applier.written(id).unwrap(), None);
        let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for text in ["up", "down -v", "--file x.yaml ps", "-p other ps", ""] {
            let refused = applier.compose_command(id, &args(text));
            assert!(matches!(refused, Err(CommandError::Changing(_))), "{text}");
        }
        assert!(matches!(applier.compose_command(id, &args("ps --all")), Err(CommandError::Nothing)));
        let order: Deployment = serde_json::from_value(serde_json::json!({
            "id": id, "name": "Shop", "project": "kw-shop-1", "application": "shop", "version": "1.0", "revision": 1,
            "cause": {"kind": "install"}, "attempt": 1, "order": {"kind": "run"}, "files": [],
            "values": {"PASSWORD": "hunter2-hunter2"}
        }))
        .unwrap();
        let folder = applier.folder(id);
        folder.write_revision(&order, "services: {web: {environment: {P: hunter2-hunter2}}}").unwrap();
        folder.write_order(&order).unwrap();
        let written = applier.written(id).unwrap().unwrap();
        assert_eq!((written.revision, written.values), (1, vec!["PASSWORD".to_owned()]));
        assert!(written.files[0].1.contains("[redacted]") && !written.files[0].1.contains("hunter2"));
    }
}
