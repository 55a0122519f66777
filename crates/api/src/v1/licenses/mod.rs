//! Licenses.

mod addresses;
mod create;
pub(crate) mod revisions;
mod token;

use actix_web::{HttpResponse, delete, get, patch, post, web};
use keyward_domain::permission::{ReadLicenses, WriteLicenses};
use keyward_domain::{
    AddressRange, CustomerId, Email, License, LicenseFilter, LicenseHealth, LicenseId, LicenseKey,
    LicenseOrder, LicenseState, LicenseStatus, Name, Notes, OrderedRequest, ProductId, Renewal, Timestamp,
};
use keyward_engine::{Done, Engine, LicenseChange};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Once, Problem, Query, request};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create_license)
        .body::<create::CreateLicense>()
        .service(list_licenses)
        .query::<LicenseQuery>()
        .service(show_license)
        .service(update_license)
        .body::<LicenseChange>()
        .service(delete_license)
        .service(renew_license)
        .body::<Renewal>()
        .service(suspend_license)
        .service(resume_license)
        .service(revoke_license)
        .service(token::license_token)
        .query::<token::TokenQuery>()
        .service(revisions::list_revisions)
        .service(revisions::revision_token)
        .query::<token::TokenQuery>()
        .service(mail_onboarding_link)
        .service(addresses::list_license_addresses)
        .service(addresses::register_license_address)
        .body::<addresses::RegisterAddress>()
        .service(addresses::remove_license_address)
        .service(addresses::reset_license_addresses);
}

/// What a customer, or your whole organization, holds.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = License)]
pub(crate) struct LicenseView {
    /// The `sub` of its tokens.
    id: LicenseId,
    /// Example: "Example Inc. 2026"
    name: Name,
    description: Option<Notes>,
    /// Who holds it; `null` for your whole organization.
    customer_id: Option<CustomerId>,
    /// Of which product; `null` for one with a payload of its own.
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
    blocked_addresses: Vec<AddressRange>,
    /// `active`, `not_yet_valid`, `expired`, `suspended` or `revoked`, now.
    /// Example: "active"
    status: LicenseStatus,
    /// `fine`, `ending` (within 30 days), `in_grace`, `ended`, `not_yet`, `suspended` or `revoked`, now.
    /// Example: "fine"
    health: LicenseHealth,
    not_before: Timestamp,
    /// When it ends by its contract; `null` without end.
    ends_at: Option<Timestamp>,
    /// The first second that is no longer valid, the grace after `ends_at` included; `null` without end.
    expires_at: Option<Timestamp>,
    /// The custom claims, exactly as they were given.
    #[schema(value_type = Object, example = json!({"seats": 25, "plan": "pro"}))]
    payload: Box<RawValue>,
    /// Number of the terms in force: 1 until the first renewal.
    revision: u32,
    /// Since when it is suspended.
    suspended_at: Option<Timestamp>,
    /// When it was revoked.
    revoked_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl LicenseView {
    pub(crate) fn at(license: License, now: Timestamp) -> Self {
        let (status, health) = (license.status(now), license.health(now));
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
            health,
            not_before: license.revision.validity.not_before(),
            ends_at: license.revision.validity.ends_at(),
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

    /// As others see it, who may not run with it.
    pub(crate) fn without_key(self) -> Self {
        Self { license_key: None, ..self }
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

/// Which licenses are wanted.
#[derive(Debug)]
pub(crate) struct LicenseQuery {
    customer_id: Option<CustomerId>,
    unscoped: Option<bool>,
    product_id: Option<ProductId>,
    license_key: Option<LicenseKey>,
    status: Option<LicenseStatus>,
    q: Option<String>,
    sort: OrderedRequest<LicenseOrder>,
}

request! {
    for LicenseQuery {
        /// Only of this customer.
        customer_id: optional,
        /// Only those that no customer holds, if it is `true`.
        unscoped: optional,
        /// Only of this product.
        product_id: optional,
        /// Only the one with this key, however it was typed.
        license_key: optional,
        /// Only with this status now: `active`, `not_yet_valid`, `expired`, `suspended` or `revoked`.
        status: optional,
        /// Only those whose name contains this text.
        q: optional,
        ..sort: OrderedRequest<LicenseOrder> =
            "In which order: `name`, `status`, `expires_at` or `created_at`, or with `-` before it the other way round. `-created_at` if absent.",
    }
}

/// List licenses
#[utoipa::path(responses((status = 200, body = PageView<LicenseView>)))]
#[get("/api/v1/licenses")]
pub(crate) async fn list_licenses(
    caller: Caller<ReadLicenses>,
    query: Query<LicenseQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<LicenseView>>, Problem> {
    let Query(LicenseQuery { customer_id, unscoped, product_id, license_key, status, q, sort }) = query;
    let filter = LicenseFilter {
        customer: customer_id,
        unscoped: unscoped.unwrap_or(false),
        product: product_id,
        key: license_key,
        status,
        name_contains: q,
    };
    let licenses = engine.licenses_in_order(&caller, &filter, &sort).await?;
    let now = engine.now();
    Ok(Answer::ok(PageView::in_order(licenses, |license| LicenseView::at(license, now))))
}

/// Show a license
#[utoipa::path(responses((status = 200, body = LicenseView)))]
#[get("/api/v1/licenses/{id}")]
pub(crate) async fn show_license(
    caller: Caller<ReadLicenses>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    Ok(LicenseView::answer(engine.license(&caller, id.0).await?, engine.now()))
}

/// Change a license's name, description or bounds
///
/// Payload, dates and customer never change: that is refused with `immutable_field`. Renew the license, or
/// create another.
#[utoipa::path(params(IfMatch), responses((status = 200, body = LicenseView)))]
#[patch("/api/v1/licenses/{id}")]
pub(crate) async fn update_license(
    command: Command<WriteLicenses, LicenseChange>,
    id: Id<LicenseId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    let Command { access, body, .. } = command;
    let license = engine.adjust_license(&access, id.0, body, seen.0).await?;
    Ok(LicenseView::answer(license, engine.now()))
}

/// Delete a license
///
/// Its name is free again; its tokens count as revoked.
#[utoipa::path(params(IfMatch), responses((status = 204, description = "Deleted")))]
#[delete("/api/v1/licenses/{id}")]
pub(crate) async fn delete_license(
    caller: Caller<WriteLicenses>,
    id: Id<LicenseId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_license(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// To whom a link was mailed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Mailed {
    email: Email,
}

/// Mail an onboarding link to a license's customer
#[utoipa::path(responses((status = 200, body = Mailed)))]
#[post("/api/v1/licenses/{id}/mail-onboarding-link")]
pub(crate) async fn mail_onboarding_link(
    command: Command<WriteLicenses, Nothing>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<Mailed>, Problem> {
    let email = engine.mail_onboarding_link(&command.access, id.0).await?;
    Ok(Answer::ok(Mailed { email }))
}

/// Renew a license
///
/// Appends a revision: the license keeps its id and has another token.
#[utoipa::path(params(Once), responses((status = 200, body = LicenseView)))]
#[post("/api/v1/licenses/{id}/renew")]
pub(crate) async fn renew_license(
    command: Command<WriteLicenses, Renewal>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    let Command { access, body, once } = command;
    let done = engine.renew_license(&access, id.0, body, once.as_ref()).await?;
    Ok(LicenseView::done(done, engine.now()))
}

/// End a suspension
///
/// The license is as it was before.
#[utoipa::path(params(Once), responses((status = 200, body = LicenseView)))]
#[post("/api/v1/licenses/{id}/resume")]
pub(crate) async fn resume_license(
    command: Command<WriteLicenses, Nothing>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    let done = engine.resume_license(&command.access, id.0, command.once.as_ref()).await?;
    Ok(LicenseView::done(done, engine.now()))
}

/// End a license for ever
///
/// It gives no token from now on, and reaches offline verifiers by the status list.
#[utoipa::path(params(Once), responses((status = 200, body = LicenseView)))]
#[post("/api/v1/licenses/{id}/revoke")]
pub(crate) async fn revoke_license(
    command: Command<WriteLicenses, Nothing>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    let done = engine.revoke_license(&command.access, id.0, command.once.as_ref()).await?;
    Ok(LicenseView::done(done, engine.now()))
}

/// Hold a license back
///
/// Until it is resumed: it gives no token, and the status list says so.
#[utoipa::path(params(Once), responses((status = 200, body = LicenseView)))]
#[post("/api/v1/licenses/{id}/suspend")]
pub(crate) async fn suspend_license(
    command: Command<WriteLicenses, Nothing>,
    id: Id<LicenseId>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    let done = engine.suspend_license(&command.access, id.0, command.once.as_ref()).await?;
    Ok(LicenseView::done(done, engine.now()))
}
