use actix_web::{patch, web};
use keyward_domain::permission::WriteEntitlements;
use keyward_domain::{ArtifactEntitlementId, Notes};
use keyward_engine::{Engine, EntitlementChange, NewGrant};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::{EntitlementView, GrantInput, Grants};

/// What is to be changed; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateEntitlement {
    /// `null` removes it.
    #[schema(value_type = Option<String>)]
    description: Option<Option<Notes>>,
    /// What is granted instead of all before.
    #[schema(value_type = Option<Vec<GrantInput>>)]
    grants: Option<Vec<NewGrant>>,
}

impl Request for UpdateEntitlement {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.immutable(&["customer_id"]);
        Some(Self {
            description: fields.patch("description"),
            grants: fields.optional("grants").map(|Grants(grants)| grants),
        })
    }
}

/// Change an artifact entitlement
///
/// From the next request on.
#[utoipa::path(
    tag = "artifact-entitlements",
    operation_id = "update_artifact_entitlement",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    request_body = UpdateEntitlement,
    security(("management_token" = ["entitlements:write"])),
    responses((status = 200, body = EntitlementView), Refused),
)]
#[patch("/api/v1/artifact-entitlements/{id}")]
pub(crate) async fn update(
    command: Command<WriteEntitlements, UpdateEntitlement>,
    id: Id<ArtifactEntitlementId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    let Command { access, body, .. } = command;
    let change = EntitlementChange { description: body.description, grants: body.grants };
    Ok(EntitlementView::answer(engine.update_artifact_entitlement(&access, id.0, change, seen.0).await?))
}
