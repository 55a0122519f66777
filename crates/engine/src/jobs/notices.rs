//! Mails are written about licenses and registry keys that end soon.

use std::time::Duration;

use super::{Job, Schedule, Stepping};
use crate::Engine;

pub(super) struct Notices;

impl Job for Notices {
    fn name(&self) -> &'static str {
        "notices"
    }

    fn schedule(&self) -> Schedule {
        Schedule::one_server(Duration::from_secs(60))
    }

    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a> {
        Box::pin(async { Ok(engine.tell_endings().await?.step(self.name())) })
    }
}
