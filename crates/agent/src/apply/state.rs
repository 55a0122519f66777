//! How a deployment stands, as it is kept.

use std::collections::BTreeSet;

use keyward_protocol::desired::{Deployment, Order};
use keyward_protocol::report::{DeploymentHealth, Failure, Phase};
use serde::{Deserialize, Serialize};

use crate::deployer::Standing;

/// All that is known of a deployment beside its revisions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// The revision that runs, or ran last.
    pub current: Option<u32>,
    /// The one that ran before it.
    pub previous: Option<u32>,
    /// The highest revision that was taken.
    pub highest: u32,
    /// How the last order ended.
    pub outcome: Option<Outcome>,
    /// What is tried again later.
    pub waiting: Option<Waiting>,
    /// The images that were fetched for this deployment, each as `repository@digest`.
    pub pulled: BTreeSet<String>,
    /// Whether what was changed by hand has been repaired once and is otherwise than it is to be again.
    pub repaired: bool,
}

/// How an order ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Of which revision.
    pub revision: u32,
    /// Which try of it.
    pub attempt: u32,
    /// What was to be done.
    pub order: Order,
    /// Where it ended.
    pub phase: Phase,
    /// How what runs was then.
    pub health: DeploymentHealth,
    /// Whether that has been told.
    pub told: bool,
    /// What would let it go on.
    #[serde(default)]
    pub open: Open,
}

/// The consents that an order waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Open(pub Vec<String>);

/// What is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// Of which revision.
    pub revision: u32,
    /// Which try of it.
    pub attempt: u32,
    /// Why it did not go on; with how often it was tried.
    pub failure: Failure,
    /// When it is tried again, in Unix seconds by the server's clock.
    pub next: i64,
}

impl Outcome {
    /// Whether it is that of this order.
    pub(super) fn is_of(&self, order: &Deployment) -> bool {
        self.revision == order.revision && self.attempt == order.attempt && self.order == order.order
    }

    pub(super) fn standing(&self, running: Option<u32>) -> Standing {
        Standing { revision: self.revision, running, phase: self.phase.clone(), health: self.health.clone() }
    }
}

impl Waiting {
    pub(super) fn is_of(&self, order: &Deployment) -> bool {
        self.revision == order.revision && self.attempt == order.attempt
    }
}
