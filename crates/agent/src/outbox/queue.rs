//! What waits of one deployment.

use std::collections::VecDeque;
use std::path::PathBuf;

use keyward_protocol::report::{DeploymentReport, DeploymentState, Drift, Phase, Reports, Transition};
use uuid::Uuid;

use super::file::{self, Line};
use super::{fit, state_of, transition_of};
use crate::deployer::Standing;
use crate::disk;

/// A `seq` beyond this is nobody's: JSON's numbers are exact up to here everywhere.
const MOST_SEQ: u64 = 1 << 53;

/// After how many lines beyond those that count a file is written anew.
const MOST_STALE: usize = 100;

#[derive(Debug)]
pub(super) struct Queue {
    file: PathBuf,
    seq: u64,
    transitions: VecDeque<(Transition, usize)>,
    bytes: usize,
    state: Option<DeploymentState>,
    is_state_told: bool,
    lost: u64,
    /// How many lines the file has.
    lines: usize,
    /// Whether the last `seq` is on the disk: as long as it isn't, nothing is told, or it could be used again.
    is_seq_kept: bool,
    /// Whether the file lacks something that is in memory.
    is_behind: bool,
}

impl Queue {
    pub(super) fn new(file: PathBuf) -> Self {
        Self {
            file,
            seq: 0,
            transitions: VecDeque::new(),
            bytes: 0,
            state: None,
            is_state_told: true,
            lost: 0,
            lines: 0,
            is_seq_kept: true,
            is_behind: true,
        }
    }

    pub(super) fn open(path: PathBuf) -> std::io::Result<Self> {
        let content = file::read(&path)?;
        let mut queue = Self { seq: content.seq, is_state_told: false, ..Self::new(path) };
        for line in content.lines {
            match line {
                Line::Transition(transition) => queue.push(transition),
                Line::State(state) => queue.state = Some(state),
            }
        }
        queue.save();
        Ok(queue)
    }

    pub(super) fn transition(&mut self, at: i64, now: Standing) {
        self.seq = self.seq.saturating_add(1);
        let transition = transition_of(self.seq, at, now.clone());
        self.push(transition.clone());
        let state = state_of(self.seq, now, Vec::new());
        self.state = Some(state.clone());
        self.is_state_told = false;
        self.keep(&[Line::Transition(transition), Line::State(state)]);
    }

    pub(super) fn set_state(&mut self, now: Standing, drift: Vec<Drift>) {
        let state = state_of(self.seq, now, drift);
        if self.state.as_ref() == Some(&state) {
            return;
        }
        self.state = Some(state.clone());
        self.is_state_told = false;
        self.keep(&[Line::State(state)]);
    }

    /// What is new, within `room` bytes. What was written down by a clock that was ahead is told as of now.
    pub(super) fn report(
        &mut self,
        deployment: Uuid,
        now: i64,
        room: &mut usize,
    ) -> Option<DeploymentReport> {
        if !self.has_news() || !self.is_seq_on_disk() {
            return None;
        }
        let state = self.state.clone()?;
        let mut transitions = Vec::new();
        for (transition, bytes) in self.transitions.iter().take(Reports::MOST_TRANSITIONS) {
            if *bytes > *room {
                break;
            }
            *room -= bytes;
            transitions.push(Transition { at: transition.at.min(now), ..transition.clone() });
        }
        if transitions.is_empty() && self.is_state_told {
            return None;
        }
        Some(DeploymentReport { deployment, state, transitions })
    }

    /// The server has `up_to` of what it was told, or does not know the deployment; how many transitions it has taken.
    pub(super) fn taken(&mut self, told: &DeploymentReport, up_to: Option<u64>) -> usize {
        let last_told = told.transitions.last().map_or(0, |transition| transition.seq);
        let before = self.transitions.len();
        match up_to {
            // It has more than this host remembers, which was set back to an earlier state: go on behind it.
            Some(up_to) if up_to > self.seq && up_to < MOST_SEQ => self.renumber(up_to),
            Some(up_to) => self.drop_up_to(up_to.min(last_told)),
            None => self.drop_up_to(last_told),
        }
        self.is_state_told |= self.state.as_ref() == Some(&told.state);
        let taken = before - self.transitions.len();
        if taken > 0 {
            self.save();
        }
        taken
    }

    pub(super) fn give_up(&mut self, told: &DeploymentReport) {
        let before = self.transitions.len();
        self.drop_up_to(told.transitions.last().map_or(0, |transition| transition.seq));
        let lost = before - self.transitions.len();
        self.lost = self.lost.saturating_add(u64::try_from(lost).unwrap_or(0));
        if lost == 0 {
            self.is_state_told = true;
        }
        self.save();
    }

    pub(super) fn has_news(&self) -> bool {
        !self.transitions.is_empty() || !self.is_state_told
    }

    /// Whether nothing of it is left, and the server knows that.
    pub(super) fn is_over(&self) -> bool {
        !self.has_news()
            && self.state.as_ref().is_some_and(|state| matches!(state.phase, Phase::Removed { .. }))
    }

    /// Removes the file; whether it is gone.
    pub(super) fn remove(&self) -> bool {
        disk::remove(&self.file).is_ok()
    }

    pub(super) fn state(&self) -> Option<&DeploymentState> {
        self.state.as_ref()
    }

    pub(super) fn len(&self) -> usize {
        self.transitions.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// When the oldest transition was.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.transitions.front().map(|(transition, _)| transition.at)
    }

    pub(super) fn drop_oldest(&mut self) {
        if let Some((_, bytes)) = self.transitions.pop_front() {
            self.bytes -= bytes;
            self.lost = self.lost.saturating_add(1);
        }
    }

    fn push(&mut self, transition: Transition) {
        let bytes = fit::size(&transition);
        self.bytes += bytes;
        self.transitions.push_back((transition, bytes));
    }

    fn drop_up_to(&mut self, seq: u64) {
        while let Some((_, bytes)) = self.transitions.pop_front_if(|(transition, _)| transition.seq <= seq) {
            self.bytes -= bytes;
        }
    }

    fn renumber(&mut self, behind: u64) {
        self.seq = behind;
        for (transition, _) in &mut self.transitions {
            self.seq += 1;
            transition.seq = self.seq;
        }
        if let Some(state) = &mut self.state {
            state.seq = self.seq;
        }
        self.is_state_told = false;
        self.save();
    }

    /// Appends lines, or writes the file anew where that is due.
    fn keep(&mut self, lines: &[Line]) {
        if self.is_behind || self.lines > self.transitions.len() + MOST_STALE {
            return self.save();
        }
        match file::append(&self.file, self.seq, lines) {
            Ok(()) => self.lines += lines.len(),
            Err(_) => self.save(),
        }
    }

    /// Writes the file anew. Should the disk be too full, the `seq` at least is kept in place.
    fn save(&mut self) {
        let state = self.state.clone().map(Line::State);
        let transitions: Vec<_> =
            self.transitions.iter().map(|(transition, _)| Line::Transition(transition.clone())).collect();
        let written = file::write(&self.file, self.seq, transitions.iter().chain(&state));
        self.is_behind = written.is_err();
        self.is_seq_kept = written.is_ok() || file::write_seq(&self.file, self.seq).is_ok();
        self.lines = transitions.len() + 1;
    }

    /// Whether the last `seq` is on the disk; tries again if it wasn't.
    fn is_seq_on_disk(&mut self) -> bool {
        if !self.is_seq_kept {
            self.save();
        }
        self.is_seq_kept
    }
}
