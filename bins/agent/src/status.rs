//! `keyward-agent status`.

use clap::Args;
use keyward_agent::config::Config;
use keyward_agent::identity::{Identity, IdentityError};
use keyward_agent::outbox;
use keyward_agent::paths::Paths;
use keyward_agent::protocol::report::DeploymentState;
use keyward_agent::run::{self, Lock, RunError};
use keyward_agent::{clock, engine};

use crate::place::Place;
use crate::{Outcome, note, say};

#[derive(Debug, Args)]
pub(crate) struct Status {}

impl Status {
    /// All is well if the agent runs and its server has answered lately.
    pub(crate) fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        let paths = place.paths()?;
        let identity = match Identity::load(&paths) {
            Err(error @ IdentityError::NotJoined) => {
                note(&format!("keyward-agent: {error}"));
                return Ok(Outcome::Bad);
            }
            loaded => loaded?,
        };
        let config = Config::load(paths.config())?;
        let status = run::Status::load(&paths);
        let running = is_running(&paths)?;
        row("Target", &format!("{} ({})", identity.target_name, identity.target));
        row("Vendor", &identity.organization_name);
        row("Server", &server(&identity, &status));
        row("Mode", identity.mode.as_str());
        row("Fingerprint", &identity.keys.fingerprint());
        row("Running", &life(running, &config, &status));
        let socket = engine::find_socket(config.socket.as_deref());
        row("Engine", &socket.map_or_else(|| "not found".to_owned(), |path| path.display().to_string()));
        if status.waiting > 0 || status.lost > 0 {
            row("Not told yet", &format!("{}, and {} were lost", reports(status.waiting), status.lost));
        }
        let states = outbox::states(&paths.outbox());
        for known in &status.deployments {
            let state = states.get(&known.id).map_or_else(|| "nothing yet".to_owned(), said);
            say("");
            row("Deployment", &format!("{} ({})", known.name, known.id));
            row("  Project", &known.project);
            row("  Version", &format!("{} {}", known.application, known.version));
            row("  State", &state);
        }
        Ok(if running && status.trouble.is_none() { Outcome::Good } else { Outcome::Bad })
    }
}

fn row(name: &str, value: &str) {
    say(&format!("{name:<14}{value}"));
}

fn server(identity: &Identity, status: &run::Status) -> String {
    let now = clock::host_now().saturating_add(identity.ahead);
    let answered = status.answered_at.map(|at| format!("answered {} ago", duration(now.saturating_sub(at))));
    let answered = answered.unwrap_or_else(|| "not asked yet".to_owned());
    match &status.trouble {
        Some(trouble) => format!("{}: {trouble}; last {answered}", identity.server),
        None => format!("{}, {answered}", identity.server),
    }
}

fn life(running: bool, config: &Config, status: &run::Status) -> String {
    match (running, config.pause) {
        (false, _) => "no; start it with `systemctl start keyward-agent`, or `keyward-agent run`".to_owned(),
        (true, true) => "yes, and paused: nothing is carried out".to_owned(),
        (true, false) if status.at_once => "yes; news come at once".to_owned(),
        (true, false) => "yes; news come within 30 seconds".to_owned(),
    }
}

fn is_running(paths: &Paths) -> anyhow::Result<bool> {
    match Lock::look(paths) {
        Ok(()) => Ok(false),
        Err(RunError::Running(_)) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn said(state: &DeploymentState) -> String {
    let running = state
        .running
        .map_or_else(|| "nothing runs".to_owned(), |revision| format!("revision {revision} runs"));
    let drift = if state.drift.is_empty() { "" } else { "; it was changed by somebody else" };
    format!(
        "{} (revision {}); {running}; {}{drift}",
        state.phase.as_str(),
        state.revision,
        state.health.as_str()
    )
}

fn reports(count: usize) -> String {
    if count == 1 { "1 report".to_owned() } else { format!("{count} reports") }
}

fn duration(seconds: i64) -> String {
    match seconds {
        ..=1 => "a second".to_owned(),
        2..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
