//! Deployments in words: what the pages of the vendor and of the customer share.

use keyward_domain::deployment::{
    Block, Cause, DeploymentHealth, Drift, Failure, Order, Phase, Step, TargetStatus, Transition, Volumes,
};
use keyward_domain::license_reference::references;
use keyward_domain::{Deployment, DeploymentStatus, Timestamp};

/// A status as a pill: its words, and the class that colours it.
pub(crate) fn pill(status: &DeploymentStatus) -> (&'static str, &'static str) {
    match status {
        DeploymentStatus::Pending => ("waiting for the agent", "pending"),
        DeploymentStatus::InProgress => ("in progress", "pending"),
        DeploymentStatus::Running => ("running", "active"),
        DeploymentStatus::Degraded => ("degraded", "revoked"),
        DeploymentStatus::Blocked => ("blocked", "suspended"),
        DeploymentStatus::Failed => ("failed", "revoked"),
        DeploymentStatus::RolledBack => ("rolled back", "suspended"),
        DeploymentStatus::Stopped => ("stopped", "expired"),
        DeploymentStatus::Ended => ("ended", "expired"),
    }
}

/// The same for a target.
pub(crate) fn target_pill(status: &TargetStatus) -> (&'static str, &'static str) {
    match status {
        TargetStatus::Waiting => ("waiting for a host", "pending"),
        TargetStatus::Connected => ("connected", "active"),
        TargetStatus::Silent => ("silent", "revoked"),
        TargetStatus::Released => ("released", "expired"),
    }
}

/// What an agent is to do, as a sentence.
pub(crate) fn order(order: &Order) -> &'static str {
    match order {
        Order::Run => "The latest revision is to run.",
        Order::Stop => "It is to stop. Its data stays.",
        Order::Remove { volumes: Volumes::Keep } => "It is to be removed. Its data stays.",
        Order::Remove { volumes: Volumes::Delete } => "It is to be removed with its data.",
    }
}

/// Where a deployment stands, as a sentence.
pub(crate) fn phase(phase: &Phase) -> String {
    match phase {
        Phase::Received => "The host has received the order.".to_owned(),
        Phase::Resolving => "Values and licenses are being filled in.".to_owned(),
        Phase::Checking => "The files, and what they need of the host, are being checked.".to_owned(),
        Phase::Pulling => "Images are being pulled.".to_owned(),
        Phase::Applying => "Compose is starting the services.".to_owned(),
        Phase::Settling => {
            "The services have been started; the agent is waiting for them to become healthy.".to_owned()
        }
        Phase::Running => "It is running.".to_owned(),
        Phase::Blocked { by, .. } => format!("{} Nothing was changed.", blocked(*by)),
        Phase::Failed { failure } => format!("It failed while {}: {}", step(failure.step), failure.message),
        Phase::RollingBack { failure } => {
            format!(
                "It failed while {}, and the previous revision is being brought back.",
                step(failure.step)
            )
        }
        Phase::RolledBack { failure, to } => {
            format!("It failed while {}, and revision {to} is running again.", step(failure.step))
        }
        Phase::Stopped => "It was stopped. Its data is still there.".to_owned(),
        Phase::Removed { volumes_deleted: true } => "It was removed with its data.".to_owned(),
        Phase::Removed { volumes_deleted: false } => "It was removed. Its data is still there.".to_owned(),
    }
}

fn blocked(by: Block) -> &'static str {
    match by {
        Block::Order => "The server could not say what is to run.",
        Block::Values => "A value or a license is missing.",
        Block::Needs => "It needs more of the host than its owner has allowed there.",
        Block::Files => "Its files contain what an agent never carries out.",
        Block::Checks => "The host does not have what it needs.",
    }
}

fn step(step: Step) -> &'static str {
    match step {
        Step::Accept => "accepting the order",
        Step::Resolve => "filling in values and licenses",
        Step::Write => "writing the files",
        Step::Read => "reading the Compose file",
        Step::Config => "having Compose read the files",
        Step::Needs => "checking what it needs of the host",
        Step::Checks => "checking the host",
        Step::Pull => "pulling images",
        Step::Pin => "pinning images",
        Step::Before => "noting what ran before",
        Step::Up => "starting the services with Compose",
        Step::Settle => "waiting for it to become healthy",
        Step::Commit => "noting what is running",
    }
}

/// How what runs is, as a sentence.
pub(crate) fn health(health: &DeploymentHealth) -> String {
    match health {
        DeploymentHealth::Healthy => "Every health check passes.".to_owned(),
        DeploymentHealth::Running => "All services run; none has a health check.".to_owned(),
        DeploymentHealth::Starting => "A health check has not passed yet.".to_owned(),
        DeploymentHealth::Degraded { service, reason } => format!("The service {service} {reason}."),
        DeploymentHealth::Down => "None of its services is running.".to_owned(),
    }
}

/// What else there is than was brought about, as a sentence.
pub(crate) fn drift(drift: &Drift) -> String {
    match drift {
        Drift::Missing { service } => format!("The service {service} has no container."),
        Drift::Stopped { service } => format!("Someone on the host stopped the service {service}."),
        Drift::OtherImage { service } => format!("The service {service} runs another image."),
        Drift::OtherConfiguration { service } => {
            format!("The service {service} has another configuration.")
        }
        Drift::Stranger { container } => {
            format!("The container {container} does not belong to this deployment.")
        }
    }
}

/// What a revision is for.
pub(crate) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Install => "first installation".to_owned(),
        Cause::Update => "update".to_owned(),
        Cause::Configure => "other values".to_owned(),
        Cause::LicenseRenewed => "renewed license".to_owned(),
        Cause::Rollback { of } => format!("back to revision {of}"),
    }
}

/// A step of a deployment's way, and whether it was passed.
pub(crate) struct Stage {
    pub name: &'static str,
    /// `done`, `now` or `next`.
    pub state: &'static str,
}

/// The way of an order to a running application, as far as it has come; `None` unless the agent is at it.
pub(crate) fn stages(deployment: &Deployment) -> Option<Vec<Stage>> {
    const NAMES: [&str; 6] = ["Ordered", "Checked", "Pulled", "Started", "Healthy", "Running"];
    let at = match (deployment.status(), deployment.reported.as_ref().map(|reported| &reported.state.phase)) {
        (DeploymentStatus::Pending, _) if deployment.order == Order::Run => 0,
        (DeploymentStatus::InProgress, Some(Phase::Received | Phase::Resolving | Phase::Checking)) => 1,
        (DeploymentStatus::InProgress, Some(Phase::Pulling)) => 2,
        (DeploymentStatus::InProgress, Some(Phase::Applying)) => 3,
        (DeploymentStatus::InProgress, Some(Phase::Settling)) => 4,
        _ => return None,
    };
    let stage = |(place, name): (usize, &'static str)| Stage {
        name,
        state: match place.cmp(&at) {
            std::cmp::Ordering::Less => "done",
            std::cmp::Ordering::Equal => "now",
            std::cmp::Ordering::Greater => "next",
        },
    };
    Some(NAMES.into_iter().enumerate().map(stage).collect())
}

/// Why it failed, where the agent says so now.
pub(crate) fn failure(deployment: &Deployment) -> Option<&Failure> {
    deployment.reported.as_ref()?.state.phase.failure()
}

/// Whether something has ended, well or not, of what happened.
pub(crate) fn has_outcome(transitions: &[Transition]) -> bool {
    transitions.iter().any(|one| !one.phase.is_transient())
}

/// What stands for a variable where nothing is entered, as customers read it.
pub(crate) fn default_text(default: &str) -> String {
    match references(default).unwrap_or_default().as_slice() {
        [one] => format!("the present token of your license “{}”", one.name),
        _ => default.to_owned(),
    }
}

/// When something happened, by the agent's word.
pub(crate) fn at(transition: &Transition) -> String {
    crate::page::minute(Timestamp::from_unix(transition.at))
}
