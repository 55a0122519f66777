use actix_web::{get, put, web};
use keyward_domain::permission::{ReadEntitlements, WriteEntitlements};
use keyward_domain::registry::ArtifactPolicy;
use keyward_engine::Engine;
use keyward_web::{Answer, Caller, Command, Problem, request};
use serde::Serialize;

/// What customers without an entitlement may pull.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ArtifactPolicy)]
pub(crate) struct PolicyView {
    /// `open_until_first`: everything, until the first artifact entitlement is created. `entitled_only`: nothing.
    /// Example: "open_until_first"
    policy: ArtifactPolicy,
}

request! {
    /// What customers without an entitlement may pull.
    "ArtifactPolicy" for PolicyView {
        policy: required,
    }
}

/// Show what customers without an entitlement may pull
#[utoipa::path(tag = "artifact-entitlements", responses((status = 200, body = PolicyView)))]
#[get("/api/v1/artifact-policy")]
pub(crate) async fn show_artifact_policy(
    caller: Caller<ReadEntitlements>,
    engine: web::Data<Engine>,
) -> Result<Answer<PolicyView>, Problem> {
    Ok(Answer::ok(PolicyView { policy: engine.artifact_policy(&caller).await? }))
}

/// Set what customers without an entitlement may pull
///
/// `open_until_first` can be set only while nobody holds an artifact entitlement.
#[utoipa::path(tag = "artifact-entitlements", responses((status = 200, body = PolicyView)))]
#[put("/api/v1/artifact-policy")]
pub(crate) async fn set_artifact_policy(
    command: Command<WriteEntitlements, PolicyView>,
    engine: web::Data<Engine>,
) -> Result<Answer<PolicyView>, Problem> {
    let policy = engine.set_artifact_policy(&command.access, command.body.policy).await?;
    Ok(Answer::ok(PolicyView { policy }))
}
