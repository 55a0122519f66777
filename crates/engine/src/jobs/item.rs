//! Jobs that do one thing a step, each claimed in its own row.

use std::fmt::Display;

use super::Step;
use crate::{Error, causes};

/// What came of looking for a thing that is due.
#[derive(Debug)]
pub enum ItemRun<Id> {
    /// None is due.
    Nothing,
    /// What this one needed was done.
    Done(Id),
    /// It could not be done, and this one is looked at again later.
    Postponed(Id, Error),
}

impl<Id: Display> ItemRun<Id> {
    /// As a step of a job.
    pub(super) fn step(self, job: &'static str) -> Step {
        match self {
            Self::Nothing => Step::Done(0),
            Self::Done(_) => Step::More(1),
            Self::Postponed(id, error) => {
                let error = causes(&error);
                tracing::error!(job, %id, error, "what is due can't be done and is put off");
                Step::PutOff(error)
            }
        }
    }
}
