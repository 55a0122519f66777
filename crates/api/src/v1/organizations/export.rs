use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, web};
use futures_util::stream::try_unfold;
use keyward_domain::OrganizationId;
use keyward_domain::permission::WriteOwners;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Caller, Id, Problem};

use crate::v1::Export;
use crate::v1::organizations::own;

/// Export all that your organization has
///
/// One JSON object a line (`application/x-ndjson`): its `type`, and the thing as this API shows it elsewhere. No secrets, tokens or
/// private keys. Each thing comes after what it names. It is not one moment's state: the first line (`export`) and the last
/// (`end`) tell in `change` how often anything was changed before, and the same number says that nothing was changed
/// meanwhile. Without the line of the type `end` it is not complete. Needs the scope to read each kind of thing besides.
#[utoipa::path(
    tag = "organizations",
    operation_id = "export_organization",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["owners:write"])),
    responses((status = 200, description = "The export", content_type = "application/x-ndjson", body = String), Refused),
)]
#[get("/api/v1/organizations/{id}/export")]
pub(crate) async fn export(
    caller: Caller<WriteOwners>,
    id: Id<OrganizationId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    own(caller.scope(), id.0)?;
    let export = Export::begin(engine, caller.also()?).await?;
    let lines = try_unfold(export, async |mut export| {
        let lines = export.next().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(lines.map(|lines| (Bytes::from(lines), export)))
    });
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(lines))
}
