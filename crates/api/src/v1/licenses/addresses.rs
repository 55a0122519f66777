//! Where a license was seen, and what was registered for it.

use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::validation::Sighting;
use keyward_domain::{AddressRange, LicenseId, Timestamp};
use keyward_engine::Engine;
use keyward_web::{Answer, Caller, Command, Id, Problem, part, request};
use serde::Serialize;

use crate::v1::page::PageView;

/// An address or network of a license.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LicenseAddress)]
pub(crate) struct AddressView {
    /// Example: "192.0.2.7"
    address: AddressRange,
    first_seen_at: Timestamp,
    /// To the hour.
    last_seen_at: Timestamp,
}

impl From<Sighting> for AddressView {
    fn from(sighting: Sighting) -> Self {
        let Sighting { address, first_seen_at, last_seen_at } = sighting;
        Self { address, first_seen_at, last_seen_at }
    }
}

/// List a license's addresses
#[utoipa::path(responses((status = 200, body = PageView<AddressView>)))]
#[get("/api/v1/licenses/{id}/addresses")]
pub(crate) async fn list_license_addresses(
    caller: Caller<ReadLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<AddressView>>, Problem> {
    let sightings = engine.license_addresses(&caller, id.0).await?;
    let items = sightings.into_iter().map(AddressView::from).collect();
    Ok(Answer::ok(PageView { items, next_cursor: None }))
}

/// An address to be registered.
#[derive(Debug)]
pub(crate) struct RegisterAddress {
    address: AddressRange,
}

request! {
    /// An address to be registered.
    "RegisterAddress" for RegisterAddress {
        /// An address, or for an allowlist a network.
        /// Example: "198.51.100.0/24"
        address: required,
    }
}

/// Register an address with a license
///
/// Whatever its limit says. Registering one twice changes nothing.
#[utoipa::path(responses((status = 200, body = AddressView)))]
#[post("/api/v1/licenses/{id}/addresses")]
pub(crate) async fn register_license_address(
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
#[utoipa::path(responses((status = 204, description = "Removed")))]
#[delete("/api/v1/licenses/{id}/addresses/{address}")]
pub(crate) async fn remove_license_address(
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
#[utoipa::path(responses((status = 200, body = ResetAnswer)))]
#[delete("/api/v1/licenses/{id}/addresses")]
pub(crate) async fn reset_license_addresses(
    caller: Caller<WriteLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ResetAnswer>, Problem> {
    Ok(Answer::ok(ResetAnswer { removed: engine.reset_addresses(&caller, id.0).await? }))
}
