//! Which versions of a product may run, a row each.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadProducts, WriteProducts};
use keyward_domain::version::{Pattern, Standing};
use keyward_domain::{Product, ProductId, Versions};
use keyward_engine::{Engine, ProductChange};
use keyward_web::Id;

use super::{Frame, kept, of_version, seen};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/products/{id}/versions", web::get().to(show))
        .route("/products/{id}/versions", web::post().to(save))
        .route("/products/{id}/versions/edit", web::post().to(edit));
}

/// The list in the form.
const LIST: char = 'v';

/// How versions stand, each with what it means.
const STANDINGS: [(&str, &str); 4] = [
    ("allowed", "Allowed"),
    ("latest", "Latest"),
    ("deprecated", "Deprecated: runs, and is told to update"),
    ("blocked", "Blocked: may not run"),
];

#[derive(Template)]
#[template(path = "console/product_versions.html")]
struct VersionsPage {
    shell: Shell,
    product: Product,
    tab: &'static str,
    form: Form,
}

impl VersionsPage {
    async fn send(
        engine: &Engine,
        signed: &Signed<impl keyward_domain::Grant>,
        id: ProductId,
        form: Option<Form>,
        query: &str,
    ) -> Page {
        let Frame { shell, product, tab } = Frame::of(engine, signed, id, "versions", query).await?;
        let form = form.unwrap_or_else(|| filled(&product));
        page::send(&Self { shell, form: of_version(form, &product), product, tab })
    }
}

fn filled(product: &Product) -> Form {
    let row = |(pattern, standing): &(Pattern, Standing)| {
        vec![("pattern", pattern.as_str().to_owned()), ("standing", standing.as_str().to_owned())]
    };
    let mut form = Form::default();
    form.fill_rows(LIST, product.versions.entries().iter().map(row));
    form
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Page {
    VersionsPage::send(&engine, &signed, id.0, None, request.query_string()).await
}

async fn save(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    if let Some(versions) = read(&mut form) {
        let change = ProductChange { versions: Some(versions), ..ProductChange::default() };
        match engine.update_product(&signed.access, id.0, change, seen(&form)).await {
            Ok(_) => return Ok(page::go(format!("/products/{}/versions?done=saved", id.0))),
            Err(error) => form = kept(form, error)?,
        }
    }
    VersionsPage::send(&engine, &signed, id.0, Some(form), "").await
}

/// Adds, removes or moves a row; nothing is saved.
async fn edit(
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    form.edit_rows(LIST, Versions::MOST, &[("pattern", ""), ("standing", "allowed")]);
    VersionsPage::send(&engine, &signed, id.0, Some(form), "").await
}

/// The list, with all that is wrong with it in the form. A row with no version in it is none.
fn read(form: &mut Form) -> Option<Versions> {
    let (mut entries, mut is_sound) = (Vec::new(), true);
    for number in form.rows(LIST) {
        let (pattern, standing) = (format!("{LIST}{number}_pattern"), format!("{LIST}{number}_standing"));
        if form.given(&pattern).is_none() {
            continue;
        }
        let read = form.value(&pattern).trim().parse::<Pattern>().map_err(|fault| (&pattern, fault));
        let stands = form.value(&standing).parse::<Standing>().map_err(|fault| (&standing, fault));
        match (read, stands) {
            (Ok(read), Ok(stands)) => entries.push((read, stands)),
            (read, stands) => {
                is_sound = false;
                let faults: Vec<_> = [read.err(), stands.err()].into_iter().flatten().collect();
                faults.into_iter().for_each(|(name, fault)| form.refuse(name, fault.message));
            }
        }
    }
    let versions = Versions::new(entries).map_err(|fault| form.refuse("versions", fault.message)).ok()?;
    is_sound.then_some(versions)
}
