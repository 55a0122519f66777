//! Members.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use keyward_domain::permission::{ReadMembers, WriteMembers, WriteOwners};
use keyward_domain::{Email, Member, MemberId, Name, PageRequest, Role, Timestamp};
use keyward_engine::{ConfirmedCaller, Engine, MemberChange, NewMember};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Once, Problem, Query};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_member)
        .body::<NewMember>()
        .service(list_members)
        .query::<PageRequest>()
        .service(show_member)
        .service(update_member)
        .body::<MemberChange>()
        .service(delete_member)
        .service(erase_member)
        .service(invite_member);
}

/// A person of your organization.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberView {
    id: MemberId,
    /// Example: "ada@vendor.example"
    email: Email,
    /// Example: "Ada"
    name: Name,
    /// `owner`, `admin`, `member` or `viewer`.
    /// Example: "admin"
    role: Role,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self {
            id: member.id,
            email: member.email,
            name: member.name,
            role: member.role,
            created_at: member.created_at,
            updated_at: member.updated_at,
            version: member.version,
        }
    }
}

/// Add a member
///
/// An owner is added by who has `owners:write` too.
#[utoipa::path(
    params(Once),
    extensions(("x-scopes-for-owners" = json!(["owners:write"]))),
    responses((status = 201, body = MemberView)),
)]
#[post("/api/v1/members")]
pub(crate) async fn create_member(
    command: Command<WriteMembers, NewMember>,
    engine: web::Data<Engine>,
) -> Result<Answer<MemberView>, Problem> {
    let Command { access, body, once } = command;
    let done = engine.create_member(&access, body, once.as_ref()).await?;
    Ok(Answer::made(format!("/api/v1/members/{}", done.value.id), done))
}

/// List members
#[utoipa::path(responses((status = 200, body = PageView<MemberView>)))]
#[get("/api/v1/members")]
pub(crate) async fn list_members(
    caller: Caller<ReadMembers>,
    page: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<MemberView>>, Problem> {
    let members = engine.members(&caller, page.0).await?;
    Ok(Answer::ok(PageView::of(members, MemberView::from)))
}

/// Show a member
#[utoipa::path(responses((status = 200, body = MemberView)))]
#[get("/api/v1/members/{id}")]
pub(crate) async fn show_member(
    caller: Caller<ReadMembers>,
    id: Id<MemberId>,
    engine: web::Data<Engine>,
) -> Result<Answer<MemberView>, Problem> {
    Ok(Answer::of(engine.member(&caller, id.0).await?))
}

/// Change a member's name or role
///
/// Owners are made, changed and unmade by who has `owners:write` too. The last owner stays one. The member's management
/// tokens follow the role from the next request on.
#[utoipa::path(
    params(IfMatch),
    extensions(("x-scopes-for-owners" = json!(["owners:write"]))),
    responses((status = 200, body = MemberView)),
)]
#[patch("/api/v1/members/{id}")]
pub(crate) async fn update_member(
    command: Command<WriteMembers, MemberChange>,
    id: Id<MemberId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<MemberView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(Answer::of(engine.update_member(&access, id.0, body, seen.0).await?))
}

/// Delete a member
///
/// Their sessions end, and so do their management tokens, until an owner takes one over. Owners are deleted by who has
/// `owners:write` too. The last owner stays.
#[utoipa::path(
    params(IfMatch),
    extensions(("x-scopes-for-owners" = json!(["owners:write"]))),
    responses((status = 204, description = "Deleted")),
)]
#[delete("/api/v1/members/{id}")]
pub(crate) async fn delete_member(
    caller: Caller<WriteMembers>,
    id: Id<MemberId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_member(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Erase a member
///
/// The member is deleted, and name and address are replaced by a pseudonym in the audit log and in the management tokens
/// that they made. Their sessions end, and so do their tokens, until an owner takes one over. The last owner stays.
#[utoipa::path(
    security(("management_token" = ["owners:write"])),
    responses((status = 204, description = "Erased")),
)]
#[post("/api/v1/members/{id}/erase")]
pub(crate) async fn erase_member(
    command: Command<WriteOwners, Nothing>,
    id: Id<MemberId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let access = command.access;
    engine.erase_member(&access, &ConfirmedCaller::program(&access)?, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Invite a member by mail
///
/// With a link that sets the password once, within 7 days. Links sent before are withdrawn. Owners are
/// invited by who has `owners:write` too.
#[utoipa::path(
    extensions(("x-scopes-for-owners" = json!(["owners:write"]))),
    responses((status = 204, description = "The mail is on its way")),
)]
#[post("/api/v1/members/{id}/invite")]
pub(crate) async fn invite_member(
    command: Command<WriteMembers, Nothing>,
    id: Id<MemberId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.send_invitation(&command.access, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
