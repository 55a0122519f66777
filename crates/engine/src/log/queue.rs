//! Entries that wait to be written: bounded in bytes, each organization in its share of them, and none twice.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyward_domain::registry::{Decision, LastUse, Operation, RegistryEvent};
use keyward_domain::{
    AgentId, OrganizationId, OrganizationScope, RegistryId, RegistryKeyId, SessionId, Timestamp, TokenId,
};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

/// How long the same refusal, token or use of the same holder counts as one: clients try again.
pub(crate) const SAME_SECONDS: i64 = 60;

/// The most bytes that wait.
pub(crate) const MOST_BYTES: usize = 4 * 1024 * 1024;

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
    Agent(AgentId, Timestamp),
    /// The upstream of a registry has sent a notification.
    Notifications(RegistryId, Timestamp),
}

impl Use {
    pub(super) fn id(&self) -> Uuid {
        match self {
            Self::Key(id, _) => id.uuid(),
            Self::Token(id, _) => id.uuid(),
            Self::Session(id, _) => id.uuid(),
            Self::Agent(id, _) => id.uuid(),
            Self::Notifications(id, _) => id.uuid(),
        }
    }

    fn at(&self) -> Timestamp {
        match self {
            Self::Key(_, used) => used.at,
            Self::Token(_, at) | Self::Session(_, at) | Self::Agent(_, at) | Self::Notifications(_, at) => {
                *at
            }
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

    pub(super) fn at(&self) -> Timestamp {
        match &self.what {
            What::Happened(event) | What::Passed(event, _) => event.at,
            What::Used(used) => used.at(),
        }
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

/// What is counted by the day, for the audit log to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counted {
    /// Someone who was recognised was refused to see or change something.
    Denied,
    /// Requests to a registry that it let pass.
    Allowed(Operation),
    /// And those that it refused.
    Refused(Operation),
    /// Entries of the log that found no room, or could not be written.
    Shed,
}

impl Counted {
    /// By which it is told.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied_attempts",
            Self::Allowed(Operation::Pull) => "pulls",
            Self::Allowed(Operation::Push) => "pushes",
            Self::Allowed(Operation::Delete) => "deletions",
            Self::Allowed(Operation::Token) => "registry_tokens",
            Self::Refused(Operation::Pull) => "refused_pulls",
            Self::Refused(Operation::Push) => "refused_pushes",
            Self::Refused(Operation::Delete) => "refused_deletions",
            Self::Refused(Operation::Token) => "refused_registry_tokens",
            Self::Shed => "shed",
        }
    }
}

/// How often something happened, by organization and day.
pub(super) type Counts = BTreeMap<(OrganizationId, i64, Counted), (OrganizationScope, u64)>;

/// For how long counts gather before they are written.
const COUNTED_EVERY: Duration = Duration::from_secs(10);

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
    counts: Counts,
    /// Since when they gather.
    counted_since: Option<Instant>,
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

    /// Counts something. It takes no room of its own, however often it happens.
    pub(crate) fn count(&self, scope: OrganizationScope, now: Timestamp, what: Counted) {
        let first = self.state().count(scope, now.day(), what, 1);
        if first {
            self.arrived.notify_one();
        }
    }

    /// Gives back what could not be written.
    pub(super) fn count_again(&self, counts: Counts) {
        let mut state = self.state();
        for ((_, day, what), (scope, count)) in counts {
            state.count(scope, day, what, count);
        }
    }

    /// What was counted, if it has gathered for long enough or `all` is to be written.
    pub(super) fn take_counts(&self, all: bool) -> Counts {
        let mut state = self.state();
        let gathered = state.counted_since.is_some_and(|since| since.elapsed() >= COUNTED_EVERY);
        if !(all || gathered) {
            return Counts::new();
        }
        state.counted_since = None;
        std::mem::take(&mut state.counts)
    }

    /// Waits until there is something to be written. Counts alone gather for a while.
    pub(super) async fn arrived(&self) {
        loop {
            let gathering = {
                let state = self.state();
                if !state.waiting.is_empty() || !state.early.is_empty() {
                    return;
                }
                state.counted_since.map(|since| COUNTED_EVERY.saturating_sub(since.elapsed()))
            };
            match gathering {
                Some(left) => {
                    if tokio::time::timeout(left, self.arrived.notified()).await.is_err() {
                        return;
                    }
                }
                None => self.arrived.notified().await,
            }
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

    /// How many entries wait, how many bytes they take, and when the first of them happened.
    pub(crate) fn standing(&self) -> (usize, usize, Option<Timestamp>) {
        let state = self.state();
        let first = state.waiting.front().map(Entry::at);
        (state.waiting.len() + state.early.len(), state.bytes, first)
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

    /// Whether it is the first of what gathers.
    fn count(&mut self, scope: OrganizationScope, day: i64, what: Counted, more: u64) -> bool {
        let (_, count) = self.counts.entry((scope.id(), day, what)).or_insert((scope, 0));
        *count += more;
        let first = self.counted_since.is_none();
        self.counted_since.get_or_insert_with(Instant::now);
        first
    }

    /// Counts an entry in, or as dropped where there is no room.
    fn make_room(&mut self, entry: &Entry) -> bool {
        let (bytes, share) = (entry.bytes(), self.shares.entry(entry.scope.id()).or_default());
        if self.bytes + bytes > MOST_BYTES || *share + bytes > MOST_OF_ONE {
            self.dropped += 1;
            self.count(entry.scope, entry.at().day(), Counted::Shed, 1);
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
pub(super) mod tests;
