//! Artifact entitlements: what customers may pull.

mod create;
mod delete;
mod list;
mod policy;
mod preview;
mod show;
mod update;

use std::collections::BTreeSet;

use crate::routes::Routes;
use keyward_domain::registry::{ArtifactEntitlement, ArtifactGrant, Tag, TagGrant};
use keyward_domain::{ArtifactEntitlementId, ArtifactId, CustomerId, Invalid, Notes, Timestamp};
use keyward_engine::{MOST_GRANTS, NewGrant, TagChoice};
use keyward_web::fields::{Field, FromField, Nested};
use keyward_web::{Answer, Fields, Request};
use serde::Serialize;
use serde_json::{Value, json};

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateEntitlement>()
        .service(preview::preview)
        .service(policy::show)
        .service(policy::set)
        .body::<policy::PolicyView>()
        .service(list::list)
        .query::<list::EntitlementQuery>("list_artifact_entitlements")
        .service(show::show)
        .service(update::update)
        .body::<update::UpdateEntitlement>()
        .service(delete::delete);
}

/// What a customer may pull.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ArtifactEntitlement)]
pub(crate) struct EntitlementView {
    #[schema(value_type = String, format = Uuid)]
    id: ArtifactEntitlementId,
    #[schema(value_type = String, format = Uuid)]
    customer_id: CustomerId,
    /// For your own reference.
    #[schema(value_type = Option<String>)]
    description: Option<Notes>,
    grants: Vec<GrantView>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: i64,
}

/// The tags of one artifact that are granted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ArtifactGrant)]
pub(crate) struct GrantView {
    #[schema(value_type = String, format = Uuid)]
    artifact_id: ArtifactId,
    /// `named`: these tags. `current`: those there were when it was granted. `all`: those there are and will be.
    #[schema(example = "named")]
    mode: &'static str,
    /// `null` for all.
    #[schema(example = json!(["1.4.2", "1.4.3"]))]
    tags: Option<Vec<String>>,
}

impl From<ArtifactGrant> for GrantView {
    fn from(grant: ArtifactGrant) -> Self {
        Self {
            artifact_id: grant.artifact,
            mode: grant.tags.mode(),
            tags: grant.tags.tags().map(|tags| tags.iter().map(ToString::to_string).collect()),
        }
    }
}

impl From<ArtifactEntitlement> for EntitlementView {
    fn from(entitlement: ArtifactEntitlement) -> Self {
        Self {
            id: entitlement.id,
            customer_id: entitlement.customer,
            description: entitlement.description,
            grants: entitlement.grants.into_iter().map(GrantView::from).collect(),
            created_at: entitlement.created_at,
            updated_at: entitlement.updated_at,
            version: entitlement.version,
        }
    }
}

impl EntitlementView {
    fn answer(entitlement: ArtifactEntitlement) -> Answer<Self> {
        let version = entitlement.version;
        Answer::ok(entitlement.into()).version(version)
    }
}

/// What is to be granted of one artifact.
#[derive(Debug, Clone, utoipa::ToSchema)]
pub(crate) struct GrantInput {
    #[schema(value_type = String, format = Uuid)]
    artifact_id: ArtifactId,
    /// `named`: the tags that `tags` names. `current`: all there are now. `all`: all there are and will be.
    #[schema(example = "named")]
    mode: &'static str,
    /// With `named`.
    #[schema(value_type = Option<Vec<String>>, example = json!(["1.4.2"]))]
    tags: Option<BTreeSet<Tag>>,
}

impl Request for GrantInput {
    fn read(fields: &mut Fields) -> Option<Self> {
        let artifact_id = fields.required("artifact_id");
        let mode = fields.required_one_of("mode", "unknown_mode", &["named", "current", "all"]);
        let tags: Option<BTreeSet<Tag>> = fields.optional("tags");
        match mode {
            Some("named") if !fields.is_given("tags") => fields.missing("tags", "is required with named"),
            Some("current" | "all") if fields.is_given("tags") => {
                fields.fault("tags", Invalid::new("not_used", "is for named alone"));
            }
            _ => {}
        }
        fields.relation(json!({
            "if": {"properties": {"mode": {"const": "named"}}},
            "then": {"required": ["tags"], "properties": {"tags": {"type": "array", "minItems": 1, "maxItems": TagGrant::MOST}}},
            "else": {"properties": {"tags": {"type": "null"}}},
        }));
        Some(Self { artifact_id: artifact_id?, mode: mode?, tags })
    }
}

impl From<GrantInput> for NewGrant {
    fn from(input: GrantInput) -> Self {
        let tags = match (input.mode, input.tags) {
            ("all", _) => TagChoice::All,
            ("current", _) => TagChoice::Current,
            (_, tags) => TagChoice::Named(tags.unwrap_or_default()),
        };
        Self { artifact: input.artifact_id, tags }
    }
}

/// The grants of a request.
struct Grants(Vec<NewGrant>);

impl FromField for Grants {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let given: Vec<Nested<GrantInput>> = Vec::from_field(field)?;
        if given.is_empty() || given.len() > MOST_GRANTS {
            let message = format!("must name 1 to {MOST_GRANTS} artifacts");
            return Err(vec![Invalid::new("wrong_count", message)]);
        }
        Ok(Self(given.into_iter().map(|Nested(grant)| grant.into()).collect()))
    }

    fn schema() -> Value {
        json!({"type": "array", "items": Nested::<GrantInput>::schema(), "minItems": 1, "maxItems": MOST_GRANTS})
    }
}
