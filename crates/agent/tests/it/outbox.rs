//! The outbox, whatever happens in whatever order.

use std::collections::BTreeMap;
use std::io::Write as _;

use keyward_agent::deployer::Tell as _;
use keyward_agent::outbox::{MOST_TRANSITIONS, Outbox};
use keyward_protocol::report::{
    Block, BlockItem, DeploymentReport, Phase, Reports, Taken, TakenUpTo, Transition,
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::host::standing;

#[derive(Debug, Clone)]
enum Step {
    Transition(u8),
    State(u8),
    /// The server takes what it is told, and the answer may be lost.
    Tell {
        lost: bool,
    },
    /// The agent is killed; the last line of a file may be torn.
    Crash {
        torn: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u8..3).prop_map(Step::Transition),
        2 => (0_u8..3).prop_map(Step::State),
        2 => any::<bool>().prop_map(|lost| Step::Tell { lost }),
        1 => any::<bool>().prop_map(|torn| Step::Crash { torn }),
    ];
    proptest::collection::vec(step, 0..40)
}

fn open(folder: &std::path::Path) -> Outbox {
    Outbox::open(folder, || 1_800_000_000).unwrap()
}

/// A server that takes each transition once.
#[derive(Default)]
struct Has(BTreeMap<Uuid, Vec<Transition>>);

impl Has {
    fn take(&mut self, told: &[DeploymentReport]) -> Taken {
        let mut taken = Taken::default();
        for report in told {
            let known = self.0.entry(report.deployment).or_default();
            for transition in &report.transitions {
                if transition.seq > known.last().map_or(0, |last| last.seq) {
                    known.push(transition.clone());
                } else {
                    let same = known.iter().find(|same| same.seq == transition.seq);
                    assert_eq!(same, Some(transition), "a seq was used for two things");
                }
            }
            let seq = known.last().map_or(0, |last| last.seq);
            taken.deployments.push(TakenUpTo { deployment: report.deployment, seq });
        }
        taken
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn each_transition_is_told_once_and_in_order(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let mut outbox = open(folder.path());
        let (mut server, mut said) = (Has::default(), BTreeMap::<Uuid, Vec<u32>>::new());
        let mut count = 0;
        for step in steps {
            match step {
                Step::Transition(of) => {
                    count += 1;
                    let id = Uuid::from_u128(of.into());
                    outbox.transition(id, standing(count, Phase::Received));
                    said.entry(id).or_default().push(count);
                }
                Step::State(of) => {
                    count += 1;
                    outbox.state(Uuid::from_u128(of.into()), standing(count, Phase::Running), Vec::new());
                }
                Step::Tell { lost } => {
                    if let Some(told) = outbox.batch() {
                        let taken = server.take(&told);
                        if !lost {
                            outbox.taken(&told, &taken);
                        }
                    }
                }
                Step::Crash { torn } => {
                    drop(outbox);
                    if torn {
                        for found in std::fs::read_dir(folder.path()).unwrap() {
                            let mut file = std::fs::File::options().append(true).open(found.unwrap().path()).unwrap();
                            file.write_all(b"{\"transition\":{\"seq\":999,").unwrap();
                        }
                    }
                    outbox = open(folder.path());
                }
            }
        }
        while let Some(told) = outbox.batch() {
            let taken = server.take(&told);
            outbox.taken(&told, &taken);
        }
        let has: BTreeMap<Uuid, Vec<u32>> = server
            .0
            .iter()
            .filter(|(_, known)| !known.is_empty())
            .map(|(id, known)| (*id, known.iter().map(|transition| transition.revision).collect()))
            .collect();
        prop_assert_eq!(has, said);
    }
}

#[test]
fn too_much_is_bounded_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    let id = Uuid::from_u128(1);
    let many = MOST_TRANSITIONS + 50;
    for count in 0..many {
        outbox.transition(id, standing(u32::try_from(count).unwrap(), Phase::Received));
    }
    assert_eq!(outbox.count(), (MOST_TRANSITIONS, 50));
    // The oldest went; what is left is told in order, a bounded part at a time.
    let mut server = Has::default();
    while let Some(told) = outbox.batch() {
        assert!(told[0].transitions.len() <= Reports::MOST_TRANSITIONS);
        let taken = server.take(&told);
        outbox.taken(&told, &taken);
    }
    let known = &server.0[&id];
    assert_eq!((known.len(), known[0].seq), (MOST_TRANSITIONS, 51));
    // Large ones are bounded by their bytes.
    let item = BlockItem { message: "x".repeat(30_000), command: None };
    for _ in 0..100 {
        let phase = Phase::Blocked { by: Block::Needs, items: vec![item.clone()] };
        outbox.transition(id, standing(1, phase));
    }
    assert!(outbox.count().0 <= 35, "{:?}", outbox.count());
    let told = outbox.batch().unwrap();
    assert!(serde_json::to_vec(&told).unwrap().len() < keyward_protocol::MOST_BODY / 2);
}

#[test]
fn a_state_is_told_once_and_the_last_one_counts() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    let id = Uuid::from_u128(1);
    for revision in 1..=3 {
        outbox.state(id, standing(revision, Phase::Running), Vec::new());
    }
    let told = outbox.batch().unwrap();
    assert_eq!((told.len(), told[0].state.revision, told[0].transitions.len()), (1, 3, 0));
    let taken = Has::default().take(&told);
    // Another one while the report is on its way.
    outbox.state(id, standing(4, Phase::Running), Vec::new());
    assert!(outbox.taken(&told, &taken).more);
    let told = outbox.batch().unwrap();
    assert_eq!(told[0].state.revision, 4);
    assert!(!outbox.taken(&told, &taken).more);
    outbox.state(id, standing(4, Phase::Running), Vec::new());
    assert!(outbox.batch().is_none());
}

#[test]
fn what_the_server_does_not_know_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    outbox.transition(Uuid::from_u128(1), standing(1, Phase::Received));
    let told = outbox.batch().unwrap();
    let progress = outbox.taken(&told, &Taken::default());
    assert_eq!((progress.taken, progress.more), (1, false));
}

/// A host that was set back to an earlier state, as after a restore.
#[test]
fn a_server_that_has_more_is_caught_up_with() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    let id = Uuid::from_u128(1);
    outbox.transition(id, standing(1, Phase::Received));
    outbox.transition(id, standing(1, Phase::Running));
    let told = outbox.batch().unwrap();
    let of = |seq| Taken { deployments: vec![TakenUpTo { deployment: id, seq }] };
    outbox.taken(&told, &of(57));
    let told = outbox.batch().unwrap();
    let seqs: Vec<_> = told[0].transitions.iter().map(|transition| transition.seq).collect();
    assert_eq!((seqs, told[0].state.seq), (vec![58, 59], 59));
    assert_eq!(outbox.taken(&told, &of(59)).taken, 2);
    // Nonsense does not end the counting.
    outbox.transition(id, standing(2, Phase::Received));
    let told = outbox.batch().unwrap();
    outbox.taken(&told, &of(u64::MAX));
    outbox.transition(id, standing(2, Phase::Running));
    let outbox = open(folder.path());
    outbox.transition(id, standing(2, Phase::Stopped));
    assert!(outbox.batch().unwrap()[0].transitions.iter().all(|transition| transition.seq <= 62));
}

#[test]
fn what_is_removed_and_told_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    let (removed, running) = (Uuid::from_u128(1), Uuid::from_u128(2));
    outbox.transition(removed, standing(1, Phase::Removed { volumes_deleted: false }));
    outbox.transition(running, standing(1, Phase::Running));
    outbox.forget_removed(|_| false);
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files(), 2);
    let told = outbox.batch().unwrap();
    let taken = Has::default().take(&told);
    outbox.taken(&told, &taken);
    outbox.forget_removed(|_| true);
    assert_eq!(files(), 2);
    outbox.forget_removed(|_| false);
    assert_eq!(files(), 1);
}
