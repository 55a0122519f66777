//! Which agent of this host is meant.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use keyward_agent::paths::Paths;
use keyward_agent::run::Status;
use uuid::Uuid;

/// Where the agent's files are. A host can have several agents, each with places of its own.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The customer's file [default: /etc/keyward-agent/agent.toml, for others than root ~/.config/keyward-agent/agent.toml]
    #[arg(long, global = true, env = "KEYWARD_AGENT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The agent's folder [default: /var/lib/keyward-agent, for others than root ~/.local/state/keyward-agent]
    #[arg(long, global = true, env = "KEYWARD_AGENT_STATE", value_name = "FOLDER")]
    state: Option<PathBuf>,
}

impl Place {
    /// The places, all of them absolute.
    pub(crate) fn paths(&self) -> anyhow::Result<Paths> {
        let or = |given: &Option<PathBuf>, default: fn() -> anyhow::Result<PathBuf>| match given {
            Some(given) => std::path::absolute(given).with_context(|| format!("finding {}", given.display())),
            None => default(),
        };
        Ok(Paths::new(or(&self.config, default_config)?, or(&self.state, default_state)?))
    }

    /// Whether they are the usual ones, so that no command has to name them.
    pub(crate) fn is_usual(&self) -> bool {
        self.config.is_none() && self.state.is_none()
    }
}

/// Whether this is the machine's own administrator.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A deployment by its id, its name or the name of its Compose project; its id, and how to call it.
pub(crate) fn deployment(paths: &Paths, text: &str) -> anyhow::Result<(Uuid, String)> {
    let status = Status::load(paths);
    let id: Option<Uuid> = text.parse().ok();
    let found: Vec<_> = status
        .deployments
        .iter()
        .filter(|known| id == Some(known.id) || known.name == text || known.project == text)
        .collect();
    match (found.as_slice(), id) {
        ([one], _) => Ok((one.id, format!("{} ({})", one.name, one.project))),
        // Before it is known here, it can be spoken of by its id.
        ([], Some(id)) => Ok((id, id.to_string())),
        ([], None) => bail!("there is no deployment “{text}” here; `keyward-agent status` lists them"),
        _ => {
            bail!("several deployments are called “{text}”: say which by its id, from `keyward-agent status`")
        }
    }
}

fn default_config() -> anyhow::Result<PathBuf> {
    if is_root() {
        return Ok(Paths::CONFIG.into());
    }
    Ok(home("XDG_CONFIG_HOME", ".config")?.join("keyward-agent").join("agent.toml"))
}

fn default_state() -> anyhow::Result<PathBuf> {
    if is_root() {
        return Ok(Paths::STATE.into());
    }
    Ok(home("XDG_STATE_HOME", ".local/state")?.join("keyward-agent"))
}

/// A folder of the user, as the XDG base directory specification finds it.
pub(crate) fn home(variable: &str, below_home: &str) -> anyhow::Result<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let below = || {
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        home.map(|home| home.join(below_home))
    };
    named.or_else(below).context("say where the agent's files are, by --config and --state: HOME is not set")
}
