use actix_web::{get, web};
use keyward_domain::permission::ReadRegistries;
use keyward_domain::{AlertStatus, RegistryId, RegistryKeyId};
use keyward_engine::{AlertFilter, Engine};
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::AlertView;
use crate::v1::page::{PageQuery, PageView};

/// Which alerts are wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertQuery {
    /// `open` or `acknowledged`; absent for both.
    #[param(value_type = Option<String>)]
    state: Option<AlertStatus>,
    /// Of this registry only.
    #[param(value_type = Option<String>, format = Uuid)]
    registry_id: Option<RegistryId>,
    /// Of this registry key only.
    #[param(value_type = Option<String>, format = Uuid)]
    registry_key_id: Option<RegistryKeyId>,
    #[param(ignore)]
    page: PageQuery,
}

impl Request for AlertQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            state: fields.optional("state"),
            registry_id: fields.optional("registry_id"),
            registry_key_id: fields.optional("registry_key_id"),
            page: PageQuery::read(fields)?,
        })
    }
}

/// List what was unusual at the registries
///
/// Each kind is told once a day for each key or license, and unexpected places once for each network. The first of
/// a kind is mailed to owners and admins if that is set.
#[utoipa::path(
    tag = "alerts",
    operation_id = "list_alerts",
    params(AlertQuery, PageQuery),
    security(("management_token" = ["registries:read"])),
    responses((status = 200, body = PageView<AlertView>), Refused),
)]
#[get("/api/v1/alerts")]
pub(crate) async fn list(
    caller: Caller<ReadRegistries>,
    query: Query<AlertQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<AlertView>>, Problem> {
    let AlertQuery { state, registry_id, registry_key_id, page } = query.0;
    let filter = AlertFilter { status: state, registry: registry_id, key: registry_key_id };
    let alerts = engine.alerts(&caller, filter, page.request()).await?;
    Ok(Answer::ok(PageView::of(alerts, AlertView::from)))
}
