use actix_web::{put, web};
use keyward_domain::permission::WriteOwners;
use keyward_domain::{OrganizationId, Slug};
use keyward_engine::{ConfirmedCaller, Engine};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, Problem, Request};

use super::DeletionView;
use crate::v1::organizations::own;

/// The organization that is to be deleted, named once more.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct ScheduleDeletion {
    /// The slug of your organization.
    #[schema(value_type = String, example = "acme")]
    slug: Slug,
}

impl Request for ScheduleDeletion {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { slug: fields.required("slug")? })
    }
}

/// Schedule the deletion of your organization
///
/// In 14 days it is deleted with all it has: customers, licenses, keys, registries and logs. Until then everything works
/// as before, and the deletion can be taken back. Owners are told by mail. A deletion that is scheduled stays as it is.
#[utoipa::path(
    tag = "organizations",
    operation_id = "schedule_organization_deletion",
    params(("id" = String, Path, format = Uuid)),
    request_body = ScheduleDeletion,
    security(("management_token" = ["owners:write"])),
    responses((status = 200, body = DeletionView), Refused),
)]
#[put("/api/v1/organizations/{id}/deletion")]
pub(crate) async fn schedule(
    command: Command<WriteOwners, ScheduleDeletion>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<DeletionView>, Problem> {
    let Command { access, body, .. } = command;
    own(access.scope(), id.0)?;
    let caller = ConfirmedCaller::program(&access)?;
    Ok(Answer::ok(engine.schedule_deletion(&access, &caller, &body.slug).await?.into()))
}
