//! Entries that wait to be written: bounded in bytes, each organization in its share of them, and none twice.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_domain::registry::{Decision, LastUse, Operation, RegistryEvent};
use keyward_domain::{
    OrganizationId, OrganizationScope, RegistryId, RegistryKeyId, SessionId, Timestamp, TokenId,
};
use tokio::sync::Notify;
use uuid::Uuid;

/// How long the same refusal, token or use of the same holder counts as one: clients try again.
pub(crate) const SAME_SECONDS: i64 = 60;

/// The most bytes that wait.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The most bytes that wait of one organization: whoever floods the log leaves room for the others.
const MOST_OF_ONE: usize = MOST_BYTES / 4;

/// The most entries that are remembered, so that they are not written twice.
const MOST_SEEN: usize = 20_000;

/// For how many rounds the pull of a part waits for that of the whole, which another server may be about to write.
const EARLY_ROUNDS: u8 = 40;

/// One thing to be written down.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub scope: OrganizationScope,
    pub what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// Something happened at a registry.
    Happened(RegistryEvent),
    /// So many bytes belong to the latest pull like this one.
    Passed(RegistryEvent, u64),
    /// Something was used.
    Used(Use),
}

/// What was used, and when.
#[derive(Debug, Clone)]
pub(crate) enum Use {
    Key(RegistryKeyId, LastUse),
    Token(TokenId, Timestamp),
    Session(SessionId, Timestamp),
    /// The upstream of a registry has sent a notification.
    Notifications(RegistryId, Timestamp),
}

impl Use {
    pub(super) fn id(&self) -> Uuid {
        match self {
            Self::Key(id, _) => id.uuid(),
            Self::Token(id, _) => id.uuid(),
            Self::Session(id, _) => id.uuid(),
            Self::Notifications(id, _) => id.uuid(),
        }
    }

    fn at(&self) -> Timestamp {
        match self {
            Self::Key(_, used) => used.at,
            Self::Token(_, at) | Self::Session(_, at) | Self::Notifications(_, at) => *at,
        }
    }
}

impl Entry {
    /// What it takes in memory, roughly.
    fn bytes(&self) -> usize {
        let texts = match &self.what {
            What::Happened(event) | What::Passed(event, _) => {
                let digest = event.digest.as_ref().map_or(0, |digest| digest.as_str().len());
                event.repository.as_str().len() + event.reference.len() + event.client.len() + digest
            }
            What::Used(Use::Key(_, used)) => used.client.len(),
            What::Used(_) => 0,
        };
        size_of::<Self>() + texts
    }

    /// When it happened, if the same within [`SAME_SECONDS`] is to be written once.
    fn once(&self) -> Option<Timestamp> {
        match &self.what {
            What::Happened(event) => is_once(event).then_some(event.at),
            What::Passed(..) => None,
            What::Used(used) => Some(used.at()),
        }
    }
}

/// Whether an event that is repeated at once is one: a refusal, or a token.
pub(super) fn is_once(event: &RegistryEvent) -> bool {
    event.decision == Decision::Denied || event.operation == Operation::Token
}

/// Where entries wait.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Notify,
    /// Held by whoever writes, so that entries are written in their order.
    pub(super) writing: tokio::sync::Mutex<()>,
    hasher: RandomState,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Entry>,
    /// Pulls of parts that came before their wholes, with the rounds that they still wait.
    early: VecDeque<(u8, Entry)>,
    bytes: usize,
    shares: HashMap<OrganizationId, usize>,
    seen: HashMap<u64, Timestamp>,
    dropped: u64,
}

/// An entry that is to be written now. If `last`, it waits for nothing any more.
pub(super) struct Due {
    pub entry: Entry,
    pub last: bool,
}

impl Queue {
    /// Takes an entry, unless the same was taken just now or there is no room for it.
    pub(crate) fn add(&self, entry: Entry) {
        let same = entry.once().map(|at| (self.same(&entry), at));
        let mut state = self.state();
        if let Some((hash, at)) = same
            && state.was_seen(hash, at)
        {
            return;
        }
        if !state.make_room(&entry) {
            return;
        }
        if let Some((hash, at)) = same {
            state.seen.insert(hash, at);
        }
        state.waiting.push_back(entry);
        drop(state);
        self.arrived.notify_one();
    }

    /// Waits until there is something to be written.
    pub(super) async fn arrived(&self) {
        loop {
            {
                let state = self.state();
                if !state.waiting.is_empty() || !state.early.is_empty() {
                    return;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// The next entries, at most `most`. When `all` is to be written, nothing waits for its whole any longer.
    pub(super) fn take(&self, most: usize, all: bool) -> Vec<Due> {
        let mut state = self.state();
        let count = most.min(state.waiting.len());
        let mut due: Vec<_> = state.waiting.drain(..count).map(|entry| Due { entry, last: false }).collect();
        let emptied = state.waiting.is_empty();
        for (rounds, _) in &mut state.early {
            *rounds = rounds.saturating_sub(1);
        }
        while due.len() < most {
            // After all else, among which the whole may be.
            let is_due = |(rounds, _): &(u8, Entry)| *rounds == 0 || (all && emptied);
            if !state.early.front().is_some_and(is_due) {
                break;
            }
            due.extend(state.early.pop_front().map(|(_, entry)| Due { entry, last: true }));
        }
        for Due { entry, .. } in &due {
            state.release(entry);
        }
        due
    }

    /// Keeps the pull of a part back for a while.
    pub(super) fn hold_back(&self, early: Vec<Entry>) {
        let mut state = self.state();
        for entry in early {
            if state.make_room(&entry) {
                state.early.push_back((EARLY_ROUNDS, entry));
            }
        }
    }

    /// How many entries were dropped since it was asked last.
    pub(super) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.state().dropped)
    }

    fn same(&self, entry: &Entry) -> u64 {
        match &entry.what {
            What::Happened(event) | What::Passed(event, _) => self.hasher.hash_one((
                event.registry.uuid(),
                event.holder.to_string(),
                event.operation.as_str(),
                event.decision.as_str(),
                event.repository.as_str(),
                event.reference.as_str(),
                event.address.ip(),
            )),
            What::Used(used) => self.hasher.hash_one(used.id()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn was_seen(&mut self, hash: u64, at: Timestamp) -> bool {
        let is_same = |seen: &Timestamp| at < seen.plus_seconds(SAME_SECONDS) && *seen <= at;
        if self.seen.len() >= MOST_SEEN {
            self.seen.retain(|_, seen| is_same(seen));
        }
        if self.seen.len() >= MOST_SEEN {
            self.seen.clear();
        }
        self.seen.get(&hash).is_some_and(is_same)
    }

    /// Counts an entry in, or as dropped where there is no room.
    fn make_room(&mut self, entry: &Entry) -> bool {
        let (bytes, share) = (entry.bytes(), self.shares.entry(entry.scope.id()).or_default());
        if self.bytes + bytes > MOST_BYTES || *share + bytes > MOST_OF_ONE {
            self.dropped += 1;
            return false;
        }
        *share += bytes;
        self.bytes += bytes;
        true
    }

    fn release(&mut self, entry: &Entry) {
        let bytes = entry.bytes();
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(share) = self.shares.get_mut(&entry.scope.id()) {
            *share = share.saturating_sub(bytes);
            if *share == 0 {
                self.shares.remove(&entry.scope.id());
            }
        }
    }
}

#[cfg(test)]
mod tests;
