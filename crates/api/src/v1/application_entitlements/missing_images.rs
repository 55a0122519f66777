use actix_web::{get, web};
use keyward_domain::permission::ReadEntitlements;
use keyward_domain::{ApplicationEntitlementId, VersionName};
use keyward_engine::{Engine, MOST_LOOKED_AT, Missing, MissingImage};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Id, Problem};
use serde::Serialize;

use crate::v1::page::PageView;

/// An image of a granted version that the customer can't pull.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MissingImage)]
pub(crate) struct MissingView {
    #[schema(value_type = String, example = "2.1.0")]
    version: VersionName,
    /// As the version's files name it.
    #[schema(example = "registry.example/acme/app:2.1.0")]
    image: String,
    /// `no_license`: no license of the customer is in force. `not_covered`: neither a pull role nor an artifact entitlement opens the
    /// repository. `other_tags`: the artifact entitlements are to other tags.
    #[schema(example = "not_covered")]
    reason: &'static str,
}

impl From<MissingImage> for MissingView {
    fn from(missing: MissingImage) -> Self {
        Self {
            version: missing.version,
            image: missing.image.to_string(),
            reason: match missing.why {
                Missing::NoLicense => "no_license",
                Missing::Repository => "not_covered",
                Missing::Tag => "other_tags",
            },
        }
    }
}

/// List the images that an entitled customer can't pull
///
/// Of the first 20 granted versions: the images of Compose services and the OCI chart, as far as they are in one of your registries.
#[utoipa::path(
    tag = "application-entitlements",
    operation_id = "list_missing_images",
    params(("id" = String, Path, format = Uuid)),
    security(("management_token" = ["entitlements:read"])),
    responses((status = 200, body = PageView<MissingView>), Refused),
)]
#[get("/api/v1/application-entitlements/{id}/missing-images")]
pub(crate) async fn missing_images(
    caller: Caller<ReadEntitlements>,
    id: Id<ApplicationEntitlementId>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<MissingView>>, Problem> {
    let grant = engine.application_entitlement(&caller, id.0).await?;
    let pulls = engine.customer_pulls(&caller, grant.customer.id).await?;
    let missing = engine.missing_images(&pulls, &grant, MOST_LOOKED_AT).await?;
    Ok(Answer::ok(PageView {
        items: missing.into_iter().map(MissingView::from).collect(),
        next_cursor: None,
    }))
}
