//! The deletion of an organization: scheduled, and until it is due taken back.

use actix_web::{HttpResponse, delete, get, put, web};
use keyward_domain::permission::{ReadOrganization, WriteOwners};
use keyward_domain::{Deletion, OrganizationId, Slug, Timestamp};
use keyward_engine::{ConfirmedCaller, Engine};
use keyward_web::{Answer, Caller, Code, Command, Id, Problem, request};
use serde::Serialize;

use crate::v1::organizations::own;

/// A deletion that is scheduled.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Deletion)]
pub(crate) struct DeletionView {
    requested_at: Timestamp,
    /// When it begins. Until then everything works as before, and it can be taken back.
    due_at: Timestamp,
}

impl From<Deletion> for DeletionView {
    fn from(deletion: Deletion) -> Self {
        Self { requested_at: deletion.requested_at, due_at: deletion.due_at }
    }
}

/// Show whether your organization is to be deleted
///
/// 404 if it is not.
#[utoipa::path(responses((status = 200, body = DeletionView)))]
#[get("/api/v1/organizations/{id}/deletion")]
pub(crate) async fn show_organization_deletion(
    caller: Caller<ReadOrganization>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<DeletionView>, Problem> {
    own(caller.scope(), id.0)?;
    let deletion = engine.deletion(&caller).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Answer::ok(deletion.into()))
}

/// The organization that is to be deleted, named once more.
#[derive(Debug)]
pub(crate) struct ScheduleDeletion {
    slug: Slug,
}

request! {
    /// The organization that is to be deleted, named once more.
    "ScheduleDeletion" for ScheduleDeletion {
        /// The slug of your organization.
        /// Example: "acme"
        slug: required,
    }
}

/// Schedule the deletion of your organization
///
/// In 14 days it is deleted with all it has: customers, licenses, keys, registries and logs. Until then everything works
/// as before, and the deletion can be taken back. Owners are told by mail. A deletion that is scheduled stays as it is.
#[utoipa::path(
    security(("management_token" = ["owners:write"])),
    responses((status = 200, body = DeletionView)),
)]
#[put("/api/v1/organizations/{id}/deletion")]
pub(crate) async fn schedule_organization_deletion(
    command: Command<WriteOwners, ScheduleDeletion>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<DeletionView>, Problem> {
    let Command { access, body, .. } = command;
    own(access.scope(), id.0)?;
    let caller = ConfirmedCaller::program(&access)?;
    Ok(Answer::ok(engine.schedule_deletion(&access, &caller, &body.slug).await?.into()))
}

/// Take the deletion of your organization back
#[utoipa::path(
    security(("management_token" = ["owners:write"])),
    responses((status = 204, description = "Your organization stays")),
)]
#[delete("/api/v1/organizations/{id}/deletion")]
pub(crate) async fn withdraw_organization_deletion(
    caller: Caller<WriteOwners>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    own(caller.scope(), id.0)?;
    engine.withdraw_deletion(&caller, &ConfirmedCaller::program(&caller)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
