//! The API of a customer's machines: what the customer may deploy, and what its licenses are used for, to the bearer of the token of
//! one of the customer's licenses.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, get, web};
use keyward_domain::files::Chart;
use keyward_domain::product::Markdown;
use keyward_domain::{
    Application, ApplicationVersion, LicenseId, Name, Notes, Page, Slug, Timestamp, VersionName,
};
use keyward_engine::{Engine, EntitledVersion, Recipient};
use keyward_web::{Answer, ClientAddress, Code, Id, Problem, Query, bearer, part};
use serde::Serialize;
use std::pin::Pin;

use crate::routes::Routes;
use crate::v1::license_use::{LicenseUsageView, UseQuery};
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(list_own_applications)
        .service(list_own_versions)
        .service(show_own_version)
        .service(fetch_own_file)
        .service(own_license_usage)
        .query::<UseQuery>();
}

/// The customer whose license's token was sent. A handler that does not ask for it is open to everyone.
pub(crate) struct Bearer(Recipient);

impl FromRequest for Bearer {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let unknown = || Problem::new(Code::InvalidLicenseToken);
            let engine = request.app_data::<web::Data<Engine>>();
            let engine = engine.ok_or_else(|| Problem::new(Code::InternalError))?;
            let token = bearer(&request).ok_or_else(unknown)?;
            let client = ClientAddress::extract(&request).await;
            let client = client.map_err(|_| Problem::new(Code::InternalError))?;
            let found = engine.recipient(&token, client.0).await?;
            found.map(Self).ok_or_else(unknown)
        })
    }
}

/// An application, as a customer who is entitled to it sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EntitledApplication)]
pub(crate) struct EntitledApplicationView {
    /// Its part in addresses.
    /// Example: "acme-server"
    slug: Slug,
    /// Example: "Acme Server"
    name: Name,
    /// `compose` or `helm`.
    #[schema(example = "compose")]
    kind: &'static str,
    description: Option<Notes>,
}

impl From<Application> for EntitledApplicationView {
    fn from(application: Application) -> Self {
        Self {
            slug: application.slug,
            name: application.name,
            kind: application.kind.as_str(),
            description: application.description,
        }
    }
}

/// A version, as a customer who may deploy it sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EntitledVersion)]
pub(crate) struct EntitledVersionView {
    /// Example: "1.4.2"
    name: VersionName,
    /// In Markdown.
    notes: Markdown,
    created_at: Timestamp,
}

impl From<ApplicationVersion> for EntitledVersionView {
    fn from(version: ApplicationVersion) -> Self {
        Self { name: version.name, notes: version.notes, created_at: version.created_at }
    }
}

/// List the applications that you are entitled to
///
/// With the token of one of your licenses, which has to be in force.
#[utoipa::path(
    security(("license_token" = [])),
    responses((status = 200, body = PageView<EntitledApplicationView>)),
)]
#[get("/api/v1/customer/applications")]
pub(crate) async fn list_own_applications(
    bearer: Bearer,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<EntitledApplicationView>>, Problem> {
    let items = engine.entitled_applications(&bearer.0).await?;
    let page = Page::new(items, None);
    Ok(Answer::ok(PageView::of(page, |own| own.application.into())))
}

/// Show what one of your licenses is used for
///
/// With the token of this license or of another one of yours, which has to be in force. The id of a license is `sub` in its token.
#[utoipa::path(security(("license_token" = [])), responses((status = 200, body = LicenseUsageView)))]
#[get("/api/v1/customer/licenses/{id}/usage")]
pub(crate) async fn own_license_usage(
    bearer: Bearer,
    id: Id<LicenseId>,
    query: Query<UseQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseUsageView>, Problem> {
    Ok(Answer::ok(engine.own_license_use(&bearer.0, id.0, query.0.days()).await?.into()))
}

/// Fetch a file, with your license keys in it
///
/// Where it asks for a license key that is not available, it is refused (`license_key_unavailable`).
#[utoipa::path(
    security(("license_token" = [])),
    responses((status = 200, body = String, content_type = "text/plain")),
)]
#[get("/api/v1/customer/applications/{application}/versions/{version}/files/{file}")]
pub(crate) async fn fetch_own_file(
    bearer: Bearer,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let (slug, name) = (part(&request, "application")?, part(&request, "version")?);
    let file: String = part(&request, "file")?;
    let text = engine.entitled_file(&bearer.0, &slug, &name, &file).await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text))
}

/// A version with what it consists of.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OwnVersionWithFiles)]
pub(crate) struct EntitledVersionSheet {
    #[serde(flatten)]
    version: EntitledVersionView,
    /// The chart of a Helm application.
    chart: Option<Chart>,
    files: Vec<EntitledFileView>,
}

/// A file of a version.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OwnFile)]
struct EntitledFileView {
    #[schema(example = "compose.yaml")]
    name: String,
    /// Whether it can be fetched. Where not, a license key that it asks for is not available.
    available: bool,
    /// Where it is fetched from.
    #[schema(example = "/api/v1/customer/applications/acme-server/versions/1.4.2/files/compose.yaml")]
    path: String,
}

impl From<EntitledVersion> for EntitledVersionSheet {
    fn from(own: EntitledVersion) -> Self {
        let base = format!(
            "/api/v1/customer/applications/{}/versions/{}/files",
            own.application.slug, own.version.name
        );
        let file = |file: keyward_engine::DeliveredFile| EntitledFileView {
            path: format!("{base}/{}", file.name),
            available: file.text.is_ok(),
            name: file.name,
        };
        Self {
            version: own.version.into(),
            chart: own.chart,
            files: own.files.into_iter().map(file).collect(),
        }
    }
}

/// Show a version that you may deploy
#[utoipa::path(security(("license_token" = [])), responses((status = 200, body = EntitledVersionSheet)))]
#[get("/api/v1/customer/applications/{application}/versions/{version}")]
pub(crate) async fn show_own_version(
    bearer: Bearer,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitledVersionSheet>, Problem> {
    let (slug, name) = (part(&request, "application")?, part(&request, "version")?);
    Ok(Answer::ok(engine.entitled_version(&bearer.0, &slug, &name).await?.into()))
}

/// List the versions that you may deploy
///
/// The highest first.
#[utoipa::path(
    security(("license_token" = [])),
    responses((status = 200, body = PageView<EntitledVersionView>)),
)]
#[get("/api/v1/customer/applications/{application}/versions")]
pub(crate) async fn list_own_versions(
    bearer: Bearer,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<EntitledVersionView>>, Problem> {
    let own = engine.entitled_application(&bearer.0, &part(&request, "application")?).await?;
    let page = Page::new(own.versions, None);
    Ok(Answer::ok(PageView::of(page, EntitledVersionView::from)))
}
