//! What the customer may deploy: granted versions alone, with the customer's license keys in their files.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::{Slug, VersionName};
use keyward_engine::{Engine, MissingImage, OwnApplication, OwnVersion, Recipient};
use keyward_web::{markdown, part};

use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::SignedCustomer;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/portal/applications", web::get().to(list))
        .route("/portal/applications/{slug}", web::get().to(show))
        .route("/portal/applications/{slug}/{version}", web::get().to(version))
        .route("/portal/applications/{slug}/{version}/files/{file}", web::get().to(download));
}

#[derive(Template)]
#[template(path = "customer/applications.html")]
struct ApplicationsPage {
    shell: Shell,
    rows: Vec<OwnApplication>,
    pages: Pages,
}

async fn list(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let rows = engine.own_applications(&Recipient::from(&signed.visit)).await?;
    let (rows, pages) = Paging::of(&request).cut(&rows, |own| own.application.id.uuid());
    let shell = Shell::customer(&signed.visit, &signed.csrf, "applications");
    page::send(&ApplicationsPage { shell, rows, pages })
}

#[derive(Template)]
#[template(path = "customer/application.html")]
struct ApplicationPage {
    shell: Shell,
    own: OwnApplication,
    pages: Pages,
}

async fn show(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let slug: Slug = part(&request, "slug")?;
    let mut own = engine.own_application(&Recipient::from(&signed.visit), &slug).await?;
    let (versions, pages) = Paging::of(&request).cut(&own.versions, |version| version.id.uuid());
    own.versions = versions;
    let shell = Shell::customer(&signed.visit, &signed.csrf, "applications");
    page::send(&ApplicationPage { shell, own, pages })
}

/// A file and the name of its place on the page.
struct Shown {
    place: String,
    name: String,
    /// Its text, or why there is none.
    text: Result<String, String>,
}

#[derive(Template)]
#[template(path = "customer/version.html")]
struct VersionPage {
    shell: Shell,
    own: OwnVersion,
    /// The images that can't be pulled.
    missing: Vec<MissingImage>,
    notes: String,
    command: Option<String>,
    files: Vec<Shown>,
}

async fn version(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let (slug, name): (Slug, VersionName) = (part(&request, "slug")?, part(&request, "version")?);
    let mut own = engine.own_version(&Recipient::from(&signed.visit), &slug, &name).await?;
    let missing = engine.own_missing_images(&signed.visit, &own.version).await?;
    let values = own.files.iter().any(|file| file.name == keyward_domain::files::VALUES);
    let why = |keys: Vec<(String, String)>| -> String {
        keys.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join("; ")
    };
    let files = std::mem::take(&mut own.files)
        .into_iter()
        .enumerate()
        .map(|(number, file)| Shown {
            place: format!("file-{number}"),
            name: file.name,
            text: file.text.map_err(why),
        })
        .collect();
    page::send(&VersionPage {
        shell: Shell::customer(&signed.visit, &signed.csrf, "applications"),
        notes: markdown::to_html(&own.version.notes),
        command: own.chart.as_ref().map(|chart| chart.command(slug.as_str(), values)),
        files,
        missing,
        own,
    })
}

async fn download(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let (slug, name): (Slug, VersionName) = (part(&request, "slug")?, part(&request, "version")?);
    let file: String = part(&request, "file")?;
    let text = engine.own_file(&Recipient::from(&signed.visit), &slug, &name, &file).await?;
    // What was found has a name of harmless characters.
    Ok(page::file(&file, "text/plain; charset=utf-8", text))
}
