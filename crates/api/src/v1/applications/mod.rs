//! Applications.

mod create;
mod delete;
mod list;
mod show;
mod update;
pub(crate) mod versions;

use crate::routes::Routes;
use keyward_domain::{Application, ApplicationId, Name, Notes, Slug, Timestamp};
use keyward_web::Answer;
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateApplication>()
        .service(list::list)
        .query::<list::ApplicationQuery>("list_applications")
        .service(show::show)
        .service(update::update)
        .body::<update::UpdateApplication>()
        .service(delete::delete);
    versions::routes(routes);
}

/// A deployable thing.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Application)]
pub(crate) struct ApplicationView {
    #[schema(value_type = String, format = Uuid)]
    id: ApplicationId,
    #[schema(value_type = String, example = "Acme Server")]
    name: Name,
    /// Never changes.
    #[schema(value_type = String, example = "acme-server")]
    slug: Slug,
    /// `compose` or `helm`. Never changes.
    #[schema(example = "compose")]
    kind: &'static str,
    /// Shown to the customers who have it.
    #[schema(value_type = Option<String>)]
    description: Option<Notes>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
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

impl ApplicationView {
    fn answer(application: Application) -> Answer<Self> {
        let version = application.version;
        Answer::ok(application.into()).version(version)
    }
}
