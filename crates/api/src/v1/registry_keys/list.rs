use actix_web::{get, web};
use keyward_domain::RegistryId;
use keyward_domain::permission::ReadRegistries;
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::RegistryKeyView;
use crate::v1::page::{PageQuery, PageView};

/// Which keys are wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyQuery {
    /// Of this registry only.
    #[param(value_type = Option<String>, format = Uuid)]
    registry_id: Option<RegistryId>,
    #[param(ignore)]
    page: PageQuery,
}

impl Request for KeyQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { registry_id: fields.optional("registry_id"), page: PageQuery::read(fields)? })
    }
}

/// List registry keys, the revoked ones too
#[utoipa::path(
    tag = "registry-keys",
    operation_id = "list_registry_keys",
    params(KeyQuery, PageQuery),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = PageView<RegistryKeyView>), Refused),
)]
#[get("/api/v1/registry-keys")]
pub(crate) async fn list(
    caller: Caller<ReadRegistries>,
    query: Query<KeyQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<RegistryKeyView>>, Problem> {
    let keys = engine.registry_keys(&caller, query.0.registry_id, query.0.page.request()).await?;
    Ok(Answer::ok(PageView::of(keys, RegistryKeyView::from)))
}
