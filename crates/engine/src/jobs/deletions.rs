//! Organizations are deleted whose time has come.

use super::retention::{BREATH, PERIOD};
use super::{Job, Schedule, Step, Stepping};
use crate::{Engine, Tidied};

pub(super) struct Deletions;

impl Job for Deletions {
    fn name(&self) -> &'static str {
        "deletions"
    }

    fn schedule(&self) -> Schedule {
        Schedule::one_server(PERIOD).with_breath(BREATH)
    }

    fn step<'a>(&'a self, engine: &'a Engine) -> Stepping<'a> {
        Box::pin(async {
            Ok(match engine.delete_due().await? {
                Tidied::Some(rows) => Step::More(rows),
                Tidied::Nothing | Tidied::Elsewhere | Tidied::Unsteady => Step::Done(0),
            })
        })
    }
}
