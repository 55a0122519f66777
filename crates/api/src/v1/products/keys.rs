use actix_web::{post, web};
use keyward_domain::permission::WriteLicenses;
use keyward_domain::{CustomerId, Email, Ends, Invalid, Name, Notes, ProductId, StartTime};
use keyward_engine::{Asked, Engine, Holder, IssuedKey, NewCustomer, NewKey, Term};
use keyward_web::fields::{Partly, Values, Words, unread};
use keyward_web::{Answer, Command, Fields, Id, Once, Problem, Request, words};
use serde::Serialize;
use serde_json::json;

use crate::v1::customers::CustomerView;
use crate::v1::licenses::LicenseView;

/// A product key to be made: for a new customer (`email` and `name`) or one there is (`customer_id`).
#[derive(Debug, Default)]
pub(crate) struct CreateKey {
    email: Option<Email>,
    name: Option<Name>,
    notes: Option<Notes>,
    customer_id: Option<CustomerId>,
    fields: Option<Values>,
    license_name: Option<Name>,
    not_before: Option<StartTime>,
    ends: Ends,
}

impl Request for CreateKey {
    const WORDS: Words = words! {
        /// A product key to be made: for a new customer (`email` and `name`) or one there is (`customer_id`). With neither `ends_at` nor `expires_at` it has no end.
        "CreateKey" {
            /// The new customer's contact address.
            /// Example: "it@example.com"
            "email",
            /// The new customer's name.
            /// Example: "Example Inc."
            "name",
            /// Internal notes on the new customer.
            "notes",
            /// A customer there is, instead.
            "customer_id",
            /// Values of the product's fields. They become claims of the token and never change.
            /// Example: {"seats": 25}
            "fields",
            /// The license's name; absent for one made of product and license key.
            "license_name",
            /// The first valid second, or a day in UTC, which begins it; absent for now.
            /// Example: "2027-06-30T22:00:00Z"
            "not_before";
            ..Ends
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let customer_id: Option<CustomerId> = fields.optional("customer_id");
        let (email, name) = (fields.optional("email"), fields.optional("name"));
        for field in ["email", "name"] {
            match (fields.is_given("customer_id"), fields.is_given(field)) {
                (false, false) => fields.missing(field, "is required"),
                (true, true) => {
                    let message = "belongs to a new customer: leave it out beside customer_id";
                    fields.fault(field, Invalid::new("not_allowed", message));
                }
                (true, false) | (false, true) => {}
            }
        }
        fields.relation(json!({
            "if": {"required": ["customer_id"], "properties": {"customer_id": {"type": "string"}}},
            "then": {"properties": {"email": {"type": "null"}, "name": {"type": "null"}}},
            "else": {"required": ["email", "name"], "properties": {"email": {"type": "string"}, "name": {"type": "string"}}},
        }));
        let (notes, values) = (fields.optional("notes"), fields.optional("fields"));
        let (license_name, not_before) = (fields.optional("license_name"), fields.optional("not_before"));
        let ends = Ends::read(fields);
        Some(Self { email, name, notes, customer_id, fields: values, license_name, not_before, ends: ends? })
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
    params(Once),
    security(("management_token" = ["licenses:write"])),
    responses((status = 201, body = CreatedKey)),
)]
#[post("/api/v1/products/{id}/keys")]
pub(crate) async fn create_product_key(
    command: Command<WriteLicenses, Partly<CreateKey>>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<CreatedKey>, Problem> {
    let Command { access, body: Partly { request, problem }, once } = command;
    let body = request.unwrap_or_default();
    let holder = body.holder();
    let fields = body.fields.map(|Values(values)| values).unwrap_or_default();
    let holder = match (holder, problem) {
        (Some(holder), None) => holder,
        (_, problem) => {
            let asked = Asked {
                customer: body.customer_id,
                product: Some((id.0, &fields)),
                term: Term {
                    not_before: body.not_before.map_or(engine.now(), Into::into),
                    ends: body.ends,
                    otherwise: None,
                },
            };
            let faults = engine.license_faults(&access, asked).await?;
            // Which product it is stands in the address.
            let faults = faults.into_iter().filter(|fault| fault.field != "product_id");
            return Err(problem.unwrap_or_else(unread).also(faults.map(Into::into)));
        }
    };
    let new = NewKey {
        holder,
        name: body.license_name,
        fields,
        not_before: body.not_before.map(Into::into),
        ends: body.ends,
    };
    let done = engine.create_key(&access, id.0, new, once.as_ref()).await?;
    let IssuedKey { customer, license, token } = done.value;
    let location = format!("/api/v1/licenses/{}", license.id);
    let license = LicenseView::at(license, engine.now());
    let body = CreatedKey { customer: customer.into(), license, token };
    Ok(Answer::created(location, body).replayed(done.replayed))
}
