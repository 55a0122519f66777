//! How many requests are under way to servers that organizations name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyward_domain::{OrganizationId, RegistryId};

/// How often whoever waits looks again.
const PACE: Duration = Duration::from_millis(20);

/// Of what there is a certain number at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Load {
    /// Requests to the upstreams of an organization.
    Organization(OrganizationId),
    /// Requests to the upstream of a registry.
    Upstream(RegistryId),
    /// Requests to the upstream of a registry for one registry key or license.
    Holder(RegistryId, String),
    /// Lists of an organization's upstreams.
    Lists(OrganizationId),
    /// Requests to the sign-in provider of an organization.
    Provider(OrganizationId),
    /// Names of an organization's servers that are looked up.
    Lookups(OrganizationId),
}

/// The requests under way.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<HashMap<Load, u32>>>);

/// A place among the requests under way, for as long as it is held.
#[derive(Debug)]
pub struct Slot {
    all: InFlight,
    loads: Vec<Load>,
}

impl InFlight {
    /// One more of each load, unless there are as many of one as there may be.
    pub fn enter<const N: usize>(&self, loads: [(Load, u32); N]) -> Option<Slot> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if loads.iter().any(|(load, most)| counts.get(load).is_some_and(|count| count >= most)) {
            return None;
        }
        for (load, _) in &loads {
            *counts.entry(load.clone()).or_default() += 1;
        }
        Some(Slot { all: self.clone(), loads: loads.map(|(load, _)| load).into() })
    }

    /// One more of a load, as soon as there is room. Whoever waits says for how long.
    pub async fn wait(&self, load: Load, most: u32) -> Slot {
        loop {
            match self.enter([(load.clone(), most)]) {
                Some(slot) => return slot,
                None => tokio::time::sleep(PACE).await,
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        for load in &self.loads {
            if let Some(count) = counts.get_mut(load) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(load);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn registry(number: u8) -> RegistryId {
        RegistryId::new(1, [number; 10])
    }

    proptest! {
        #[test]
        fn there_are_never_more_than_there_may_be(steps in prop::collection::vec((0..3_u8, 0..3_u8, any::<bool>()), 0..60)) {
            let all = InFlight::default();
            let mut held: Vec<(u8, u8, Slot)> = Vec::new();
            for (upstream, holder, enters) in steps {
                if !enters {
                    held.pop();
                    continue;
                }
                let of = |upstream| held.iter().filter(|(one, ..)| *one == upstream).count();
                let by = held.iter().filter(|(one, other, _)| (*one, *other) == (upstream, holder)).count();
                let room = of(upstream) < 4 && by < 2;
                let id = registry(upstream);
                let slot = all.enter([(Load::Upstream(id), 4), (Load::Holder(id, holder.to_string()), 2)]);
                prop_assert_eq!(slot.is_some(), room);
                held.extend(slot.map(|slot| (upstream, holder, slot)));
            }
            drop(held);
            prop_assert!(all.0.lock().unwrap().is_empty());
        }
    }
}
