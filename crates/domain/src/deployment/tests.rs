use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_767_225_600 + seconds).unwrap()
}

fn deployment() -> Deployment {
    let id = DeploymentId::new(1, [7; 10]);
    Deployment {
        id,
        organization: OrganizationId::new(1, [1; 10]),
        customer: CustomerId::new(1, [2; 10]),
        target: DeploymentTargetId::new(1, [3; 10]),
        application: ApplicationId::new(1, [4; 10]),
        name: "Production".parse().unwrap(),
        project: Deployment::project_of(id, &"acme-server".parse().unwrap()),
        order: Order::Run,
        revision: 1,
        attempt: 1,
        reported: None,
        ended_at: None,
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

fn report(seq: u64, revision: u32, phase: Phase, health: DeploymentHealth) -> DeploymentReport {
    let state =
        DeploymentState { seq, revision, running: None, phase: phase.clone(), health, drift: Vec::new() };
    let transition = Transition { seq, at: 0, revision, phase, health: DeploymentHealth::Down };
    DeploymentReport { deployment: deployment().id.uuid(), state, transitions: vec![transition] }
}

fn failure() -> Failure {
    Failure { step: Step::Settle, message: "is unhealthy".to_owned(), tries: 1, services: Vec::new() }
}

#[test]
fn a_project_says_what_it_is() {
    assert_eq!(deployment().project, "kw-acme-server-070707");
}

#[test]
fn a_removal_is_not_taken_back() {
    let kept = deployment().remove(Volumes::Keep, at(1)).unwrap();
    assert_eq!(kept.clone().revise(at(2)), Err(DeploymentRefusal::Removing));
    assert_eq!(kept.clone().remove(Volumes::Keep, at(2)), Err(DeploymentRefusal::Removing));
    let deleted = kept.remove(Volumes::Delete, at(2)).unwrap();
    assert_eq!(deleted.clone().remove(Volumes::Keep, at(3)), Err(DeploymentRefusal::Removing));
    assert_eq!(deleted.ended(at(4)).run(at(5)), Err(DeploymentRefusal::Ended));
}

#[test]
fn its_status_is_about_the_latest_order() {
    let status = |deployment: &Deployment| deployment.status();
    let first = deployment();
    assert_eq!(status(&first), DeploymentStatus::Pending);
    let (pulling, _) = first.reported(report(1, 1, Phase::Pulling, DeploymentHealth::Down), at(1));
    assert_eq!(status(&pulling), DeploymentStatus::InProgress);
    let (running, _) = pulling.reported(report(2, 1, Phase::Running, DeploymentHealth::Healthy), at(2));
    assert_eq!(status(&running), DeploymentStatus::Running);
    let updated = running.clone().revise(at(3)).unwrap();
    assert_eq!((updated.revision, status(&updated)), (2, DeploymentStatus::Pending));
    let back = Phase::RolledBack { failure: failure(), to: 1 };
    let (back, _) = updated.reported(report(3, 2, back, DeploymentHealth::Healthy), at(4));
    assert_eq!(status(&back), DeploymentStatus::RolledBack);
    let stopping = running.stop(at(3)).unwrap();
    assert_eq!(status(&stopping), DeploymentStatus::Pending);
    let (stopped, _) = stopping.reported(report(3, 1, Phase::Stopped, DeploymentHealth::Down), at(4));
    assert_eq!(status(&stopped), DeploymentStatus::Stopped);
    assert_eq!(status(&stopped.run(at(5)).unwrap()), DeploymentStatus::Pending);
}

#[test]
fn a_removal_that_was_carried_out_ends_it() {
    let gone = || report(1, 1, Phase::Removed { volumes_deleted: false }, DeploymentHealth::Down);
    let (unasked, _) = deployment().reported(gone(), at(1));
    assert_eq!((unasked.status(), unasked.ended_at), (DeploymentStatus::Pending, None));
    let (ended, told) = deployment().remove(Volumes::Keep, at(1)).unwrap().reported(gone(), at(2));
    assert_eq!((ended.status(), told.len()), (DeploymentStatus::Ended, 1));
    let (again, told) = ended.clone().reported(report(9, 1, Phase::Stopped, DeploymentHealth::Down), at(3));
    assert_eq!((again, told), (ended, Vec::new()));
}

proptest! {
    /// In whatever order reports come, and however often: each transition is taken at most once, and in order.
    #[test]
    fn no_transition_is_taken_twice(seqs in prop::collection::vec(prop::collection::vec(1_u64..20, 0..6), 0..12)) {
        let (mut deployment, mut taken) = (deployment(), Vec::new());
        for some in seqs {
            let last = some.iter().copied().max().unwrap_or(0);
            let mut told = report(last, 1, Phase::Pulling, DeploymentHealth::Down);
            let one = told.transitions[0].clone();
            told.transitions = some.into_iter().map(|seq| Transition { seq, ..one.clone() }).collect();
            let (next, fresh) = deployment.reported(told, at(1));
            deployment = next;
            taken.extend(fresh.into_iter().map(|transition| transition.seq));
        }
        prop_assert!(taken.is_sorted_by(|one, two| one < two), "{taken:?}");
    }
}
