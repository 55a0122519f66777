//! Products.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadProducts, WriteProducts};
use keyward_domain::product::{AddressMode, Markdown, PullRole, PullRoles, Settings};
use keyward_domain::share::{Partition, PartitionKind};
use keyward_domain::version::{Pattern, Standing};
use keyward_domain::{Name, Notes, Product, ProductId, ProductOrder, Versions};
use keyward_engine::views::ProductView;
use keyward_engine::{
    BucketView, Engine, Error, KeyedProduct, NewProduct, PartitionUsage, ProductChange, SettingsChange,
};
use keyward_web::fields::Bounded;
use keyward_web::{Fields, Id, Request, markdown};

use super::Listing;
use super::columns::{Column, columns};
use super::template::{self, Input, KINDS, Row};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::Pages;
use crate::shown_once::{self, SecretPage, ShownPage};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/products", web::get().to(list))
        .route("/products.csv", web::get().to(csv))
        .route("/products/new", web::get().to(new))
        .route("/products/new", web::post().to(create))
        .route("/products/preview-form", web::post().to(preview_form))
        .route("/products/preview-page", web::post().to(preview_page))
        .route("/products/{id}", web::get().to(show))
        .route("/products/{id}/general", web::post().to(general))
        .route("/products/{id}/settings", web::post().to(settings))
        .route("/products/{id}/template", web::post().to(save_template))
        .route("/products/{id}/page", web::post().to(save_page))
        .route("/products/{id}/versions", web::post().to(versions))
        .route("/products/{id}/rotate-key", web::post().to(rotate_key))
        .route("/products/{id}/key", web::get().to(show_key))
        .route("/products/{id}/{verb:archive|unarchive|disable|enable}", web::post().to(change));
}

const PATH: &str = "/products";

const COLUMNS: [(&str, Option<ProductOrder>); 4] = [
    ("Product", Some(ProductOrder::Name)),
    ("State", Some(ProductOrder::State)),
    ("API key", None),
    ("Created", Some(ProductOrder::Created)),
];

#[derive(Template)]
#[template(path = "console/products.html", blocks = ["table"])]
struct ProductsPage {
    shell: Shell,
    listing: Listing,
    columns: Vec<Column>,
    products: Vec<Product>,
    pages: Pages,
    csv: String,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadProducts>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let found = engine.products_in_order(&signed.access, listing.text(), &listing.ordered()).await?;
    let (found, next) = found.into_parts();
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    let page = ProductsPage {
        shell: shell.after(request.query_string()),
        columns: columns(PATH, &listing, &COLUMNS),
        pages: listing.pages(PATH, next.as_ref()),
        csv: listing.address("/products.csv", &listing.sort, None),
        listing: listing.into_inner(),
        products: found,
    };
    if request.headers().contains_key("hx-request") {
        page::send(&page.as_table())
    } else {
        page::send(&page)
    }
}

async fn csv(signed: Signed<ReadProducts>, listing: web::Query<Listing>, engine: web::Data<Engine>) -> Page {
    let (mut rows, mut request) = (Vec::new(), listing.following(None));
    let row = |product: Product| {
        let state = product.state.as_str().to_owned();
        vec![product.id.to_string(), product.name.to_string(), state, product.created_at.to_string()]
    };
    while let Some(part) = request {
        let (more, next) =
            engine.products_in_order(&signed.access, listing.text(), &part).await?.into_parts();
        rows.extend(more.into_iter().map(row));
        request = next.and_then(|next| listing.following(Some(next)));
    }
    Ok(page::csv("products.csv", &["id", "name", "state", "created_at"], rows))
}

#[derive(Template)]
#[template(path = "console/product_new.html")]
struct NewProductPage {
    shell: Shell,
    form: Form,
}

async fn new(signed: Signed<WriteProducts>, engine: web::Data<Engine>) -> Page {
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    page::send(&NewProductPage { shell, form: Form::default() })
}

struct Named {
    name: Name,
    description: Option<Notes>,
}

impl Request for Named {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, description) = (fields.required("name"), fields.optional("description"));
        Some(Self { name: name?, description })
    }
}

async fn create(signed: Signed<WriteProducts>, Posted(mut form): Posted, engine: web::Data<Engine>) -> Page {
    if let Some(Named { name, description }) = form.read::<Named>(&["name", "description"]) {
        let rest = ProductChange { description: Some(description), ..ProductChange::default() };
        match engine.create_product(&signed.access, NewProduct { name, rest }, form.once()).await {
            Ok(made) => return lead_to_key(&engine, &signed, &made).await,
            Err(Error::SecretShown { resource }) => return Ok(page::go(key_page(resource.into()))),
            Err(error) => form.keep(error)?,
        }
    }
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    page::send(&NewProductPage { shell, form })
}

/// Where the API key of a product is shown once.
fn key_page(id: ProductId) -> String {
    format!("/products/{id}/key")
}

async fn lead_to_key(engine: &Engine, signed: &Signed<WriteProducts>, made: &KeyedProduct) -> Page {
    shown_once::lead(engine, &signed.person.session, &key_page(made.product.id), made.secret.expose()).await
}

async fn show_key(
    request: HttpRequest,
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Page {
    let product = engine.product(&signed.access.also::<ReadProducts>()?, id.0).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    let back = format!("/products/{}", product.id);
    match shown_once::take(&request, &engine, &signed.person.session).await? {
        Some(secret) => page::send(&SecretPage {
            shell,
            title: format!("API key of {}", product.name),
            what: "Product API key",
            secret,
            back,
            about: if product.key.previous.is_some() || product.key.created_at > product.created_at {
                "Give it to your applications now. Those with the old key are refused from the next request on, unless you asked for an overlap."
            } else {
                "Your application authenticates its validation requests with it. Keep it in an environment variable or a secrets manager."
            },
        }),
        None => page::send(&ShownPage {
            shell,
            what: "The API key",
            otherwise: "If you have not copied it, rotate the key of the product: that makes another.",
            back,
        }),
    }
}

#[derive(Template)]
#[template(path = "console/product.html")]
struct ProductPage {
    shell: Shell,
    product: Product,
    form: Form,
    rows: Vec<Row>,
    inputs: Vec<Input>,
    docs: String,
    bucket: BucketView,
    takers: Vec<Taker>,
}

/// Who took from today's bucket.
struct Taker {
    kind: &'static str,
    name: String,
    /// The page of a license.
    link: Option<String>,
    used: u64,
    refused: u64,
    /// How large its share is.
    share: Option<u64>,
}

impl Taker {
    fn of(usage: &PartitionUsage, view: &ProductView) -> Self {
        let (kind, name, link) = match usage.partition {
            Partition::Address(address) => ("Address", address.to_string(), None),
            Partition::License(id) => match view.licenses.as_ref().map(|names| names.get(&id)) {
                Some(Some(named)) => ("License", named.to_string(), Some(format!("/licenses/{id}"))),
                Some(None) | None => ("License", id.to_string(), None),
            },
            Partition::UnknownKey => ("Unknown license keys", String::new(), None),
        };
        let share = view.bucket.shares.of(usage.partition.kind()).size;
        Self { kind, name, link, used: usage.used, refused: usage.refused, share }
    }
}

impl ProductPage {
    /// What `form` does not hold is shown as it is saved.
    async fn of(
        engine: &Engine,
        signed: &Signed<impl keyward_domain::Grant>,
        id: ProductId,
        form: Option<Form>,
        query: &str,
    ) -> Page {
        let view = engine.product_view(&signed.access.also()?, id).await?;
        let takers = view.bucket.partitions.iter().map(|usage| Taker::of(usage, &view)).collect();
        let ProductView { product, bucket, licenses: _ } = view;
        let filled = filled(&product);
        let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now()).after(query);
        page::send(&Self {
            shell,
            form: form.map_or(filled.clone(), |form| form.over(filled)),
            rows: template::rows(&product.template),
            inputs: template::inputs(&product.template, None),
            docs: markdown::to_html(&product.page),
            bucket,
            takers,
            product,
        })
    }
}

fn filled(product: &Product) -> Form {
    let settings = &product.settings;
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let versions = product.versions.entries().iter();
    let versions: Vec<_> =
        versions.map(|(pattern, standing)| format!("{} {}", pattern.as_str(), standing.as_str())).collect();
    let roles = product.pull_roles.roles().iter();
    let roles: Vec<_> =
        roles.map(|role| format!("{}: {}", role.name, role.repositories.join(", "))).collect();
    let text = settings.custom_response.as_ref().map(|custom| custom.as_str().to_owned());
    Form::filled([
        ("name", product.name.to_string()),
        ("description", product.description.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("ip_enforcement", settings.addresses.as_str().to_owned()),
        ("default_max_ips", number(settings.default_max_ips)),
        ("default_grace_days", number(settings.default_grace_days)),
        ("ip_ttl_hours", number(settings.ip_ttl_hours)),
        ("ipv6_by_64", settings.ipv6_by_64.to_string()),
        ("expiry_enforcement", settings.enforce_expiry.to_string()),
        ("version_gating", settings.gate_versions.to_string()),
        ("require_version", settings.require_version.to_string()),
        ("custom_response", settings.custom.to_string()),
        ("custom_response_template", text.unwrap_or_default()),
        ("webhooks", settings.webhooks.to_string()),
        ("signed_validation", settings.sign.to_string()),
        ("address_share_percent", settings.shares.address.to_string()),
        ("license_share_percent", settings.shares.license.to_string()),
        ("unknown_key_share_percent", settings.shares.unknown_key.to_string()),
        ("page", product.page.as_str().to_owned()),
        ("versions", versions.join("\n")),
        ("pull_roles", roles.join("\n")),
    ])
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Page {
    ProductPage::of(&engine, &signed, id.0, None, request.query_string()).await
}

/// Saves a change, or shows the page again with what is wrong.
async fn save(
    engine: &Engine,
    signed: &Signed<WriteProducts>,
    id: ProductId,
    change: Option<ProductChange>,
    mut form: Form,
    place: &str,
) -> Page {
    if let Some(change) = change {
        match engine.update_product(&signed.access, id, change, None).await {
            Ok(_) => return Ok(page::go(format!("/products/{id}?done=saved#{place}"))),
            Err(error) => form.keep(error)?,
        }
    }
    ProductPage::of(engine, signed, id, Some(form), "").await
}

async fn general(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let named = form.read::<Named>(&["name", "description"]);
    let change = named.map(|Named { name, description }| ProductChange {
        name: Some(name),
        description: Some(description),
        ..ProductChange::default()
    });
    save(&engine, &signed, id.0, change, form, "general").await
}

struct Numbers {
    addresses: Option<AddressMode>,
    max_ips: Option<u32>,
    grace_days: Option<Bounded<0, { Settings::MOST_GRACE_DAYS }>>,
    ttl: Option<Bounded<1, { Settings::MOST_TTL_HOURS }>>,
    custom: Option<keyward_domain::CustomResponse>,
    address_share: Option<Bounded<1, 100>>,
    license_share: Option<Bounded<1, 100>>,
    unknown_key_share: Option<Bounded<1, 100>>,
}

impl Request for Numbers {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            addresses: fields.optional("ip_enforcement"),
            max_ips: fields.optional("default_max_ips"),
            grace_days: fields.optional("default_grace_days"),
            ttl: fields.optional("ip_ttl_hours"),
            custom: fields.optional("custom_response_template"),
            address_share: fields.optional("address_share_percent"),
            license_share: fields.optional("license_share_percent"),
            unknown_key_share: fields.optional("unknown_key_share_percent"),
        })
    }
}

const BOXES: [&str; 7] = [
    "ipv6_by_64",
    "expiry_enforcement",
    "version_gating",
    "require_version",
    "custom_response",
    "webhooks",
    "signed_validation",
];

async fn settings(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let names = [
        "ip_enforcement",
        "default_max_ips",
        "default_grace_days",
        "ip_ttl_hours",
        "custom_response_template",
        "address_share_percent",
        "license_share_percent",
        "unknown_key_share_percent",
    ];
    let numbers = form.read::<Numbers>(&names);
    form.boxes(&BOXES);
    let on = |name: &str| Some(form.is(name, "true"));
    let change = numbers.map(|numbers| ProductChange {
        settings: SettingsChange {
            addresses: numbers.addresses,
            default_max_ips: Some(numbers.max_ips),
            default_grace_days: Some(numbers.grace_days.map(Into::into)),
            ip_ttl_hours: Some(numbers.ttl.map(Into::into)),
            ipv6_by_64: on("ipv6_by_64"),
            enforce_expiry: on("expiry_enforcement"),
            gate_versions: on("version_gating"),
            require_version: on("require_version"),
            custom: on("custom_response"),
            custom_response: Some(numbers.custom),
            webhooks: on("webhooks"),
            sign: on("signed_validation"),
            address_share: numbers.address_share.map(Into::into),
            license_share: numbers.license_share.map(Into::into),
            unknown_key_share: numbers.unknown_key_share.map(Into::into),
        },
        ..ProductChange::default()
    });
    save(&engine, &signed, id.0, change, form, "settings").await
}

async fn save_template(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let change = template::read(&mut form)
        .map(|template| ProductChange { template: Some(template), ..ProductChange::default() });
    save(&engine, &signed, id.0, change, form, "template").await
}

async fn save_page(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let change = match form.value("page").parse::<Markdown>() {
        Ok(page) => Some(ProductChange { page: Some(page), ..ProductChange::default() }),
        Err(fault) => {
            form.refuse("page", fault.message);
            None
        }
    };
    save(&engine, &signed, id.0, change, form, "page").await
}

async fn versions(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let (listed, roles) = (listed_versions(&mut form), pull_roles(&mut form));
    let change = listed.zip(roles).map(|(versions, roles)| ProductChange {
        versions: Some(versions),
        pull_roles: Some(roles),
        ..ProductChange::default()
    });
    save(&engine, &signed, id.0, change, form, "versions").await
}

/// Lines such as `2.1.x allowed`.
fn listed_versions(form: &mut Form) -> Option<Versions> {
    let entry = |line: &str| -> Result<(Pattern, Standing), keyward_domain::Invalid> {
        let (pattern, standing) = line.trim().split_once(' ').unwrap_or((line.trim(), "allowed"));
        Ok((pattern.parse()?, standing.trim().parse()?))
    };
    let lines = form.value("versions").lines().filter(|line| !line.trim().is_empty());
    let read = lines.map(entry).collect::<Result<_, _>>().and_then(Versions::new);
    read.map_err(|fault| form.refuse("versions", fault.message)).ok()
}

/// Lines such as `runtime: acme/*, acme/app`.
fn pull_roles(form: &mut Form) -> Option<PullRoles> {
    let role = |line: &str| {
        let (name, repositories) = line.split_once(':').unwrap_or((line, ""));
        let repositories = repositories.split(',').map(|text| text.trim().to_owned());
        PullRole {
            name: name.trim().to_owned(),
            repositories: repositories.filter(|text| !text.is_empty()).collect(),
        }
    };
    let lines = form.value("pull_roles").lines().filter(|line| !line.trim().is_empty());
    match PullRoles::new(lines.map(role).collect()) {
        Ok(roles) => Some(roles),
        Err(faults) => {
            faults.into_iter().for_each(|fault| form.refuse("pull_roles", fault.message));
            None
        }
    }
}

async fn rotate_key(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let days: u32 = form.given("overlap_days").and_then(|days| days.parse().ok()).unwrap_or(0);
    let overlap = days.min(30) * 24 * 60 * 60;
    match engine.rotate_product_key(&signed.access, id.0, overlap, form.once()).await {
        Ok(made) => lead_to_key(&engine, &signed, &made).await,
        Err(Error::SecretShown { resource }) => Ok(page::go(key_page(resource.into()))),
        Err(error) => Err(error.into()),
    }
}

async fn change(
    request: HttpRequest,
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let (access, id) = (&signed.access, id.0);
    let done = match request.match_info().get("verb") {
        Some("archive") => engine.archive_product(access, id, None).await.map(|_| "archived"),
        Some("unarchive") => engine.unarchive_product(access, id, None).await.map(|_| "unarchived"),
        Some("disable") => engine.disable_product(access, id, None).await.map(|_| "disabled"),
        _ => engine.enable_product(access, id, None).await.map(|_| "enabled"),
    }?;
    Ok(page::go(format!("/products/{id}?done={done}")))
}

#[derive(Template)]
#[template(path = "console/preview.html")]
struct PreviewForm {
    inputs: Vec<Input>,
    form: Form,
}

/// The form of a key as the editor's rows would make it.
async fn preview_form(_: Signed<ReadProducts>, Posted(mut form): Posted) -> Page {
    let inputs = template::read(&mut form).map(|made| template::inputs(&made, None)).unwrap_or_default();
    page::send(&PreviewForm { inputs, form })
}

async fn preview_page(_: Signed<ReadProducts>, Posted(form): Posted) -> Page {
    let shown = form.value("page").parse::<Markdown>();
    let html = shown.map(|page| markdown::to_html(&page)).unwrap_or_default();
    Ok(actix_web::HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html))
}
