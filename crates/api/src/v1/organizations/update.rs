use actix_web::{patch, web};
use keyward_domain::permission::WriteOrganization;
use keyward_domain::{BlockList, Name, OrganizationId, Slug};
use keyward_engine::{Engine, OrganizationChange};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::OrganizationView;
use crate::v1::organizations::own;

/// What is to be changed.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateOrganization {
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    /// In public addresses and tokens, until the first license is created: then it is refused with `409`.
    #[schema(value_type = Option<String>, example = "acme")]
    slug: Option<Slug>,
    /// Addresses and networks refused for all your licenses; up to 1,000.
    #[schema(value_type = Option<Vec<String>>, example = json!(["192.0.2.0/24"]))]
    blocked_addresses: Option<BlockList>,
}

impl Request for UpdateOrganization {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, slug) = (fields.optional("name"), fields.optional("slug"));
        Some(Self { name, slug, blocked_addresses: fields.optional("blocked_addresses") })
    }
}

/// Change your organization's name, slug or block list
#[utoipa::path(
    tag = "organizations",
    operation_id = "update_organization",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    request_body = UpdateOrganization,
    security(("management_token" = ["organizations:write"])),
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
    own(access.scope(), id.0)?;
    let change = OrganizationChange { name: body.name, slug: body.slug, blocked: body.blocked_addresses };
    let organization = engine.update_organization(&access, change, seen.0).await?;
    Ok(OrganizationView::answer(organization, engine.now()))
}
