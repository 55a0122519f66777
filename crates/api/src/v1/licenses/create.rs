use actix_web::{post, web};
use keyward_domain::permission::WriteLicenses;
use keyward_domain::{CustomerId, EndTime, Invalid, Name, Notes, Payload, ProductId, StartTime};
use keyward_engine::{Engine, NewLicense, Terms};
use keyward_web::fields::Values;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};

use super::LicenseView;

/// A license to be created.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateLicense {
    /// Unique among your licenses.
    #[schema(value_type = String, min_length = 1, max_length = 200, example = "Example Inc. 2026")]
    name: Name,
    /// For your own reference.
    #[schema(value_type = Option<String>, max_length = 4000)]
    description: Option<Notes>,
    /// Who is to hold it; absent for your whole organization.
    #[schema(value_type = Option<String>, format = Uuid)]
    customer_id: Option<CustomerId>,
    /// Custom claims. Not exp, nbf, iss, sub, aud, iat, jti, status or keyward; no name twice; up to 32 KiB.
    #[schema(value_type = Option<Object>, example = json!({"seats": 25, "plan": "pro"}))]
    payload: Option<Payload>,
    /// Of which product, whose template then asks for `fields` instead of a payload.
    #[schema(value_type = Option<String>, format = Uuid)]
    product_id: Option<ProductId>,
    /// Values of the product's fields.
    #[schema(value_type = Option<Object>)]
    fields: Option<Values>,
    /// The first valid second, or a day in UTC, which begins it; absent for now.
    #[schema(value_type = Option<String>, example = "2027-06-30T22:00:00Z")]
    not_before: Option<StartTime>,
    /// The first second that is no longer valid, or the last valid day in UTC, such as `2027-06-30`; absent for one year from now, `null` for none.
    #[schema(value_type = Option<String>, example = "2027-06-30T22:00:00Z")]
    expires_at: Option<Option<EndTime>>,
}

impl Request for CreateLicense {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name");
        let (description, customer_id) = (fields.optional("description"), fields.optional("customer_id"));
        let (payload, not_before) = (fields.optional("payload"), fields.optional("not_before"));
        let expires_at = fields.patch("expires_at");
        let (product_id, values) = (fields.optional("product_id"), fields.optional("fields"));
        let misplaced = match product_id {
            Some(_) => ("payload", payload.is_some(), "is told by the product's fields: use fields"),
            None => ("fields", values.is_some(), "are those of a product: use payload, or name a product_id"),
        };
        if let (field, true, message) = misplaced {
            fields.fault(field, Invalid::new("not_allowed", message));
        }
        let fields = values;
        Some(Self {
            name: name?,
            description,
            customer_id,
            payload,
            product_id,
            fields,
            not_before,
            expires_at,
        })
    }
}

/// Create a license
#[utoipa::path(
    tag = "licenses",
    operation_id = "create_license",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    request_body = CreateLicense,
    security(("management_token" = ["licenses:write"])),
    responses((status = 201, body = LicenseView), Refused),
)]
#[post("/api/v1/licenses")]
pub(crate) async fn create(
    command: Command<WriteLicenses, CreateLicense>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    let Command { access, body, once } = command;
    let new = NewLicense {
        name: body.name,
        description: body.description,
        customer: body.customer_id,
        terms: match body.product_id {
            Some(product) => {
                let fields = body.fields.map(|Values(values)| values).unwrap_or_default();
                Terms::Product { product, fields }
            }
            None => Terms::Payload(body.payload.unwrap_or_default()),
        },
        not_before: body.not_before.map(Into::into),
        expires_at: body.expires_at.map(|end| end.map(Into::into)),
    };
    let done = engine.create_license(&access, new, once.as_ref()).await?;
    let (version, location) = (done.value.version, format!("/api/v1/licenses/{}", done.value.id));
    let view = LicenseView::at(done.value, engine.now());
    Ok(Answer::created(location, view).version(version).replayed(done.replayed))
}
