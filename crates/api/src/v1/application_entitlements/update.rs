use actix_web::{patch, web};
use keyward_domain::permission::WriteEntitlements;
use keyward_domain::{ApplicationEntitlementId, Notes};
use keyward_engine::{ApplicationGrantChange, Engine, VersionChoice};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::{EntitlementView, wanted};

/// What is to be changed; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
#[allow(dead_code, reason = "told apart in the document")]
pub(crate) struct UpdateApplicationEntitlement {
    /// `true` grants all versions, now and later.
    #[schema(value_type = Option<bool>)]
    all_versions: bool,
    /// The names of all versions that are granted from now on. None that was granted may be left out.
    #[schema(value_type = Option<Vec<String>>)]
    versions: Option<VersionChoice>,
    /// Internal: customers never see it; `null` removes it.
    #[schema(value_type = Option<String>)]
    note: Option<Option<Notes>>,
}

impl Request for UpdateApplicationEntitlement {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.immutable(&["customer_id", "application_id"]);
        let (versions, note) = (wanted(fields), fields.patch("note"));
        Some(Self { all_versions: versions == Some(VersionChoice::All), versions, note })
    }
}

/// Grant more versions, or change the note
///
/// A version that was granted cannot be taken back (`granted_version`). An entitlement to all versions can become one
/// to named versions if these are all that there are for the customer.
#[utoipa::path(
    tag = "application-entitlements",
    operation_id = "update_application_entitlement",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    request_body = UpdateApplicationEntitlement,
    security(("management_token" = ["entitlements:write"])),
    responses((status = 200, body = EntitlementView), Refused),
)]
#[patch("/api/v1/application-entitlements/{id}")]
pub(crate) async fn update(
    command: Command<WriteEntitlements, UpdateApplicationEntitlement>,
    id: Id<ApplicationEntitlementId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    let Command { access, body, .. } = command;
    let change = ApplicationGrantChange { versions: body.versions, note: body.note };
    Ok(EntitlementView::answer(engine.update_application_entitlement(&access, id.0, change, seen.0).await?))
}
