//! The versions of a product that validate its licenses, and the licenses that each has validated.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::license_use::DAYS;
use keyward_domain::permission::{ReadLicenses, ReadProducts};
use keyward_domain::{Product, ProductId, Timestamp};
use keyward_engine::{Engine, LicenseRunning};
use keyward_web::Id;
use url::form_urlencoded;

use super::Frame;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;
use crate::use_of::words;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/products/{id}/versions-in-use", web::get().to(versions));
}

#[derive(Template)]
#[template(path = "console/versions_in_use.html")]
struct VersionsPage {
    shell: Shell,
    product: Product,
    tab: &'static str,
    days: u16,
    versions: Vec<InUseRow>,
    chosen: Option<Chosen>,
}

struct InUseRow {
    label: String,
    href: String,
    licenses: u64,
    refused: u64,
    last_seen_at: Timestamp,
}

/// The licenses of one version.
struct Chosen {
    label: String,
    rows: Vec<RunningRow>,
    pages: Pages,
}

struct RunningRow {
    running: LicenseRunning,
    answer: String,
    customer: Option<String>,
}

/// Which version is looked into, if any is.
#[derive(Debug, serde::Deserialize)]
struct Which {
    version: Option<String>,
    /// The requests that named none.
    #[serde(default)]
    unnamed: bool,
}

fn label(version: Option<&str>) -> String {
    version.map_or_else(|| "not named".to_owned(), |version| format!("version {version}"))
}

async fn versions(
    request: HttpRequest,
    signed: Signed<ReadProducts>,
    id: Id<ProductId>,
    which: web::Query<Which>,
    engine: web::Data<Engine>,
) -> Page {
    let frame = Frame::of(&engine, &signed, id.0, "versions", request.query_string()).await?;
    let Frame { shell, product, tab } = frame;
    let version = which.version.as_deref().filter(|version| !version.is_empty());
    let mut page = VersionsPage { shell, product, tab, days: DAYS, versions: Vec::new(), chosen: None };
    if version.is_some() || which.unnamed {
        let (readers, paging) = (signed.access.also::<ReadLicenses>()?, Paging::of(&request));
        let (found, names) =
            engine.licenses_running(&readers, id.0, version, DAYS.into(), paging.request()).await?;
        let (running, pages) = paging.take(found);
        let row = |running: LicenseRunning| RunningRow {
            customer: running.customer.and_then(|id| names.get(&id)).map(ToString::to_string),
            answer: words(running.seen.status.as_str()),
            running,
        };
        let rows = running.into_iter().map(row).collect();
        page.chosen = Some(Chosen { label: label(version), rows, pages });
    } else {
        for found in engine.versions_in_use(&signed.access, id.0, DAYS.into()).await? {
            let mut query = form_urlencoded::Serializer::new(String::new());
            match &found.version {
                Some(version) => query.append_pair("version", version),
                None => query.append_pair("unnamed", "true"),
            };
            page.versions.push(InUseRow {
                label: found.version.clone().unwrap_or_else(|| label(None)),
                href: format!("/products/{}/versions-in-use?{}", id.0, query.finish()),
                licenses: found.licenses,
                refused: found.refused,
                last_seen_at: found.last_seen_at,
            });
        }
    }
    page::send(&page)
}
