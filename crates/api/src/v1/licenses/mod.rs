//! Licenses.

mod create;
mod delete;
mod list;
mod renew;
mod resume;
mod revisions;
mod revoke;
mod show;
mod suspend;
mod token;
mod update;

use keyward_domain::{
    CustomerId, License, LicenseId, LicenseState, LicenseStatus, Name, Notes, Payload, Timestamp,
};
use keyward_engine::Done;
use keyward_web::Answer;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create)
        .service(list::list)
        .service(show::show)
        .service(update::update)
        .service(delete::delete)
        .service(renew::renew)
        .service(suspend::suspend)
        .service(resume::resume)
        .service(revoke::revoke)
        .service(token::token)
        .service(revisions::list)
        .service(revisions::token);
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
    /// `active`, `not_yet_valid`, `expired`, `suspended` or `revoked`, now.
    #[schema(value_type = String, example = "active")]
    status: LicenseStatus,
    #[schema(value_type = String, format = DateTime)]
    not_before: Timestamp,
    /// `null` without end.
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
    fn at(license: License, now: Timestamp) -> Self {
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
            status,
            not_before: license.revision.validity.not_before(),
            expires_at: license.revision.validity.expires_at(),
            payload: raw(&license.revision.payload),
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

/// A payload as its own text: no digit is touched.
fn raw(payload: &Payload) -> Box<RawValue> {
    // A payload is JSON by construction.
    RawValue::from_string(payload.as_str().to_owned()).unwrap_or_default()
}
