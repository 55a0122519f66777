use actix_web::{post, web};
use keyward_domain::permission::ReadEntitlements;
use keyward_domain::{CustomerId, Name};
use keyward_engine::{Engine, Preview};
use keyward_web::{Answer, Command, Problem};
use serde::Serialize;

use super::{GrantView, NewEntitlement};

/// What an entitlement would change.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EntitlementPreview)]
pub(crate) struct PreviewView {
    /// Whether it is the first, which closes the registries to all who have none.
    closes: bool,
    /// Customers with a license who can pull everything now and nothing then: up to 200.
    lose: Vec<LoserView>,
    /// Whether there are more of them.
    more: bool,
    /// What the customer would hold.
    grants: Vec<GrantView>,
}

/// A customer who would lose access.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LosingCustomer)]
pub(crate) struct LoserView {
    customer_id: CustomerId,
    name: Name,
}

impl From<Preview> for PreviewView {
    fn from(change: Preview) -> Self {
        let lose = change.lose.into_iter();
        Self {
            closes: change.closes,
            lose: lose.map(|customer| LoserView { customer_id: customer.id, name: customer.name }).collect(),
            more: change.more,
            grants: change.grants.into_iter().map(GrantView::from).collect(),
        }
    }
}

/// See what an entitlement would change
///
/// Takes what creation takes, and changes nothing.
#[utoipa::path(
    security(("management_token" = ["entitlements:read"])),
    responses((status = 200, body = PreviewView)),
)]
#[post("/api/v1/artifact-entitlements/preview")]
pub(crate) async fn preview_artifact_entitlement(
    command: Command<ReadEntitlements, NewEntitlement>,
    engine: web::Data<Engine>,
) -> Result<Answer<PreviewView>, Problem> {
    let change = engine.preview_artifact_entitlement(&command.access, &command.body).await?;
    Ok(Answer::ok(change.into()))
}
