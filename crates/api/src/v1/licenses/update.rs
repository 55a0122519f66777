use actix_web::{patch, web};
use keyward_domain::permission::WriteLicenses;
use keyward_domain::{BlockList, CustomResponse, LicenseId, Name, Notes, Pin};
use keyward_engine::{BoundsChange, Engine, LicenseChange};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::LicenseView;

/// The terms of a license: renewal appends new ones.
const IMMUTABLE: [&str; 7] =
    ["payload", "fields", "not_before", "expires_at", "customer_id", "product_id", "license_key"];

/// What is to be changed; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateLicense {
    /// Unique among your licenses.
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    /// For your own reference; `null` removes it.
    #[schema(value_type = Option<String>)]
    description: Option<Option<Notes>>,
    /// The most addresses; `null` or 0 for no limit. Lowering it turns out none.
    max_ips: Option<Option<u32>>,
    /// Which versions it allows: `*`, `2.1.0`, `>=2.1 <3`.
    #[schema(value_type = Option<String>)]
    version_pin: Option<Pin>,
    /// Laid over the product's custom response, member by member; `null` removes it.
    #[schema(value_type = Option<Object>)]
    custom_response: Option<Option<CustomResponse>>,
    /// Addresses and networks refused for this license; up to 1,000.
    #[schema(value_type = Option<Vec<String>>)]
    blocked_addresses: Option<BlockList>,
}

impl Request for UpdateLicense {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.immutable(&IMMUTABLE);
        Some(Self {
            name: fields.optional("name"),
            description: fields.patch("description"),
            max_ips: fields.patch("max_ips"),
            version_pin: fields.optional("version_pin"),
            custom_response: fields.patch("custom_response"),
            blocked_addresses: fields.optional("blocked_addresses"),
        })
    }
}

/// Change a license's name, description or bounds
///
/// Payload, dates and customer never change: that is refused with `immutable_field`. Renew the license, or
/// create another.
#[utoipa::path(
    tag = "licenses",
    operation_id = "update_license",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    request_body = UpdateLicense,
    security(("management_token" = ["licenses:write"])),
    responses((status = 200, body = LicenseView), Refused),
)]
#[patch("/api/v1/licenses/{id}")]
pub(crate) async fn update(
    command: Command<WriteLicenses, UpdateLicense>,
    id: Id<LicenseId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    let Command { access, body, .. } = command;
    let bounds = BoundsChange {
        max_ips: body.max_ips,
        pin: body.version_pin,
        custom_response: body.custom_response,
        blocked: body.blocked_addresses,
    };
    let change = LicenseChange { name: body.name, description: body.description, bounds };
    let license = engine.adjust_license(&access, id.0, change, seen.0).await?;
    Ok(LicenseView::answer(license, engine.now()))
}
