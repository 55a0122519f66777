//! The hosts of customers, as the vendor sees them.

use actix_web::{get, web};
use keyward_domain::deployment::{Agent, Facts, Mode, TargetState, TargetStatus, Witnessed};
use keyward_domain::permission::ReadDeployments;
use keyward_domain::{
    AgentId, CustomerId, DeploymentTarget, DeploymentTargetId, Name, PageRequest, Timestamp,
};
use keyward_engine::Engine;
use keyward_web::{Answer, Caller, Id, Problem, Query, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(list_deployment_targets).query::<TargetQuery>().service(show_deployment_target);
}

/// A host of a customer. It belongs to the customer, whose admins make, rename and release it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeploymentTarget)]
pub(crate) struct TargetView {
    id: DeploymentTargetId,
    /// Example: "db1"
    name: Name,
    customer_id: CustomerId,
    /// `manage`, or `witness`: its agent only looks.
    #[schema(value_type = String, example = "manage")]
    mode: Mode,
    /// `waiting` for a host to join, `connected`, `silent`: its agent has not been heard of for three minutes, or `released`.
    /// Example: "connected"
    status: TargetStatusView,
    /// The agent; `null` while none is there.
    agent: Option<AgentView>,
    /// When the agent last asked for anything, to the minute.
    seen_at: Option<Timestamp>,
    /// Whether somebody on the host has told the agent to do nothing for now.
    paused: bool,
    /// What the host is, as its agent says: versions of agent, engine and Compose, processors, memory, disk.
    #[schema(value_type = Object, example = json!({"agent_version": "0.1.0", "os": "Debian GNU/Linux 12 (bookworm)", "architecture": "amd64"}))]
    facts: Facts,
    /// What a witness sees there: applications, with version and health.
    #[schema(value_type = Vec<Object>)]
    witnessed: Vec<Witnessed>,
    /// When it was released.
    released_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

/// How a target stands, as a word.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(value_type = TargetStatus)]
#[serde(transparent)]
pub(crate) struct TargetStatusView(&'static str);

/// The program on a host that has joined.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Agent)]
pub(crate) struct AgentView {
    id: AgentId,
    /// The fingerprint of its key in four words, which its terminal shows too.
    #[schema(example = "lusab-babad-gutih-tugad")]
    fingerprint: String,
    /// From where it joined.
    #[schema(example = "192.0.2.7")]
    address: String,
    joined_at: Timestamp,
    /// Since when it has its present keys.
    keys_at: Timestamp,
}

impl From<&Agent> for AgentView {
    fn from(agent: &Agent) -> Self {
        Self {
            id: agent.id,
            fingerprint: agent.fingerprint(),
            address: agent.address.ip().to_string(),
            joined_at: agent.joined_at,
            keys_at: agent.keys_at,
        }
    }
}

impl TargetView {
    pub(crate) fn at(target: DeploymentTarget, now: Timestamp) -> Self {
        let status: TargetStatus = target.status(now);
        let released_at = match target.state {
            TargetState::Released { at } => Some(at),
            TargetState::Waiting | TargetState::Connected { .. } => None,
        };
        Self {
            id: target.id,
            agent: target.agent().map(AgentView::from),
            name: target.name,
            customer_id: target.customer,
            mode: target.mode,
            status: TargetStatusView(status.as_str()),
            seen_at: target.seen_at,
            paused: target.paused,
            facts: target.facts,
            witnessed: target.witnessed,
            released_at,
            created_at: target.created_at,
            updated_at: target.updated_at,
            version: target.version,
        }
    }
}

/// Which targets are wanted.
#[derive(Debug)]
pub(crate) struct TargetQuery {
    customer_id: Option<CustomerId>,
    page: PageRequest,
}

request! {
    for TargetQuery {
        /// Of this customer only.
        customer_id: optional,
        ..page: PageRequest,
    }
}

/// List deployment targets
///
/// The hosts of customers, those that were released too.
#[utoipa::path(responses((status = 200, body = PageView<TargetView>)))]
#[get("/api/v1/deployment-targets")]
pub(crate) async fn list_deployment_targets(
    caller: Caller<ReadDeployments>,
    query: Query<TargetQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<TargetView>>, Problem> {
    let TargetQuery { customer_id, page } = query.0;
    let (targets, now) = (engine.deployment_targets(&caller, customer_id, page).await?, engine.now());
    Ok(Answer::ok(PageView::of(targets, |(target, _)| TargetView::at(target, now))))
}

/// Show a deployment target
#[utoipa::path(responses((status = 200, body = TargetView)))]
#[get("/api/v1/deployment-targets/{id}")]
pub(crate) async fn show_deployment_target(
    caller: Caller<ReadDeployments>,
    id: Id<DeploymentTargetId>,
    engine: web::Data<Engine>,
) -> Result<Answer<TargetView>, Problem> {
    let found = engine.deployment_target(&caller, id.0).await?.target;
    let version = found.version;
    Ok(Answer::ok(TargetView::at(found, engine.now())).version(version))
}
