//! Products.

mod archive;
mod create;
mod disable;
mod enable;
mod keys;
mod list;
mod page;
mod rotate_key;
mod settings;
mod show;
mod unarchive;
mod update;
mod usage;

use crate::routes::Routes;
use keyward_domain::product::{Markdown, PullRoles};
use keyward_domain::{FieldDraft, Name, Notes, Product, ProductId, ProductState, Slug, Timestamp};
use keyward_engine::{Done, KeyedProduct};
use keyward_web::Answer;
use serde::Serialize;

use settings::SettingsView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create::create)
        .body::<create::CreateProduct>()
        .service(list::list)
        .query::<list::ProductQuery>("list_products")
        .service(show::show)
        .service(update::update)
        .body::<update::UpdateProduct>()
        .service(rotate_key::rotate_key)
        .body::<crate::v1::overlap::Overlap>()
        .service(archive::archive)
        .service(unarchive::unarchive)
        .service(disable::disable)
        .service(enable::enable)
        .service(page::page)
        .service(usage::usage)
        .query::<usage::UsageQuery>("product_usage")
        .service(keys::create)
        .body::<keys::CreateKey>();
}

/// One software offering.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Product)]
pub(crate) struct ProductView {
    #[schema(value_type = String, format = Uuid)]
    id: ProductId,
    #[schema(value_type = String, example = "Acme Server")]
    name: Name,
    /// Never changes.
    #[schema(value_type = String, example = "acme-server")]
    slug: Slug,
    /// Internal: customers never see it.
    #[schema(value_type = Option<String>)]
    description: Option<Notes>,
    /// What customers see, in Markdown.
    #[schema(value_type = String)]
    page: Markdown,
    /// The form of a key, in its order.
    #[schema(value_type = Vec<FieldSchema>)]
    fields: Vec<FieldDraft>,
    /// Which repositories its customers may pull from.
    #[schema(value_type = Vec<PullRoleSchema>)]
    pull_roles: PullRoles,
    /// Which versions may run; empty for any.
    versions: Vec<VersionSchema>,
    settings: SettingsView,
    /// `active`, `archived` or `disabled`.
    #[schema(example = "active")]
    state: &'static str,
    #[schema(value_type = Option<String>, format = DateTime)]
    archived_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Timestamp>,
    api_key: ApiKeyView,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: i64,
}

/// What is known of the product API key after it was shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct ApiKeyView {
    /// Its first characters.
    #[schema(example = "kw_prod_3f9A")]
    hint: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Until when the key before it lives on.
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_until: Option<Timestamp>,
}

/// One field of a product's keys.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = Field)]
#[allow(dead_code, reason = "read by the derive alone")]
pub(crate) struct FieldSchema {
    /// The claim it becomes: 1 to 64 of A-Z, a-z, 0-9 and _.
    #[schema(example = "seats")]
    name: String,
    /// As shown on the form; the name where absent.
    label: Option<String>,
    /// `text`, `textarea`, `email`, `number`, `select`, `checkbox` or `date`.
    #[schema(example = "number")]
    r#type: String,
    /// Whether a key needs a value.
    required: Option<bool>,
    /// Whether the value may differ from the default; `true` where absent.
    editable: Option<bool>,
    /// Whether customers don't see it.
    hidden: Option<bool>,
    /// The value where none is given.
    default: Option<serde_json::Value>,
    /// For `select`: what may be chosen.
    choices: Option<Vec<String>>,
}

/// A named set of repositories.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = PullRole)]
#[allow(dead_code, reason = "read by the derive alone")]
pub(crate) struct PullRoleSchema {
    /// As tokens carry it.
    #[schema(example = "runtime")]
    name: String,
    /// Repository names in which `*` stands for any text.
    #[schema(example = json!(["acme/server", "acme/plugins-*"]))]
    repositories: Vec<String>,
}

/// One entry of a version list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ListedVersion)]
pub(crate) struct VersionSchema {
    /// A version, or all that share its first parts.
    #[schema(example = "2.1.x")]
    version: String,
    /// `allowed`, `deprecated`, `latest` or `blocked`.
    #[schema(example = "allowed")]
    state: String,
}

/// A product with the API key that is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct KeyedProductView {
    #[serde(flatten)]
    product: ProductView,
    /// The product API key. It is shown now and never again.
    #[schema(example = "kw_prod_…")]
    secret: String,
}

impl From<Product> for ProductView {
    fn from(product: Product) -> Self {
        let (archived_at, disabled_at) = match product.state {
            ProductState::Active => (None, None),
            ProductState::Archived { since } => (Some(since), None),
            ProductState::Disabled { since } => (None, Some(since)),
        };
        let listed =
            |(pattern, standing): &(keyward_domain::version::Pattern, keyward_domain::version::Standing)| {
                VersionSchema { version: pattern.as_str().to_owned(), state: standing.as_str().to_owned() }
            };
        Self {
            id: product.id,
            name: product.name,
            slug: product.slug,
            description: product.description,
            page: product.page,
            fields: product.template.drafts(),
            pull_roles: product.pull_roles,
            versions: product.versions.entries().iter().map(listed).collect(),
            settings: product.settings.into(),
            state: product.state.as_str(),
            archived_at,
            disabled_at,
            api_key: ApiKeyView {
                hint: product.key.hint,
                created_at: product.key.created_at,
                previous_until: product.key.previous.map(|previous| previous.until),
            },
            created_at: product.created_at,
            updated_at: product.updated_at,
            version: product.version,
        }
    }
}

impl ProductView {
    fn answer(product: Product) -> Answer<Self> {
        let version = product.version;
        Answer::ok(product.into()).version(version)
    }

    fn done(done: Done<Product>) -> Answer<Self> {
        Self::answer(done.value).replayed(done.replayed)
    }
}

impl From<KeyedProduct> for KeyedProductView {
    fn from(keyed: KeyedProduct) -> Self {
        Self { secret: keyed.secret.expose().to_owned(), product: keyed.product.into() }
    }
}
