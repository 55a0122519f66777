//! How what is desired is asked for, and waited for.

use std::sync::Arc;
use std::time::Duration;

use keyward_domain::AgentId;
use tokio::time::{Instant, sleep_until};

use super::AgentCaller;
use super::document::Document;
use crate::{Engine, Error, Result};

/// How often somebody who waits looks whether the server is about to stop, and whether a license has begun or ended.
const LOOKED: Duration = Duration::from_secs(1);

/// What an agent wants.
pub struct Wanted<'a> {
    /// The `ETag` of what it has.
    pub known: Option<&'a str>,
    /// For how long it waits for something else.
    pub wait: Duration,
}

impl Engine {
    /// What the caller is to bring about, as soon as that is something else than is known; `None` if it was not within the time. Who
    /// waits costs nothing of their own: one look at the database serves all who wait on this server.
    ///
    /// # Errors
    /// If the caller is no agent any more.
    #[tracing::instrument(target = "keyward_trace", level = "debug", skip_all)]
    pub async fn desired(
        &self,
        caller: &AgentCaller,
        wanted: &Wanted<'_>,
        is_stopping: impl Fn() -> bool,
    ) -> Result<Option<Arc<Document>>> {
        let (agent, known) = (caller.agent(), caller.known());
        let scope = known.scope;
        let mut news = self.agents.watch.follow(scope);
        self.agents.watch.fresh(scope).await?;
        let deadline = Instant::now() + wanted.wait;
        // Whoever finds no room is answered at once, and comes again.
        let room = self.agents.waiting.try_acquire();
        loop {
            news.borrow_and_update();
            let document = self.present_document(caller).await?;
            if wanted.known != Some(&*document.etag) {
                return Ok(Some(document));
            }
            let (until, epoch) = (document.until, document.epoch);
            drop(document);
            loop {
                let now = Instant::now();
                if now >= deadline || room.is_err() || is_stopping() {
                    return Ok(None);
                }
                tokio::select! {
                    _ = news.changed() => {}
                    () = sleep_until(deadline.min(now + LOOKED)) => {}
                }
                let present = self.agents.watch.epoch(scope.id(), known.target);
                if present != Some(epoch) || self.now() >= until {
                    tracing::trace!(%agent, "something may be new");
                    break;
                }
            }
        }
    }

    /// The document as it is now, from memory unless something has changed.
    async fn present_document(&self, caller: &AgentCaller) -> Result<Arc<Document>> {
        let (id, known) = (caller.agent(), caller.known());
        let current = || {
            let epoch = self.agents.watch.epoch(known.scope.id(), known.target);
            let held = self.agents.documents.get(&id);
            held.filter(|held| Some(held.epoch) == epoch && self.now() < held.until)
        };
        if let Some(held) = current() {
            return for_caller(caller, held);
        }
        let _turn = self.agents.making.acquire().await.ok();
        if let Some(held) = current() {
            return for_caller(caller, held);
        }
        self.make_document(caller, id).await
    }

    async fn make_document(&self, caller: &AgentCaller, id: AgentId) -> Result<Arc<Document>> {
        let known = caller.known();
        // What is changed from here on counts as changed since.
        let epoch = self.agents.watch.epoch(known.scope.id(), known.target);
        let epoch = epoch.ok_or(Error::Unauthenticated)?;
        let made = Arc::new(self.document(id, epoch).await?.ok_or(Error::Unauthenticated)?);
        self.agents.documents.insert(id, Arc::clone(&made));
        for_caller(caller, made)
    }
}

/// A document is for whoever has the key that the agent had when it was made.
fn for_caller(caller: &AgentCaller, held: Arc<Document>) -> Result<Arc<Document>> {
    if caller.has_key(&held.key) { Ok(held) } else { Err(Error::Unauthenticated) }
}
