//! The deletion of the organization: scheduled by an owner who names it, and taken back.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::WriteOwners;
use keyward_domain::{Deletion, Slug};
use keyward_engine::{ConfirmedCaller, Engine};
use keyward_web::{Fields, Request};

use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/settings/deletion", web::get().to(show))
        .route("/settings/deletion", web::post().to(schedule))
        .route("/settings/deletion/withdraw", web::post().to(withdraw));
}

const PAGE: &str = "/settings/deletion";

#[derive(Template)]
#[template(path = "console/deletion.html")]
struct DeletionPage {
    shell: Shell,
    slug: String,
    deletion: Option<Deletion>,
    /// Whether the person has shown in the last minutes who they are.
    is_confirmed: bool,
    form: Form,
}

async fn page_of(engine: &Engine, signed: &Signed<WriteOwners>, form: Form, query: &str) -> Page {
    page::send(&DeletionPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "settings", engine.now()).after(query),
        slug: signed.person.organization.slug.to_string(),
        deletion: engine.deletion(&signed.access.also()?).await?,
        is_confirmed: signed.is_confirmed(engine),
        form,
    })
}

async fn show(request: HttpRequest, signed: Signed<WriteOwners>, engine: web::Data<Engine>) -> Page {
    page_of(&engine, &signed, Form::default(), request.query_string()).await
}

struct DeletionForm(Slug);

impl Request for DeletionForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self(fields.required("slug")?))
    }
}

async fn schedule(
    request: HttpRequest,
    signed: Signed<WriteOwners>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let caller = ConfirmedCaller::person(signed.reauthenticated(&engine, &request, PAGE)?);
    if let Some(DeletionForm(slug)) = form.read::<DeletionForm>(&["slug"]) {
        match engine.schedule_deletion(&signed.access, &caller, &slug).await {
            Ok(_) => return Ok(page::go("/settings/deletion?done=scheduled")),
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, form, "").await
}

async fn withdraw(
    request: HttpRequest,
    signed: Signed<WriteOwners>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let caller = ConfirmedCaller::person(signed.reauthenticated(&engine, &request, PAGE)?);
    engine.withdraw_deletion(&signed.access, &caller).await?;
    Ok(page::go("/settings/deletion?done=kept"))
}
