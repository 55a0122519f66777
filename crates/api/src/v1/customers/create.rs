use actix_web::{post, web};
use keyward_domain::permission::WriteCustomers;
use keyward_domain::{Email, Name, Notes};
use keyward_engine::{Engine, NewCustomer};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};

use super::CustomerView;

/// A customer to be created.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateCustomer {
    /// Customer or organization name.
    #[schema(value_type = String, example = "Example Inc.")]
    name: Name,
    /// Contact address.
    #[schema(value_type = String, format = Email, example = "it@example.com")]
    email: Email,
    /// Internal: customers never see them.
    #[schema(value_type = Option<String>)]
    notes: Option<Notes>,
}

impl Request for CreateCustomer {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, email) = (fields.required("name"), fields.required("email"));
        let notes = fields.optional("notes");
        Some(Self { name: name?, email: email?, notes })
    }
}

/// Create a customer
#[utoipa::path(
    tag = "customers",
    operation_id = "create_customer",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateCustomer,
    security(("management_token" = ["customers:write"])),
    responses((status = 201, body = CustomerView), Refused),
)]
#[post("/api/v1/customers")]
pub(crate) async fn create(
    command: Command<WriteCustomers, CreateCustomer>,
    engine: web::Data<Engine>,
) -> Result<Answer<CustomerView>, Problem> {
    let Command { access, body, once } = command;
    let new = NewCustomer { name: body.name, email: body.email, notes: body.notes };
    let done = engine.create_customer(&access, new, once.as_ref()).await?;
    let (version, location) = (done.value.version, format!("/api/v1/customers/{}", done.value.id));
    Ok(Answer::created(location, done.value.into()).version(version).replayed(done.replayed))
}
