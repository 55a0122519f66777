use actix_web::{patch, web};
use keyward_domain::permission::WriteMembers;
use keyward_domain::{MemberId, Name, Role};
use keyward_engine::{Engine, MemberChange};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::MemberView;

/// What is to be changed; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateMember {
    /// As shown to others.
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    /// `owner`, `admin`, `member` or `viewer`.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
}

impl Request for UpdateMember {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.immutable(&["email"]);
        Some(Self { name: fields.optional("name"), role: fields.optional("role") })
    }
}

/// Change a member's name or role
///
/// Owners are made, changed and unmade by who has `owners:write` too. The last owner stays one. The member's management
/// tokens follow the role from the next request on.
#[utoipa::path(
    tag = "members",
    operation_id = "update_member",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    request_body = UpdateMember,
    security(("management_token" = ["members:write"])),
    extensions(("x-scopes-for-owners" = json!(["owners:write"]))),
    responses((status = 200, body = MemberView), Refused),
)]
#[patch("/api/v1/members/{id}")]
pub(crate) async fn update(
    command: Command<WriteMembers, UpdateMember>,
    id: Id<MemberId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<MemberView>, Problem> {
    let Command { access, body, .. } = command;
    let change = MemberChange { name: body.name, role: body.role };
    Ok(MemberView::answer(engine.update_member(&access, id.0, change, seen.0).await?))
}
