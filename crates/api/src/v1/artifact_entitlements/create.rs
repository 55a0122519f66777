use actix_web::{post, web};
use keyward_domain::permission::WriteEntitlements;
use keyward_domain::{CustomerId, Notes};
use keyward_engine::{Engine, NewEntitlement, NewGrant};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};

use super::{EntitlementView, GrantInput, Grants};

/// An entitlement to be created.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateEntitlement {
    #[schema(value_type = String, format = Uuid)]
    customer_id: CustomerId,
    /// For your own reference.
    #[schema(value_type = Option<String>)]
    description: Option<Notes>,
    /// Each artifact once.
    #[schema(value_type = Vec<GrantInput>)]
    grants: Vec<NewGrant>,
    /// Whether this may be the first entitlement, from which on customers without one can pull nothing.
    close: Option<bool>,
}

impl Request for CreateEntitlement {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (customer_id, description) = (fields.required("customer_id"), fields.optional("description"));
        let (given, close) =
            (fields.required("grants").map(|Grants(grants)| grants), fields.optional("close"));
        Some(Self { customer_id: customer_id?, description, grants: given?, close })
    }
}

impl From<CreateEntitlement> for NewEntitlement {
    fn from(wanted: CreateEntitlement) -> Self {
        Self {
            customer: wanted.customer_id,
            description: wanted.description,
            grants: wanted.grants,
            close: wanted.close.unwrap_or(false),
        }
    }
}

/// Entitle a customer to artifacts
///
/// From the next pull on. The organization's first entitlement ends the open policy: until then every customer can pull
/// everything. It is refused with `would_close_registries` unless `close` is true.
#[utoipa::path(
    tag = "artifact-entitlements",
    operation_id = "create_artifact_entitlement",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateEntitlement,
    security(("management_token" = ["entitlements:write"])),
    responses((status = 201, body = EntitlementView), Refused),
)]
#[post("/api/v1/artifact-entitlements")]
pub(crate) async fn create(
    command: Command<WriteEntitlements, CreateEntitlement>,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    let Command { access, body, once } = command;
    let done = engine.create_artifact_entitlement(&access, body.into(), once.as_ref()).await?;
    let (version, location) =
        (done.value.version, format!("/api/v1/artifact-entitlements/{}", done.value.id));
    Ok(Answer::created(location, done.value.into()).version(version).replayed(done.replayed))
}
