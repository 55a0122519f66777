//! It is told when agents are silent and deployments failed or degraded, and when that is over.

use std::time::Duration;

use keyward_domain::ServerJob;

use super::{Job, Schedule, Step, Stepping};
use crate::Engine;

pub(super) struct DeploymentAlerts;

impl Job for DeploymentAlerts {
    fn name(&self) -> &'static str {
        ServerJob::DeploymentAlerts.as_str()
    }

    fn schedule(&self) -> Schedule {
        Schedule::one_server(Duration::from_secs(60))
    }

    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a> {
        Box::pin(async {
            let (told, more) = engine.tell_of_deployments().await?;
            Ok(if more { Step::More(told) } else { Step::Done(told) })
        })
    }
}
