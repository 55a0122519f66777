//! What is under way, so that whoever starts after a crash knows: a line for each step, on the disk before the step begins.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

use keyward_protocol::desired::Order;
use keyward_protocol::report::{Failure, Step};
use serde::{Deserialize, Serialize};

use crate::disk;

/// The most bytes of a journal: it begins anew with each order.
const MOST_BYTES: u64 = 1024 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(super) enum Entry {
    /// An order is begun.
    Order {
        /// Of which revision.
        revision: u32,
        /// Which try of it.
        attempt: u32,
        /// What is to be done.
        order: Order,
    },
    /// A step begins.
    Step {
        /// Which.
        step: Step,
    },
    /// The way back begins.
    Back {
        /// To which revision; to none after a first install.
        to: Option<u32>,
        /// Why.
        failure: Failure,
    },
    /// Nothing is under way any more.
    End,
}

/// What is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnderWay {
    /// Of which revision.
    pub revision: u32,
    /// Which try of it.
    pub attempt: u32,
    /// What is to be done.
    pub order: Order,
    /// The last step that was begun.
    pub step: Option<Step>,
    /// Whether it is on its way back, to which revision and why.
    pub back: Option<(Option<u32>, Failure)>,
}

/// The journal of one deployment.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
}

impl Journal {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Begins anew with an order.
    pub(super) fn begin(&self, revision: u32, attempt: u32, order: Order) -> io::Result<()> {
        disk::write(&self.path, &line(&Entry::Order { revision, attempt, order })?)
    }

    /// Adds a line. It is on the disk when this returns.
    pub(super) fn append(&self, entry: &Entry) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        file.write_all(&line(entry)?)?;
        file.sync_data()
    }

    /// What is under way, if anything is.
    pub(super) fn under_way(&self) -> io::Result<Option<UnderWay>> {
        Ok(disk::read(&self.path, MOST_BYTES)?.and_then(|bytes| under_way(&entries(&bytes))))
    }
}

fn line(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry).map_err(io::Error::other)?;
    line.push(b'\n');
    Ok(line)
}

/// The lines that are whole. A crash may have left a part of one; what it was about has not begun.
fn entries(bytes: &[u8]) -> Vec<Entry> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    lines.map_while(|line| serde_json::from_slice(line).ok()).collect()
}

fn under_way(entries: &[Entry]) -> Option<UnderWay> {
    let mut found: Option<UnderWay> = None;
    for entry in entries {
        match (entry, &mut found) {
            (Entry::Order { revision, attempt, order }, _) => {
                found = Some(UnderWay {
                    revision: *revision,
                    attempt: *attempt,
                    order: *order,
                    step: None,
                    back: None,
                });
            }
            (Entry::Step { step }, Some(found)) => found.step = Some(*step),
            (Entry::Back { to, failure }, Some(found)) => found.back = Some((*to, failure.clone())),
            (Entry::End, _) => found = None,
            (Entry::Step { .. } | Entry::Back { .. }, None) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Failure {
        Failure { step: Step::Settle, message: "unhealthy".into(), tries: 1, services: Vec::new() }
    }

    #[test]
    fn a_journal_cut_anywhere_tells_the_last_step_that_was_begun() {
        let place = tempfile::tempdir().unwrap();
        let journal = Journal::new(place.path().join("journal"));
        assert_eq!(journal.under_way().unwrap(), None);
        journal.begin(7, 2, Order::Run).unwrap();
        for step in Step::ALL {
            journal.append(&Entry::Step { step }).unwrap();
        }
        journal.append(&Entry::Back { to: Some(6), failure: failure() }).unwrap();
        let bytes = std::fs::read(&journal.path).unwrap();
        let mut before = None;
        for cut in 0..=bytes.len() {
            let found = under_way(&entries(&bytes[..cut]));
            let step = found.as_ref().and_then(|found| found.step);
            assert!(step >= before, "{cut}");
            before = step;
        }
        let found = journal.under_way().unwrap().unwrap();
        assert_eq!((found.revision, found.attempt, found.step), (7, 2, Some(Step::Commit)));
        assert_eq!(found.back, Some((Some(6), failure())));
        journal.append(&Entry::End).unwrap();
        assert_eq!(journal.under_way().unwrap(), None);
        journal.begin(8, 1, Order::Stop).unwrap();
        assert_eq!(journal.under_way().unwrap().unwrap().order, Order::Stop);
    }
}
