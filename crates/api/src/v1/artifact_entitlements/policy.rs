use actix_web::{get, put, web};
use keyward_domain::permission::{ReadEntitlements, WriteEntitlements};
use keyward_domain::registry::ArtifactPolicy;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Command, Fields, Problem, Request};
use serde::Serialize;

/// What customers without an entitlement may pull.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ArtifactPolicy)]
pub(crate) struct PolicyView {
    /// `open_until_first`: everything, until the first artifact entitlement is created. `entitled_only`: nothing.
    #[schema(value_type = String, example = "open_until_first")]
    policy: ArtifactPolicy,
}

impl Request for PolicyView {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { policy: fields.required("policy")? })
    }
}

/// Show what customers without an entitlement may pull
#[utoipa::path(
    tag = "artifact-entitlements",
    operation_id = "show_artifact_policy",
    security(("management_token" = ["entitlements:read"])),
    responses((status = 200, body = PolicyView), Refused),
)]
#[get("/api/v1/artifact-policy")]
pub(crate) async fn show(
    caller: Caller<ReadEntitlements>,
    engine: web::Data<Engine>,
) -> Result<Answer<PolicyView>, Problem> {
    Ok(Answer::ok(PolicyView { policy: engine.artifact_policy(&caller).await? }))
}

/// Set what customers without an entitlement may pull
///
/// `open_until_first` can be set only while nobody holds an artifact entitlement.
#[utoipa::path(
    tag = "artifact-entitlements",
    operation_id = "set_artifact_policy",
    request_body = PolicyView,
    security(("management_token" = ["entitlements:write"])),
    responses((status = 200, body = PolicyView), Refused),
)]
#[put("/api/v1/artifact-policy")]
pub(crate) async fn set(
    command: Command<WriteEntitlements, PolicyView>,
    engine: web::Data<Engine>,
) -> Result<Answer<PolicyView>, Problem> {
    let policy = engine.set_artifact_policy(&command.access, command.body.policy).await?;
    Ok(Answer::ok(PolicyView { policy }))
}
