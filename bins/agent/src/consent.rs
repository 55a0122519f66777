//! `keyward-agent allow`, `deny`, `pause` and `resume`: the only commands that write agent.toml.

use anyhow::bail;
use clap::Args;
use keyward_agent::config::{check_consent, edit};

use crate::place::{self, Place};
use crate::{Outcome, say};

#[derive(Debug, Args)]
pub(crate) struct Consent {
    /// The deployment: its id, its name or the name of its Compose project
    deployment: String,
    /// What it needs, as the page and the log say it, such as cap:NET_ADMIN
    #[arg(allow_hyphen_values = true)]
    need: String,
}

impl Consent {
    pub(crate) fn allow(self, place: &Place) -> anyhow::Result<Outcome> {
        let paths = place.paths()?;
        if let Err(wrong) = check_consent(&self.need) {
            bail!("“{}” can't be allowed: {wrong}", self.need.escape_debug());
        }
        let (id, called) = place::deployment(&paths, &self.deployment)?;
        let new = edit::allow(paths.config(), id, &called, &self.need)?;
        say(&match new {
            true => format!("{called} may have {}. The agent tries again by itself.", self.need),
            false => format!("{called} had {} already.", self.need),
        });
        Ok(Outcome::Good)
    }

    pub(crate) fn deny(self, place: &Place) -> anyhow::Result<Outcome> {
        let paths = place.paths()?;
        let (id, called) = place::deployment(&paths, &self.deployment)?;
        let had = edit::deny(paths.config(), id, &self.need)?;
        say(&match had {
            true => format!(
                "{called} may not have {} any more. What runs with it goes on until it is stopped or updated.",
                self.need
            ),
            false => format!("{called} did not have {}.", self.need),
        });
        Ok(Outcome::Good)
    }
}

/// Has nothing carried out for now, or again.
pub(crate) fn pause(place: &Place, paused: bool) -> anyhow::Result<Outcome> {
    let paths = place.paths()?;
    let new = edit::pause(paths.config(), paused)?;
    say(match (paused, new) {
        (true, true) => "Paused: the agent carries out nothing. What runs goes on.",
        (true, false) => "The agent was paused already.",
        (false, true) => "The agent carries out orders again.",
        (false, false) => "The agent was not paused.",
    });
    Ok(Outcome::Good)
}
