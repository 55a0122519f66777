//! What customers may deploy.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::application_entitlement::Granted;
use keyward_domain::permission::{ReadApplications, ReadCustomers, ReadEntitlements, WriteEntitlements};
use keyward_domain::{
    Application, ApplicationEntitlementId, ApplicationId, ApplicationVersion, Customer, CustomerId, Notes,
};
use keyward_engine::{
    ApplicationGrant, ApplicationGrantChange, Engine, MOST_LOOKED_AT, MissingImage,
    NewApplicationEntitlement, VersionChoice,
};
use keyward_web::{Fields, Id, Request};

use super::Listing;
use super::choose::{self, Choice, ChoosePage};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::Paging;
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/application-entitlements/new", web::get().to(choose_customer))
        .route("/customers/{id}/grant-application", web::get().to(new))
        .route("/customers/{id}/grant-application", web::post().to(create))
        .route("/application-entitlements/{id}", web::get().to(show))
        .route("/application-entitlements/{id}", web::post().to(save));
}

#[derive(Debug, Default, serde::Deserialize)]
struct Chosen {
    #[serde(default)]
    application: String,
}

#[derive(Template)]
#[template(path = "console/application_entitlement_new.html")]
struct NewEntitlementPage {
    shell: Shell,
    customer: Customer,
    chosen: Application,
    versions: Vec<ApplicationVersion>,
    form: Form,
}

impl NewEntitlementPage {
    async fn send(
        engine: &Engine,
        signed: &Signed<WriteEntitlements>,
        customer: CustomerId,
        application: ApplicationId,
        form: Form,
    ) -> Page {
        let customer = engine.customer(&signed.access.also::<ReadCustomers>()?, customer).await?;
        let readers = signed.access.also::<ReadApplications>()?;
        let versions = engine.application_versions(&readers, application).await?;
        page::send(&Self {
            shell: Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now()),
            customer,
            chosen: engine.application(&readers, application).await?,
            versions: versions.into_iter().filter(|version| !version.is_archived()).collect(),
            form,
        })
    }
}

async fn new(
    request: HttpRequest,
    signed: Signed<WriteEntitlements>,
    id: Id<CustomerId>,
    query: web::Query<Chosen>,
    engine: web::Data<Engine>,
) -> Page {
    match query.application.parse() {
        Ok(application) => {
            NewEntitlementPage::send(&engine, &signed, id.0, application, Form::default()).await
        }
        Err(_) => choose(&engine, &signed, id.0, &request).await,
    }
}

/// Who is to be granted an application.
async fn choose_customer(
    request: HttpRequest,
    signed: Signed<WriteEntitlements>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let asked = choose::Customers {
        title: "Who is to get an application?",
        active: "licenses",
        crumbs: vec![("Licenses".to_owned(), "/licenses".to_owned())],
        other: None,
        href: &|id| format!("/customers/{id}/grant-application"),
    };
    choose::customer(&engine, &signed, &request, &listing, asked).await
}

/// Of which application versions are to be granted.
async fn choose(
    engine: &Engine,
    signed: &Signed<WriteEntitlements>,
    customer: CustomerId,
    request: &HttpRequest,
) -> Page {
    let customer = engine.customer(&signed.access.also::<ReadCustomers>()?, customer).await?;
    let listing = web::Query::<Listing>::from_query(request.query_string());
    let listing = listing.map(web::Query::into_inner).unwrap_or_default();
    let (readers, paging) = (signed.access.also::<ReadApplications>()?, Paging::of(request));
    let found = engine.applications(&readers, listing.text(), paging.request()).await?;
    let (found, pages) = paging.take(found);
    let choice = |application: Application| Choice {
        name: application.name.to_string(),
        detail: application.kind.as_str().to_owned(),
        href: format!("{}?application={}", request.path(), application.id),
    };
    let page = ChoosePage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now()),
        title: "Grant which application?",
        crumbs: vec![
            ("Customers".to_owned(), "/customers".to_owned()),
            (customer.name.to_string(), format!("/customers/{}/access", customer.id)),
        ],
        label: "Name",
        what: "applications",
        other: None,
        path: request.path().to_owned(),
        q: listing.q.clone(),
        choices: found.into_iter().map(choice).collect(),
        pages,
    };
    page.send(request)
}

struct Noted {
    note: Option<Notes>,
}

impl Request for Noted {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { note: fields.optional("note") })
    }
}

/// The versions that are checked, beside those `before`.
fn wanted(form: &Form, versions: &[ApplicationVersion], before: &[ApplicationVersion]) -> VersionChoice {
    if form.is("all", "true") {
        return VersionChoice::All;
    }
    let meant = |version: &&ApplicationVersion| {
        form.is_checked("version", version.name.as_str()) || before.iter().any(|held| held.id == version.id)
    };
    VersionChoice::Named(versions.iter().filter(meant).map(|version| version.name.clone()).collect())
}

async fn create(
    request: HttpRequest,
    signed: Signed<WriteEntitlements>,
    id: Id<CustomerId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let Ok(application) = form.value("application").parse::<ApplicationId>() else {
        return choose(&engine, &signed, id.0, &request).await;
    };
    if let Some(Noted { note }) = form.read::<Noted>(&["note"]) {
        let readers = signed.access.also::<ReadApplications>()?;
        let versions = engine.application_versions(&readers, application).await?;
        let versions = wanted(&form, &versions, &[]);
        let new = NewApplicationEntitlement { customer: id.0, application, versions, note };
        match engine.create_application_entitlement(&signed.access, new, form.once()).await {
            Ok(_) => return Ok(page::go(format!("/customers/{}/access?done=granted#applications", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    NewEntitlementPage::send(&engine, &signed, id.0, application, form).await
}

#[derive(Template)]
#[template(path = "console/application_entitlement.html")]
struct EntitlementPage {
    shell: Shell,
    grant: ApplicationGrant,
    /// Offered, and not granted yet.
    others: Vec<ApplicationVersion>,
    /// What the customer can't pull of what is granted.
    missing: Vec<MissingImage>,
    form: Form,
}

async fn page_of(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    grant: ApplicationGrant,
    form: Option<Form>,
    query: &str,
) -> Page {
    let readers = signed.access.also::<ReadApplications>()?;
    let mut others = engine.application_versions(&readers, grant.application.id).await?;
    others
        .retain(|version| !version.is_archived() && !grant.versions.iter().any(|held| held.id == version.id));
    let pulls = engine.customer_pulls(&signed.access.also()?, grant.customer.id).await?;
    let missing = engine.missing_images(&pulls, &grant, MOST_LOOKED_AT).await?;
    let note = grant.entitlement.note.as_ref().map(ToString::to_string).unwrap_or_default();
    page::send(&EntitlementPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now()).after(query),
        form: form.unwrap_or_default().over(Form::filled([("note", note)])),
        grant,
        others,
        missing,
    })
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadEntitlements>,
    id: Id<ApplicationEntitlementId>,
    engine: web::Data<Engine>,
) -> Page {
    let grant = engine.application_entitlement(&signed.access, id.0).await?;
    page_of(&engine, &signed, grant, None, request.query_string()).await
}

async fn save(
    signed: Signed<WriteEntitlements>,
    id: Id<ApplicationEntitlementId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let grant = engine.application_entitlement(&signed.access.also::<ReadEntitlements>()?, id.0).await?;
    if let Some(Noted { note }) = form.read::<Noted>(&["note"]) {
        let readers = signed.access.also::<ReadApplications>()?;
        let versions = engine.application_versions(&readers, grant.application.id).await?;
        let wanted = wanted(&form, &versions, &grant.versions);
        // Who only writes a note grants nothing.
        let widens = match &wanted {
            VersionChoice::All => !grant.is_for_all(),
            VersionChoice::Named(names) => {
                matches!(grant.entitlement.granted, Granted::Named(_)) && names.len() > grant.versions.len()
            }
        };
        let change = ApplicationGrantChange { versions: widens.then_some(wanted), note: Some(note) };
        match engine.update_application_entitlement(&signed.access, id.0, change, None).await {
            Ok(_) => return Ok(page::go(format!("/application-entitlements/{}?done=saved", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, grant, Some(form), "").await
}
