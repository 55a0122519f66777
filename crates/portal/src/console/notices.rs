//! What is told by mail: licenses that are about to end, and alerts.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::Permission;
use keyward_domain::notice::NoticeDays;
use keyward_domain::permission::{ReadOrganization, WriteOrganization};
use keyward_engine::{Engine, NoticesChange};
use keyward_web::{Fields, Request};

use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/settings/notices", web::get().to(show)).route("/settings/notices", web::post().to(save));
}

#[derive(Template)]
#[template(path = "console/notices.html")]
struct NoticesPage {
    shell: Shell,
    may_write: bool,
    form: Form,
}

async fn show(request: HttpRequest, signed: Signed<ReadOrganization>, engine: web::Data<Engine>) -> Page {
    let notices = engine.notices(&signed.access).await?;
    let form = Form::filled([
        ("members", notices.members.to_string()),
        ("customers", notices.customers.to_string()),
        ("alerts", notices.alerts.to_string()),
        ("days", notices.days.to_string()),
    ]);
    let shell = Shell::vendor(&signed.person, &signed.csrf, "settings", engine.now());
    page::send(&NoticesPage {
        shell: shell.after(request.query_string()),
        may_write: signed.access.scopes().contains(Permission::WriteOrganization),
        form,
    })
}

struct NoticesForm(NoticeDays);

impl Request for NoticesForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("days").map(Self)
    }
}

async fn save(
    signed: Signed<WriteOrganization>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(NoticesForm(days)) = form.read::<NoticesForm>(&["days"]) {
        let change = NoticesChange {
            members: Some(form.is("members", "true")),
            customers: Some(form.is("customers", "true")),
            alerts: Some(form.is("alerts", "true")),
            days: Some(days),
        };
        match engine.set_notices(&signed.access, change, None).await {
            Ok(_) => return Ok(page::go("/settings/notices?done=saved")),
            Err(error) => form.keep(error)?,
        }
    }
    let shell = Shell::vendor(&signed.person, &signed.csrf, "settings", engine.now());
    page::send(&NoticesPage { shell, may_write: true, form })
}
