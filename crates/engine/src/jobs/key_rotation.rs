//! Registry keys that are due get a new secret.

use std::time::Duration;

use keyward_domain::ServerJob;

use super::{Job, Schedule, Stepping};
use crate::Engine;

pub(super) struct KeyRotation;

impl Job for KeyRotation {
    fn name(&self) -> &'static str {
        ServerJob::KeyRotation.as_str()
    }

    fn schedule(&self) -> Schedule {
        Schedule::one_server(Duration::from_secs(60))
    }

    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a> {
        Box::pin(async { Ok(engine.run_due_rotations().await?.step(self.name())) })
    }
}
