use actix_web::{get, web};
use keyward_domain::permission::ReadEntitlements;
use keyward_domain::registry::{Ground, Reach};
use keyward_domain::{ArtifactId, CustomerId, LicenseId, PageRequest, RegistryId};
use keyward_engine::{Engine, EntitledArtifact, EntitledLicense};
use keyward_web::{Answer, Caller, Id, Problem, Query};
use serde::Serialize;

use crate::v1::page::PageView;

/// An artifact of which a customer can pull something now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PullableArtifact)]
pub(crate) struct PullableView {
    artifact_id: ArtifactId,
    registry_id: RegistryId,
    /// As clients type it.
    #[schema(example = "registry.example/acme/app")]
    image: String,
    /// Why it can be pulled.
    reasons: Vec<ReasonView>,
}

/// Why tags of an artifact can be pulled.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PullReason)]
pub(crate) struct ReasonView {
    /// The license to log in with.
    license_id: LicenseId,
    /// `pull_role` of the license's product, `entitlement` of the customer, or `open_policy`: until the first entitlement, all
    /// customers pull everything.
    #[schema(example = "entitlement")]
    ground: &'static str,
    /// `null` for all that are and will be.
    #[schema(example = json!(["1.4.2", "1.4.3"]))]
    tags: Option<Vec<String>>,
}

impl PullableView {
    fn of(registry: RegistryId, address: &str, own: EntitledArtifact) -> Self {
        Self {
            artifact_id: own.artifact.id,
            registry_id: registry,
            image: format!("{address}/{}", own.artifact.repository),
            reasons: own.licenses.iter().flat_map(reasons).collect(),
        }
    }
}

fn reasons(own: &EntitledLicense) -> impl Iterator<Item = ReasonView> {
    own.grounds.iter().map(|(ground, reach)| ReasonView {
        license_id: own.license.id,
        ground: match ground {
            Ground::Role => "pull_role",
            Ground::Entitlement => "entitlement",
            Ground::OpenPolicy => "open_policy",
        },
        tags: match reach {
            Reach::Everything => None,
            Reach::Tags(tags) => Some(tags.iter().map(ToString::to_string).collect()),
            Reach::Nothing => Some(Vec::new()),
        },
    })
}

/// List what a customer can pull
///
/// What the registries decide for the customer's licenses at this moment, with all reasons: pull roles, artifact entitlements and
/// the policy of your organization together.
#[utoipa::path(
    security(("management_token" = ["entitlements:read"])),
    responses((status = 200, body = PageView<PullableView>)),
)]
#[get("/api/v1/customers/{id}/artifacts")]
pub(crate) async fn list_pullable_artifacts(
    caller: Caller<ReadEntitlements>,
    id: Id<CustomerId>,
    page: Query<PageRequest>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<PullableView>>, Problem> {
    let pulls = engine.customer_pulls(&caller, id.0).await?;
    let own = engine.pullable(&pulls, page.0).await?;
    let next_cursor = own.next.map(|next| next.to_string());
    let items = own.registries.into_iter().flat_map(|one| {
        let (registry, address) = (one.registry.id, one.address);
        one.artifacts.into_iter().map(move |own| PullableView::of(registry, &address, own))
    });
    Ok(Answer::ok(PageView { items: items.collect(), next_cursor }))
}
