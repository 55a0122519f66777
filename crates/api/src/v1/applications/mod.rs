//! Applications.

pub(crate) mod versions;

use actix_web::{HttpResponse, delete, get, patch, post, web};
use keyward_domain::permission::{ReadApplications, WriteApplications};
use keyward_domain::{Application, ApplicationId, Name, Notes, PageRequest, Slug, Timestamp};
use keyward_engine::{ApplicationChange, Engine, NewApplication};
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Once, Problem, Query, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_application)
        .body::<NewApplication>()
        .service(list_applications)
        .query::<ApplicationQuery>()
        .service(show_application)
        .service(update_application)
        .body::<ApplicationChange>()
        .service(delete_application);
    versions::routes(routes);
}

/// A deployable thing.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Application)]
pub(crate) struct ApplicationView {
    id: ApplicationId,
    /// Example: "Acme Server"
    name: Name,
    /// Never changes.
    /// Example: "acme-server"
    slug: Slug,
    /// `compose` or `helm`. Never changes.
    #[schema(example = "compose")]
    kind: &'static str,
    /// Shown to the customers who have it.
    description: Option<Notes>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl From<Application> for ApplicationView {
    fn from(application: Application) -> Self {
        Self {
            id: application.id,
            name: application.name,
            slug: application.slug,
            kind: application.kind.as_str(),
            description: application.description,
            created_at: application.created_at,
            updated_at: application.updated_at,
            version: application.version,
        }
    }
}

/// Create an application
#[utoipa::path(params(Once), responses((status = 201, body = ApplicationView)))]
#[post("/api/v1/applications")]
pub(crate) async fn create_application(
    command: Command<WriteApplications, NewApplication>,
    engine: web::Data<Engine>,
) -> Result<Answer<ApplicationView>, Problem> {
    let Command { access, body, once } = command;
    let done = engine.create_application(&access, body, once.as_ref()).await?;
    Ok(Answer::made(format!("/api/v1/applications/{}", done.value.id), done))
}

/// Which applications are wanted.
#[derive(Debug)]
pub(crate) struct ApplicationQuery {
    q: Option<String>,
    page: PageRequest,
}

request! {
    for ApplicationQuery {
        /// Only those whose name contains this text.
        q: optional,
        ..page: PageRequest,
    }
}

/// List applications
#[utoipa::path(responses((status = 200, body = PageView<ApplicationView>)))]
#[get("/api/v1/applications")]
pub(crate) async fn list_applications(
    caller: Caller<ReadApplications>,
    query: Query<ApplicationQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<ApplicationView>>, Problem> {
    let Query(ApplicationQuery { q, page }) = query;
    let applications = engine.applications(&caller, q.as_deref(), page).await?;
    Ok(Answer::ok(PageView::of(applications, ApplicationView::from)))
}

/// Show an application
#[utoipa::path(responses((status = 200, body = ApplicationView)))]
#[get("/api/v1/applications/{id}")]
pub(crate) async fn show_application(
    caller: Caller<ReadApplications>,
    id: Id<ApplicationId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ApplicationView>, Problem> {
    Ok(Answer::of(engine.application(&caller, id.0).await?))
}

/// Change an application
#[utoipa::path(params(IfMatch), responses((status = 200, body = ApplicationView)))]
#[patch("/api/v1/applications/{id}")]
pub(crate) async fn update_application(
    command: Command<WriteApplications, ApplicationChange>,
    id: Id<ApplicationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<ApplicationView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(Answer::of(engine.update_application(&access, id.0, body, seen.0).await?))
}

/// Delete an application
///
/// With all its versions. Refused (`in_use`) while a customer is entitled to it.
#[utoipa::path(params(IfMatch), responses((status = 204, description = "Deleted")))]
#[delete("/api/v1/applications/{id}")]
pub(crate) async fn delete_application(
    caller: Caller<WriteApplications>,
    id: Id<ApplicationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_application(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
