//! Customers, each with all they hold.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::license_use::DAYS;
use keyward_domain::permission::{ReadCustomers, ReadLicenses, ReadProducts, WriteCustomers, WriteLicenses};
use keyward_domain::registry::ArtifactPolicy;
use keyward_domain::{Customer, CustomerId, CustomerOrder, License, LicenseStatus, Product, Timestamp};
use keyward_engine::views::{CustomerEntitlements, CustomerPages, CustomerView, HeldLicenses};
use keyward_engine::{
    ApplicationGrant, CustomerChange, CustomerValidations, Engine, MissingImage, NewCustomer,
};
use keyward_web::Id;

use super::choose::{Choice, ChoosePage};
use super::columns::{Column, columns};
use super::reach::Reached;
use super::usage::Used;
use super::{Listing, artifact_entitlements};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/customers", web::get().to(list))
        .route("/customers.csv", web::get().to(csv))
        .route("/customers/new", web::get().to(new))
        .route("/customers/new", web::post().to(create))
        .route("/customers/{id}", web::get().to(show))
        .route("/customers/{id}", web::post().to(save))
        .route("/customers/{id}/new-key", web::get().to(choose_product))
        .route("/customers/{id}/delete", web::post().to(delete));
}

const PATH: &str = "/customers";

const COLUMNS: [(&str, Option<CustomerOrder>); 5] = [
    ("Customer", Some(CustomerOrder::Name)),
    ("E-mail", Some(CustomerOrder::Email)),
    ("Since", Some(CustomerOrder::Created)),
    ("Validations, 30 days", None),
    ("Last validated (UTC)", None),
];

#[derive(Template)]
#[template(path = "console/customers.html", blocks = ["table"])]
struct CustomersPage {
    shell: Shell,
    listing: Listing,
    columns: Vec<Column>,
    customers: Vec<(Customer, CustomerValidations)>,
    /// Whether it is shown what their licenses are used for.
    use_shown: bool,
    pages: Pages,
    csv: String,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadCustomers>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let found = engine.customers_in_order(&signed.access, listing.text(), &listing.ordered()).await?;
    let (found, next) = found.into_parts();
    let ids: Vec<_> = found.iter().map(|customer| customer.id).collect();
    let used = match signed.access.also::<ReadLicenses>() {
        Ok(readers) => Some(engine.use_of_customers(&readers, &ids, DAYS.into()).await?),
        Err(_) => None,
    };
    let shell = Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now());
    let with_use = |customer: Customer| {
        let validations = used.as_ref().and_then(|used| used.get(&customer.id)).copied().unwrap_or_default();
        (customer, validations)
    };
    let page = CustomersPage {
        shell: shell.after(request.query_string()),
        columns: columns(PATH, &listing, if used.is_some() { &COLUMNS } else { &COLUMNS[..3] }),
        use_shown: used.is_some(),
        pages: listing.pages(PATH, next.as_ref()),
        csv: listing.address("/customers.csv", &listing.sort, None),
        listing: listing.into_inner(),
        customers: found.into_iter().map(with_use).collect(),
    };
    if request.headers().contains_key("hx-request") {
        page::send(&page.as_table())
    } else {
        page::send(&page)
    }
}

async fn csv(signed: Signed<ReadCustomers>, listing: web::Query<Listing>, engine: web::Data<Engine>) -> Page {
    let (mut rows, mut request) = (Vec::new(), listing.following(None));
    let row = |customer: Customer| {
        let notes = customer.notes.map(|notes| notes.to_string()).unwrap_or_default();
        vec![
            customer.id.to_string(),
            customer.name.to_string(),
            customer.email.to_string(),
            notes,
            customer.created_at.to_string(),
        ]
    };
    while let Some(part) = request {
        let (more, next) =
            engine.customers_in_order(&signed.access, listing.text(), &part).await?.into_parts();
        rows.extend(more.into_iter().map(row));
        request = next.and_then(|next| listing.following(Some(next)));
    }
    Ok(page::csv("customers.csv", &["id", "name", "email", "notes", "created_at"], rows))
}

#[derive(Template)]
#[template(path = "console/customer_new.html")]
struct NewCustomerPage {
    shell: Shell,
    form: Form,
}

async fn new(signed: Signed<WriteCustomers>, engine: web::Data<Engine>) -> Page {
    let shell = Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now());
    page::send(&NewCustomerPage { shell, form: Form::default() })
}

const FIELDS: [&str; 3] = ["name", "email", "notes"];

async fn create(signed: Signed<WriteCustomers>, Posted(mut form): Posted, engine: web::Data<Engine>) -> Page {
    if let Some(new) = form.read(&FIELDS) {
        match engine.create_customer(&signed.access, new, form.once()).await {
            Ok(done) => return Ok(page::go(format!("/customers/{}", done.value.id))),
            Err(error) => form.keep(error)?,
        }
    }
    let shell = Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now());
    page::send(&NewCustomerPage { shell, form })
}

struct LicenseRow {
    license: License,
    status: LicenseStatus,
}

#[derive(Template)]
#[template(path = "console/customer.html")]
struct CustomerPage {
    shell: Shell,
    customer: Customer,
    form: Form,
    licenses: Option<Licenses>,
    used: Option<Used>,
    entitled: Option<Entitled>,
}

/// The customer's licenses.
struct Licenses {
    rows: Vec<LicenseRow>,
    /// How many there are on all pages.
    count: u64,
    pages: Pages,
}

/// What the customer is entitled to.
struct Entitled {
    /// Each with what of its versions can't be pulled.
    applications: Vec<(ApplicationGrant, Vec<MissingImage>)>,
    application_pages: Pages,
    artifacts: Vec<artifact_entitlements::Row>,
    artifact_pages: Pages,
    reached: Reached,
    /// Whether customers without an entitlement may pull.
    open: bool,
}

/// Where the customer's lists begin.
struct Lists {
    licenses: Paging,
    applications: Paging,
    artifacts: Paging,
    images: Paging,
}

impl Lists {
    fn of(id: CustomerId, query: &str) -> Self {
        let path = format!("/customers/{id}");
        let list = |name| Paging::at(&path, query, name, name);
        Self {
            licenses: list("licenses"),
            applications: list("applications"),
            artifacts: list("artifacts"),
            images: list("images"),
        }
    }

    fn request(&self) -> CustomerPages {
        CustomerPages {
            licenses: self.licenses.request(),
            applications: self.applications.request(),
            artifacts: self.artifacts.request(),
            images: self.images.request(),
        }
    }

    fn licenses(&self, held: HeldLicenses, now: Timestamp) -> Licenses {
        let (rows, pages) = self.licenses.take(held.page);
        let row = |license: License| LicenseRow { status: license.status(now), license };
        Licenses { rows: rows.into_iter().map(row).collect(), count: held.count, pages }
    }

    fn entitled(&self, held: CustomerEntitlements) -> Entitled {
        let (applications, application_pages) = self.applications.take(held.applications);
        let (artifacts, artifact_pages) = self.artifacts.take(held.artifacts);
        Entitled {
            applications,
            application_pages,
            artifacts: artifact_entitlements::rows(&artifacts, held.effects),
            artifact_pages,
            reached: Reached::of(held.images, held.halted, &self.images),
            open: held.policy == ArtifactPolicy::OpenUntilFirst,
        }
    }
}

async fn page_of(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    id: CustomerId,
    form: Option<Form>,
    query: &str,
) -> Page {
    let (now, lists) = (engine.now(), Lists::of(id, query));
    let CustomerView { customer, licenses, used, entitlements } =
        engine.customer_view(&signed.access.also::<ReadCustomers>()?, id, lists.request()).await?;
    let filled = Form::filled([
        ("name", customer.name.to_string()),
        ("email", customer.email.to_string()),
        ("notes", customer.notes.as_ref().map(ToString::to_string).unwrap_or_default()),
    ]);
    page::send(&CustomerPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "customers", now).after(query),
        form: form.unwrap_or(filled),
        licenses: licenses.map(|held| lists.licenses(held, now)),
        used: used.map(Used::from),
        entitled: entitlements.map(|held| lists.entitled(held)),
        customer,
    })
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadCustomers>,
    id: Id<CustomerId>,
    engine: web::Data<Engine>,
) -> Page {
    page_of(&engine, &signed, id.0, None, request.query_string()).await
}

async fn save(
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(NewCustomer { name, email, notes }) = form.read(&FIELDS) {
        let change =
            CustomerChange { name: Some(name), email: Some(email), notes: Some(notes), blocked: None };
        match engine.update_customer(&signed.access, id.0, change, None).await {
            Ok(_) => return Ok(page::go(format!("/customers/{}?done=saved", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    page_of(&engine, &signed, id.0, Some(form), "").await
}

/// Of which product the customer is to get a key.
async fn choose_product(
    request: HttpRequest,
    signed: Signed<WriteLicenses>,
    id: Id<CustomerId>,
    listing: web::Query<Listing>,
    engine: web::Data<Engine>,
) -> Page {
    let customer = engine.customer(&signed.access.also()?, id.0).await?;
    let (readers, paging) = (signed.access.also::<ReadProducts>()?, Paging::of(&request));
    let found = engine.products_in_service(&readers, listing.text(), paging.request()).await?;
    let (found, pages) = paging.take(found);
    let choice = |product: Product| Choice {
        name: product.name.to_string(),
        detail: product.description.map(|text| text.to_string()).unwrap_or_default(),
        href: format!("/products/{}/keys/new?customer={}", product.id, customer.id),
    };
    let page = ChoosePage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "customers", engine.now()),
        title: "A key of which product?",
        crumbs: vec![
            ("Customers".to_owned(), PATH.to_owned()),
            (customer.name.to_string(), format!("/customers/{}", customer.id)),
        ],
        label: "Name",
        what: "products",
        other: None,
        path: request.path().to_owned(),
        q: listing.q.clone(),
        choices: found.into_iter().map(choice).collect(),
        pages,
    };
    page.send(&request)
}

async fn delete(
    signed: Signed<WriteCustomers>,
    id: Id<CustomerId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let customer = engine.customer(&signed.access.also()?, id.0).await?;
    if form.value("confirm").trim() != customer.name.as_str() {
        form.refuse("confirm", "differs from the customer's name");
        let form = form
            .over(Form::filled([("name", customer.name.to_string()), ("email", customer.email.to_string())]));
        return page_of(&engine, &signed, id.0, Some(form), "").await;
    }
    engine.delete_customer(&signed.access, id.0, None).await?;
    Ok(page::go("/customers?done=deleted"))
}
