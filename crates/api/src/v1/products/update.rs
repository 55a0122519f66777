use actix_web::{patch, web};
use keyward_domain::permission::WriteProducts;
use keyward_domain::product::{Markdown, PullRoles};
use keyward_domain::{Name, Notes, ProductId, Template, Versions};
use keyward_engine::{Engine, ProductChange};
use keyward_web::fields::Nested;
use keyward_web::problem::Refused;
use keyward_web::{Answer, Command, Fields, Id, IfMatch, Problem, Request};

use super::settings::UpdateSettings;
use super::{FieldSchema, ProductView, PullRoleSchema, VersionSchema};

/// What is to be changed; what is absent stays.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct UpdateProduct {
    /// Unique among your products.
    #[schema(value_type = Option<String>)]
    name: Option<Name>,
    /// Internal; `null` removes it.
    #[schema(value_type = Option<String>)]
    description: Option<Option<Notes>>,
    /// What customers see: Markdown, up to 64 KiB. Raw HTML and images are shown as text.
    #[schema(value_type = Option<String>)]
    page: Option<Markdown>,
    /// The form of a key. Licenses that were issued keep what they were issued with.
    #[schema(value_type = Option<Vec<FieldSchema>>)]
    fields: Option<Template>,
    /// Which repositories its customers may pull from.
    #[schema(value_type = Option<Vec<PullRoleSchema>>)]
    pull_roles: Option<PullRoles>,
    /// Which versions may run; empty for any.
    #[schema(value_type = Option<Vec<VersionSchema>>)]
    versions: Option<Versions>,
    settings: Option<UpdateSettings>,
}

impl Request for UpdateProduct {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.optional("name");
        Some(Self { name, ..Self::read_rest(fields) })
    }
}

impl UpdateProduct {
    /// Everything but the name.
    pub(super) fn read_rest(fields: &mut Fields) -> Self {
        fields.immutable(&["slug"]);
        let description = fields.patch("description");
        let (page, template) = (fields.optional("page"), fields.optional("fields"));
        let (pull_roles, versions) = (fields.optional("pull_roles"), fields.optional("versions"));
        let settings: Option<Nested<UpdateSettings>> = fields.optional("settings");
        let settings = settings.map(|Nested(settings)| settings);
        Self { name: None, description, page, fields: template, pull_roles, versions, settings }
    }
}

impl From<UpdateProduct> for ProductChange {
    fn from(wanted: UpdateProduct) -> Self {
        Self {
            name: wanted.name,
            description: wanted.description,
            page: wanted.page,
            template: wanted.fields,
            pull_roles: wanted.pull_roles,
            versions: wanted.versions,
            settings: wanted.settings.unwrap_or_default().into(),
        }
    }
}

/// Change a product
#[utoipa::path(
    tag = "products",
    operation_id = "update_product",
    params(("id" = String, Path, format = Uuid), ("If-Match" = Option<String>, Header)),
    request_body = UpdateProduct,
    security(("management_token" = ["products:write"])),
    responses((status = 200, body = ProductView), Refused),
)]
#[patch("/api/v1/products/{id}")]
pub(crate) async fn update(
    command: Command<WriteProducts, UpdateProduct>,
    id: Id<ProductId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<ProductView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(ProductView::answer(engine.update_product(&access, id.0, body.into(), seen.0).await?))
}
