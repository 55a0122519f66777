use actix_web::{get, web};
use keyward_domain::permission::ReadRegistries;
use keyward_domain::registry::{Decision, Holder, Operation, RegistryEvent};
use keyward_domain::{
    CustomerId, DeploymentId, LicenseId, PageRequest, RegistryEventId, RegistryId, RegistryKeyId, Timestamp,
};
use keyward_engine::{Engine, EventFilter};
use keyward_web::{Answer, Caller, Problem, Query, request};
use serde::Serialize;

use crate::v1::page::PageView;

/// One pull, push or deletion, one token for the upstream itself, or what was refused of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RegistryEvent)]
pub(crate) struct EventView {
    id: RegistryEventId,
    registry_id: RegistryId,
    /// Whose registry key it was.
    registry_key_id: Option<RegistryKeyId>,
    /// Or whose license.
    license_id: Option<LicenseId>,
    customer_id: Option<CustomerId>,
    /// The deployment, if it was the agent of one; the license is then the one that opens what was asked for.
    deployment_id: Option<DeploymentId>,
    /// `pull`, `push`, `delete` or `token`.
    /// Example: "pull"
    operation: Operation,
    /// `allowed` or `denied`.
    /// Example: "allowed"
    decision: Decision,
    #[schema(example = "acme/app")]
    repository: String,
    /// The tag or digest that was asked for; of a token, the actions.
    #[schema(example = "1.4.2")]
    reference: String,
    /// The manifest that it was.
    digest: Option<String>,
    /// How many bytes of blobs the client had then.
    bytes: u64,
    /// From where.
    #[schema(example = "192.0.2.7")]
    address: String,
    /// By which client, as it calls itself.
    #[schema(example = "skopeo/1.9.3")]
    client: String,
    at: Timestamp,
}

impl From<RegistryEvent> for EventView {
    fn from(event: RegistryEvent) -> Self {
        let (registry_key_id, license_id, customer_id, deployment_id) = match event.holder {
            Holder::Key(key) => (Some(key), None, None, None),
            Holder::License { license, customer } => (None, Some(license), customer, None),
            Holder::Deployment { deployment, customer, license } => {
                (None, license, Some(customer), Some(deployment))
            }
        };
        Self {
            id: event.id,
            registry_id: event.registry,
            registry_key_id,
            license_id,
            customer_id,
            deployment_id,
            operation: event.operation,
            decision: event.decision,
            repository: event.repository.to_string(),
            reference: event.reference,
            digest: event.digest.map(|digest| digest.to_string()),
            bytes: event.bytes,
            address: event.address.ip().to_string(),
            client: event.client,
            at: event.at,
        }
    }
}

/// Which lines are wanted.
#[derive(Debug)]
pub(crate) struct EventQuery {
    registry_id: Option<RegistryId>,
    customer_id: Option<CustomerId>,
    registry_key_id: Option<RegistryKeyId>,
    operation: Option<Operation>,
    decision: Option<Decision>,
    page: PageRequest,
}

request! {
    for EventQuery {
        /// Of this registry only.
        registry_id: optional,
        /// Of this customer only.
        customer_id: optional,
        /// Of this registry key only.
        registry_key_id: optional,
        /// `pull`, `push`, `delete` or `token`.
        operation: optional,
        /// `allowed` or `denied`.
        decision: optional,
        ..page: PageRequest,
    }
}

/// List what happened at the registries
///
/// One pull is one line, whatever number of requests a client makes of it; a refusal that is repeated at once is one.
#[utoipa::path(tag = "registries", responses((status = 200, body = PageView<EventView>)))]
#[get("/api/v1/registry-events")]
pub(crate) async fn list_registry_events(
    caller: Caller<ReadRegistries>,
    query: Query<EventQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<EventView>>, Problem> {
    let EventQuery { registry_id, customer_id, registry_key_id, operation, decision, page } = query.0;
    let filter = EventFilter {
        registry: registry_id,
        customer: customer_id,
        key: registry_key_id,
        operation,
        decision,
    };
    let events = engine.registry_events(&caller, filter, page).await?;
    Ok(Answer::ok(PageView::of(events, EventView::from)))
}
