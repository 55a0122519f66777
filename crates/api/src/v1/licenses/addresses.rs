//! Where a license was seen, and what was registered for it.

use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::validation::Sighting;
use keyward_domain::{AddressRange, LicenseId, Timestamp};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Command, Fields, Id, Problem, Request, part};
use serde::Serialize;

use crate::v1::page::PageView;

/// An address or network of a license.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LicenseAddress)]
pub(crate) struct AddressView {
    #[schema(value_type = String, example = "192.0.2.7")]
    address: AddressRange,
    #[schema(value_type = String, format = DateTime)]
    first_seen_at: Timestamp,
    /// To the hour.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
}

impl From<Sighting> for AddressView {
    fn from(sighting: Sighting) -> Self {
        let Sighting { address, first_seen_at, last_seen_at } = sighting;
        Self { address, first_seen_at, last_seen_at }
    }
}

/// List a license's addresses
#[utoipa::path(
    tag = "licenses",
    operation_id = "list_license_addresses",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["licenses:read"])),
    responses((status = 200, body = PageView<AddressView>), Refused),
)]
#[get("/api/v1/licenses/{id}/addresses")]
pub(crate) async fn list(
    caller: Caller<ReadLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<AddressView>>, Problem> {
    let sightings = engine.license_addresses(&caller, id.0).await?;
    let items = sightings.into_iter().map(AddressView::from).collect();
    Ok(Answer::ok(PageView { items, next_cursor: None }))
}

/// An address to be registered.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct RegisterAddress {
    /// An address, or for an allowlist a network.
    #[schema(value_type = String, example = "198.51.100.0/24")]
    address: AddressRange,
}

impl Request for RegisterAddress {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { address: fields.required("address")? })
    }
}

/// Register an address with a license
///
/// Whatever its limit says. Registering one twice changes nothing.
#[utoipa::path(
    tag = "licenses",
    operation_id = "register_license_address",
    params(("id" = String, Path, format = Uuid)),
    request_body = RegisterAddress,
    security(("management_token" = ["licenses:write"])),
    responses((status = 200, body = AddressView), Refused),
)]
#[post("/api/v1/licenses/{id}/addresses")]
pub(crate) async fn register(
    command: Command<WriteLicenses, RegisterAddress>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<AddressView>, Problem> {
    let sighting = engine.register_address(&command.access, id.0, command.body.address).await?;
    Ok(Answer::ok(sighting.into()))
}

/// Remove an address from a license
///
/// Its place is free from the very next validation on. A network's slash is written `%2F`.
#[utoipa::path(
    tag = "licenses",
    operation_id = "remove_license_address",
    params(("id" = String, Path, format = Uuid), ("address" = String, Path)),
    security(("management_token" = ["licenses:write"])),
    responses((status = 204, description = "Removed"), Refused),
)]
#[delete("/api/v1/licenses/{id}/addresses/{address}")]
pub(crate) async fn remove(
    caller: Caller<WriteLicenses>,
    id: Id<LicenseId>,
    request: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.remove_address(&caller, id.0, part(&request, "address")?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// How many addresses were removed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ResetAnswer {
    removed: u64,
}

/// Remove all addresses of a license
#[utoipa::path(
    tag = "licenses",
    operation_id = "reset_license_addresses",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["licenses:write"])),
    responses((status = 200, body = ResetAnswer), Refused),
)]
#[delete("/api/v1/licenses/{id}/addresses")]
pub(crate) async fn reset(
    caller: Caller<WriteLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ResetAnswer>, Problem> {
    Ok(Answer::ok(ResetAnswer { removed: engine.reset_addresses(&caller, id.0).await? }))
}
