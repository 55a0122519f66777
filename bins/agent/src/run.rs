//! `keyward-agent run`.

use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use clap::Args;
use keyward_agent::apply::Applier;
use keyward_agent::run::{self, Stop};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::place::Place;
use crate::{Outcome, note};

#[derive(Debug, Args)]
pub(crate) struct Run {}

impl Run {
    pub(crate) fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        let paths = place.paths()?;
        let stop = Arc::new(Stop::default());
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("waiting for signals")?;
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            // A second one ends it at once: what is under way goes on at the next start.
            for (count, _) in signals.forever().enumerate() {
                if count > 0 {
                    std::process::exit(1);
                }
                stopped.stop();
            }
        });
        let deployer = Arc::new(Applier::new(paths.clone()));
        run::run(&paths, Some(deployer), &stop, Arc::new(note))?;
        Ok(Outcome::Good)
    }
}
