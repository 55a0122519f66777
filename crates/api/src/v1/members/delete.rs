use actix_web::{HttpResponse, delete, web};
use keyward_domain::MemberId;
use keyward_domain::permission::WriteMembers;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, IfMatch, Problem};

/// Delete a member
///
/// Their sessions end, and so do their management tokens, until an owner takes one over. Owners are deleted by who has
/// `owners:write` too. The last owner stays.
#[utoipa::path(
    tag = "members",
    operation_id = "delete_member",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    security(("management_token" = ["members:write"])),
    extensions(("x-scopes-for-owners" = json!(["owners:write"]))),
    responses((status = 204, description = "Deleted"), Refused),
)]
#[delete("/api/v1/members/{id}")]
pub(crate) async fn delete(
    caller: Caller<WriteMembers>,
    id: Id<MemberId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_member(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
