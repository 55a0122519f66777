//! It is told when products' daily buckets are nearly used, and shares of them used up.

use std::time::Duration;

use keyward_domain::ServerJob;

use super::{Job, Schedule, Step, Stepping};
use crate::Engine;

pub(super) struct BucketAlerts;

impl Job for BucketAlerts {
    fn name(&self) -> &'static str {
        ServerJob::BucketAlerts.as_str()
    }

    fn schedule(&self) -> Schedule {
        Schedule::one_server(Duration::from_secs(60))
    }

    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a> {
        Box::pin(async {
            let (told, more) = engine.tell_buckets().await?;
            Ok(if more { Step::More(told) } else { Step::Done(told) })
        })
    }
}
