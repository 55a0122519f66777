//! Makes what is told small enough to be taken, by leaving out the least telling of it.

use keyward_protocol::report::{
    BlockItem, DeploymentHealth, DeploymentState, Failure, Phase, Reports, Transition,
};
use serde::Serialize;

/// How many lines of each service, characters of a line and items of a list are left, tried one after the other.
const TRIES: [(usize, usize, usize); 5] =
    [(100, 2048, 100), (50, 500, 50), (20, 200, 30), (5, 120, 20), (0, 80, 5)];

pub(super) fn transition(mut told: Transition) -> Transition {
    for measure in TRIES {
        if size(&told) <= Reports::MOST_BYTES {
            break;
        }
        phase(&mut told.phase, measure);
        health(&mut told.health, measure);
    }
    told
}

pub(super) fn state(mut told: DeploymentState) -> DeploymentState {
    for measure in TRIES {
        if size(&told) <= Reports::MOST_BYTES {
            break;
        }
        phase(&mut told.phase, measure);
        health(&mut told.health, measure);
        told.drift.truncate(measure.2);
    }
    told
}

/// How many bytes it is as JSON.
pub(super) fn size(told: &impl Serialize) -> usize {
    serde_json::to_vec(told).map_or(usize::MAX, |json| json.len())
}

fn phase(phase: &mut Phase, measure: (usize, usize, usize)) {
    match phase {
        Phase::Blocked { items, .. } => {
            items.truncate(measure.2);
            for BlockItem { message, command } in items {
                cut(message, measure.1);
                if command.as_ref().is_some_and(|command| command.len() > measure.1) {
                    // Half a command is worse than none.
                    *command = None;
                }
            }
        }
        Phase::Failed { failure } | Phase::RollingBack { failure } | Phase::RolledBack { failure, .. } => {
            self::failure(failure, measure);
        }
        Phase::Received
        | Phase::Resolving
        | Phase::Checking
        | Phase::Pulling
        | Phase::Applying
        | Phase::Settling
        | Phase::Running
        | Phase::Stopped
        | Phase::Removed { .. } => {}
    }
}

fn failure(failure: &mut Failure, (lines, characters, items): (usize, usize, usize)) {
    cut(&mut failure.message, characters);
    failure.services.truncate(items);
    for service in &mut failure.services {
        cut(&mut service.service, characters);
        cut(&mut service.state, characters);
        // The last ones tell most.
        service.lines.drain(..service.lines.len().saturating_sub(lines));
        for line in &mut service.lines {
            cut(line, characters);
        }
    }
}

fn health(health: &mut DeploymentHealth, (_, characters, _): (usize, usize, usize)) {
    if let DeploymentHealth::Degraded { service, reason } = health {
        cut(service, characters);
        cut(reason, characters);
    }
}

fn cut(text: &mut String, most: usize) {
    if let Some((at, _)) = text.char_indices().nth(most) {
        text.truncate(at);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use keyward_protocol::report::{ServiceLines, Step};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn whatever_is_told_fits(lines in 0_usize..300, length in 0_usize..4000, services in 1_usize..200, message in 0_usize..100_000) {
            let line = "\u{7f}é\"".repeat(length / 3);
            let service = ServiceLines {
                service: "web".repeat(length),
                state: "exited".into(),
                lines: vec![line.clone(); lines.min(200_000 / (length + 1) + 1)],
            };
            let told = Transition {
                seq: 1,
                at: 2,
                revision: 3,
                phase: Phase::RolledBack {
                    failure: Failure {
                        step: Step::Settle,
                        message: "x".repeat(message),
                        tries: 1,
                        services: vec![service; services.min(400_000 / (lines * length + 1) + 1)],
                    },
                    to: 2,
                },
                health: DeploymentHealth::Degraded { service: "web".into(), reason: "x".repeat(message) },
            };
            let fitted = transition(told.clone());
            prop_assert!(size(&fitted) <= Reports::MOST_BYTES);
            if size(&told) <= Reports::MOST_BYTES {
                prop_assert_eq!(fitted, told);
            }
        }

        #[test]
        fn blocks_fit(items in 0_usize..500, length in 0_usize..3000) {
            let item = BlockItem { message: "é".repeat(length), command: Some("c".repeat(length)) };
            let phase = Phase::Blocked { by: keyward_protocol::report::Block::Needs, items: vec![item; items] };
            let told = DeploymentState {
                seq: 1, revision: 1, running: None, phase, health: DeploymentHealth::Down, drift: Vec::new(),
            };
            prop_assert!(size(&state(told)) <= Reports::MOST_BYTES);
        }
    }
}
