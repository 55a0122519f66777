//! Members.

mod create;
mod delete;
mod erase;
mod invite;
mod list;
mod show;
mod update;

use crate::routes::Routes;
use crate::v1::page::PageQuery;
use keyward_domain::{Email, Member, MemberId, Name, Role, Timestamp};
use keyward_web::Answer;
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateMember>()
        .service(list::list)
        .query::<PageQuery>("list_members")
        .service(show::show)
        .service(update::update)
        .body::<update::UpdateMember>()
        .service(delete::delete)
        .service(erase::erase)
        .service(invite::invite);
}

/// A person of your organization.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberView {
    #[schema(value_type = String, format = Uuid)]
    id: MemberId,
    #[schema(value_type = String, format = Email, example = "ada@vendor.example")]
    email: Email,
    #[schema(value_type = String, example = "Ada")]
    name: Name,
    /// `owner`, `admin`, `member` or `viewer`.
    #[schema(value_type = String, example = "admin")]
    role: Role,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
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

impl MemberView {
    fn answer(member: Member) -> Answer<Self> {
        let version = member.version;
        Answer::ok(member.into()).version(version)
    }
}
