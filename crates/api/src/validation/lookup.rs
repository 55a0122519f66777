use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, web};
use keyward_domain::version::Pin;
use keyward_domain::{
    CustomerId, Email, LicenseId, LicenseState, Name, Notes, OrganizationId, ProductId, Timestamp,
};
use keyward_engine::Engine;
use keyward_engine::validation::{LookedUp, Reply};
use keyward_web::ClientAddress;
use serde::Serialize;

use super::{NotValidated, api_key, failed, full, refuse, unknown_key};

/// A license as its application sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LicenseDetail {
    id: LicenseId,
    organization_id: OrganizationId,
    product_id: Option<ProductId>,
    /// The customer's id, under the name that older clients know.
    global_customer_id: Option<CustomerId>,
    customer_id: Option<CustomerId>,
    customer_email: Option<Email>,
    customer_name: Option<Name>,
    /// Always `null`; older clients expect it.
    customer_discord_id: Option<String>,
    /// As people type it.
    license_key: Option<String>,
    /// `active`, `not_yet_valid`, `expired`, `suspended` or `revoked`, now.
    status: &'static str,
    expires_at: Option<Timestamp>,
    is_lifetime: bool,
    ip_system_enabled: bool,
    max_ips: Option<u32>,
    current_unique_ip_count: u32,
    /// The license's description.
    notes: Option<Notes>,
    /// `exact` or `range`; `null` for any version.
    version_pin_mode: Option<&'static str>,
    version_pinned: Option<String>,
    /// The first version allowed.
    version_range_min: Option<String>,
    /// The first version no longer allowed.
    version_range_max: Option<String>,
    revoked_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl LicenseDetail {
    fn at(found: LookedUp, now: Timestamp) -> Self {
        let LookedUp { license, customer, counts_addresses, addresses } = found;
        let status = license.status(now).as_str();
        let text = |version: &keyward_domain::Version| version.as_str().to_owned();
        let (mode, pinned, min, max) = match &license.bounds.pin {
            Pin::None => (None, None, None, None),
            Pin::Exact(version) => (Some("exact"), Some(text(version)), None, None),
            Pin::Range { min, below } => {
                (Some("range"), None, min.as_ref().map(text), below.as_ref().map(text))
            }
        };
        let (customer_name, customer_email) =
            customer.map(|customer| (customer.name, customer.email)).unzip();
        Self {
            id: license.id,
            organization_id: license.organization,
            product_id: license.product,
            global_customer_id: license.customer,
            customer_id: license.customer,
            customer_email,
            customer_name,
            customer_discord_id: None,
            license_key: license.key.map(|key| key.to_string()),
            status,
            expires_at: license.revision.validity.expires_at(),
            is_lifetime: license.revision.validity.expires_at().is_none(),
            ip_system_enabled: counts_addresses,
            max_ips: license.bounds.max_ips,
            current_unique_ip_count: addresses,
            notes: license.description,
            version_pin_mode: mode,
            version_pinned: pinned,
            version_range_min: min,
            version_range_max: max,
            revoked_at: match license.state {
                LicenseState::Revoked { at } => Some(at),
                LicenseState::Active | LicenseState::Suspended { .. } => None,
            },
            created_at: license.created_at,
            updated_at: license.updated_at,
        }
    }
}

/// Look a license up
///
/// For the customer's application, with the product API key. Nothing is decided or registered; it counts.
#[utoipa::path(
    tag = "validation",
    operation_id = "look_up_license",
    security(("product_api_key" = [])),
    params(("license_key" = String, Path)),
    responses(
        (status = 200, body = LicenseDetail),
        (status = 401, description = "No product has this API key", body = NotValidated),
        (status = "5XX", description = "Nothing could be decided: try again", body = NotValidated),
        (status = 404, description = "This product has no such license", body = NotValidated),
        (status = 429, description = "The day's validations are used up, or a share of them", body = NotValidated),
    ),
)]
#[get("/api/v1/license/{license_key}")]
pub(crate) async fn look_up(
    request: HttpRequest,
    client: ClientAddress,
    engine: web::Data<Engine>,
) -> HttpResponse {
    let Some(key) = api_key(&request) else { return unknown_key() };
    let text = request.match_info().get("license_key").unwrap_or_default();
    match engine.look_up(&key, text, client.0).await {
        Ok(Reply::Answer(Some(found))) => HttpResponse::Ok().json(LicenseDetail::at(*found, engine.now())),
        Ok(Reply::Answer(None)) => refuse(
            StatusCode::NOT_FOUND,
            "license_not_found",
            "This product has no such license, or is out of service.",
        ),
        Ok(Reply::UnknownKey) => unknown_key(),
        Ok(Reply::Full { retry_after, quota, size }) => full(retry_after, quota, size),
        Err(error) => failed(error),
    }
}
