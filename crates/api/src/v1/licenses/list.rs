use actix_web::{get, web};
use keyward_domain::permission::ReadLicenses;
use keyward_domain::{
    CustomerId, LicenseFilter, LicenseKey, LicenseOrder, LicenseStatus, OrderedRequest, ProductId,
};
use keyward_engine::Engine;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Caller, Fields, Problem, Query, Request};

use super::LicenseView;
use crate::v1::page::{PageQuery, PageView, in_order};

/// Which licenses are wanted.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LicenseQuery {
    /// Only of this customer.
    #[param(value_type = Option<String>, format = Uuid)]
    customer_id: Option<CustomerId>,
    /// Only those that no customer holds, if it is `true`.
    #[param(value_type = Option<bool>)]
    unscoped: Option<bool>,
    /// Only of this product.
    #[param(value_type = Option<String>, format = Uuid)]
    product_id: Option<ProductId>,
    /// Only the one with this key, however it was typed.
    #[param(value_type = Option<String>)]
    license_key: Option<LicenseKey>,
    /// Only with this status now: `active`, `not_yet_valid`, `expired`, `suspended` or `revoked`.
    #[param(value_type = Option<String>)]
    status: Option<LicenseStatus>,
    /// Only those whose name contains this text.
    q: Option<String>,
    /// In which order: `name`, `status`, `expires_at` or `created_at`, or with `-` before it the other way round. `-created_at` if absent.
    #[param(value_type = Option<String>)]
    sort: OrderedRequest<LicenseOrder>,
}

impl Request for LicenseQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (customer_id, status) = (fields.optional("customer_id"), fields.optional("status"));
        let (product_id, license_key) = (fields.optional("product_id"), fields.optional("license_key"));
        Some(Self {
            customer_id,
            unscoped: fields.optional("unscoped"),
            product_id,
            license_key,
            status,
            q: fields.optional("q"),
            sort: in_order(fields)?,
        })
    }
}

/// List licenses
#[utoipa::path(
    tag = "licenses",
    operation_id = "list_licenses",
    params(LicenseQuery, PageQuery),
    security(("management_token" = ["licenses:read"])),
    responses((status = 200, body = PageView<LicenseView>), Refused),
)]
#[get("/api/v1/licenses")]
pub(crate) async fn list(
    caller: Caller<ReadLicenses>,
    query: Query<LicenseQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<LicenseView>>, Problem> {
    let Query(LicenseQuery { customer_id, unscoped, product_id, license_key, status, q, sort }) = query;
    let filter = LicenseFilter {
        customer: customer_id,
        unscoped: unscoped.unwrap_or(false),
        product: product_id,
        key: license_key,
        status,
        name_contains: q,
    };
    let licenses = engine.licenses_in_order(&caller, &filter, &sort).await?;
    let now = engine.now();
    Ok(Answer::ok(PageView::in_order(licenses, |license| LicenseView::at(license, now))))
}
