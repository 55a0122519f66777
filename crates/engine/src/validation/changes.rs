//! What was changed in organizations, as far as the counter has followed it.

use std::collections::HashMap;

use keyward_domain::OrganizationId;
use keyward_storage::{Generation, History, StorageError, Tx};
use uuid::Uuid;

use super::batch::Dependencies;

/// The most changes remembered of one organization.
const MOST_CHANGES: usize = 16_384;

/// What was changed lately in one organization.
#[derive(Default)]
pub(super) struct Changes {
    /// Up to which change the rest is known.
    pub(super) present: Option<Generation>,
    /// The generations that led to the present one, as far as they are remembered, by their ids. A copy of any other is
    /// too old to be told from an outdated one, or of a history that was lost in a fail-over.
    known: HashMap<Uuid, i64>,
    last: HashMap<Uuid, i64>,
}

impl Changes {
    /// Catches up with the database, where the present generation is this one.
    pub(super) async fn catch_up(
        &mut self,
        tx: &Tx,
        organization: OrganizationId,
        present: Generation,
    ) -> Result<(), StorageError> {
        if self.present == Some(present) {
            return Ok(());
        }
        let changes = tx.changes(organization);
        let history = changes.history().await?;
        let since = match self.present {
            Some(present) => changes.since(present.number, MOST_CHANGES as u64 + 1).await?,
            None => Vec::new(),
        };
        self.follow(&history, since);
        Ok(())
    }

    /// Takes in what was changed since the present generation, or starts anew where the history does not know it.
    fn follow(&mut self, history: &History, since: Vec<(Uuid, i64)>) {
        let followed = self.present.is_some_and(|present| history.known().any(|known| known == present));
        if !followed || since.len() > MOST_CHANGES {
            // Of earlier changes nothing is known, so only copies of the present one can be upheld.
            *self = Self::default();
            self.known.insert(history.present().id, history.present().number);
        } else {
            let present = self.present.map_or(0, |present| present.number);
            let newer = history.known().take_while(|known| known.number > present);
            self.known.extend(newer.map(|known| (known.id, known.number)));
            self.last.extend(since);
        }
        self.present = Some(history.present());
        if self.known.len().max(self.last.len()) > 2 * MOST_CHANGES {
            self.forget_before(history.present().number - MOST_CHANGES as i64);
        }
    }

    /// From now on, copies that are older than the generation of this number can't be told from outdated ones.
    fn forget_before(&mut self, number: i64) {
        self.known.retain(|_, known| *known >= number);
        self.last.retain(|_, changed| *changed > number);
    }

    /// Whether nothing that an answer rests on was changed since.
    pub(super) fn is_current(&self, dependencies: &Dependencies) -> bool {
        let is_known = |generation: &Generation| self.known.get(&generation.id) == Some(&generation.number);
        let oldest =
            dependencies.generations.iter().map(|generation| generation.number).min().unwrap_or_default();
        let unchanged = |target: &Uuid| self.last.get(target).is_none_or(|at| *at <= oldest);
        dependencies.generations.iter().all(is_known) && dependencies.targets.iter().flatten().all(unchanged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn generation(number: i64) -> Generation {
        Generation { number, id: Uuid::from_u128(u128::try_from(number).unwrap() + 1_000) }
    }

    #[test]
    fn an_answer_holds_only_while_nothing_beneath_it_moved() {
        let (license, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let known = (5..=9).map(generation).map(|known| (known.id, known.number)).collect();
        let mut changes = Changes { present: Some(generation(9)), known, last: [(license, 7)].into() };
        let holds = |target, generations| {
            changes.is_current(&Dependencies { targets: [Some(target), None, None, None], generations })
        };
        let at = |number| [generation(number); 2];
        assert!(!holds(license, at(6)) && holds(license, at(7)) && holds(license, at(9)));
        assert!(!holds(license, [generation(9), generation(6)]), "the older copy decides");
        assert!(holds(other, at(5)) && !holds(other, at(4)), "older than what is remembered");
        assert!(!holds(other, at(10)), "from a future that was undone");
        let elsewhere = Generation { number: 8, id: Uuid::from_u128(8) };
        assert!(!holds(other, [generation(9), elsewhere]), "from a history that was lost");
        changes = Changes::default();
        assert!(!changes.is_current(&Dependencies { targets: [None; 4], generations: at(5) }));
    }

    /// A database as far as changes go; a clone of it is a standby.
    #[derive(Clone)]
    struct Model {
        history: History,
        last: HashMap<Uuid, i64>,
    }

    impl Model {
        fn change(&mut self, target: Uuid, change: Uuid) {
            self.history = self.history.clone().after(change);
            self.last.insert(target, self.history.present().number);
        }

        fn since(&self, number: i64) -> Vec<(Uuid, i64)> {
            self.last.iter().map(|(id, at)| (*id, *at)).filter(|(_, at)| *at > number).collect()
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Change(u8),
        Copy(u8),
        CatchUp,
        /// A standby begins to follow no more.
        Fork,
        /// It takes over.
        FailOver,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..4_u8).prop_map(Step::Change),
            3 => (0..4_u8).prop_map(Step::Copy),
            3 => Just(Step::CatchUp),
            1 => Just(Step::Fork),
            1 => Just(Step::FailOver),
        ]
    }

    proptest! {
        /// Whatever fails over when, a copy is upheld only if its thing was last changed by the same change.
        #[test]
        fn no_copy_outlives_its_history(steps in proptest::collection::vec(step(), 1..120)) {
            let target = |n: u8| Uuid::from_u128(n.into());
            let (mut database, mut standby) = (Model { history: History::NONE, last: HashMap::new() }, None);
            let (mut changes, mut copies) = (Changes::default(), Vec::new());
            for (index, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Change(n) => {
                        database.change(target(n), Uuid::from_u128(1_000 + index as u128));
                    }
                    Step::Copy(n) => {
                        let by = database.last.get(&target(n)).copied();
                        copies.push((target(n), database.history.clone(), by));
                    }
                    Step::CatchUp => {
                        let since = changes.present.map_or_else(Vec::new, |known| database.since(known.number));
                        changes.follow(&database.history, since);
                    }
                    Step::Fork => standby = Some(database.clone()),
                    Step::FailOver => database = standby.take().unwrap_or(database),
                }
                if changes.present != Some(database.history.present()) {
                    continue;
                }
                for (target, history, by) in &copies {
                    let generations = [history.present(); 2];
                    if changes.is_current(&Dependencies { targets: [Some(*target), None, None, None], generations }) {
                        prop_assert_eq!(database.last.get(target).copied(), *by);
                        prop_assert!(generations[0].number == 0 || database.history.known().any(|known| known == generations[0])
                            || database.history.present().number - generations[0].number >= 32);
                    }
                }
            }
        }
    }
}
