use actix_web::{post, web};
use keyward_domain::permission::WriteMembers;
use keyward_domain::{Email, Name, Role};
use keyward_engine::{Engine, NewMember};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};

use super::MemberView;

/// A member to be added.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateMember {
    /// Unique in the organization.
    #[schema(value_type = String, format = Email)]
    email: Email,
    /// As shown to others.
    #[schema(value_type = String)]
    name: Name,
    /// `owner`, `admin`, `member` or `viewer`.
    #[schema(value_type = String)]
    role: Role,
}

impl Request for CreateMember {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (email, name, role) =
            (fields.required("email"), fields.required("name"), fields.required("role"));
        Some(Self { email: email?, name: name?, role: role? })
    }
}

/// Add a member
///
/// An owner is added by who has `owners:write` too.
#[utoipa::path(
    tag = "members",
    operation_id = "create_member",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateMember,
    security(("management_token" = ["members:write"])),
    extensions(("x-scopes-for-owners" = json!(["owners:write"]))),
    responses((status = 201, body = MemberView), Refused),
)]
#[post("/api/v1/members")]
pub(crate) async fn create(
    command: Command<WriteMembers, CreateMember>,
    engine: web::Data<Engine>,
) -> Result<Answer<MemberView>, Problem> {
    let Command { access, body, once } = command;
    let new = NewMember { email: body.email, name: body.name, role: body.role };
    let done = engine.create_member(&access, new, once.as_ref()).await?;
    let (version, location) = (done.value.version, format!("/api/v1/members/{}", done.value.id));
    Ok(Answer::created(location, done.value.into()).version(version).replayed(done.replayed))
}
