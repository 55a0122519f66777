//! What agents on customers' hosts ask: `docs/agent-protocol.md` as use-cases.
//!
//! An agent is recognised by its signature, with a key that memory knows; what it then does is decided again in its transaction, so
//! an agent that was replaced or released is nobody at the very next request, whichever server it asks.
//!
//! | to find | look in |
//! |---|---|
//! | how a request is recognised, and its answer signed | `caller` |
//! | how often an agent may ask, and what was asked twice | `recent` |
//! | how a host joins, replaces its keys and leaves | `enrolment` |
//! | what an agent is to bring about, and how it is waited for | `desired`, `document`, `watch` |
//! | the files and images of its deployments | `material` |
//! | what it tells back | `report` |

mod caller;
mod desired;
mod document;
mod enrolment;
mod material;
mod recent;
mod report;
mod watch;

use std::sync::Arc;

use keyward_domain::deployment::Agent;
use keyward_domain::{AgentId, ApplicationVersionId, DeploymentTarget, OrganizationId, Timestamp};
use keyward_storage::{Store, Tx};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use caller::{KnownAgent, VendorKeys};
use document::Document;
use material::VersionFacts;
use recent::RecentRequests;
use watch::Watch;

use crate::{Error, Result};

pub use caller::{AgentCaller, AgentRefusal, Asking};
pub use desired::Wanted;
pub use document::Document as DesiredDocument;
pub use enrolment::Joined;

/// Of how many agents the key is at hand.
const MOST_KNOWN: usize = 50_000;

/// How many documents are at hand, as long as they take no more than [`MOST_DOCUMENT_BYTES`].
const MOST_DOCUMENTS: usize = 20_000;

/// How much memory documents may take.
const MOST_DOCUMENT_BYTES: u64 = 32 * 1024 * 1024;

/// Of how many versions it is at hand what they consist of, some kilobytes each.
const MOST_VERSIONS: usize = 2_000;

/// How many documents are made at once. Each reads the database, and others need connections too.
const MOST_MADE: usize = 4;

/// How many agents are read from the database at once. When a server starts all of them come at once, and nobody else would get a
/// connection.
const MOST_READ: usize = 2;

/// How many agents wait on this server at once. One more is answered at once.
const MOST_WAITING: usize = 20_000;

/// What is at hand of agents.
pub(crate) struct Agents {
    known: Cache<AgentId, Arc<KnownAgent>>,
    vendors: Cache<OrganizationId, Arc<VendorKeys>>,
    recent: RecentRequests,
    documents: Cache<AgentId, Arc<Document>, Bytes>,
    versions: Cache<ApplicationVersionId, Arc<VersionFacts>>,
    watch: Watch,
    /// Since when this server hears of agents.
    pub(crate) since: Timestamp,
    reading: Semaphore,
    making: Semaphore,
    waiting: Semaphore,
}

/// Weighs documents by the bytes they take.
#[derive(Clone)]
struct Bytes;

impl Weighter<AgentId, Arc<Document>> for Bytes {
    fn weight(&self, _: &AgentId, document: &Arc<Document>) -> u64 {
        500 + document.body.len() as u64
    }
}

impl Agents {
    pub(crate) fn new(store: Store, since: Timestamp) -> Self {
        Self {
            known: Cache::new(MOST_KNOWN),
            vendors: Cache::new(1_000),
            recent: RecentRequests::default(),
            documents: Cache::with_weighter(MOST_DOCUMENTS, MOST_DOCUMENT_BYTES, Bytes),
            versions: Cache::new(MOST_VERSIONS),
            watch: Watch::new(store),
            since,
            reading: Semaphore::new(MOST_READ),
            making: Semaphore::new(MOST_MADE),
            waiting: Semaphore::new(MOST_WAITING),
        }
    }
}

/// The target of a caller, with its agent as it is in this transaction. Whoever was replaced, released or has other keys by now is
/// nobody.
async fn present(tx: &Tx, caller: &AgentCaller) -> Result<(DeploymentTarget, Agent)> {
    let found = tx.target_by_agent(caller.agent()).await?;
    of_caller(found, caller)
}

/// The same, held until the end of the transaction.
async fn held(tx: &Tx, caller: &AgentCaller) -> Result<(DeploymentTarget, Agent)> {
    let (target, _) = present(tx, caller).await?;
    let held = tx.deployment_targets(target.scope()).lock(target.id).await?;
    of_caller(held, caller)
}

fn of_caller(target: Option<DeploymentTarget>, caller: &AgentCaller) -> Result<(DeploymentTarget, Agent)> {
    let target = target.ok_or(Error::Unauthenticated)?;
    let agent = target.agent().filter(|agent| caller.is(agent)).cloned().ok_or(Error::Unauthenticated)?;
    Ok((target, agent))
}
