//! Whether an upstream answers, as what passes shows it: where that is another than is written down, it is looked at soon.
//! Only the look writes how it stands.

use std::collections::HashMap;
use std::sync::Mutex;

use keyward_domain::registry::Registry;
use keyward_domain::{RegistryId, Timestamp};

/// How often one registry is looked at because of what passes.
const PACE_SECONDS: i64 = 60;

/// When each was last said to be looked at.
#[derive(Default)]
pub(crate) struct Doubts(Mutex<HashMap<RegistryId, Timestamp>>);

impl Doubts {
    /// Whether a registry is to be looked at, now that its upstream has answered a request or has not.
    pub(crate) fn arise(&self, registry: &Registry, answered: bool, now: Timestamp) -> bool {
        let recently = |at: &Timestamp| *at <= now && now < at.plus_seconds(PACE_SECONDS);
        // One that was never looked at is going to be.
        let seen = registry.swept_at.as_ref().is_some_and(|at| !recently(at));
        if !seen || answered == registry.sweep_fault.is_none() {
            return false;
        }
        let Ok(mut said) = self.0.lock() else { return false };
        if said.get(&registry.id).is_some_and(recently) {
            return false;
        }
        if said.len() > 10_000 {
            said.retain(|_, at| recently(at));
        }
        said.insert(registry.id, now);
        true
    }
}
