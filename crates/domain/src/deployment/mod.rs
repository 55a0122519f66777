//! Deployments: one application on one host of a customer, as it is to be and as the agent there says it is.
//!
//! What is to be is a number of [revisions](revision), which are only ever added, and one [`Order`]; the agent brings it about
//! and reports. Nothing is done to a host because a server is silent or a list is short.

pub mod revision;
pub mod target;
pub mod values;
pub mod variables;

use std::fmt;

use crate::{
    ApplicationId, CustomerId, DeploymentId, DeploymentTargetId, Name, OrganizationId, OrganizationScope,
    Slug, Timestamp,
};

pub use keyward_protocol::desired::{Cause, Volumes};
pub use keyward_protocol::enrolment::{Facts, Mode};
pub use keyward_protocol::report::{
    Block, BlockItem, DeploymentHealth, DeploymentReport, DeploymentState, Drift, Failure, ServiceLines,
    Step, Transition, Witnessed,
};
pub use keyward_protocol::{Order, Phase};
pub use revision::DeploymentRevision;
pub use target::{Agent, DeploymentTarget, JoinCode, TargetState, TargetStatus};
pub use values::Values;
pub use variables::{Variable, variables};

/// One application on one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Whose application it is.
    pub organization: OrganizationId,
    /// Whose deployment it is.
    pub customer: CustomerId,
    /// Where.
    pub target: DeploymentTargetId,
    /// Of which application.
    pub application: ApplicationId,
    /// What the customer calls it; unique on the target among those that are not over.
    pub name: Name,
    /// The name of the Compose project. It never changes.
    pub project: String,
    /// What the agent is to do.
    pub order: Order,
    /// The number of the latest revision.
    pub revision: u32,
    /// Which try of it this is, from 1.
    pub attempt: u32,
    /// How it is, as its agent said last.
    pub reported: Option<Reported>,
    /// Since when nobody looks after it any more: it was removed, or its target released.
    pub ended_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed, by a person.
    pub updated_at: Timestamp,
    /// Counts the changes by people; the entity tag of HTTP.
    pub version: i64,
}

/// What an agent said of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// How it is.
    pub state: DeploymentState,
    /// The `seq` of the last transition that was taken.
    pub seq: u64,
    /// When that was told.
    pub at: Timestamp,
}

/// How a deployment stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeploymentStatus {
    /// The agent has not taken the order yet.
    Pending,
    /// The agent is at it.
    InProgress,
    /// It runs as it is to.
    Running,
    /// It runs, and something is wrong with it.
    Degraded,
    /// A person has to do something first. What ran before runs on.
    Blocked,
    /// It did not become what it was to be.
    Failed,
    /// It did not become what it was to be, and what ran before is back.
    RolledBack,
    /// It was stopped.
    Stopped,
    /// It was removed, or its target released.
    Ended,
}

impl DeploymentStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::InProgress,
        Self::Running,
        Self::Degraded,
        Self::Blocked,
        Self::Failed,
        Self::RolledBack,
        Self::Stopped,
        Self::Ended,
    ];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::Stopped => "stopped",
            Self::Ended => "ended",
        }
    }
}

impl std::str::FromStr for DeploymentStatus {
    type Err = crate::Invalid;

    fn from_str(text: &str) -> Result<Self, crate::Invalid> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| crate::Invalid::new("unknown_status", "is not a status of deployments"))
    }
}

impl fmt::Display for DeploymentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::described!(composed Mode, Volumes, Values;);
crate::described!(DeploymentStatus = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// What was asked of a deployment does not go with how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeploymentRefusal {
    /// Nobody looks after it any more.
    #[error("this deployment has ended")]
    Ended,
    /// It is being removed; that is not taken back.
    #[error("this deployment is being removed")]
    Removing,
}

impl Deployment {
    /// The most deployments of one target that have not ended.
    pub const MOST_OF_TARGET: u64 = 50;
    /// The most transitions that are kept of one.
    pub const MOST_TRANSITIONS: u64 = 1_000;
    /// The most revisions of one.
    pub const MOST_REVISIONS: u32 = 10_000;

    /// The name of its Compose project: letters that say what it is, and some of the id, so that no two are one.
    pub fn project_of(id: DeploymentId, application: &Slug) -> String {
        let slug: String = application.as_str().chars().take(40).collect();
        let id = id.uuid().simple().to_string();
        format!("kw-{}-{}", slug.trim_end_matches('-'), &id[id.len() - 6..])
    }

    /// The reach of queries for what belongs to the same organization.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// The same with one revision more, which is to run.
    ///
    /// # Errors
    /// If it has ended, or is being removed.
    pub fn revise(self, now: Timestamp) -> Result<Self, DeploymentRefusal> {
        let number = self.revision + 1;
        Ok(Self { revision: number, attempt: 1, ..self.ordered(Order::Run, now)? })
    }

    /// The same, whose latest revision is to run: tried again, or started after it was stopped.
    ///
    /// # Errors
    /// As above.
    pub fn run(self, now: Timestamp) -> Result<Self, DeploymentRefusal> {
        let attempt = self.attempt.saturating_add(1);
        Ok(Self { attempt, ..self.ordered(Order::Run, now)? })
    }

    /// The same, of which nothing is to run.
    ///
    /// # Errors
    /// As above.
    pub fn stop(self, now: Timestamp) -> Result<Self, DeploymentRefusal> {
        self.ordered(Order::Stop, now)
    }

    /// The same, of which nothing is to be left. That its data goes too can be added later, and not be taken back.
    ///
    /// # Errors
    /// If it has ended, or is being removed in that way.
    pub fn remove(self, volumes: Volumes, now: Timestamp) -> Result<Self, DeploymentRefusal> {
        match self.order {
            Order::Remove { volumes: Volumes::Keep } if volumes == Volumes::Delete => {
                let kept = Self { order: Order::Stop, ..self };
                kept.ordered(Order::Remove { volumes }, now)
            }
            Order::Run | Order::Stop | Order::Remove { .. } => self.ordered(Order::Remove { volumes }, now),
        }
    }

    /// The same, which nobody looks after any more.
    #[must_use]
    pub fn ended(self, now: Timestamp) -> Self {
        Self { ended_at: Some(now), updated_at: now, version: self.version + 1, ..self }
    }

    fn ordered(self, order: Order, now: Timestamp) -> Result<Self, DeploymentRefusal> {
        if self.ended_at.is_some() {
            return Err(DeploymentRefusal::Ended);
        }
        match self.order {
            Order::Remove { .. } => Err(DeploymentRefusal::Removing),
            Order::Run | Order::Stop => {
                Ok(Self { order, updated_at: now, version: self.version + 1, ..self })
            }
        }
    }

    /// Takes what its agent reports, with those of the transitions that were not known. A removal that was carried out ends it.
    /// What is told twice, or late, changes nothing.
    #[must_use]
    pub fn reported(self, report: DeploymentReport, now: Timestamp) -> (Self, Vec<Transition>) {
        let known = self.reported.as_ref().map_or(0, |reported| reported.seq);
        let mut fresh: Vec<_> =
            report.transitions.into_iter().filter(|transition| transition.seq > known).collect();
        fresh.sort_by_key(|transition| transition.seq);
        fresh.dedup_by_key(|transition| transition.seq);
        let seq = fresh.last().map_or(known, |last| last.seq);
        if report.state.seq < known || self.ended_at.is_some() {
            return (self, Vec::new());
        }
        let removed = matches!(report.state.phase, Phase::Removed { .. })
            && matches!(self.order, Order::Remove { .. })
            && report.state.seq == seq;
        let reported = Reported { state: report.state, seq, at: now };
        (Self { reported: Some(reported), ended_at: removed.then_some(now), ..self }, fresh)
    }

    /// How it stands.
    pub fn status(&self) -> DeploymentStatus {
        if self.ended_at.is_some() {
            return DeploymentStatus::Ended;
        }
        let Some(state) = self.reported.as_ref().map(|reported| &reported.state) else {
            return DeploymentStatus::Pending;
        };
        if state.phase.is_transient() {
            return DeploymentStatus::InProgress;
        }
        match (&self.order, &state.phase) {
            // What is told of the revision before is told of what was ordered before.
            (Order::Run, _) if state.revision < self.revision => DeploymentStatus::Pending,
            (Order::Run, Phase::Stopped | Phase::Removed { .. }) => DeploymentStatus::Pending,
            (Order::Stop, Phase::Running) => DeploymentStatus::Pending,
            (_, Phase::Stopped) => DeploymentStatus::Stopped,
            (_, Phase::Blocked { .. }) => DeploymentStatus::Blocked,
            (_, Phase::Failed { .. }) => DeploymentStatus::Failed,
            (Order::Run, Phase::RolledBack { .. }) => DeploymentStatus::RolledBack,
            (Order::Run, Phase::Running) if state.health.is_good() && state.drift.is_empty() => {
                DeploymentStatus::Running
            }
            (Order::Run, Phase::Running) => DeploymentStatus::Degraded,
            _ => DeploymentStatus::Pending,
        }
    }
}

#[cfg(test)]
mod tests;
