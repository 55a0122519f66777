use actix_web::{post, web};
use keyward_domain::permission::WriteLicenses;
use keyward_domain::{CustomerId, Email, EndTime, Invalid, Name, Notes, ProductId, StartTime};
use keyward_engine::{Engine, Holder, IssuedKey, NewCustomer, NewKey};
use keyward_web::fields::Values;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, Problem, Request};
use serde::Serialize;

use crate::v1::customers::CustomerView;
use crate::v1::licenses::LicenseView;

/// A product key to be made: for a new customer (`email` and `name`) or one there is (`customer_id`).
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateKey {
    /// The new customer's contact address.
    #[schema(value_type = Option<String>, format = Email, example = "it@example.com")]
    email: Option<Email>,
    /// The new customer's name.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, example = "Example Inc.")]
    name: Option<Name>,
    /// Internal notes on the new customer.
    #[schema(value_type = Option<String>, max_length = 4000)]
    notes: Option<Notes>,
    /// A customer there is, instead.
    #[schema(value_type = Option<String>, format = Uuid)]
    customer_id: Option<CustomerId>,
    /// Values of the product's fields. They become claims of the token and never change.
    #[schema(value_type = Option<Object>, example = json!({"seats": 25}))]
    fields: Option<Values>,
    /// The license's name; absent for one made of product and license key.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    license_name: Option<Name>,
    /// The first valid second, or a day in UTC, which begins it; absent for now.
    #[schema(value_type = Option<String>, example = "2027-06-30T22:00:00Z")]
    not_before: Option<StartTime>,
    /// The first second that is no longer valid, or the last valid day in UTC, such as `2027-06-30`; absent for none.
    #[schema(value_type = Option<String>, example = "2027-06-30T22:00:00Z")]
    expires_at: Option<EndTime>,
}

impl Request for CreateKey {
    fn read(fields: &mut Fields) -> Option<Self> {
        let customer_id: Option<CustomerId> = fields.optional("customer_id");
        let (email, name) = match customer_id {
            None => (fields.required("email"), fields.required("name")),
            Some(_) => {
                let (email, name) = (fields.optional("email"), fields.optional("name"));
                for (field, given) in [("email", email.is_some()), ("name", name.is_some())] {
                    if given {
                        let message = "belongs to a new customer: leave it out beside customer_id";
                        fields.fault(field, Invalid::new("not_allowed", message));
                    }
                }
                (email, name)
            }
        };
        let (notes, values) = (fields.optional("notes"), fields.optional("fields"));
        let (license_name, not_before) = (fields.optional("license_name"), fields.optional("not_before"));
        let expires_at = fields.optional("expires_at");
        Some(Self { email, name, notes, customer_id, fields: values, license_name, not_before, expires_at })
    }
}

impl CreateKey {
    /// The customer there is, or the new one; `read` has seen to it that one of them is told.
    fn holder(&self) -> Option<Holder> {
        match (self.customer_id, &self.email, &self.name) {
            (Some(customer), _, _) => Some(Holder::Existing(customer)),
            (None, Some(email), Some(name)) => Some(Holder::New(NewCustomer {
                name: name.clone(),
                email: email.clone(),
                notes: self.notes.clone(),
            })),
            (None, _, _) => None,
        }
    }
}

/// A product key: customer, license and token.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CreatedKey {
    customer: CustomerView,
    license: LicenseView,
    /// The license as EdDSA JWT; it can be fetched again at any time.
    #[schema(example = "eyJhbGciOiJFZERTQSIs…")]
    token: String,
}

/// Create a product key
///
/// Customer and license are created together, or not at all. A new customer takes the scope `customers:write` too.
#[utoipa::path(
    tag = "products",
    operation_id = "create_product_key",
    params(("id" = String, Path, format = Uuid), ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    request_body = CreateKey,
    security(("management_token" = ["licenses:write"])),
    responses((status = 201, body = CreatedKey), Refused),
)]
#[post("/api/v1/products/{id}/keys")]
pub(crate) async fn create(
    command: Command<WriteLicenses, CreateKey>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<CreatedKey>, Problem> {
    let Command { access, body, once } = command;
    let holder = body.holder().ok_or_else(|| Problem::new(keyward_web::Code::InvalidRequest))?;
    let new = NewKey {
        holder,
        name: body.license_name,
        fields: body.fields.map(|Values(values)| values).unwrap_or_default(),
        not_before: body.not_before.map(Into::into),
        expires_at: body.expires_at.map(Into::into),
    };
    let done = engine.create_key(&access, id.0, new, once.as_ref()).await?;
    let IssuedKey { customer, license, token } = done.value;
    let location = format!("/api/v1/licenses/{}", license.id);
    let license = LicenseView::at(license, engine.now());
    let body = CreatedKey { customer: customer.into(), license, token };
    Ok(Answer::created(location, body).replayed(done.replayed))
}
