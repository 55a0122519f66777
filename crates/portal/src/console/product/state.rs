//! What takes a product out of service or ends its API key, each asked before.

use actix_web::{HttpRequest, web};
use keyward_domain::ProductId;
use keyward_domain::permission::{ReadProducts, WriteProducts};
use keyward_engine::Engine;
use keyward_web::Id;

use super::Frame;
use crate::ask::{self, Options, Question};
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::signed::Signed;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/products/{id}/{verb:archive|disable|rotate-key}", web::get().to(question))
        .route("/products/{id}/{verb:archive|unarchive|disable|enable}", web::post().to(change));
}

/// For how long an old API key may live on.
const OVERLAPS: [(&str, &str); 4] = [("7", "7 days"), ("0", "not at all"), ("1", "1 day"), ("30", "30 days")];

async fn question(
    request: HttpRequest,
    signed: Signed<WriteProducts>,
    id: Id<ProductId>,
    engine: web::Data<Engine>,
) -> Page {
    let readers = signed.access.also::<ReadProducts>()?;
    let product = engine.product(&readers, id.0).await?;
    let name = &product.name;
    let keys = match engine.active_keys(&readers, id.0).await? {
        Some(1) => "One active key".to_owned(),
        Some(count) => format!("{count} active keys"),
        None => "All active keys".to_owned(),
    };
    let (title, effects, button, choice): (_, _, _, Option<(_, _, Options)>) =
        match request.match_info().get("verb") {
            Some("archive") => (
                format!("Archive {name}?"),
                vec![
                    format!("{keys} stop validating: from the next request on the answer is product_archived, and it is not counted."),
                    "Customers cannot pull by them either.".to_owned(),
                    "No new key can be made. Nothing is deleted, and you can unarchive it at any time.".to_owned(),
                ],
                "Archive",
                None,
            ),
            Some("disable") => (
                format!("Disable {name}?"),
                vec![
                    format!("{keys} stop validating: from the next request on the answer is product_disabled."),
                    "Customers cannot pull by them either, and no new key can be made, until you enable it again.".to_owned(),
                ],
                "Disable",
                None,
            ),
            _ => (
                format!("Rotate the API key of {name}?"),
                vec![
                    format!("A new key is made, and shown to you once. The one that begins with {}… ends when you say below.", product.key.hint),
                    "Applications that still send the old key after that are refused. License keys and tokens stay as they are.".to_owned(),
                ],
                "Rotate API key",
                Some(("overlap_days", "Let the old key live on for", &OVERLAPS)),
            ),
        };
    let verb = request.match_info().get("verb").unwrap_or_default();
    let asked = Question {
        crumbs: Frame::crumbs(&product),
        title,
        effects,
        action: format!("/products/{}/{verb}", product.id),
        button: button.to_owned(),
        choice,
        back: format!("/products/{}/settings#danger", product.id),
        ..Question::default()
    };
    let shell = Shell::vendor(&signed.person, &signed.csrf, "products", engine.now());
    ask::send(shell, asked, Form::default())
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
    Ok(page::go(format!("/products/{id}/settings?done={done}")))
}
