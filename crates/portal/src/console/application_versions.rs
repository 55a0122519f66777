//! Versions of applications, each with its files and who has it.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::application::{Rollout, VersionState};
use keyward_domain::files::{Chart, File, FileText, FilesDraft};
use keyward_domain::permission::{ReadApplications, ReadCustomers, ReadEntitlements, WriteApplications};
use keyward_domain::product::Markdown;
use keyward_domain::{Application, ApplicationId, ApplicationKind, Customer, Files, VersionName};
use keyward_engine::{Engine, NewApplicationVersion, VersionSheet};
use keyward_web::{Fields, Id, Request, markdown, part};

use crate::ask::{self, Question, crumbs};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/applications/{id}/new-version", web::get().to(new))
        .route("/applications/{id}/new-version", web::post().to(create))
        .route("/applications/{id}/versions/{version}", web::get().to(show))
        .route("/applications/{id}/versions/{version}", web::post().to(note))
        .route("/applications/{id}/versions/{version}/archive", web::get().to(ask_archive))
        .route("/applications/{id}/versions/{version}/archive", web::post().to(archive))
        .route("/applications/{id}/versions/{version}/unarchive", web::post().to(unarchive));
}

#[derive(Template)]
#[template(path = "console/application_version_new.html")]
struct NewVersionPage {
    shell: Shell,
    application: Application,
    form: Form,
    /// The numbers of the rows for further files.
    rows: usize,
}

impl NewVersionPage {
    fn send(shell: Shell, application: Application, form: Form) -> Page {
        let mut used = (0..Files::MOST_FURTHER).filter(|row| form.given(&format!("f{row}_name")).is_some());
        let rows = used.next_back().map_or(1, |last| last + 2).min(Files::MOST_FURTHER);
        page::send(&Self { shell, application, form, rows })
    }
}

async fn new(signed: Signed<WriteApplications>, id: Id<ApplicationId>, engine: web::Data<Engine>) -> Page {
    let application = engine.application(&signed.access.also::<ReadApplications>()?, id.0).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "applications", engine.now());
    NewVersionPage::send(shell, application, Form::default())
}

struct VersionForm {
    name: VersionName,
    notes: Option<Markdown>,
    rollout: Rollout,
}

impl Request for VersionForm {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, notes) = (fields.required("name"), fields.optional("notes"));
        let rollout = Rollout::read(fields);
        Some(Self { name: name?, notes, rollout: rollout? })
    }
}

/// A text exactly as it was typed: the white space at its start may mean something.
fn text(form: &mut Form, name: &str) -> Option<FileText> {
    form.given(name)?;
    match form.value(name).parse() {
        Ok(text) => Some(text),
        Err(fault) => {
            form.refuse(name, fault.message);
            None
        }
    }
}

fn chart(form: &mut Form) -> Option<Chart> {
    let given = |name: &str| form.given(name).map(str::to_owned);
    let chart = Chart {
        url: given("chart_url")?,
        name: given("chart_name"),
        version: given("chart_version").unwrap_or_default(),
    };
    match chart.checked() {
        Ok(chart) => Some(chart),
        Err(faults) => {
            for fault in faults {
                form.refuse(&format!("chart{}", fault.pointer.replace('/', "_")), fault.message);
            }
            None
        }
    }
}

fn further(form: &mut Form) -> Vec<File> {
    let mut files = Vec::new();
    for row in 0..Files::MOST_FURTHER {
        let (named, content) = (format!("f{row}_name"), format!("f{row}_content"));
        let Some(name) = form.given(&named).map(str::to_owned) else { continue };
        match (name.parse(), form.value(&content).parse::<FileText>()) {
            (Ok(name), Ok(text)) => files.push(File { name, text }),
            (name, text) => {
                if let Some(fault) = name.err() {
                    form.refuse(&named, fault.message);
                }
                if let Some(fault) = text.err() {
                    form.refuse(&content, fault.message);
                }
            }
        }
    }
    files
}

async fn create(
    signed: Signed<WriteApplications>,
    id: Id<ApplicationId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let application = engine.application(&signed.access.also::<ReadApplications>()?, id.0).await?;
    let typed = form.read::<VersionForm>(&["name", "notes", "health_seconds", "no_way_back"]);
    let files = FilesDraft {
        compose: text(&mut form, "compose"),
        environment: text(&mut form, "environment"),
        chart: chart(&mut form),
        values: text(&mut form, "values"),
        further: further(&mut form),
    };
    if let Some(VersionForm { name, notes, rollout }) = typed.filter(|_| form.faults().is_empty()) {
        let new = NewApplicationVersion { name, notes: notes.unwrap_or_default(), files, rollout };
        match engine.create_application_version(&signed.access, id.0, new, form.once()).await {
            Ok(done) => {
                let name = done.value.version.name;
                return Ok(page::go(format!("/applications/{}/versions/{name}?done=saved", id.0)));
            }
            Err(error) => form.keep(error)?,
        }
    }
    let shell = Shell::vendor(&signed.person, &signed.csrf, "applications", engine.now());
    NewVersionPage::send(shell, application, form)
}

/// A file and the name of its place on the page.
struct Shown {
    place: String,
    name: String,
    text: String,
}

#[derive(Template)]
#[template(path = "console/application_version.html")]
struct VersionPage {
    shell: Shell,
    sheet: VersionSheet,
    form: Form,
    notes: String,
    command: Option<String>,
    files: Vec<Shown>,
    holders: Vec<Customer>,
    pages: Pages,
}

impl VersionPage {
    async fn send(
        engine: &Engine,
        signed: &Signed<impl keyward_domain::Grant>,
        sheet: VersionSheet,
        form: Option<Form>,
        query: &str,
    ) -> Page {
        let readers = signed.access.also::<ReadEntitlements>()?;
        let path = format!("/applications/{}/versions/{}", sheet.application.id, sheet.version.name);
        let paging = Paging::at(&path, query, "customers", "customers");
        let customers = signed.access.also::<ReadCustomers>()?;
        let holders = engine.version_holders(&readers, &customers, &sheet.version, paging.request()).await?;
        let (holders, pages) = paging.take(holders);
        let files: Vec<_> = sheet
            .files
            .iter()
            .enumerate()
            .map(|(number, file)| Shown {
                place: format!("file-{number}"),
                name: file.name.to_string(),
                text: file.text.as_str().to_owned(),
            })
            .collect();
        let values = sheet.files.find(keyward_domain::files::VALUES).is_some();
        let release = sheet.application.slug.as_str();
        page::send(&Self {
            shell: Shell::vendor(&signed.person, &signed.csrf, "applications", engine.now()).after(query),
            form: form
                .unwrap_or_default()
                .over(Form::filled([("notes", sheet.version.notes.as_str().to_owned())])),
            notes: markdown::to_html(&sheet.version.notes),
            command: sheet.files.chart().map(|chart| chart.command(release, values)),
            files,
            holders,
            pages,
            sheet,
        })
    }
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadApplications>,
    id: Id<ApplicationId>,
    engine: web::Data<Engine>,
) -> Page {
    let sheet = engine.application_version(&signed.access, id.0, &part(&request, "version")?).await?;
    VersionPage::send(&engine, &signed, sheet, None, request.query_string()).await
}

struct Noted {
    notes: Option<Markdown>,
}

impl Request for Noted {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { notes: fields.optional("notes") })
    }
}

async fn note(
    request: HttpRequest,
    signed: Signed<WriteApplications>,
    id: Id<ApplicationId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let name: VersionName = part(&request, "version")?;
    if let Some(Noted { notes }) = form.read::<Noted>(&["notes"]) {
        let notes = notes.unwrap_or_default();
        engine.note_application_version(&signed.access, id.0, &name, notes, None).await?;
        return Ok(page::go(format!("/applications/{}/versions/{name}?done=saved", id.0)));
    }
    let sheet = engine.application_version(&signed.access.also()?, id.0, &name).await?;
    VersionPage::send(&engine, &signed, sheet, Some(form), "").await
}

async fn ask_archive(
    request: HttpRequest,
    signed: Signed<WriteApplications>,
    id: Id<ApplicationId>,
    engine: web::Data<Engine>,
) -> Page {
    let readers = signed.access.also::<ReadApplications>()?;
    let VersionSheet { application, version, .. } =
        engine.application_version(&readers, id.0, &part(&request, "version")?).await?;
    let page = format!("/applications/{}", application.id);
    let own = format!("{page}/versions/{}", version.name);
    let asked = Question {
        crumbs: crumbs([
            ("Applications", "/applications".to_owned()),
            (application.name.as_str(), page),
            (version.name.as_str(), own.clone()),
        ]),
        title: format!("Archive {} {}?", application.name, version.name),
        effects: vec![
            "It can’t be granted any more, and who is granted all versions later does not get it.".to_owned(),
            "Customers who have it keep it.".to_owned(),
            "You can offer it again at any time.".to_owned(),
        ],
        action: format!("{own}/archive"),
        button: "Archive".to_owned(),
        back: own,
        ..Question::default()
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "applications", engine.now()), asked, Form::EMPTY)
}

async fn archive(
    request: HttpRequest,
    signed: Signed<WriteApplications>,
    id: Id<ApplicationId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let name: VersionName = part(&request, "version")?;
    engine.archive_application_version(&signed.access, id.0, &name, None).await?;
    Ok(page::go(format!("/applications/{}/versions/{name}?done=withheld", id.0)))
}

async fn unarchive(
    request: HttpRequest,
    signed: Signed<WriteApplications>,
    id: Id<ApplicationId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let name: VersionName = part(&request, "version")?;
    engine.unarchive_application_version(&signed.access, id.0, &name, None).await?;
    Ok(page::go(format!("/applications/{}/versions/{name}?done=offered", id.0)))
}
