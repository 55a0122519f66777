use actix_web::{HttpResponse, post, web};
use keyward_domain::MemberId;
use keyward_domain::permission::WriteOwners;
use keyward_engine::{ConfirmedCaller, Engine};
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Command, Id, Problem};

/// Erase a member
///
/// The member is deleted, and name and address are replaced by a pseudonym in the audit log and in the management tokens
/// that they made. Their sessions end, and so do their tokens, until an owner takes one over. The last owner stays.
#[utoipa::path(
    tag = "members",
    operation_id = "erase_member",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["owners:write"])),
    responses((status = 204, description = "Erased"), Refused),
)]
#[post("/api/v1/members/{id}/erase")]
pub(crate) async fn erase(
    command: Command<WriteOwners, Nothing>,
    id: Id<MemberId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let access = command.access;
    engine.erase_member(&access, &ConfirmedCaller::program(&access)?, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
