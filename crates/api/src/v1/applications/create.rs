use actix_web::{post, web};
use keyward_domain::permission::WriteApplications;
use keyward_domain::{ApplicationKind, Name, Notes};
use keyward_engine::{Engine, NewApplication};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};

use super::ApplicationView;

/// An application to be created.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct CreateApplication {
    /// Unique among your applications.
    #[schema(value_type = String, example = "Acme Server")]
    name: Name,
    /// `compose` or `helm`.
    #[schema(value_type = String, example = "compose")]
    kind: ApplicationKind,
    /// Shown to the customers who have it.
    #[schema(value_type = Option<String>)]
    description: Option<Notes>,
}

impl Request for CreateApplication {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, kind) = (fields.required("name"), fields.required("kind"));
        let description = fields.optional("description");
        Some(Self { name: name?, kind: kind?, description })
    }
}

/// Create an application
#[utoipa::path(
    tag = "applications",
    operation_id = "create_application",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateApplication,
    security(("management_token" = ["applications:write"])),
    responses((status = 201, body = ApplicationView), Refused),
)]
#[post("/api/v1/applications")]
pub(crate) async fn create(
    command: Command<WriteApplications, CreateApplication>,
    engine: web::Data<Engine>,
) -> Result<Answer<ApplicationView>, Problem> {
    let Command { access, body, once } = command;
    let new = NewApplication { name: body.name, kind: body.kind, description: body.description };
    let done = engine.create_application(&access, new, once.as_ref()).await?;
    let (version, location) = (done.value.version, format!("/api/v1/applications/{}", done.value.id));
    Ok(Answer::created(location, done.value.into()).version(version).replayed(done.replayed))
}
