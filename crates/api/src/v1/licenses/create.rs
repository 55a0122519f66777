use actix_web::{post, web};
use keyward_domain::permission::WriteLicenses;
use keyward_domain::{CustomerId, Ends, Invalid, Name, Notes, Payload, ProductId, StartTime};
use keyward_engine::{Asked, Engine, NewLicense, Term, Terms};
use keyward_web::fields::{Partly, Values, Words, unread};
use keyward_web::{Answer, Command, Fields, Once, Problem, Request, words};
use serde_json::json;

use super::LicenseView;

/// A license to be created.
#[derive(Debug, Default)]
pub(crate) struct CreateLicense {
    name: Option<Name>,
    description: Option<Notes>,
    customer_id: Option<CustomerId>,
    payload: Option<Payload>,
    product_id: Option<ProductId>,
    fields: Option<Values>,
    not_before: Option<StartTime>,
    ends: Ends,
}

impl Request for CreateLicense {
    const WORDS: Words = words! {
        /// A license to be created. With neither `ends_at` nor `expires_at` it ends in a year.
        "CreateLicense" {
            /// Unique among your licenses.
            /// Example: "Example Inc. 2026"
            "name",
            /// For your own reference.
            "description",
            /// Who is to hold it; absent for your whole organization.
            "customer_id",
            /// Custom claims. Not exp, nbf, iss, sub, aud, iat, jti, status or keyward; no name twice; up to 32 KiB.
            /// Example: {"seats": 25, "plan": "pro"}
            "payload",
            /// Of which product, whose template then asks for `fields` instead of a payload.
            "product_id",
            /// Values of the product's fields.
            "fields",
            /// The first valid second, or a day in UTC, which begins it; absent for now.
            /// Example: "2027-06-30T22:00:00Z"
            "not_before";
            ..Ends
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name");
        let (description, customer_id) = (fields.optional("description"), fields.optional("customer_id"));
        let (payload, not_before) = (fields.optional::<Payload>("payload"), fields.optional("not_before"));
        let ends = Ends::read(fields);
        let (product_id, values) =
            (fields.optional::<ProductId>("product_id"), fields.optional::<Values>("fields"));
        let (misplaced, message) = if fields.is_given("product_id") {
            ("payload", "is told by the product's fields: use fields")
        } else {
            ("fields", "are those of a product: use payload, or name a product_id")
        };
        if fields.is_given(misplaced) {
            fields.fault(misplaced, Invalid::new("not_allowed", message));
        }
        fields.relation(json!({
            "if": {"required": ["product_id"], "properties": {"product_id": {"type": "string"}}},
            "then": {"properties": {"payload": {"type": "null"}}},
            "else": {"properties": {"fields": {"type": "null"}}},
        }));
        let fields = values;
        Some(Self { name, description, customer_id, payload, product_id, fields, not_before, ends: ends? })
    }
}

/// Create a license
#[utoipa::path(params(Once), responses((status = 201, body = LicenseView)))]
#[post("/api/v1/licenses")]
pub(crate) async fn create_license(
    command: Command<WriteLicenses, Partly<CreateLicense>>,
    engine: web::Data<Engine>,
) -> Result<Answer<LicenseView>, Problem> {
    let Command { access, body: Partly { request, problem }, once } = command;
    let body = request.unwrap_or_default();
    let name = match (body.name, problem) {
        (Some(name), None) => name,
        (_, problem) => {
            let fields = body.fields.map(|Values(values)| values).unwrap_or_default();
            let not_before = body.not_before.map_or(engine.now(), Into::into);
            let asked = Asked {
                customer: body.customer_id,
                product: body.product_id.map(|product| (product, &fields)),
                term: Term { not_before, ends: body.ends, otherwise: None },
            };
            let faults = engine.license_faults(&access, asked).await?;
            return Err(problem.unwrap_or_else(unread).also(faults.into_iter().map(Into::into)));
        }
    };
    let new = NewLicense {
        name,
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
        ends: body.ends,
    };
    let done = engine.create_license(&access, new, once.as_ref()).await?;
    let (version, location) = (done.value.version, format!("/api/v1/licenses/{}", done.value.id));
    let view = LicenseView::at(done.value, engine.now());
    Ok(Answer::created(location, view).version(version).replayed(done.replayed))
}
