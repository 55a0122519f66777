use actix_web::{patch, web};
use keyward_domain::permission::WriteOrganization;
use keyward_domain::{Name, OrganizationId};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Code, Command, Fields, Id, IfMatch, Problem, Request};

use super::OrganizationView;

/// What is to be changed.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateOrganization {
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Name,
}

impl Request for UpdateOrganization {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.immutable(&["slug"]);
        Some(Self { name: fields.required("name")? })
    }
}

/// Rename your organization
#[utoipa::path(
    tag = "organizations",
    operation_id = "update_organization",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header, pattern = "^(\\*|\"[0-9]+\")$")),
    request_body = UpdateOrganization,
    responses((status = 200, body = OrganizationView), Refused),
)]
#[patch("/api/v1/organizations/{id}")]
pub(crate) async fn update(
    command: Command<WriteOrganization, UpdateOrganization>,
    id: Id<OrganizationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<OrganizationView>, Problem> {
    let Command { access, body, .. } = command;
    if id.0 != access.scope().id() {
        return Err(Problem::new(Code::NotFound));
    }
    Ok(OrganizationView::answer(engine.rename_organization(&access, body.name, seen.0).await?))
}
