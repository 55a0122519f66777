use actix_web::{get, web};
use keyward_domain::permission::ReadRegistries;
use keyward_domain::registry::{Decision, Holder, Operation, RegistryEvent};
use keyward_domain::{CustomerId, LicenseId, RegistryEventId, RegistryId, RegistryKeyId, Timestamp};
use keyward_engine::{Engine, EventFilter};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};
use serde::Serialize;

use crate::v1::page::{PageQuery, PageView};

/// One pull, push or deletion, one token for the upstream itself, or what was refused of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RegistryEvent)]
pub(crate) struct EventView {
    #[schema(value_type = String, format = Uuid)]
    id: RegistryEventId,
    #[schema(value_type = String, format = Uuid)]
    registry_id: RegistryId,
    /// Whose registry key it was.
    #[schema(value_type = Option<String>, format = Uuid)]
    registry_key_id: Option<RegistryKeyId>,
    /// Or whose license.
    #[schema(value_type = Option<String>, format = Uuid)]
    license_id: Option<LicenseId>,
    #[schema(value_type = Option<String>, format = Uuid)]
    customer_id: Option<CustomerId>,
    /// `pull`, `push`, `delete` or `token`.
    #[schema(value_type = String, example = "pull")]
    operation: Operation,
    /// `allowed` or `denied`.
    #[schema(value_type = String, example = "allowed")]
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
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<RegistryEvent> for EventView {
    fn from(event: RegistryEvent) -> Self {
        let (registry_key_id, license_id, customer_id) = match event.holder {
            Holder::Key(key) => (Some(key), None, None),
            Holder::License { license, customer } => (None, Some(license), customer),
        };
        Self {
            id: event.id,
            registry_id: event.registry,
            registry_key_id,
            license_id,
            customer_id,
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
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// Of this registry only.
    #[param(value_type = Option<String>, format = Uuid)]
    registry_id: Option<RegistryId>,
    /// Of this customer only.
    #[param(value_type = Option<String>, format = Uuid)]
    customer_id: Option<CustomerId>,
    /// Of this registry key only.
    #[param(value_type = Option<String>, format = Uuid)]
    registry_key_id: Option<RegistryKeyId>,
    /// `pull`, `push`, `delete` or `token`.
    #[param(value_type = Option<String>)]
    operation: Option<Operation>,
    /// `allowed` or `denied`.
    #[param(value_type = Option<String>)]
    decision: Option<Decision>,
    #[param(ignore)]
    page: PageQuery,
}

impl Request for EventQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            registry_id: fields.optional("registry_id"),
            customer_id: fields.optional("customer_id"),
            registry_key_id: fields.optional("registry_key_id"),
            operation: fields.optional("operation"),
            decision: fields.optional("decision"),
            page: PageQuery::read(fields)?,
        })
    }
}

/// List what happened at the registries
///
/// One pull is one line, whatever number of requests a client makes of it; a refusal that is repeated at once is one.
#[utoipa::path(
    tag = "registries",
    operation_id = "list_registry_events",
    params(EventQuery, PageQuery),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = PageView<EventView>), Refused),
)]
#[get("/api/v1/registry-events")]
pub(crate) async fn events(
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
    let events = engine.registry_events(&caller, filter, page.request()).await?;
    Ok(Answer::ok(PageView::of(events, EventView::from)))
}
