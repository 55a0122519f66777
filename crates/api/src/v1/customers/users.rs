//! The users of a customer.

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use keyward_domain::permission::{ReadCustomers, WriteCustomers, WriteOwners};
use keyward_domain::{
    CustomerId, CustomerRole, CustomerUser, CustomerUserId, CustomerUserRef, CustomerUserStatus, Email, Name,
    PageRequest, Timestamp,
};
use keyward_engine::{ConfirmedCaller, CustomerUserChange, Engine, NewCustomerUser};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Once, Problem, Query, part};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(invite_customer_user)
        .body::<NewCustomerUser>()
        .service(list_customer_users)
        .query::<PageRequest>()
        .service(show_customer_user)
        .service(update_customer_user)
        .body::<CustomerUserChange>()
        .service(delete_customer_user)
        .service(invite_customer_user_again)
        .service(reset_customer_second_factor)
        .service(erase_customer_user);
}

/// A person of a customer, who signs in to the customer portal.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = CustomerUser)]
pub(crate) struct CustomerUserView {
    id: CustomerUserId,
    customer_id: CustomerId,
    /// Example: "ada@example.com"
    email: Email,
    /// Example: "Ada"
    name: Name,
    /// `admin` or `viewer`.
    /// Example: "admin"
    role: CustomerRole,
    /// `invited` until the invitation is accepted, then `active`.
    /// Example: "active"
    status: CustomerUserStatus,
    /// When the invitation was accepted. The user of the customer's contact address needs none.
    joined_at: Option<Timestamp>,
    /// When the person last signed in.
    last_signed_in_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl From<CustomerUser> for CustomerUserView {
    fn from(user: CustomerUser) -> Self {
        Self {
            status: user.status(),
            id: user.id,
            customer_id: user.customer,
            email: user.email,
            name: user.name,
            role: user.role,
            joined_at: user.joined_at,
            last_signed_in_at: user.signed_in_at,
            created_at: user.created_at,
            updated_at: user.updated_at,
            version: user.version,
        }
    }
}

fn reference(id: Id<CustomerId>, at: &HttpRequest) -> Result<CustomerUserRef, Problem> {
    Ok(CustomerUserRef { customer: id.0, user: part(at, "user_id")? })
}

/// Invite a user of a customer
///
/// By mail, with a link that can be opened once, within 7 days. Who has not accepted after 30 days is removed.
#[utoipa::path(params(Once), responses((status = 201, body = CustomerUserView)))]
#[post("/api/v1/customers/{id}/users")]
pub(crate) async fn invite_customer_user(
    command: Command<WriteCustomers, NewCustomerUser>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Result<Answer<CustomerUserView>, Problem> {
    let Command { access, body, once } = command;
    let done = engine.invite_customer_user(&access, id.0, body, once.as_ref()).await?;
    Ok(Answer::made(format!("/api/v1/customers/{}/users/{}", id.0, done.value.id), done))
}

/// List a customer's users
#[utoipa::path(responses((status = 200, body = PageView<CustomerUserView>)))]
#[get("/api/v1/customers/{id}/users")]
pub(crate) async fn list_customer_users(
    caller: Caller<ReadCustomers>,
    id: Id<CustomerId>,
    page: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<CustomerUserView>>, Problem> {
    let users = engine.customer_users(&caller, id.0, page.0).await?;
    Ok(Answer::ok(PageView::of(users, CustomerUserView::from)))
}

/// Show a user of a customer
#[utoipa::path(responses((status = 200, body = CustomerUserView)))]
#[get("/api/v1/customers/{id}/users/{user_id}")]
pub(crate) async fn show_customer_user(
    caller: Caller<ReadCustomers>,
    id: Id<CustomerId>,
    at: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<Answer<CustomerUserView>, Problem> {
    Ok(Answer::of(engine.customer_user(&caller, reference(id, &at)?).await?))
}

/// Change the name or role of a customer's user
///
/// It holds from the person's very next request on. You can leave a customer without an admin; its own admins can't.
#[utoipa::path(params(IfMatch), responses((status = 200, body = CustomerUserView)))]
#[patch("/api/v1/customers/{id}/users/{user_id}")]
pub(crate) async fn update_customer_user(
    command: Command<WriteCustomers, CustomerUserChange>,
    id: Id<CustomerId>,
    at: HttpRequest,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<CustomerUserView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(Answer::of(engine.update_customer_user(&access, reference(id, &at)?, body, seen.0).await?))
}

/// Remove a user of a customer
///
/// Their sessions end at once. Licenses and what else the customer holds stay as they are.
#[utoipa::path(params(IfMatch), responses((status = 204, description = "Removed")))]
#[delete("/api/v1/customers/{id}/users/{user_id}")]
pub(crate) async fn delete_customer_user(
    caller: Caller<WriteCustomers>,
    id: Id<CustomerId>,
    at: HttpRequest,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.delete_customer_user(&caller, reference(id, &at)?, seen.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Invite a user of a customer again
///
/// Links sent before are withdrawn. Refused with `invalid_transition` once the invitation is accepted.
#[utoipa::path(responses((status = 204, description = "The mail is on its way")))]
#[post("/api/v1/customers/{id}/users/{user_id}/invite")]
pub(crate) async fn invite_customer_user_again(
    command: Command<WriteCustomers, Nothing>,
    id: Id<CustomerId>,
    at: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.invite_customer_user_again(&command.access, reference(id, &at)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Remove the second factor of a customer's user
///
/// For a person who has lost the authenticator app and the recovery codes. Their sessions end. Refused with
/// `invalid_transition` where there is no second factor.
#[utoipa::path(responses((status = 204, description = "Removed")))]
#[post("/api/v1/customers/{id}/users/{user_id}/reset-second-factor")]
pub(crate) async fn reset_customer_second_factor(
    command: Command<WriteCustomers, Nothing>,
    id: Id<CustomerId>,
    at: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    engine.reset_customer_second_factor(&command.access, reference(id, &at)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Erase a user of a customer
///
/// The user is removed, and name and address are replaced by a pseudonym in the audit log.
#[utoipa::path(
    security(("management_token" = ["owners:write"])),
    responses((status = 204, description = "Erased")),
)]
#[post("/api/v1/customers/{id}/users/{user_id}/erase")]
pub(crate) async fn erase_customer_user(
    command: Command<WriteOwners, Nothing>,
    id: Id<CustomerId>,
    at: HttpRequest,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let access = command.access;
    engine.erase_customer_user(&access, &ConfirmedCaller::program(&access)?, reference(id, &at)?).await?;
    Ok(HttpResponse::NoContent().finish())
}
