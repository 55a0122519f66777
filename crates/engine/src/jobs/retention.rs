//! What is old is removed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Job, Schedule, Step, Stepping};
use crate::{Engine, Retention, Tidied};

/// How often it is looked for what is old, and at the clock.
pub(super) const PERIOD: Duration = Duration::from_secs(10 * 60);

/// Between one part and the next: others want to write as well.
pub(super) const BREATH: Duration = Duration::from_millis(50);

pub(super) struct RemoveOld {
    retention: Retention,
    /// Whether the clock was steady when it was last looked at.
    steady: AtomicBool,
}

impl RemoveOld {
    pub(super) fn new(retention: Retention) -> Self {
        Self { retention, steady: AtomicBool::new(true) }
    }
}

impl Job for RemoveOld {
    fn name(&self) -> &'static str {
        "retention"
    }

    /// Each server's, because what is old depends on the clocks of all of them. The record of the clock is what they claim.
    fn schedule(&self) -> Schedule {
        Schedule::every_server(PERIOD).with_breath(BREATH)
    }

    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a> {
        Box::pin(async {
            Ok(match engine.tidy(&self.retention).await? {
                Tidied::Some(rows) => Step::More(rows),
                Tidied::Nothing => {
                    self.steady.store(true, Ordering::Relaxed);
                    Step::Done(0)
                }
                Tidied::Elsewhere => Step::Done(0),
                Tidied::Unsteady => {
                    if self.steady.swap(false, Ordering::Relaxed) {
                        tracing::info!(
                            "what is old is removed once the clock has gone on evenly for six hours"
                        );
                    }
                    Step::Done(0)
                }
            })
        })
    }
}
