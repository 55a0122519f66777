//! Where passwords are hashed: a few at a time, in memory that is used again.
//!
//! One hash takes 19 MiB on purpose. Without a bound, strangers could ask for as many at once as there are threads; and
//! memory that is allocated anew for each stays with the arena of the thread that had it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use argon2::{Block, Params};
use tokio::sync::Semaphore;

use crate::metrics::Counter;
use crate::survey::Hashing;
use crate::{Error, Result};

/// The memory of all hashes at once, unless the operator says otherwise.
const MEMORY_BYTES: usize = 64 * 1024 * 1024;

/// How many may wait for their turn.
const MOST_WAITING: usize = 128;

/// For how long they wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// The memory of one hash.
pub(crate) type Memory = Vec<Block>;

/// Lets so many hash at once, lets some wait, and sends the rest away.
pub(crate) struct HashGate {
    hashing: Arc<Semaphore>,
    waiting: Semaphore,
    unused: Arc<Mutex<Vec<Memory>>>,
    at_once: usize,
    hashed: Counter,
    refused: Counter,
}

impl Default for HashGate {
    fn default() -> Self {
        Self::within(MEMORY_BYTES)
    }
}

impl HashGate {
    /// As many at once as fit into `bytes`, but one at least.
    pub(crate) fn within(bytes: usize) -> Self {
        let at_once = (bytes / (Params::DEFAULT.block_count() * Block::SIZE)).max(1);
        Self {
            hashing: Arc::new(Semaphore::new(at_once)),
            waiting: Semaphore::new(MOST_WAITING),
            unused: Arc::default(),
            at_once,
            hashed: Counter::default(),
            refused: Counter::default(),
        }
    }

    /// Whether there is room to wait.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.available_permits() > 0
    }

    /// Counts a request that was sent away before it asked for a place.
    pub(crate) fn refuse(&self) {
        self.refused.add_one();
    }

    /// Who is at it, who waits, and how many there were.
    pub(crate) fn standing(&self) -> Hashing {
        Hashing {
            running: self.at_once.saturating_sub(self.hashing.available_permits()) as u64,
            most_running: self.at_once as u64,
            waiting: MOST_WAITING.saturating_sub(self.waiting.available_permits()) as u64,
            most_waiting: MOST_WAITING as u64,
            done: self.hashed.value(),
            refused: self.refused.value(),
        }
    }

    /// Does `work` when its turn comes, on a thread that answers no requests.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T> {
        let busy = || {
            self.refused.add_one();
            Error::Busy { retry_after: PATIENCE.as_secs() as i64 }
        };
        let place = self.waiting.try_acquire().map_err(|_| busy())?;
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.hashing).acquire_owned());
        let turn = turn.await.map_err(|_| busy())?.map_err(|_| Error::Password)?;
        drop(place);
        let unused = Arc::clone(&self.unused);
        let hashed = tokio::task::spawn_blocking(move || {
            let taken = unused.lock().ok().and_then(|mut unused| unused.pop());
            let mut memory = taken.unwrap_or_default();
            let done = work(&mut memory);
            if let Ok(mut unused) = unused.lock() {
                unused.push(memory);
            }
            // Held to the end of the work, whether or not anyone still waits for it.
            drop(turn);
            done
        });
        self.hashed.add_one();
        hashed.await.map_err(|_| Error::Password)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn so_many_hash_some_wait_and_the_rest_is_sent_away() {
        let gate = Arc::new(HashGate::default());
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..400 {
            let (gate, now, most) = (Arc::clone(&gate), Arc::clone(&now), Arc::clone(&most));
            tasks.spawn(async move {
                gate.run(move |_| {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(10));
                    now.fetch_sub(1, Ordering::SeqCst);
                })
                .await
                .is_ok()
            });
        }
        let served = tasks.join_all().await.into_iter().filter(|served| *served).count();
        assert!((MOST_WAITING..=MOST_WAITING + 40).contains(&served), "{served}");
        assert_eq!(most.load(Ordering::SeqCst), 3, "64 MiB are three times 19");
        assert_eq!(gate.unused.lock().unwrap().len(), 3);
        assert!(gate.has_room());
    }
}
