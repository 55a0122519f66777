//! What the customer may deploy: granted versions alone, with the customer's license keys in their files.

use std::io::{Cursor, Write as _};

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::{Slug, VersionName};
use keyward_engine::{Engine, EntitledApplication, EntitledVersion, Error, MissingImage, Recipient};
use keyward_web::{markdown, part};
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::error_page::PageError;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::SignedCustomer;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/portal/applications", web::get().to(list))
        .route("/portal/applications/{slug}", web::get().to(show))
        .route("/portal/applications/{slug}/{version}", web::get().to(version))
        .route("/portal/applications/{slug}/{version}/files.zip", web::get().to(archive))
        .route("/portal/applications/{slug}/{version}/files/{file}", web::get().to(download));
}

#[derive(Template)]
#[template(path = "customer/applications.html")]
struct ApplicationsPage {
    shell: Shell,
    rows: Vec<EntitledApplication>,
    pages: Pages,
}

async fn list(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let rows = engine.entitled_applications(&Recipient::from(&signed.person)).await?;
    let (rows, pages) = Paging::of(&request).cut(&rows, |own| own.application.id.uuid());
    let shell = Shell::customer(&signed.person, &signed.csrf, "applications");
    page::send(&ApplicationsPage { shell, rows, pages })
}

#[derive(Template)]
#[template(path = "customer/application.html")]
struct ApplicationPage {
    shell: Shell,
    own: EntitledApplication,
    pages: Pages,
}

async fn show(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let slug: Slug = part(&request, "slug")?;
    let mut own = engine.entitled_application(&Recipient::from(&signed.person), &slug).await?;
    let (versions, pages) = Paging::of(&request).cut(&own.versions, |version| version.id.uuid());
    own.versions = versions;
    let shell = Shell::customer(&signed.person, &signed.csrf, "applications");
    page::send(&ApplicationPage { shell, own, pages })
}

/// A file and the name of its place on the page.
struct Shown {
    place: String,
    name: String,
    /// Whether browsers save it under another name.
    dotted: bool,
    /// Its text, or why there is none.
    text: Result<String, String>,
}

#[derive(Template)]
#[template(path = "customer/version.html")]
struct VersionPage {
    shell: Shell,
    own: EntitledVersion,
    /// The images that can't be pulled.
    missing: Vec<MissingImage>,
    notes: String,
    command: Option<String>,
    files: Vec<Shown>,
    /// Whether there is something in each of them.
    whole: bool,
}

async fn version(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let (slug, name): (Slug, VersionName) = (part(&request, "slug")?, part(&request, "version")?);
    let mut own = engine.entitled_version(&Recipient::from(&signed.person), &slug, &name).await?;
    let missing = engine.own_missing_images(&signed.person, &own.version).await?;
    let values = own.files.iter().any(|file| file.name == keyward_domain::files::VALUES);
    let why = |keys: Vec<(String, String)>| -> String {
        keys.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join("; ")
    };
    let files = std::mem::take(&mut own.files)
        .into_iter()
        .enumerate()
        .map(|(number, file)| Shown {
            place: format!("file-{number}"),
            dotted: file.name.starts_with('.'),
            name: file.name,
            text: file.text.map_err(why),
        })
        .collect::<Vec<_>>();
    page::send(&VersionPage {
        whole: !files.is_empty() && files.iter().all(|file| file.text.is_ok()),
        shell: Shell::customer(&signed.person, &signed.csrf, "applications"),
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
    let text = engine.entitled_file(&Recipient::from(&signed.person), &slug, &name, &file).await?;
    // What was found has a name of harmless characters.
    Ok(page::file(&file, "text/plain; charset=utf-8", text))
}

/// All files of a version in one, each with the name that it has: browsers would save `.env` as `env`, which Compose does
/// not read.
async fn archive(request: HttpRequest, signed: SignedCustomer, engine: web::Data<Engine>) -> Page {
    let (slug, name): (Slug, VersionName) = (part(&request, "slug")?, part(&request, "version")?);
    let own = engine.entitled_version(&Recipient::from(&signed.person), &slug, &name).await?;
    let mut files = Vec::new();
    for file in own.files {
        files.push((file.name, file.text.map_err(Error::NoKeys)?));
    }
    let packed = packed(&files).map_err(|error| {
        tracing::error!(%error, "files can't be packed");
        PageError::Problem(keyward_web::Problem::new(keyward_web::Code::InternalError))
    })?;
    Ok(page::file(&format!("{slug}-{name}.zip"), "application/zip", packed))
}

/// A ZIP archive of some files. License keys are in them, so nobody else may read what is unpacked.
fn packed(files: &[(String, String)]) -> ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o600);
    for (name, text) in files {
        archive.start_file(name.as_str(), options)?;
        archive.write_all(text.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}
