//! Customers.

mod artifacts;
mod create;
mod delete;
mod erase;
mod list;
mod show;
mod update;

use crate::routes::Routes;
use crate::v1::page::PageQuery;
use keyward_domain::{AddressRange, Customer, CustomerId, Email, Name, Notes, Timestamp};
use keyward_web::Answer;
use serde::Serialize;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateCustomer>()
        .service(list::list)
        .query::<list::CustomerQuery>("list_customers")
        .service(show::show)
        .service(update::update)
        .body::<update::UpdateCustomer>()
        .service(delete::delete)
        .service(artifacts::artifacts)
        .query::<PageQuery>("list_pullable_artifacts")
        .service(erase::erase);
}

/// A company or person you sell to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Customer)]
pub(crate) struct CustomerView {
    #[schema(value_type = String, format = Uuid)]
    id: CustomerId,
    #[schema(value_type = String, example = "Example Inc.")]
    name: Name,
    #[schema(value_type = String, format = Email, example = "it@example.com")]
    email: Email,
    /// Internal: customers never see them.
    #[schema(value_type = Option<String>)]
    notes: Option<Notes>,
    /// Addresses and networks refused for all that this customer holds.
    #[schema(value_type = Vec<String>)]
    blocked_addresses: Vec<AddressRange>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: i64,
}

impl From<Customer> for CustomerView {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id,
            name: customer.name,
            email: customer.email,
            notes: customer.notes,
            blocked_addresses: customer.blocked.ranges().to_vec(),
            created_at: customer.created_at,
            updated_at: customer.updated_at,
            version: customer.version,
        }
    }
}

impl CustomerView {
    fn answer(customer: Customer) -> Answer<Self> {
        let version = customer.version;
        Answer::ok(customer.into()).version(version)
    }
}
