//! What stands between the two halves of an agent: the one that talks to the server, and the one that changes the host.

use keyward_protocol::desired::{Deployment, PullCredentials};
use keyward_protocol::report::{DeploymentHealth, Drift, Phase};
use uuid::Uuid;

/// Where files and credentials come from.
pub trait Source: Sync {
    /// The text of a file, whose hash has been checked.
    ///
    /// # Errors
    /// If it can't be had now, or not at all.
    fn file(&self, sha256: &str) -> Result<String, SourceError>;

    /// What to pull the images of a deployment with.
    ///
    /// # Errors
    /// As above.
    fn pull_credentials(&self, deployment: Uuid) -> Result<PullCredentials, SourceError>;

    /// The time by the server's clock, in Unix seconds.
    fn now(&self) -> i64;

    /// Whether the agent is about to end. Then a [`Deployer`] returns between two steps, and goes on at the next
    /// [`resume`](Deployer::resume).
    fn is_ending(&self) -> bool {
        false
    }
}

/// Why something can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The server can't be reached, or is in trouble: later perhaps.
    #[error("the server can't be reached: {0}")]
    Away(String),
    /// The server says no, in a signed answer.
    #[error("{0}")]
    Refused(String),
}

/// Takes down what has happened, so that it is told to the server sooner or later, and survives a crash from when it returns.
pub trait Tell: Sync {
    /// Something has happened.
    fn transition(&self, deployment: Uuid, now: Standing);

    /// Something is otherwise than before, though nothing has happened that was asked for.
    fn state(&self, deployment: Uuid, now: Standing, drift: Vec<Drift>);
}

/// How a deployment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The revision that it is about.
    pub revision: u32,
    /// The revision that runs.
    pub running: Option<u32>,
    /// Where it stands.
    pub phase: Phase,
    /// How what runs is.
    pub health: DeploymentHealth,
}

/// Changes the host.
pub trait Deployer: Sync {
    /// Brings about what an order says, and returns when there is nothing left to do now. It is called again twice a minute: with what
    /// was brought about already, it does nothing; with what was left for later, it goes on once that is due. One deployment at a time is the caller's business, across processes that of a lock.
    fn carry_out(&self, order: &Deployment, source: &dyn Source, tell: &dyn Tell);

    /// Ends what was under way when the agent was last stopped: forward, or back.
    fn resume(&self, deployment: Uuid, source: &dyn Source, tell: &dyn Tell);

    /// The deployments that this host has something of.
    fn known(&self) -> Vec<Uuid>;

    /// Looks at what runs; `None` while it is being changed, or if nothing is to run.
    fn look(&self, deployment: Uuid) -> Option<(Standing, Vec<Drift>)>;
}
