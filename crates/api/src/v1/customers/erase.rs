use actix_web::{HttpResponse, post, web};
use keyward_domain::CustomerId;
use keyward_domain::permission::WriteOwners;
use keyward_engine::{ConfirmedCaller, Engine};
use keyward_web::fields::Nothing;
use keyward_web::problem::Refused;
use keyward_web::{Command, Id, Problem};

/// Erase a customer's personal data
///
/// Name, address and notes are replaced by a pseudonym, in the audit log too; mails on their way are removed, and sessions
/// end. Their licenses stay as they are. What you have written elsewhere, such as names of licenses, is yours to change.
#[utoipa::path(
    tag = "customers",
    operation_id = "erase_customer",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["owners:write"])),
    responses((status = 204, description = "Erased"), Refused),
)]
#[post("/api/v1/customers/{id}/erase")]
pub(crate) async fn erase(
    command: Command<WriteOwners, Nothing>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Result<HttpResponse, Problem> {
    let access = command.access;
    engine.erase_customer(&access, &ConfirmedCaller::program(&access)?, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
