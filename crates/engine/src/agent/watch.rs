//! What is new in the organizations whose agents wait. Every server learns it from the database, whichever wrote it: one look a
//! period, by one statement, for all agents that wait here. So an agent that waits costs no statement of its own.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyward_domain::{DeploymentTargetId, OrganizationId, OrganizationScope};
use keyward_storage::{Generation, StorageError, Store, Tx};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use crate::Result;

/// How often is looked.
const PERIOD: Duration = Duration::from_millis(200);

/// For how long an organization is followed after its last agent has asked.
const FOLLOWED: Duration = Duration::from_secs(120);

/// How old a look may be for what is in memory to be taken for current.
const FRESH: Duration = Duration::from_secs(1);

/// For how long somebody waits for a look before looking for themselves.
const PATIENCE: Duration = Duration::from_secs(3);

/// The most changes that are told apart. More of them at once concern everybody.
const MOST_CHANGES: u64 = 256;

/// What was true of a target at an instant: another one as soon as something may have changed that concerns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64, u64);

/// Follows what is new.
pub(super) struct Watch(Arc<Inner>);

struct Inner {
    store: Store,
    state: Mutex<State>,
    /// The number of the last look that is over.
    looked: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// Whether a task is looking.
    running: bool,
    /// How many looks were begun.
    begun: u64,
    /// The last epoch that was given.
    epochs: u64,
    organizations: HashMap<OrganizationId, Followed>,
}

struct Followed {
    scope: OrganizationScope,
    generation: Option<Generation>,
    looked_at: Option<Instant>,
    asked_at: Instant,
    all: u64,
    targets: HashMap<DeploymentTargetId, u64>,
    /// Told when anything is another one.
    news: watch::Sender<()>,
}

/// Whom a change concerns.
enum Concerned {
    Everybody,
    Targets(HashSet<DeploymentTargetId>),
}

impl Watch {
    pub(super) fn new(store: Store) -> Self {
        let looked = watch::Sender::new(0);
        Self(Arc::new(Inner { store, state: Mutex::default(), looked }))
    }

    /// Follows an organization from now on: what is received is told when something in it may concern one of its targets.
    pub(super) fn follow(&self, scope: OrganizationScope) -> watch::Receiver<()> {
        let mut state = self.0.lock();
        let state = &mut *state;
        let followed = state.organizations.entry(scope.id()).or_insert_with(|| {
            state.epochs += 1;
            Followed {
                scope,
                generation: None,
                looked_at: None,
                asked_at: Instant::now(),
                all: state.epochs,
                targets: HashMap::new(),
                news: watch::Sender::new(()),
            }
        });
        followed.asked_at = Instant::now();
        let news = followed.news.subscribe();
        if !state.running {
            state.running = true;
            tokio::spawn(look_on(Running(Arc::clone(&self.0))));
        }
        news
    }

    /// The present epoch of a target, as of the last look.
    pub(super) fn epoch(&self, organization: OrganizationId, target: DeploymentTargetId) -> Option<Epoch> {
        self.0.lock().organizations.get(&organization).map(|followed| followed.epoch(target))
    }

    /// Whether what was read in this epoch is known to be so, by a look a moment ago.
    pub(super) fn is_current(&self, of: OrganizationId, target: DeploymentTargetId, epoch: Epoch) -> bool {
        let state = self.0.lock();
        let Some(followed) = state.organizations.get(&of) else { return false };
        let fresh = followed.looked_at.is_some_and(|at| at.elapsed() <= FRESH);
        fresh && followed.epoch(target) == epoch
    }

    /// Waits for a look that was begun after this was called. Of all who ask within a period, one looks.
    pub(super) async fn fresh(&self, scope: OrganizationScope) -> Result<()> {
        let _news = self.follow(scope);
        let wanted = self.0.lock().begun + 1;
        let mut looked = self.0.looked.subscribe();
        let done = timeout(PATIENCE, looked.wait_for(|number| *number >= wanted)).await;
        if !matches!(done, Ok(Ok(_))) {
            // Nobody looks, or the database does not answer: whoever asks is told why.
            self.0.look(&[scope]).await?;
        }
        Ok(())
    }
}

impl Followed {
    fn epoch(&self, target: DeploymentTargetId) -> Epoch {
        Epoch(self.all, self.targets.get(&target).copied().unwrap_or_default())
    }
}

/// Says that nobody looks any more, however that came about.
struct Running(Arc<Inner>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().running = false;
    }
}

async fn look_on(running: Running) {
    let inner = &running.0;
    loop {
        let started = Instant::now();
        let (number, scopes) = {
            let mut state = inner.lock();
            state.begun += 1;
            state.organizations.retain(|_, followed| {
                followed.news.receiver_count() > 0 || followed.asked_at.elapsed() < FOLLOWED
            });
            let scopes: Vec<_> = state.organizations.values().map(|followed| followed.scope).collect();
            if scopes.is_empty() {
                return;
            }
            (state.begun, scopes)
        };
        match inner.look(&scopes).await {
            Ok(()) => {
                inner.looked.send_replace(number);
            }
            Err(error) => tracing::debug!(%error, "it could not be looked for news for agents"),
        }
        sleep_until(started + PERIOD).await;
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks once at some organizations.
    async fn look(&self, scopes: &[OrganizationScope]) -> Result<(), StorageError> {
        let tx = self.store.read().await?;
        let present = tx.generations(&scopes.iter().map(|scope| scope.id()).collect()).await?;
        let looked_at = Instant::now();
        for scope in scopes {
            let Some(generation) = present.get(&scope.id()).copied() else { continue };
            let before = self.lock().organizations.get(&scope.id()).and_then(|followed| followed.generation);
            let concerned = match before {
                Some(before) if before == generation => None,
                Some(before) => Some(concerned(&tx, *scope, before).await?),
                None => Some(Concerned::Everybody),
            };
            self.note(scope.id(), generation, concerned, looked_at);
        }
        Ok(())
    }

    fn note(
        &self,
        organization: OrganizationId,
        generation: Generation,
        concerned: Option<Concerned>,
        at: Instant,
    ) {
        let mut state = self.lock();
        let state = &mut *state;
        let Some(followed) = state.organizations.get_mut(&organization) else { return };
        followed.looked_at = Some(at);
        followed.generation = Some(generation);
        let Some(concerned) = concerned else { return };
        state.epochs += 1;
        match concerned {
            Concerned::Everybody => {
                followed.all = state.epochs;
                followed.targets.clear();
            }
            Concerned::Targets(targets) if targets.is_empty() => return,
            Concerned::Targets(targets) => {
                followed.targets.extend(targets.into_iter().map(|target| (target, state.epochs)));
            }
        }
        followed.news.send_replace(());
    }
}

/// Whom the changes since a generation concern: what happens to one target or deployment is nothing to the others.
async fn concerned(tx: &Tx, scope: OrganizationScope, before: Generation) -> Result<Concerned, StorageError> {
    let changes = tx.changes(scope.id());
    let history = changes.history().await?;
    if !history.known().any(|known| known == before) {
        return Ok(Concerned::Everybody);
    }
    let changed = changes.since(before.number, MOST_CHANGES + 1).await?;
    if changed.len() as u64 > MOST_CHANGES {
        return Ok(Concerned::Everybody);
    }
    let changed: Vec<Uuid> = changed.into_iter().map(|(id, _)| id).collect();
    let owners = tx.deployments(scope).targets_of(&changed).await?;
    let known = changed.iter().all(|id| owners.contains_key(id));
    Ok(if known { Concerned::Targets(owners.into_values().collect()) } else { Concerned::Everybody })
}
