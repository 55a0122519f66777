//! What licenses are used for: a part of the pages of licenses and customers, and the versions of a product that are in use.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::license_use::{DAYS, SeenVersion, UseDays, sum};
use keyward_domain::permission::{ReadLicenses, ReadProducts};
use keyward_domain::{Product, ProductId, Timestamp};
use keyward_engine::{CustomerUse, Engine, LicenseRunning, LicenseUse};
use keyward_web::Id;
use url::form_urlencoded;

use super::artifacts::size;
use crate::page::{self, Page, Shell, minute};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/products/{id}/versions-in-use", web::get().to(versions));
}

/// What a page shows of the use of a license or a customer.
pub(crate) struct Used {
    /// How many days before today are looked at.
    pub days: u16,
    /// When it was last validated, and how.
    pub last: String,
    /// How many addresses are registered, of how many; `None` where that is not asked.
    pub addresses: Option<String>,
    /// How much was pulled.
    pub pulls: String,
    pub answers: Vec<AnswerRow>,
    pub today: u64,
    pub total: u64,
    pub versions: Vec<VersionRow>,
}

/// How often validations were answered one way.
pub(crate) struct AnswerRow {
    pub status: String,
    pub today: u64,
    pub total: u64,
}

pub(crate) struct VersionRow {
    pub version: Option<String>,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub status: String,
}

/// A status as people read it.
fn words(status: &str) -> String {
    status.replace('_', " ")
}

impl From<SeenVersion> for VersionRow {
    fn from(seen: SeenVersion) -> Self {
        let SeenVersion { version, first_seen_at, last_seen_at, status } = seen;
        Self { version, first_seen_at, last_seen_at, status: words(status.as_str()) }
    }
}

impl Used {
    fn of(days: &UseDays, today: i64, last: String) -> Self {
        let (total, today) = (sum(days), days.get(&today).cloned().unwrap_or_default());
        let answers = total.answers.iter().map(|(status, count)| AnswerRow {
            status: words(status),
            today: today.answers.get(status).copied().unwrap_or(0),
            total: *count,
        });
        let pulls = match total.pulls {
            0 => "none".to_owned(),
            pulls => format!("{pulls} ({})", size(total.bytes)),
        };
        Self {
            days: DAYS,
            last,
            addresses: None,
            pulls,
            answers: answers.collect(),
            today: today.validations(),
            total: total.validations(),
            versions: Vec::new(),
        }
    }
}

impl From<LicenseUse> for Used {
    fn from(used: LicenseUse) -> Self {
        let last = used.activity.map_or_else(
            || "never".to_owned(),
            |activity| {
                let (at, status) = (minute(activity.last_validated_at), words(activity.status.as_str()));
                let version = activity
                    .version
                    .map_or_else(|| "no version named".to_owned(), |it| format!("version {it}"));
                format!("{at} UTC: {status}, {version}, from {}", activity.address.ip())
            },
        );
        let most = used.max_ips.map(|most| format!(" of {most}")).unwrap_or_default();
        Self {
            addresses: Some(format!("{}{most}", used.addresses)),
            versions: used.versions.into_iter().map(VersionRow::from).collect(),
            ..Self::of(&used.days, used.today, last)
        }
    }
}

impl From<CustomerUse> for Used {
    fn from(used: CustomerUse) -> Self {
        let last =
            used.last_validated_at.map_or_else(|| "never".to_owned(), |at| format!("{} UTC", minute(at)));
        Self::of(&used.days, used.today, last)
    }
}

#[derive(Template)]
#[template(path = "console/versions_in_use.html")]
struct VersionsPage {
    shell: Shell,
    product: Product,
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
    version.map_or_else(|| "Not named".to_owned(), |version| format!("Version {version}"))
}

async fn versions(
    request: HttpRequest,
    signed: Signed<ReadProducts>,
    id: Id<ProductId>,
    which: web::Query<Which>,
    engine: web::Data<Engine>,
) -> Page {
    let product = engine.product(&signed.access, id.0).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    let version = which.version.as_deref().filter(|version| !version.is_empty());
    let mut page = VersionsPage { shell, product, days: DAYS, versions: Vec::new(), chosen: None };
    if version.is_some() || which.unnamed {
        let (readers, paging) = (signed.access.also::<ReadLicenses>()?, Paging::of(&request));
        let (found, names) =
            engine.licenses_running(&readers, id.0, version, DAYS.into(), paging.request()).await?;
        let (running, pages) = paging.take(found);
        let row = |running: LicenseRunning| RunningRow {
            customer: running.customer.and_then(|id| names.get(&id)).map(ToString::to_string),
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
