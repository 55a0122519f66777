//! Licenses.

mod addresses;
mod create;
mod delete;
mod list;
mod mail_onboarding_link;
mod renew;
mod resume;
pub(crate) mod revisions;
mod revoke;
mod show;
mod suspend;
mod token;
mod update;

use crate::routes::Routes;
use keyward_domain::{
    AddressRange, CustomerId, License, LicenseId, LicenseState, LicenseStatus, Name, Notes, ProductId,
    Timestamp,
};
use keyward_engine::Done;
use keyward_web::Answer;
use serde::Serialize;
use serde_json::value::RawValue;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateLicense>()
        .service(list::list)
        .query::<list::LicenseQuery>("list_licenses")
        .service(show::show)
        .service(update::update)
        .body::<update::UpdateLicense>()
        .service(delete::delete)
        .service(renew::renew)
        .body::<renew::RenewLicense>()
        .service(suspend::suspend)
        .service(resume::resume)
        .service(revoke::revoke)
        .service(token::token)
        .query::<token::TokenQuery>("license_token")
        .service(revisions::list)
        .service(revisions::token)
        .query::<token::TokenQuery>("revision_token")
        .service(mail_onboarding_link::mail_onboarding_link)
        .service(addresses::list)
        .service(addresses::register)
        .body::<addresses::RegisterAddress>()
        .service(addresses::remove)
        .service(addresses::reset);
}

/// What a customer, or your whole organization, holds.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = License)]
pub(crate) struct LicenseView {
    /// The `sub` of its tokens.
    #[schema(value_type = String, format = Uuid)]
    id: LicenseId,
    #[schema(value_type = String, example = "Example Inc. 2026")]
    name: Name,
    #[schema(value_type = Option<String>)]
    description: Option<Notes>,
    /// Who holds it; `null` for your whole organization.
    #[schema(value_type = Option<String>, format = Uuid)]
    customer_id: Option<CustomerId>,
    /// Of which product; `null` for one with a payload of its own.
    #[schema(value_type = Option<String>, format = Uuid)]
    product_id: Option<ProductId>,
    /// What people type; licenses of products have one.
    #[schema(example = "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC")]
    license_key: Option<String>,
    /// The most addresses; `null` or 0 for no limit.
    max_ips: Option<u32>,
    /// Which versions it allows: `*`, a version, or a range.
    #[schema(example = ">=2.1 <3")]
    version_pin: String,
    /// What it lays over its product's custom response.
    #[schema(value_type = Option<Object>)]
    custom_response: Option<Box<RawValue>>,
    /// Addresses and networks refused for this license.
    #[schema(value_type = Vec<String>)]
    blocked_addresses: Vec<AddressRange>,
    /// `active`, `not_yet_valid`, `expired`, `suspended` or `revoked`, now.
    #[schema(value_type = String, example = "active")]
    status: LicenseStatus,
    #[schema(value_type = String, format = DateTime)]
    not_before: Timestamp,
    /// The first second that is no longer valid; `null` without end.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// The custom claims, exactly as they were given.
    #[schema(value_type = Object, example = json!({"seats": 25, "plan": "pro"}))]
    payload: Box<RawValue>,
    /// Number of the terms in force: 1 until the first renewal.
    revision: u32,
    /// Since when it is suspended.
    #[schema(value_type = Option<String>, format = DateTime)]
    suspended_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: i64,
}

impl LicenseView {
    pub(crate) fn at(license: License, now: Timestamp) -> Self {
        let status = license.status(now);
        let (suspended_at, revoked_at) = match license.state {
            LicenseState::Active => (None, None),
            LicenseState::Suspended { since } => (Some(since), None),
            LicenseState::Revoked { at } => (None, Some(at)),
        };
        Self {
            id: license.id,
            name: license.name,
            description: license.description,
            customer_id: license.customer,
            product_id: license.product,
            license_key: license.key.map(|key| key.to_string()),
            max_ips: license.bounds.max_ips,
            version_pin: license.bounds.pin.to_string(),
            custom_response: license.bounds.custom_response.as_ref().map(|custom| raw(custom.as_str())),
            blocked_addresses: license.bounds.blocked.ranges().to_vec(),
            status,
            not_before: license.revision.validity.not_before(),
            expires_at: license.revision.validity.expires_at(),
            payload: raw(license.revision.payload.as_str()),
            revision: license.revision.number,
            suspended_at,
            revoked_at,
            created_at: license.created_at,
            updated_at: license.updated_at,
            version: license.version,
        }
    }

    fn answer(license: License, now: Timestamp) -> Answer<Self> {
        let version = license.version;
        Answer::ok(Self::at(license, now)).version(version)
    }

    fn done(done: Done<License>, now: Timestamp) -> Answer<Self> {
        Self::answer(done.value, now).replayed(done.replayed)
    }
}

/// JSON as its own text: no digit is touched.
fn raw(json: &str) -> Box<RawValue> {
    // What comes here is JSON by construction.
    RawValue::from_string(json.to_owned()).unwrap_or_default()
}
