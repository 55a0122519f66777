use actix_web::{patch, web};
use keyward_domain::permission::WriteCustomers;
use keyward_domain::{BlockList, CustomerId, Email, Name, Notes};
use keyward_engine::{CustomerChange, Engine};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::CustomerView;

/// What is to be changed; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateCustomer {
    /// Customer or organization name.
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    /// Contact address.
    #[schema(value_type = Option<String>, format = Email)]
    email: Option<Email>,
    /// Internal notes; `null` removes them.
    #[schema(value_type = Option<String>)]
    notes: Option<Option<Notes>>,
    /// Addresses and networks refused for all that this customer holds; up to 1,000.
    #[schema(value_type = Option<Vec<String>>, example = json!(["192.0.2.0/24"]))]
    blocked_addresses: Option<BlockList>,
}

impl Request for UpdateCustomer {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, email) = (fields.optional("name"), fields.optional("email"));
        let (notes, blocked_addresses) = (fields.patch("notes"), fields.optional("blocked_addresses"));
        Some(Self { name, email, notes, blocked_addresses })
    }
}

/// Change a customer's name, address, notes or block list
#[utoipa::path(
    tag = "customers",
    operation_id = "update_customer",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    request_body = UpdateCustomer,
    security(("management_token" = ["customers:write"])),
    responses((status = 200, body = CustomerView), Refused),
)]
#[patch("/api/v1/customers/{id}")]
pub(crate) async fn update(
    command: Command<WriteCustomers, UpdateCustomer>,
    id: Id<CustomerId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<CustomerView>, Problem> {
    let Command { access, body, .. } = command;
    let change = CustomerChange {
        name: body.name,
        email: body.email,
        notes: body.notes,
        blocked: body.blocked_addresses,
    };
    Ok(CustomerView::answer(engine.update_customer(&access, id.0, change, seen.0).await?))
}
