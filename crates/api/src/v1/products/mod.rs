//! Products.

mod bucket;
mod keys;
mod settings;
mod usage;

use actix_web::{get, patch, post, web};
use keyward_domain::permission::{ReadProducts, WriteProducts};
use keyward_domain::product::{Markdown, PullRoles};
use keyward_domain::{
    FieldDraft, Name, Notes, OrderedRequest, Product, ProductId, ProductOrder, ProductState, Slug, Timestamp,
};
use keyward_engine::{Done, Engine, KeyedProduct, NewProduct, ProductChange};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, IfMatch, Once, Overlap, Problem, Query, markdown, request};
use serde::Serialize;
use settings::SettingsView;

use crate::routes::Routes;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(create_product)
        .body::<NewProduct>()
        .service(list_products)
        .query::<ProductQuery>()
        .service(show_product)
        .service(update_product)
        .body::<ProductChange>()
        .service(rotate_product_key)
        .body::<Overlap>()
        .service(archive_product)
        .service(unarchive_product)
        .service(disable_product)
        .service(enable_product)
        .service(product_page)
        .service(usage::product_usage)
        .query::<usage::UsageQuery>()
        .service(bucket::product_bucket)
        .service(keys::create_product_key)
        .body::<keys::CreateKey>();
}

/// One software offering.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Product)]
pub(crate) struct ProductView {
    id: ProductId,
    /// Example: "Acme Server"
    name: Name,
    /// Never changes.
    /// Example: "acme-server"
    slug: Slug,
    /// Internal: customers never see it.
    description: Option<Notes>,
    /// What customers see, in Markdown.
    page: Markdown,
    /// The form of a key, in its order.
    fields: Vec<FieldDraft>,
    /// Which repositories its customers may pull from.
    pull_roles: PullRoles,
    /// Which versions may run; empty for any.
    versions: Vec<VersionView>,
    settings: SettingsView,
    /// `active`, `archived` or `disabled`.
    #[schema(example = "active")]
    state: &'static str,
    archived_at: Option<Timestamp>,
    disabled_at: Option<Timestamp>,
    api_key: ApiKeyView,
    created_at: Timestamp,
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
    created_at: Timestamp,
    /// Until when the key before it lives on.
    previous_until: Option<Timestamp>,
}

/// One entry of a version list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ListedVersion)]
pub(crate) struct VersionView {
    version: String,
    state: &'static str,
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
                VersionView { version: pattern.as_str().to_owned(), state: standing.as_str() }
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
    fn done(done: Done<Product>) -> Answer<Self> {
        Answer::of(done.value).replayed(done.replayed)
    }
}

impl From<KeyedProduct> for KeyedProductView {
    fn from(keyed: KeyedProduct) -> Self {
        Self { secret: keyed.secret.expose().to_owned(), product: keyed.product.into() }
    }
}

/// Create a product
///
/// Its API key is in the answer, and never shown again.
#[utoipa::path(params(Once), responses((status = 201, body = KeyedProductView)))]
#[post("/api/v1/products")]
pub(crate) async fn create_product(
    command: Command<WriteProducts, NewProduct>,
    engine: web::Data<Engine>,
) -> Result<Answer<KeyedProductView>, Problem> {
    let Command { access, body, once } = command;
    let made = engine.create_product(&access, body, once.as_ref()).await?;
    let (version, location) = (made.product.version, format!("/api/v1/products/{}", made.product.id));
    Ok(Answer::created(location, made.into()).version(version))
}

/// Which products are wanted.
#[derive(Debug)]
pub(crate) struct ProductQuery {
    q: Option<String>,
    sort: OrderedRequest<ProductOrder>,
}

request! {
    for ProductQuery {
        /// Only those whose name contains this text.
        q: optional,
        ..sort: OrderedRequest<ProductOrder> =
            "In which order: `name`, `state` or `created_at`, or with `-` before it the other way round. `-created_at` if absent.",
    }
}

/// List products
#[utoipa::path(responses((status = 200, body = PageView<ProductView>)))]
#[get("/api/v1/products")]
pub(crate) async fn list_products(
    caller: Caller<ReadProducts>,
    query: Query<ProductQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<ProductView>>, Problem> {
    let Query(ProductQuery { q, sort }) = query;
    let products = engine.products_in_order(&caller, q.as_deref(), &sort).await?;
    Ok(Answer::ok(PageView::in_order(products, ProductView::from)))
}

/// Show a product
#[utoipa::path(responses((status = 200, body = ProductView)))]
#[get("/api/v1/products/{id}")]
pub(crate) async fn show_product(
    caller: Caller<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ProductView>, Problem> {
    Ok(Answer::of(engine.product(&caller, id.0).await?))
}

/// Change a product
#[utoipa::path(params(IfMatch), responses((status = 200, body = ProductView)))]
#[patch("/api/v1/products/{id}")]
pub(crate) async fn update_product(
    command: Command<WriteProducts, ProductChange>,
    id: Id<ProductId>,
    seen: IfMatch,
    engine: web::Data<Engine>,
) -> Result<Answer<ProductView>, Problem> {
    let Command { access, body, .. } = command;
    Ok(Answer::of(engine.update_product(&access, id.0, body, seen.0).await?))
}

/// Archive a product
///
/// It is out of sale and service: validation answers `product_archived` and is not counted. Nothing is lost.
#[utoipa::path(params(Once), responses((status = 200, body = ProductView)))]
#[post("/api/v1/products/{id}/archive")]
pub(crate) async fn archive_product(
    command: Command<WriteProducts, Nothing>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ProductView>, Problem> {
    let done = engine.archive_product(&command.access, id.0, command.once.as_ref()).await?;
    Ok(ProductView::done(done))
}

/// Disable a product
///
/// It is out of service for a while: validation answers `product_disabled` and is not counted.
#[utoipa::path(params(Once), responses((status = 200, body = ProductView)))]
#[post("/api/v1/products/{id}/disable")]
pub(crate) async fn disable_product(
    command: Command<WriteProducts, Nothing>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ProductView>, Problem> {
    let done = engine.disable_product(&command.access, id.0, command.once.as_ref()).await?;
    Ok(ProductView::done(done))
}

/// Enable a product
///
/// It is back in service.
#[utoipa::path(params(Once), responses((status = 200, body = ProductView)))]
#[post("/api/v1/products/{id}/enable")]
pub(crate) async fn enable_product(
    command: Command<WriteProducts, Nothing>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ProductView>, Problem> {
    let done = engine.enable_product(&command.access, id.0, command.once.as_ref()).await?;
    Ok(ProductView::done(done))
}

/// A product's page as customers see it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PagePreview {
    /// Safe to be put into a page: no scripts, images, raw HTML or links but to the web and to mailboxes.
    #[schema(example = "<h1>Install</h1>")]
    html: String,
}

/// Show a product's page as customers see it
#[utoipa::path(responses((status = 200, body = PagePreview)))]
#[get("/api/v1/products/{id}/page")]
pub(crate) async fn product_page(
    caller: Caller<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<PagePreview>, Problem> {
    let product = engine.product(&caller, id.0).await?;
    Ok(Answer::ok(PagePreview { html: markdown::to_html(&product.page) }))
}

/// Give a product a new API key
///
/// The old key is refused from the very next request on, unless an overlap is asked for. The new one is in
/// the answer, and never shown again.
#[utoipa::path(params(Once), responses((status = 200, body = KeyedProductView)))]
#[post("/api/v1/products/{id}/rotate-key")]
pub(crate) async fn rotate_product_key(
    command: Command<WriteProducts, Overlap>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<KeyedProductView>, Problem> {
    let Command { access, body, once } = command;
    let made = engine.rotate_product_key(&access, id.0, body.seconds, once.as_ref()).await?;
    let version = made.product.version;
    Ok(Answer::ok(made.into()).version(version))
}

/// Unarchive a product
///
/// It is back in sale and service, with all it had.
#[utoipa::path(params(Once), responses((status = 200, body = ProductView)))]
#[post("/api/v1/products/{id}/unarchive")]
pub(crate) async fn unarchive_product(
    command: Command<WriteProducts, Nothing>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Result<Answer<ProductView>, Problem> {
    let done = engine.unarchive_product(&command.access, id.0, command.once.as_ref()).await?;
    Ok(ProductView::done(done))
}
