//! Members.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadMembers, WriteMembers};
use keyward_domain::{Member, MemberId, Permission, Role};
use keyward_engine::{Engine, MemberChange};
use keyward_web::Id;

use crate::ask::{self, Question, crumbs};
use crate::error_page::PageError;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

const PATH: &str = "/members";

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route(PATH, web::get().to(list))
        .route(PATH, web::post().to(invite))
        .route("/members/{id}/role", web::post().to(role))
        .route("/members/{id}/invite", web::post().to(again))
        .route("/members/{id}/delete", web::get().to(ask_delete))
        .route("/members/{id}/delete", web::post().to(delete));
}

#[derive(Template)]
#[template(path = "console/members.html")]
struct MembersPage {
    shell: Shell,
    members: Vec<Member>,
    pages: Pages,
    own: MemberId,
    may_write: bool,
    /// Those that the person may give: an owner's is not offered to others.
    roles: Vec<Role>,
    form: Form,
}

async fn page_of(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    form: Form,
    query: &str,
) -> Page {
    let paging = Paging::at(PATH, query, "cursor", "");
    let found = engine.members(&signed.access.also::<ReadMembers>()?, paging.request()).await?;
    let (members, pages) = paging.take(found);
    let owners = signed.access.scopes().contains(Permission::WriteOwners);
    page::send(&MembersPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "members", engine.now()).after(query),
        members,
        pages,
        own: signed.person.member.id,
        may_write: signed.access.scopes().contains(Permission::WriteMembers),
        roles: Role::ALL.into_iter().filter(|role| *role != Role::Owner || owners).collect(),
        form,
    })
}

async fn list(request: HttpRequest, signed: Signed<ReadMembers>, engine: web::Data<Engine>) -> Page {
    let form = Form::filled([("role", "member".to_owned())]);
    page_of(&engine, &signed, form, request.query_string()).await
}

async fn invite(signed: Signed<WriteMembers>, Posted(mut form): Posted, engine: web::Data<Engine>) -> Page {
    if let Some(new) = form.read(&["name", "email", "role"]) {
        match engine.invite_member(&signed.access, new).await {
            Ok(_) => return Ok(page::go("/members?done=invited")),
            Err(error) => form.keep(error).map_err(|page_error| page_error.then(PATH))?,
        }
    }
    page_of(&engine, &signed, form, "").await
}

async fn role(
    signed: Signed<WriteMembers>,
    id: Id<MemberId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    match form.value("role").parse::<Role>() {
        Ok(role) => {
            let change = MemberChange { role: Some(role), ..MemberChange::default() };
            match engine.update_member(&signed.access, id.0, change, None).await {
                Ok(_) => return Ok(page::go("/members?done=saved")),
                Err(error) => form.keep(error).map_err(|page_error| page_error.then(PATH))?,
            }
        }
        Err(fault) => form.refuse("role", fault.message),
    }
    page_of(&engine, &signed, form, "").await
}

async fn again(signed: Signed<WriteMembers>, id: Id<MemberId>, _: Posted, engine: web::Data<Engine>) -> Page {
    let sent = engine.send_invitation(&signed.access, id.0).await;
    sent.map_err(|error| PageError::from(error).then(PATH))?;
    Ok(page::go("/members?done=invited"))
}

/// Asks before a member is removed.
async fn question(engine: &Engine, signed: &Signed<WriteMembers>, id: MemberId, form: Form) -> Page {
    let member = engine.member(&signed.access.also::<ReadMembers>()?, id).await?;
    let name = &member.name;
    let asked = Question {
        crumbs: crumbs([("Members", PATH.to_owned())]),
        title: format!("Remove {name}?"),
        effects: vec![
            format!("{name} ({}, {}) is signed out at once and can’t sign in any more.", member.email, member.role),
            "Programs with a management token that they made are refused from the very next request on, until an owner takes the token over.".to_owned(),
            "What they made otherwise stays, and the audit log still names them.".to_owned(),
        ],
        action: format!("{PATH}/{id}/delete"),
        button: format!("Remove {name}"),
        back: PATH.to_owned(),
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "members", engine.now()), asked, form)
}

async fn ask_delete(signed: Signed<WriteMembers>, id: Id<MemberId>, engine: web::Data<Engine>) -> Page {
    question(&engine, &signed, id.0, Form::EMPTY).await
}

async fn delete(
    signed: Signed<WriteMembers>,
    id: Id<MemberId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    match engine.delete_member(&signed.access, id.0, None).await {
        Ok(()) => Ok(page::go("/members?done=removed")),
        Err(error) => {
            form.keep(error).map_err(|page_error| page_error.then(PATH))?;
            question(&engine, &signed, id.0, form).await
        }
    }
}
