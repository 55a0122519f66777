//! What is written beside answers: what happened at registries, and when keys, tokens and sessions were last used.
//!
//! No request waits for it and none writes it by itself. Entries queue up in memory ([`queue`]), one task takes some at
//! a time into one transaction ([`write`]). Where more comes than can be written, it is dropped and counted before
//! anyone waits: a pull does not fail because of the log, and a flood of refusals keeps no other tenant's answers back. What licenses are
//! used for is summed up in memory ([`license_use`]).

pub(crate) mod license_use;
pub(crate) mod queue;
mod write;

use crate::Error;

/// What became of one round of writing.
#[derive(Debug, Default)]
pub struct LogRound {
    /// How many entries were dropped since the last round: too many came, or they could not be written.
    pub dropped: u64,
    /// Why entries could not be written, even when tried again.
    pub error: Option<Error>,
}
