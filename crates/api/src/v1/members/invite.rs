use actix_web::{HttpResponse, post, web};
use keyward_domain::MemberId;
use keyward_domain::permission::WriteMembers;
use keyward_engine::Engine;
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Command, Id, Problem};

/// Invite a member by mail
///
/// With a link that sets the password once, within 7 days. Links sent before are withdrawn. Owners are
/// invited by who has `owners:write` too.
#[utoipa::path(
    tag = "members",
    operation_id = "invite_member",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["members:write"])),
    extensions(("x-scopes-for-owners" = json!(["owners:write"]))),
    responses((status = 204, description = "The mail is on its way"), Refused),
)]
#[post("/api/v1/members/{id}/invite")]
pub(crate) async fn invite(
    command: Command<WriteMembers, Nothing>,
    id: Id<MemberId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.send_invitation(&command.access, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
