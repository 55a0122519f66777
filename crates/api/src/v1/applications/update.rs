use actix_web::{patch, web};
use keyward_domain::permission::WriteApplications;
use keyward_domain::{ApplicationId, Name, Notes};
use keyward_engine::{ApplicationChange, Engine};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::ApplicationView;

/// What is to be changed; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateApplication {
    /// Unique among your applications.
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    /// Shown to the customers who have it; `null` removes it.
    #[schema(value_type = Option<String>)]
    description: Option<Option<Notes>>,
}

impl Request for UpdateApplication {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.immutable(&["slug", "kind"]);
        Some(Self { name: fields.optional("name"), description: fields.patch("description") })
    }
}

/// Change an application
#[utoipa::path(
    tag = "applications",
    operation_id = "update_application",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    request_body = UpdateApplication,
    security(("management_token" = ["applications:write"])),
    responses((status = 200, body = ApplicationView), Refused),
)]
#[patch("/api/v1/applications/{id}")]
pub(crate) async fn update(
    command: Command<WriteApplications, UpdateApplication>,
    id: Id<ApplicationId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<ApplicationView>, Problem> {
    let Command { access, body, .. } = command;
    let change = ApplicationChange { name: body.name, description: body.description };
    Ok(ApplicationView::answer(engine.update_application(&access, id.0, change, seen.0).await?))
}
