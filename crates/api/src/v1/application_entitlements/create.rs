use actix_web::{post, web};
use keyward_domain::permission::WriteEntitlements;
use keyward_domain::{ApplicationId, CustomerId, Notes};
use keyward_engine::{Engine, NewApplicationEntitlement, VersionChoice};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Problem, Request};

use serde_json::json;

use super::{EntitlementView, wanted};

/// An entitlement to be created. A customer has one for each application.
#[derive(Debug, utoipa::ToSchema)]
#[allow(dead_code, reason = "told apart in the document")]
pub(crate) struct CreateApplicationEntitlement {
    #[schema(value_type = String, format = Uuid)]
    customer_id: CustomerId,
    #[schema(value_type = String, format = Uuid)]
    application_id: ApplicationId,
    /// Whether all versions are granted, now and later.
    #[schema(value_type = Option<bool>, default = false)]
    all_versions: bool,
    /// The names of the versions that are granted, where not all are.
    #[schema(value_type = Option<Vec<String>>, example = json!(["1.4.2"]))]
    versions: VersionChoice,
    /// Internal: customers never see it.
    #[schema(value_type = Option<String>)]
    note: Option<Notes>,
}

impl Request for CreateApplicationEntitlement {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (customer_id, application_id) =
            (fields.required("customer_id"), fields.required("application_id"));
        let (versions, note) = (wanted(fields), fields.optional("note"));
        fields.relation(json!({
            "if": {"required": ["all_versions"], "properties": {"all_versions": {"const": true}}},
            "else": {"required": ["versions"], "properties": {"versions": {"type": "array", "minItems": 1}}},
        }));
        // Nothing named is refused by the rule that a grant names a version.
        let versions = versions.unwrap_or(VersionChoice::Named(Vec::new()));
        let all_versions = versions == VersionChoice::All;
        Some(Self {
            customer_id: customer_id?,
            application_id: application_id?,
            all_versions,
            versions,
            note,
        })
    }
}

/// Entitle a customer to versions of an application
///
/// What is granted stays granted for as long as the customer is there.
#[utoipa::path(
    tag = "application-entitlements",
    operation_id = "create_application_entitlement",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CreateApplicationEntitlement,
    security(("management_token" = ["entitlements:write"])),
    responses((status = 201, body = EntitlementView), Refused),
)]
#[post("/api/v1/application-entitlements")]
pub(crate) async fn create(
    command: Command<WriteEntitlements, CreateApplicationEntitlement>,
    engine: web::Data<Engine>,
) -> Result<Answer<EntitlementView>, Problem> {
    let Command { access, body, once } = command;
    let new = NewApplicationEntitlement {
        customer: body.customer_id,
        application: body.application_id,
        versions: body.versions,
        note: body.note,
    };
    let done = engine.create_application_entitlement(&access, new, once.as_ref()).await?;
    let entitlement = &done.value.entitlement;
    let location = format!("/api/v1/application-entitlements/{}", entitlement.id);
    let version = entitlement.version;
    Ok(Answer::created(location, done.value.into()).version(version).replayed(done.replayed))
}
