use proptest::prelude::*;

use super::*;
use crate::engine::model::{ContainerConfig, Health, HealthLog, HostConfig, RestartPolicy, State};

fn service(name: &str, may_end: bool) -> Service {
    Service { name: name.into(), replicas: 1, may_end, ..Service::default() }
}

fn container(service: &str, status: &str) -> Container {
    Container {
        id: format!("id-{service}"),
        state: State { status: status.into(), started_at: "1".into(), ..State::default() },
        config: ContainerConfig {
            labels: [("com.docker.compose.service".to_owned(), service.to_owned())].into(),
            ..ContainerConfig::default()
        },
        ..Container::default()
    }
}

fn checked(service: &str, health: &str) -> Container {
    let mut container = container(service, "running");
    container.state.health = Some(Health { status: health.into(), ..Health::default() });
    container.config.healthcheck = Some(Healthcheck { test: vec!["CMD".into()], ..Healthcheck::default() });
    container
}

fn ended(service: &str, code: i64, policy: &str) -> Container {
    let mut container = container(service, "exited");
    container.state.exit_code = code;
    container.host_config = HostConfig { restart_policy: RestartPolicy { name: policy.into() } };
    container
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_check_decides_where_there_is_one() {
    let plan = [service("app", false)];
    let mut watch = Watch::default();
    assert!(matches!(watch.look(&plan, &[], seconds(0)), Verdict::Waiting(_)));
    assert!(matches!(watch.look(&plan, &[checked("app", "starting")], seconds(99)), Verdict::Waiting(_)));
    // Podman has no word for it before the first check.
    assert!(matches!(watch.look(&plan, &[checked("app", "")], seconds(99)), Verdict::Waiting(_)));
    assert_eq!(
        watch.look(&plan, &[checked("app", "healthy")], seconds(1)),
        Verdict::Good(DeploymentHealth::Healthy)
    );
    let mut sick = checked("app", "unhealthy");
    sick.state.health.as_mut().unwrap().log = vec![HealthLog { output: "no route\n".into() }];
    let Verdict::Failed(faults) = watch.look(&plan, &[sick], seconds(1)) else { panic!("not failed") };
    assert_eq!(faults[0].state, "is unhealthy: no route");
}

#[test]
fn without_a_check_it_has_to_run_as_it_is_for_a_while() {
    let plan = [service("app", false)];
    let mut watch = Watch::default();
    let mut running = container("app", "running");
    assert!(matches!(watch.look(&plan, &[running.clone()], seconds(0)), Verdict::Waiting(_)));
    running.restart_count = 3;
    assert!(matches!(watch.look(&plan, &[running.clone()], seconds(9)), Verdict::Waiting(_)));
    assert!(matches!(watch.look(&plan, &[running.clone()], seconds(18)), Verdict::Waiting(_)));
    assert_eq!(watch.look(&plan, &[running.clone()], seconds(19)), Verdict::Good(DeploymentHealth::Running));
    running.state.started_at = "2".into();
    assert!(matches!(watch.look(&plan, &[running], seconds(20)), Verdict::Waiting(_)));
}

#[test]
fn what_may_end_ends_well_or_not() {
    let plan = [service("job", true)];
    let look = |container| Watch::default().look(&plan, &[container], seconds(0));
    assert_eq!(look(ended("job", 0, "no")), Verdict::Good(DeploymentHealth::Running));
    assert!(matches!(look(ended("job", 4, "no")), Verdict::Failed(_)));
    // Between two tries, and after the last one.
    let mut watch = Watch::default();
    assert!(matches!(watch.look(&plan, &[ended("job", 4, "on-failure")], seconds(0)), Verdict::Waiting(_)));
    watch.look(&plan, &[ended("job", 4, "on-failure")], seconds(1));
    assert!(matches!(watch.look(&plan, &[ended("job", 4, "on-failure")], seconds(2)), Verdict::Failed(_)));
    let plan = [service("app", false)];
    assert!(matches!(
        Watch::default().look(&plan, &[ended("app", 0, "always")], seconds(0)),
        Verdict::Waiting(_)
    ));
    let mut created = container("app", "created");
    created.state.error = "port is taken".into();
    assert!(matches!(Watch::default().look(&plan, &[created], seconds(0)), Verdict::Failed(_)));
}

#[test]
fn the_deadline_is_that_of_the_slowest_check_within_bounds() {
    let with = |interval: u64, retries: u64, start: u64| {
        let mut container = checked("app", "starting");
        container.config.healthcheck = Some(Healthcheck {
            test: vec!["CMD".into()],
            interval: interval * 1_000_000_000,
            timeout: 1_000_000_000,
            start_period: start * 1_000_000_000,
            retries,
        });
        container
    };
    assert_eq!(deadline(&[]), seconds(60));
    assert_eq!(deadline(&[with(1, 3, 1)]), seconds(60));
    assert_eq!(deadline(&[with(9, 10, 60), with(1, 1, 1)]), seconds(190));
    assert_eq!(deadline(&[with(3600, u64::MAX, 60)]), seconds(1800));
}

#[test]
fn health_is_told_with_the_service_that_is_not_well() {
    let plan = [service("app", false), service("job", true)];
    let now = |containers: &[Container]| health_now(&plan, containers);
    assert_eq!(now(&[]), DeploymentHealth::Down);
    assert_eq!(now(&[checked("app", "healthy"), ended("job", 0, "no")]), DeploymentHealth::Healthy);
    assert_eq!(now(&[container("app", "running"), ended("job", 0, "no")]), DeploymentHealth::Running);
    assert_eq!(now(&[checked("app", "starting"), ended("job", 0, "no")]), DeploymentHealth::Starting);
    assert_eq!(now(&[ended("app", 3, "no"), ended("job", 0, "no")]), DeploymentHealth::Down);
    let sick = now(&[checked("app", "unhealthy"), ended("job", 0, "no")]);
    assert!(matches!(sick, DeploymentHealth::Degraded { service, .. } if service == "app"));
    let gone = now(&[checked("app", "healthy")]);
    assert!(matches!(gone, DeploymentHealth::Degraded { service, .. } if service == "job"));
}

proptest! {
    /// Whatever the engine tells, good is only what runs or has ended well.
    #[test]
    fn good_is_only_what_is_good(
        statuses in proptest::collection::vec(("(running|exited|created|restarting|dead|paused|x)", -1_i64..3, "(|healthy|unhealthy|starting)"), 1..4),
        at in 0_u64..40,
    ) {
        let plan: Vec<_> = (0..statuses.len()).map(|n| service(&format!("s{n}"), n % 2 == 0)).collect();
        let containers: Vec<_> = statuses.iter().enumerate().map(|(n, (status, code, health))| {
            let mut container = if health.is_empty() { container(&format!("s{n}"), status) } else { checked(&format!("s{n}"), health) };
            container.state.status.clone_from(status);
            container.state.exit_code = *code;
            container
        }).collect();
        let mut watch = Watch::default();
        watch.look(&plan, &containers, seconds(0));
        if let Verdict::Good(_) = watch.look(&plan, &containers, seconds(at)) {
            for (n, (status, code, health)) in statuses.iter().enumerate() {
                let fine = (status == "running" && (health == "healthy" || (health.is_empty() && at >= 10)))
                    || (status == "exited" && *code == 0 && n % 2 == 0);
                prop_assert!(fine, "{status} {code} {health}");
            }
        }
    }
}
