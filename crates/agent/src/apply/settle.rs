//! Whether what Compose has started becomes what it was to be. Pure: what the engine tells and the time come in.

use std::collections::HashMap;
use std::time::Duration;

use keyward_protocol::report::DeploymentHealth;

use super::plan::Service;
use crate::engine::model::{Container, Healthcheck};

/// How long a service without a check has to run as it is.
const STEADY: Duration = Duration::from_secs(10);

/// The bounds of how long an application may take, if its version does not say.
const DEADLINE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(30 * 60));

/// How often it is looked at whether a container that ended is started again.
const LOOKS_AT_END: u32 = 3;

/// What is to be told of a service that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Which.
    pub service: String,
    /// Which container, if there is one.
    pub container: Option<String>,
    /// What is wrong, in words.
    pub state: String,
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may still become good; what is waited for.
    Waiting(Vec<Fault>),
    /// It is.
    Good(DeploymentHealth),
    /// It can't become good any more.
    Failed(Vec<Fault>),
}

/// What was seen of each container before.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: HashMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    started_at: String,
    restarts: u64,
    since: Duration,
    ended: u32,
}

/// How one container stands.
enum One {
    Good { checked: bool },
    Waits(String),
    Failed(String),
}

impl Watch {
    /// Looks at all containers of a deployment, `at` so long after Compose was done.
    pub(super) fn look(&mut self, plan: &[Service], containers: &[Container], at: Duration) -> Verdict {
        let (mut waiting, mut failed) = (Vec::new(), Vec::new());
        let mut checked = false;
        for service in plan.iter().filter(|service| service.replicas > 0) {
            let fault = |container: Option<&Container>, state: String| Fault {
                service: service.name.clone(),
                container: container.map(|container| container.id.clone()),
                state,
            };
            let mut good = 0;
            for container in of(service, containers) {
                match self.one(service, container, at) {
                    One::Good { checked: by_check } => {
                        good += 1;
                        checked |= by_check;
                    }
                    One::Waits(state) => waiting.push(fault(Some(container), state)),
                    One::Failed(state) => failed.push(fault(Some(container), state)),
                }
            }
            if good < service.replicas
                && waiting.iter().chain(&failed).all(|fault| fault.service != service.name)
            {
                waiting.push(fault(None, "has no container".into()));
            }
        }
        match (failed.is_empty(), waiting.is_empty()) {
            (false, _) => Verdict::Failed(failed),
            (true, false) => Verdict::Waiting(waiting),
            (true, true) if checked => Verdict::Good(DeploymentHealth::Healthy),
            (true, true) => Verdict::Good(DeploymentHealth::Running),
        }
    }

    fn one(&mut self, service: &Service, container: &Container, at: Duration) -> One {
        let state = &container.state;
        let seen = self.seen.entry(container.id.clone()).or_insert_with(|| Seen {
            started_at: state.started_at.clone(),
            restarts: container.restart_count,
            since: at,
            ended: 0,
        });
        if seen.started_at != state.started_at || seen.restarts != container.restart_count {
            *seen = Seen {
                started_at: state.started_at.clone(),
                restarts: container.restart_count,
                since: at,
                ended: 0,
            };
        }
        match state.status.as_str() {
            "running" => match health(container) {
                Some("healthy") => One::Good { checked: true },
                Some("unhealthy") => One::Failed(unhealthy(container)),
                Some(_) => One::Waits("has not passed its health check yet".into()),
                None if at.saturating_sub(seen.since) >= STEADY => One::Good { checked: false },
                None => One::Waits("has just started".into()),
            },
            "exited" | "stopped" => {
                seen.ended += 1;
                let code = state.exit_code;
                match (service.may_end, code) {
                    (true, 0) => One::Good { checked: false },
                    (true, _) if is_restarted(container) && seen.ended < LOOKS_AT_END => {
                        One::Waits(ended(container))
                    }
                    (true, _) => One::Failed(ended(container)),
                    (false, _) if is_restarted(container) => One::Waits(ended(container)),
                    (false, _) => One::Failed(ended(container)),
                }
            }
            "restarting" => One::Waits(format!("{}, and is started again", ended(container))),
            "dead" => One::Failed("is dead".into()),
            "created" | "initialized" | "configured" if !state.error.is_empty() => {
                One::Failed(format!("could not start: {}", state.error))
            }
            status => One::Waits(format!("is {status}")),
        }
    }
}

fn of<'a>(service: &'a Service, containers: &'a [Container]) -> impl Iterator<Item = &'a Container> {
    containers.iter().filter(|container| super::service_of(container) == service.name)
}

fn is_restarted(container: &Container) -> bool {
    !["", "no"].contains(&container.host_config.restart_policy.name.as_str())
}

/// What a container's check says, if it has one.
fn health(container: &Container) -> Option<&str> {
    let status = container.state.health.as_ref().map(|health| health.status.as_str());
    let has_check = container.config.healthcheck.as_ref().is_some_and(Healthcheck::is_set);
    match status {
        Some("" | "none") | None => has_check.then_some("starting"),
        status => status,
    }
}

fn unhealthy(container: &Container) -> String {
    let last = container.state.health.as_ref().and_then(|health| health.log.last());
    match last.map(|log| log.output.trim()).filter(|output| !output.is_empty()) {
        Some(output) => format!("is unhealthy: {output}"),
        None => "is unhealthy".into(),
    }
}

fn ended(container: &Container) -> String {
    if container.state.oom_killed {
        "was ended because it took too much memory".into()
    } else {
        format!("ended with {}", container.state.exit_code)
    }
}

/// How long it may take until all is good, by the checks themselves.
pub(super) fn deadline(containers: &[Container]) -> Duration {
    let checks = containers.iter().filter_map(|container| container.config.healthcheck.as_ref());
    let longest = checks.filter(|check| check.is_set()).map(time_of).max().unwrap_or_default();
    (longest + Duration::from_secs(30)).clamp(DEADLINE.0, DEADLINE.1)
}

/// Until a check has failed for good.
fn time_of(check: &Healthcheck) -> Duration {
    let retries = u32::try_from(or(check.retries, 3)).unwrap_or(u32::MAX);
    let one = interval(check).saturating_add(timeout(check));
    Duration::from_nanos(check.start_period).saturating_add(one.saturating_mul(retries))
}

/// How often a check is run.
pub(super) fn interval(check: &Healthcheck) -> Duration {
    Duration::from_nanos(or(check.interval, 30_000_000_000))
}

/// How long a check may take.
pub(super) fn timeout(check: &Healthcheck) -> Duration {
    Duration::from_nanos(or(check.timeout, 30_000_000_000))
}

fn or(value: u64, default: u64) -> u64 {
    if value == 0 { default } else { value }
}

/// How what runs is, at one look.
pub(super) fn health_now(plan: &[Service], containers: &[Container]) -> DeploymentHealth {
    let (mut starting, mut checked, mut runs) = (false, false, false);
    let mut degraded = None;
    for service in plan.iter().filter(|service| service.replicas > 0) {
        let mut good = 0;
        let mut reason = "has no container".to_owned();
        for container in of(service, containers) {
            let ended_well = service.may_end && container.state.exit_code == 0;
            match (container.state.status.as_str(), health(container)) {
                ("running", Some("unhealthy")) => reason = unhealthy(container),
                ("running", Some("healthy")) => {
                    checked = true;
                    runs = true;
                    good += 1;
                }
                ("running", Some(_)) => {
                    starting = true;
                    runs = true;
                    good += 1;
                }
                ("running", None) => {
                    runs = true;
                    good += 1;
                }
                ("exited" | "stopped", _) if ended_well => good += 1,
                ("exited" | "stopped" | "restarting", _) => reason = ended(container),
                (status, _) => reason = format!("is {status}"),
            }
            if container.state.status == "running" {
                runs = true;
            }
        }
        if good < service.replicas && degraded.is_none() {
            degraded = Some(DeploymentHealth::Degraded { service: service.name.clone(), reason });
        }
    }
    match degraded {
        Some(_) if !runs => DeploymentHealth::Down,
        Some(degraded) => degraded,
        None if starting => DeploymentHealth::Starting,
        None if checked => DeploymentHealth::Healthy,
        None => DeploymentHealth::Running,
    }
}

#[cfg(test)]
mod tests;
