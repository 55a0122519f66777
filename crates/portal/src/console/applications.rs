//! Applications, each with its versions and who is entitled to it.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadApplications, ReadEntitlements, WriteApplications};
use keyward_domain::{Application, ApplicationId, ApplicationVersion, Name, Notes};
use keyward_engine::{ApplicationChange, ApplicationGrant, Engine};
use keyward_web::{Fields, Id, Request};

use super::Listing;
use crate::ask::{self, Question, crumbs};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/applications", web::get().to(list))
        .route("/applications/new", web::get().to(new))
        .route("/applications/new", web::post().to(create))
        .route("/applications/{id}", web::get().to(show))
        .route("/applications/{id}", web::post().to(save))
        .route("/applications/{id}/delete", web::get().to(ask_delete))
        .route("/applications/{id}/delete", web::post().to(delete));
}

#[derive(Template)]
#[template(path = "console/applications.html", blocks = ["table"])]
struct ApplicationsPage {
    shell: Shell,
    q: String,
    applications: Vec<Application>,
    pages: Pages,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadApplications>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let paging = Paging::of(&request);
    let found = engine.applications(&signed.access, listing.text(), paging.request()).await?;
    let (found, pages) = paging.take(found);
    let shell = Shell::vendor(&signed.person, &signed.csrf, "applications", engine.now());
    let page = ApplicationsPage {
        shell: shell.after(request.query_string()),
        q: listing.q.clone(),
        applications: found,
        pages,
    };
    if request.headers().contains_key("hx-request") {
        page::send(&page.as_table())
    } else {
        page::send(&page)
    }
}

#[derive(Template)]
#[template(path = "console/application_new.html")]
struct NewApplicationPage {
    shell: Shell,
    form: Form,
}

async fn new(signed: Signed<WriteApplications>, engine: web::Data<Engine>) -> Page {
    let shell = Shell::vendor(&signed.person, &signed.csrf, "applications", engine.now());
    page::send(&NewApplicationPage { shell, form: Form::default() })
}

async fn create(
    signed: Signed<WriteApplications>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(new) = form.read(&["name", "kind", "description"]) {
        match engine.create_application(&signed.access, new, form.once()).await {
            Ok(done) => return Ok(page::go(format!("/applications/{}", done.value.id))),
            Err(error) => form.keep(error)?,
        }
    }
    let shell = Shell::vendor(&signed.person, &signed.csrf, "applications", engine.now());
    page::send(&NewApplicationPage { shell, form })
}

#[derive(Template)]
#[template(path = "console/application.html")]
struct ApplicationPage {
    shell: Shell,
    application: Application,
    form: Form,
    versions: Vec<ApplicationVersion>,
    version_pages: Pages,
    grants: Vec<ApplicationGrant>,
    grant_pages: Pages,
}

async fn page_of(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    application: Application,
    form: Option<Form>,
    query: &str,
) -> Page {
    let readers = signed.access.also::<ReadApplications>()?;
    let path = format!("/applications/{}", application.id);
    let paging = Paging::at(&path, query, "versions", "versions");
    let versions = engine.application_versions(&readers, application.id).await?;
    let (versions, version_pages) = paging.cut(&versions, |version| version.id.uuid());
    let readers = signed.access.also::<ReadEntitlements>()?;
    let paging = Paging::at(&path, query, "customers", "customers");
    let grants =
        engine.application_entitlements(&readers, None, Some(application.id), paging.request()).await?;
    let (grants, grant_pages) = paging.take(grants);
    let description = application.description.as_ref().map(ToString::to_string).unwrap_or_default();
    let filled = Form::filled([("name", application.name.to_string()), ("description", description)]);
    page::send(&ApplicationPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "applications", engine.now()).after(query),
        form: form.unwrap_or_default().over(filled),
        application,
        versions,
        version_pages,
        grants,
        grant_pages,
    })
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadApplications>,
    id: Id<ApplicationId>,
    engine: web::Data<Engine>,
) -> Page {
    let application = engine.application(&signed.access, id.0).await?;
    page_of(&engine, &signed, application, None, request.query_string()).await
}

struct Named {
    name: Name,
    description: Option<Notes>,
}

impl Request for Named {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, description) = (fields.required("name"), fields.optional("description"));
        Some(Self { name: name?, description })
    }
}

async fn save(
    signed: Signed<WriteApplications>,
    id: Id<ApplicationId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(Named { name, description }) = form.read::<Named>(&["name", "description"]) {
        let change = ApplicationChange { name: Some(name), description: Some(description) };
        match engine.update_application(&signed.access, id.0, change, None).await {
            Ok(_) => return Ok(page::go(format!("/applications/{}?done=saved", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    let application = engine.application(&signed.access.also()?, id.0).await?;
    page_of(&engine, &signed, application, Some(form), "").await
}

/// Asks before an application is deleted.
async fn question(
    engine: &Engine,
    signed: &Signed<WriteApplications>,
    id: ApplicationId,
    form: Form,
) -> Page {
    let readers = signed.access.also::<ReadApplications>()?;
    let application = engine.application(&readers, id).await?;
    let versions = match engine.application_versions(&readers, id).await?.len() {
        0 => "It has no version yet.".to_owned(),
        1 => "Its one version is deleted with its files.".to_owned(),
        count => format!("Its {count} versions are deleted with their files."),
    };
    let (name, page) = (&application.name, format!("/applications/{id}"));
    let asked = Question {
        crumbs: crumbs([("Applications", "/applications".to_owned()), (name.as_str(), page.clone())]),
        title: format!("Delete {name}?"),
        effects: vec![
            versions,
            "No customer loses anything: while one is entitled to it, it is not deleted.".to_owned(),
            "This cannot be undone.".to_owned(),
        ],
        action: format!("{page}/delete"),
        button: "Delete application".to_owned(),
        back: page,
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "applications", engine.now()), asked, form)
}

async fn ask_delete(
    signed: Signed<WriteApplications>,
    id: Id<ApplicationId>,
    engine: web::Data<Engine>,
) -> Page {
    question(&engine, &signed, id.0, Form::EMPTY).await
}

async fn delete(
    signed: Signed<WriteApplications>,
    id: Id<ApplicationId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    match engine.delete_application(&signed.access, id.0, None).await {
        Ok(()) => return Ok(page::go("/applications?done=removed")),
        Err(error) => form.keep(error)?,
    }
    question(&engine, &signed, id.0, form).await
}
