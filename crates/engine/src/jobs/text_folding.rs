//! Texts are folded that an older server wrote: while servers are upgraded one after the other, old and new ones write side by
//! side.

use std::time::Duration;

use super::{Job, Schedule, Step, Stepping};
use crate::Engine;

/// For so long, what an older server has written may be found only as it was found before.
const PERIOD: Duration = Duration::from_secs(10);

pub(super) struct TextFolding;

impl Job for TextFolding {
    fn name(&self) -> &'static str {
        "text_folding"
    }

    /// Each server's: it looks often and seldom finds anything, so that a claim would cost more than the look.
    fn schedule(&self) -> Schedule {
        Schedule::every_server(PERIOD)
    }

    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a> {
        Box::pin(async {
            if !engine.fold_texts().await? {
                return Ok(Step::Done(0));
            }
            tracing::info!("texts were made searchable that an older server has written");
            Ok(Step::Done(1))
        })
    }
}
