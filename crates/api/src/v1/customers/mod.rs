//! Customers.

mod artifacts;
pub(crate) mod users;

use actix_web::{HttpResponse, delete, get, patch, post, web};
use keyward_domain::permission::{ReadCustomers, WriteCustomers, WriteOwners};
use keyward_domain::{
    AddressRange, Customer, CustomerId, CustomerOrder, Email, Name, Notes, OrderedRequest, PageRequest,
    Timestamp,
};
use keyward_engine::{ConfirmedCaller, CustomerChange, Engine, NewCustomer};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Once, Problem, Query, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_customer)
        .body::<NewCustomer>()
        .service(list_customers)
        .query::<CustomerQuery>()
        .service(show_customer)
        .service(update_customer)
        .body::<CustomerChange>()
        .service(delete_customer)
        .service(artifacts::list_pullable_artifacts)
        .query::<PageRequest>()
        .service(erase_customer);
    users::routes(routes);
}

/// A company or person you sell to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Customer)]
pub(crate) struct CustomerView {
    id: CustomerId,
    /// Example: "Example Inc."
    name: Name,
    /// Example: "it@example.com"
    email: Email,
    /// Internal: customers never see them.
    notes: Option<Notes>,
    /// Addresses and networks refused for all that this customer holds.
    blocked_addresses: Vec<AddressRange>,
    created_at: Timestamp,
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
    /// As others see it.
    pub(crate) fn without_notes(self) -> Self {
        Self { notes: None, ..self }
    }
}

/// Create a customer
#[utoipa::path(params(Once), responses((status = 201, body = CustomerView)))]
#[post("/api/v1/customers")]
pub(crate) async fn create_customer(
    command: Command<WriteCustomers, NewCustomer>,
    engine: web::Data<Engine>,
) -> Result<Answer<CustomerView>, Problem> {
    let Command { access, body, once } = command;
    let done = engine.create_customer(&access, body, once.as_ref()).await?;
    Ok(Answer::made(format!("/api/v1/customers/{}", done.value.id), done))
}

/// Which customers are wanted.
#[derive(Debug)]
pub(crate) struct CustomerQuery {
    q: Option<String>,
    sort: OrderedRequest<CustomerOrder>,
}

request! {
    for CustomerQuery {
        /// Only those whose name or address contains this text.
        q: optional,
        ..sort: OrderedRequest<CustomerOrder> =
            "In which order: `name`, `email` or `created_at`, or with `-` before it the other way round. `-created_at` if absent.",
    }
}

/// List customers
#[utoipa::path(responses((status = 200, body = PageView<CustomerView>)))]
#[get("/api/v1/customers")]
pub(crate) async fn list_customers(
    caller: Caller<ReadCustomers>,
    query: Query<CustomerQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<CustomerView>>, Problem> {
    let Query(CustomerQuery { q, sort }) = query;
    let customers = engine.customers_in_order(&caller, q.as_deref(), &sort).await?;
    Ok(Answer::ok(PageView::in_order(customers, CustomerView::from)))
}

/// Show a customer
#[utoipa::path(responses((status = 200, body = CustomerView)))]
#[get("/api/v1/customers/{id}")]
pub(crate) async fn show_customer(
    caller: Caller<ReadCustomers>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Result<Answer<CustomerView>, Problem> {
    Ok(Answer::of(engine.customer(&caller, id.0).await?))
}

/// Change a customer's name, address, notes or block list
#[utoipa::path(params(IfMatch), responses((status = 200, body = CustomerView)))]
#[patch("/api/v1/customers/{id}")]
pub(crate) async fn update_customer(
    command: Command<WriteCustomers, CustomerChange>,
    id: Id<CustomerId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<CustomerView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(Answer::of(engine.update_customer(&access, id.0, body, seen.0).await?))
}

/// Delete a customer
///
/// All licenses of the customer are revoked, and its users removed, at once.
#[utoipa::path(params(IfMatch), responses((status = 204, description = "Deleted")))]
#[delete("/api/v1/customers/{id}")]
pub(crate) async fn delete_customer(
    caller: Caller<WriteCustomers>,
    id: Id<CustomerId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_customer(&caller, id.0, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Erase a customer's personal data
///
/// Name, address and notes are replaced by a pseudonym, in the audit log too; mails on their way are removed, and so are the
/// customer's users, likewise; sessions end. Their licenses stay as they are. What you have written elsewhere, such as names of licenses, is yours to change.
#[utoipa::path(
    security(("management_token" = ["owners:write"])),
    responses((status = 204, description = "Erased")),
)]
#[post("/api/v1/customers/{id}/erase")]
pub(crate) async fn erase_customer(
    command: Command<WriteOwners, Nothing>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let access = command.access;
    engine.erase_customer(&access, &ConfirmedCaller::program(&access)?, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
