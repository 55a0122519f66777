//! Which version of the server this is.

use actix_web::get;
use keyward_domain::permission::ReadOrganization;
use keyward_web::{Answer, Caller, Problem};
use serde::Serialize;

use crate::routes::Routes;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(show_version);
}

/// The server's program.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Version)]
pub(crate) struct VersionView {
    /// Its version (Semantic Versioning).
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Show the version of the server
///
/// Strangers are not told. While servers are upgraded one after the other, the answer is that of the server that
/// was reached.
#[utoipa::path(
    tag = "organizations",
    security(("management_token" = ["organizations:read"])),
    responses((status = 200, body = VersionView)),
)]
#[get("/api/v1/version")]
pub(crate) async fn show_version(_: Caller<ReadOrganization>) -> Result<Answer<VersionView>, Problem> {
    Ok(Answer::ok(VersionView { version: env!("CARGO_PKG_VERSION") }))
}
