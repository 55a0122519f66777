//! How an application is, by its containers.

use keyward_protocol::report::DeploymentHealth;

use super::containers::{Check, Container, State};

/// The worst of what its containers are.
pub(super) fn of(containers: &[Container]) -> DeploymentHealth {
    let is_up = |container: &&Container| {
        matches!(container.state, State::Running(_) | State::Restarting | State::Paused)
    };
    if !containers.iter().any(|container| is_up(&container)) {
        return DeploymentHealth::Down;
    }
    let degraded = containers.iter().find_map(|container| {
        Some(DeploymentHealth::Degraded {
            service: container.service.clone(),
            reason: wrong(container.state)?,
        })
    });
    if let Some(degraded) = degraded {
        return degraded;
    }
    let has = |check| containers.iter().any(|container| container.state == State::Running(check));
    if has(Check::Starting) {
        DeploymentHealth::Starting
    } else if has(Check::Passing) {
        DeploymentHealth::Healthy
    } else {
        DeploymentHealth::Running
    }
}

fn wrong(state: State) -> Option<String> {
    match state {
        State::Running(Check::Failing) => Some("its health check fails".to_owned()),
        State::Running(_) | State::Ended { code: 0, is_job: true } => None,
        State::Restarting => Some("it ends and is started again".to_owned()),
        State::Paused => Some("it is paused".to_owned()),
        State::Created => Some("it was never started".to_owned()),
        State::Ended { code: 0, is_job: false } => Some("it was stopped".to_owned()),
        State::Ended { code, .. } => Some(format!("it ended with the exit code {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::Reference;
    use super::*;

    fn health(states: &[State]) -> &'static str {
        let containers: Vec<_> = states
            .iter()
            .map(|state| Container {
                project: "p".into(),
                service: "s".into(),
                image: Reference::parse("x"),
                digests: Vec::new(),
                state: *state,
            })
            .collect();
        of(&containers).as_str()
    }

    #[test]
    fn the_worst_counts() {
        use State::{Created, Ended, Restarting, Running};
        let job = Ended { code: 0, is_job: true };
        assert_eq!(health(&[]), "down");
        assert_eq!(health(&[job]), "down");
        assert_eq!(health(&[Running(Check::None), job]), "running");
        assert_eq!(health(&[Running(Check::Passing), Running(Check::None)]), "healthy");
        assert_eq!(health(&[Running(Check::Passing), Running(Check::Starting)]), "starting");
        for bad in [
            Running(Check::Failing),
            Restarting,
            Created,
            Ended { code: 1, is_job: true },
            Ended { code: 0, is_job: false },
        ] {
            assert_eq!(health(&[Running(Check::Passing), bad]), "degraded", "{bad:?}");
        }
    }
}
