//! What an agent tells: the present state of each deployment, and every transition once.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::enrolment::Facts;

/// All that an agent tells at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reports {
    /// The host, if it is another than was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// Whether the agent was told, on its host, to carry out nothing for now.
    #[serde(default)]
    pub paused: bool,
    /// Of deployments with something new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<DeploymentReport>,
    /// What a witness sees, if it is something else than was told last: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnessed: Option<Vec<Witnessed>>,
}

impl Reports {
    /// The most deployments in one report, and the most things that a witness names.
    pub const MOST: usize = 100;
    /// The most transitions of one deployment in one report.
    pub const MOST_TRANSITIONS: usize = 100;
    /// The most bytes of one transition or state as JSON.
    pub const MOST_BYTES: usize = 32 * 1024;
}

/// What is new of one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentReport {
    /// Which.
    pub deployment: Uuid,
    /// How it is now.
    pub state: DeploymentState,
    /// What has happened, in order. Those with a `seq` that the server has are ignored by it.
    #[serde(default)]
    pub transitions: Vec<Transition>,
}

/// How a deployment is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentState {
    /// The `seq` of the transition that led here, or of the last one before it.
    pub seq: u64,
    /// The revision that is about to run, or runs.
    pub revision: u32,
    /// The revision that runs, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<u32>,
    /// Where it stands.
    pub phase: Phase,
    /// How what runs is.
    pub health: DeploymentHealth,
    /// What else there is than was brought about, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Counts the transitions of the deployment on this host, from 1.
    pub seq: u64,
    /// When, in Unix seconds by the server's clock.
    pub at: i64,
    /// About which revision.
    pub revision: u32,
    /// Where it went.
    pub phase: Phase,
    /// How what runs is.
    pub health: DeploymentHealth,
}

/// Where a deployment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// The order is on the host.
    Received,
    /// Values and licenses are put together.
    Resolving,
    /// The files, and what they need of the host, are looked at.
    Checking,
    /// Images are fetched.
    Pulling,
    /// Compose is at work.
    Applying,
    /// Compose is done; whether it becomes healthy is waited for.
    Settling,
    /// It runs.
    Running,
    /// Nothing was touched; a person has to do something first.
    Blocked {
        /// What for.
        by: Block,
        /// Each thing, in words.
        items: Vec<BlockItem>,
    },
    /// It did not become what it was to be, and nothing is tried any more.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It did not become what it was to be: the revision before is brought back.
    RollingBack {
        /// Why.
        failure: Failure,
    },
    /// The revision before is back.
    RolledBack {
        /// Why.
        failure: Failure,
        /// Which revision runs.
        to: u32,
    },
    /// Nothing of it runs, as was ordered.
    Stopped,
    /// Nothing of it is left, as was ordered.
    Removed {
        /// Whether its data went too.
        volumes_deleted: bool,
    },
}

impl Phase {
    /// The name on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Resolving => "resolving",
            Self::Checking => "checking",
            Self::Pulling => "pulling",
            Self::Applying => "applying",
            Self::Settling => "settling",
            Self::Running => "running",
            Self::Blocked { .. } => "blocked",
            Self::Failed { .. } => "failed",
            Self::RollingBack { .. } => "rolling_back",
            Self::RolledBack { .. } => "rolled_back",
            Self::Stopped => "stopped",
            Self::Removed { .. } => "removed",
        }
    }

    /// Why it did not become what it was to be, where that is so.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { failure } | Self::RollingBack { failure } | Self::RolledBack { failure, .. } => {
                Some(failure)
            }
            Self::Received
            | Self::Resolving
            | Self::Checking
            | Self::Pulling
            | Self::Applying
            | Self::Settling
            | Self::Running
            | Self::Blocked { .. }
            | Self::Stopped
            | Self::Removed { .. } => None,
        }
    }

    /// Whether the agent is at it, so that something else follows by itself.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Received
            | Self::Resolving
            | Self::Checking
            | Self::Pulling
            | Self::Applying
            | Self::Settling
            | Self::RollingBack { .. } => true,
            Self::Running
            | Self::Blocked { .. }
            | Self::Failed { .. }
            | Self::RolledBack { .. }
            | Self::Stopped
            | Self::Removed { .. } => false,
        }
    }
}

/// What a person has to do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// The server could not tell what is to be.
    Order,
    /// A value or a license is missing.
    Values,
    /// The files want more of the host than its owner has allowed.
    Needs,
    /// The files do what is never allowed.
    Files,
    /// The host lacks something.
    Checks,
}

/// One thing that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockItem {
    /// What, in words.
    pub message: String,
    /// The command on the host that helps, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Why something did not become what it was to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// At which step.
    pub step: Step,
    /// What happened, in words.
    pub message: String,
    /// How often it was tried.
    pub tries: u32,
    /// The last lines of each service that failed, with all secrets taken out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceLines>,
}

/// The last lines of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLines {
    /// Which service.
    pub service: String,
    /// What is wrong with it, in words.
    pub state: String,
    /// What it wrote last.
    pub lines: Vec<String>,
}

/// The steps of bringing a revision about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The order is taken.
    Accept,
    /// Values and licenses are put together.
    Resolve,
    /// The files are written.
    Write,
    /// The Compose file is read.
    Read,
    /// Compose says what it makes of it.
    Config,
    /// What it needs of the host is held against what is allowed.
    Needs,
    /// What the host has is held against what it takes.
    Checks,
    /// The images are fetched.
    Pull,
    /// They are pinned by their digests.
    Pin,
    /// What runs is noted.
    Before,
    /// Compose is run.
    Up,
    /// It becomes healthy, or not.
    Settle,
    /// It is what runs now.
    Commit,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 13] = [
        Self::Accept,
        Self::Resolve,
        Self::Write,
        Self::Read,
        Self::Config,
        Self::Needs,
        Self::Checks,
        Self::Pull,
        Self::Pin,
        Self::Before,
        Self::Up,
        Self::Settle,
        Self::Commit,
    ];

    /// The name on the wire and in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Resolve => "resolve",
            Self::Write => "write",
            Self::Read => "read",
            Self::Config => "config",
            Self::Needs => "needs",
            Self::Checks => "checks",
            Self::Pull => "pull",
            Self::Pin => "pin",
            Self::Before => "before",
            Self::Up => "up",
            Self::Settle => "settle",
            Self::Commit => "commit",
        }
    }
}

/// How what runs is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "health", rename_all = "snake_case")]
pub enum DeploymentHealth {
    /// Every check passes.
    Healthy,
    /// It runs; it has no checks.
    Running,
    /// A check has not passed yet.
    Starting,
    /// A service is not as it is to be.
    Degraded {
        /// Which.
        service: String,
        /// Why, in words.
        reason: String,
    },
    /// Nothing of it runs.
    Down,
}

impl DeploymentHealth {
    /// The name on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Degraded { .. } => "degraded",
            Self::Down => "down",
        }
    }

    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Healthy | Self::Running)
    }
}

/// What else there is than was brought about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Drift {
    /// A service has no container.
    Missing {
        /// Which.
        service: String,
    },
    /// Someone has stopped a service.
    Stopped {
        /// Which.
        service: String,
    },
    /// A service runs another image.
    OtherImage {
        /// Which.
        service: String,
    },
    /// A service was configured in another way.
    OtherConfiguration {
        /// Which.
        service: String,
    },
    /// A container of the project that the agent has not made.
    Stranger {
        /// What it is called.
        container: String,
    },
}

/// An application that a witness sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witnessed {
    /// The name of the Compose project; the container's where there is none.
    pub project: String,
    /// The slug of the application.
    pub application: String,
    /// The name of the version, if its images are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How it is.
    pub health: DeploymentHealth,
    /// The images that run, each with its digest as far as it is known.
    pub images: Vec<String>,
}

/// What the server has taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// For each deployment of the report, the last `seq` that it has; the agent forgets those up to it.
    pub deployments: Vec<TakenUpTo>,
}

/// How far the server is with one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenUpTo {
    /// Which.
    pub deployment: Uuid,
    /// The last `seq`.
    pub seq: u64,
}
