use actix_web::{patch, web};
use keyward_domain::permission::WriteLicenses;
use keyward_domain::{LicenseId, Name, Notes};
use keyward_engine::{Engine, LicenseChange};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::LicenseView;

/// The terms of a license: renewal appends new ones.
const IMMUTABLE: [&str; 6] = ["payload", "fields", "not_before", "expires_at", "customer_id", "product_id"];

/// What is to be changed; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateLicense {
    /// Unique among your licenses.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Option<Name>,
    /// For your own reference; `null` removes it.
    #[schema(value_type = Option<String>, max_length = 4000)]
    description: Option<Option<Notes>>,
}

impl Request for UpdateLicense {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.immutable(&IMMUTABLE);
        Some(Self { name: fields.optional("name"), description: fields.patch("description") })
    }
}

/// Change a license's name or description
///
/// Payload, dates and customer never change: that is refused with `immutable_field`. Renew the license, or
/// create another.
#[utoipa::path(
    tag = "licenses",
    operation_id = "update_license",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header, pattern = "^(\\*|\"[0-9]+\")$")),
    request_body = UpdateLicense,
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
    let change = LicenseChange { name: body.name, description: body.description };
    let license = engine.describe_license(&access, id.0, change, seen.0).await?;
    Ok(LicenseView::answer(license, engine.now()))
}
