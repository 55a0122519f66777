//! The API of a customer's machines: what the customer may deploy, for the bearer of the token of one of the
//! customer's licenses.

mod applications;
mod file;
mod version;
mod versions;

use std::future::Future;
use std::pin::Pin;

use crate::routes::Routes;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use keyward_domain::product::Markdown;
use keyward_domain::{Application, ApplicationVersion, Name, Notes, Slug, Timestamp, VersionName};
use keyward_engine::{Engine, Recipient};
use keyward_web::{ClientAddress, Code, Problem, bearer};
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(applications::list).service(versions::list).service(version::show).service(file::fetch);
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
    #[schema(value_type = String, example = "acme-server")]
    slug: Slug,
    #[schema(value_type = String, example = "Acme Server")]
    name: Name,
    /// `compose` or `helm`.
    #[schema(example = "compose")]
    kind: &'static str,
    #[schema(value_type = Option<String>)]
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
    #[schema(value_type = String, example = "1.4.2")]
    name: VersionName,
    /// In Markdown.
    #[schema(value_type = String)]
    notes: Markdown,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<ApplicationVersion> for EntitledVersionView {
    fn from(version: ApplicationVersion) -> Self {
        Self { name: version.name, notes: version.notes, created_at: version.created_at }
    }
}
