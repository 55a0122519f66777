//! `keyward-agent leave`.

use anyhow::Context as _;
use clap::Args;
use keyward_agent::config::Config;
use keyward_agent::run::{Lock, RunError};
use keyward_agent::server::{Server, forget};

use crate::place::Place;
use crate::{Outcome, note, say};

#[derive(Debug, Args)]
pub(crate) struct Leave {
    /// Forget the server without telling it, because it is gone for good
    #[arg(long)]
    without_server: bool,
}

impl Leave {
    pub(crate) fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        let paths = place.paths()?;
        let _lock = match Lock::take(&paths) {
            Err(error @ RunError::Running(_)) => {
                note(&format!("keyward-agent: {error}. Stop it first: systemctl stop keyward-agent"));
                return Ok(Outcome::Bad);
            }
            taken => taken?,
        };
        if !self.without_server {
            let server = Server::open(&paths, &Config::load(paths.config())?)?;
            match server.leave() {
                Ok(()) => {}
                // It knows this agent no more, so there is nobody to take leave of.
                Err(error) if error.status() == Some(401) => {}
                Err(error) => {
                    return Err(error).context(
                        "the server was not told; try again later, or say --without-server if it is gone for good",
                    );
                }
            }
        }
        forget(&paths).context("removing what the agent knew of the server")?;
        say("This host is released. Its containers and their files are as they were.");
        Ok(Outcome::Good)
    }
}
