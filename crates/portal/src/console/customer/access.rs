//! What a customer may deploy and pull, what that comes to, and why.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadCustomers, ReadEntitlements};
use keyward_domain::registry::ArtifactPolicy;
use keyward_domain::{Customer, CustomerId, PageRequest};
use keyward_engine::views::{CustomerEntitlements, CustomerPages, CustomerView};
use keyward_engine::{ApplicationGrant, Engine, MissingImage, PullVerdict, RefusedPull};
use keyward_web::Id;

use super::super::artifact_entitlements;
use super::super::reach::{Reached, reasons};
use super::Frame;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/customers/{id}/access", web::get().to(show));
}

/// How many refused pulls are told of.
const MOST_REFUSED: u32 = 10;

/// What the customer is entitled to.
pub(super) struct Entitled {
    /// Each with what of its versions can't be pulled.
    pub(super) applications: Vec<(ApplicationGrant, Vec<MissingImage>)>,
    pub(super) application_pages: Pages,
    pub(super) artifacts: Vec<artifact_entitlements::Row>,
    pub(super) artifact_pages: Pages,
    pub(super) reached: Reached,
    /// Whether customers without an entitlement may pull.
    pub(super) open: bool,
    /// What was refused last.
    pub(super) refused: Vec<Refusal>,
}

/// A pull that was refused, in words.
pub(super) struct Refusal {
    pub(super) at: String,
    pub(super) image: String,
    /// What is decided of it now.
    pub(super) now: String,
}

impl Refusal {
    fn of(refused: &RefusedPull) -> Self {
        let event = &refused.event;
        let now = match &refused.now {
            Some(PullVerdict { missing: Some(why), .. }) => format!("Still refused: {why}."),
            Some(PullVerdict { missing: None, .. }) => "It can be pulled now.".to_owned(),
            None => String::new(),
        };
        let image = match &refused.now {
            Some(verdict) => verdict.image.to_string(),
            None => format!("{} {}", event.repository, event.reference),
        };
        Self { at: page::minute(event.at), image, now }
    }
}

/// Whether an image can be pulled, in words.
struct Verdict {
    image: String,
    is_known: bool,
    /// Why not; `None` if it can.
    missing: Option<String>,
    reasons: Vec<String>,
}

impl From<PullVerdict> for Verdict {
    fn from(verdict: PullVerdict) -> Self {
        Self {
            image: verdict.image.to_string(),
            is_known: verdict.is_known,
            missing: verdict.missing.map(|why| why.to_string()),
            reasons: reasons(&verdict.licenses),
        }
    }
}

/// Where the customer's lists begin.
pub(super) struct Lists {
    pub(super) licenses: Paging,
    applications: Paging,
    artifacts: Paging,
    images: Paging,
}

impl Lists {
    pub(super) fn of(id: CustomerId, query: &str) -> Self {
        let path = format!("/customers/{id}/access");
        let list = |name| Paging::at(&path, query, name, name);
        Self {
            licenses: list("licenses"),
            applications: list("applications"),
            artifacts: list("artifacts"),
            images: list("images"),
        }
    }

    fn request(&self) -> CustomerPages {
        CustomerPages {
            licenses: PageRequest { limit: 1, after: None },
            applications: self.applications.request(),
            artifacts: self.artifacts.request(),
            images: self.images.request(),
            refused: MOST_REFUSED,
        }
    }

    pub(super) fn entitled(&self, held: CustomerEntitlements) -> Entitled {
        let (applications, application_pages) = self.applications.take(held.applications);
        let (artifacts, artifact_pages) = self.artifacts.take(held.artifacts);
        Entitled {
            applications,
            application_pages,
            artifacts: artifact_entitlements::rows(&artifacts, held.effects),
            artifact_pages,
            reached: Reached::of(held.images, held.halted, &self.images),
            open: held.policy == ArtifactPolicy::OpenUntilFirst,
            refused: held.refused.iter().flatten().map(Refusal::of).collect(),
        }
    }
}

#[derive(Debug, Default, serde::Deserialize)]
struct Asked {
    /// An image that the customer can't pull, or should not.
    #[serde(default)]
    image: String,
}

#[derive(Template)]
#[template(path = "console/customer_access.html")]
struct AccessPage {
    shell: Shell,
    customer: Customer,
    tab: &'static str,
    activity: bool,
    entitled: Entitled,
    /// What is asked about.
    image: String,
    verdicts: Vec<Verdict>,
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadEntitlements>,
    id: Id<CustomerId>,
    asked: web::Query<Asked>,
    engine: web::Data<Engine>,
) -> Page {
    let query = request.query_string();
    let lists = Lists::of(id.0, query);
    let readers = signed.access.also::<ReadCustomers>()?;
    let view = engine.customer_view(&readers, id.0, lists.request()).await?;
    let CustomerView { customer, namesakes: _, licenses: _, used: _, entitlements } = view;
    let Some(held) = entitlements else {
        return Err(keyward_web::Problem::new(keyward_web::Code::Forbidden).into());
    };
    let image = asked.image.trim().to_owned();
    let verdicts = match image.as_str() {
        "" => Vec::new(),
        image => engine.explain_pull(&signed.access, id.0, image).await?,
    };
    let Frame { shell, customer, tab, activity } = Frame::around(&engine, &signed, customer, "access", query);
    page::send(&AccessPage {
        shell,
        customer,
        tab,
        activity,
        entitled: lists.entitled(held),
        image,
        verdicts: verdicts.into_iter().map(Verdict::from).collect(),
    })
}
