//! Webhook endpoints.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::event::EventPatterns;
use keyward_domain::permission::{ReadProducts, ReadWebhooks, WriteWebhooks};
use keyward_domain::{
    DeliveryState, EventKind, EventPattern, HttpUrl, Notes, PageRequest, Permission, Product, ProductId,
    Webhook, WebhookId, WebhookState,
};
use keyward_engine::webhook::{NewWebhook, Replay, WebhookChange};
use keyward_engine::{Engine, Error};
use keyward_web::{Fields, Id, Overlap, Request};

use super::webhook_deliveries::{Sent, Wanted};
use crate::ask::{self, Options, Question, crumbs};
use crate::error_page::PageError;
use crate::form::{Form, Posted};
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::shown_once::{self, SecretPage, ShownPage};
use crate::signed::Signed;

/// How many products are offered, and how many waiting and failed messages are counted.
const MOST_SHOWN: u32 = 100;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/webhooks", web::get().to(list))
        .route("/webhooks", web::post().to(create))
        .route("/webhooks/{id}", web::get().to(show))
        .route("/webhooks/{id}", web::post().to(update))
        .route("/webhooks/{id}/secret", web::get().to(show_secret))
        .route("/webhooks/{id}/rotate-secret", web::get().to(ask_rotate))
        .route("/webhooks/{id}/rotate-secret", web::post().to(rotate))
        .route("/webhooks/{id}/test", web::post().to(test))
        .route("/webhooks/{id}/pause", web::post().to(pause))
        .route("/webhooks/{id}/resume", web::post().to(resume))
        .route("/webhooks/{id}/replay", web::post().to(replay))
        .route("/webhooks/{id}/delete", web::get().to(ask_delete))
        .route("/webhooks/{id}/delete", web::post().to(delete));
}

/// What an endpoint can be told: each group with its kinds.
type Groups = Vec<(&'static str, Vec<EventKind>)>;

#[derive(Template)]
#[template(path = "console/webhooks.html")]
struct WebhooksPage {
    shell: Shell,
    webhooks: Vec<Webhook>,
    pages: Pages,
    groups: Groups,
    products: Vec<Product>,
    form: Form,
}

#[derive(Template)]
#[template(path = "console/webhook.html")]
struct WebhookPage {
    shell: Shell,
    webhook: Webhook,
    groups: Groups,
    products: Vec<Product>,
    form: Form,
    /// How many messages wait, and how many have failed, up to [`MOST_SHOWN`].
    waiting: u64,
    failed: u64,
    most: u64,
    sent: Sent,
}

async fn products(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
) -> Result<Vec<Product>, PageError> {
    if !signed.access.scopes().contains(Permission::ReadProducts) {
        return Ok(Vec::new());
    }
    let page = PageRequest { limit: MOST_SHOWN, after: None };
    Ok(engine.products(&signed.access.also::<ReadProducts>()?, None, page).await?.into_parts().0)
}

async fn list_with(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    form: Form,
    query: &str,
) -> Page {
    let paging = Paging::at("/webhooks", query, "cursor", "");
    let found = engine.webhooks(&signed.access.also::<ReadWebhooks>()?, paging.request()).await?;
    let (webhooks, pages) = paging.take(found);
    page::send(&WebhooksPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "webhooks", engine.now()).after(query),
        webhooks,
        pages,
        groups: EventKind::groups(),
        products: products(engine, signed).await?,
        form,
    })
}

async fn list(request: HttpRequest, signed: Signed<ReadWebhooks>, engine: web::Data<Engine>) -> Page {
    let form = Form::filled([("event-*", "true".to_owned())]);
    list_with(&engine, &signed, form, request.query_string()).await
}

/// What is typed of an endpoint; the boxes are read by themselves.
struct Typed {
    url: HttpUrl,
    description: Option<Notes>,
}

impl Request for Typed {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (url, description) = (fields.required("url"), fields.optional("description"));
        Some(Self { url: url?, description })
    }
}

/// All that the form says, if all of it can be read.
fn read(form: &mut Form) -> Option<NewWebhook> {
    let typed = form.read::<Typed>(&["url", "description"]);
    let of = |form: &Form, kind: &str| -> Vec<String> {
        let ticked = form.entries().filter(|(_, value)| *value == "true");
        ticked.filter_map(|(name, _)| name.strip_prefix(kind).map(str::to_owned)).collect()
    };
    let patterns: Vec<EventPattern> =
        of(form, "event-").iter().filter_map(|text| text.parse().ok()).collect();
    let products: Vec<ProductId> = of(form, "product-").iter().filter_map(|text| text.parse().ok()).collect();
    let events = match EventPatterns::new(patterns) {
        Ok(events) => Some(events),
        Err(_) => {
            form.refuse("events", "choose at least one kind of event");
            None
        }
    };
    let Typed { url, description } = typed?;
    Some(NewWebhook { url, description, events: events?, products })
}

/// The form as an endpoint is.
fn filled(webhook: &Webhook) -> Form {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    values.insert("url".to_owned(), webhook.url.to_string());
    values.insert(
        "description".to_owned(),
        webhook.description.as_ref().map(ToString::to_string).unwrap_or_default(),
    );
    values.insert("version".to_owned(), webhook.version.to_string());
    for pattern in webhook.events.as_slice() {
        values.insert(format!("event-{pattern}"), "true".to_owned());
    }
    for product in &webhook.products {
        values.insert(format!("product-{product}"), "true".to_owned());
    }
    Form::filled(values.iter().map(|(name, value)| (name.as_str(), value.clone())))
}

async fn create(signed: Signed<WriteWebhooks>, Posted(mut form): Posted, engine: web::Data<Engine>) -> Page {
    if let Some(new) = read(&mut form) {
        match engine.create_webhook(&signed.access, new, form.once()).await {
            Ok(made) => {
                let page = format!("/webhooks/{}/secret", made.webhook.id);
                return shown_once::lead(&engine, &signed.person.session, &page, &made.secret.expose()).await;
            }
            Err(Error::SecretShown { resource }) => {
                return Ok(page::go(format!("/webhooks/{resource}/secret")));
            }
            Err(error) => form.keep(error)?,
        }
    }
    list_with(&engine, &signed, form, "").await
}

async fn show_with(
    engine: &Engine,
    signed: &Signed<impl keyward_domain::Grant>,
    id: WebhookId,
    form: Option<Form>,
    query: &str,
) -> Page {
    let access = signed.access.also::<ReadWebhooks>()?;
    let webhook = engine.webhook(&access, id).await?;
    let (waiting, failed) = engine.delivery_counts(&access, id, MOST_SHOWN.into()).await?;
    page::send(&WebhookPage {
        shell: Shell::vendor(&signed.person, &signed.csrf, "webhooks", engine.now()).after(query),
        groups: EventKind::groups(),
        products: products(engine, signed).await?,
        form: form.unwrap_or_else(|| filled(&webhook)),
        waiting,
        failed,
        most: MOST_SHOWN.into(),
        sent: Sent::load(engine, &access, id, &Wanted::of(query), query).await?,
        webhook,
    })
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadWebhooks>,
    id: Id<WebhookId>,
    engine: web::Data<Engine>,
) -> Page {
    show_with(&engine, &signed, id.0, None, request.query_string()).await
}

async fn update(
    signed: Signed<WriteWebhooks>,
    id: Id<WebhookId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let seen = form.given("version").and_then(|version| version.parse().ok());
    if let Some(NewWebhook { url, description, events, products }) = read(&mut form) {
        let update = WebhookChange {
            url: Some(url),
            description: Some(description),
            events: Some(events),
            products: Some(products),
        };
        match engine.update_webhook(&signed.access, id.0, update, seen).await {
            Ok(_) => return Ok(page::go(format!("/webhooks/{}?done=saved", id.0))),
            Err(error) => form.keep(error)?,
        }
    }
    show_with(&engine, &signed, id.0, Some(form), "").await
}

/// A question about an endpoint, of which the page above is the endpoint's own.
fn asked_of(webhook: &Webhook, verb: &str) -> Question {
    let page = format!("/webhooks/{}", webhook.id);
    Question {
        crumbs: crumbs([("Webhooks", "/webhooks".to_owned()), (webhook.url.as_str(), page.clone())]),
        action: format!("{page}/{verb}"),
        back: page,
        ..Question::default()
    }
}

/// For how long an old secret may sign beside the new one.
const OVERLAPS: Options = &[("86400", "a day"), ("604800", "a week"), ("0", "not at all")];

async fn ask_rotate(signed: Signed<WriteWebhooks>, id: Id<WebhookId>, engine: web::Data<Engine>) -> Page {
    let webhook = engine.webhook(&signed.access.also::<ReadWebhooks>()?, id.0).await?;
    let asked = Question {
        title: format!("Rotate the secret of {}?", webhook.url),
        effects: vec![
            "A new secret is made, and shown to you once. Messages are signed with it at once, and with the old one as long as you say below.".to_owned(),
            "A receiver that knows only the old secret then refuses what it gets. One that checks your organization’s signature (v1a) notices nothing.".to_owned(),
        ],
        button: "Rotate the secret".to_owned(),
        choice: Some(("overlap_seconds", "Let the old secret sign for", OVERLAPS)),
        ..asked_of(&webhook, "rotate-secret")
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "webhooks", engine.now()), asked, Form::EMPTY)
}

async fn rotate(
    signed: Signed<WriteWebhooks>,
    id: Id<WebhookId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let page = format!("/webhooks/{}/secret", id.0);
    let Some(Overlap { seconds }) = form.read(&["overlap_seconds"]) else {
        return show_with(&engine, &signed, id.0, None, "").await;
    };
    match engine.rotate_webhook_secret(&signed.access, id.0, seconds, form.once()).await {
        Ok(made) => shown_once::lead(&engine, &signed.person.session, &page, &made.secret.expose()).await,
        Err(Error::SecretShown { .. }) => Ok(page::go(page)),
        Err(error) => Err(error.into()),
    }
}

async fn show_secret(
    request: HttpRequest,
    signed: Signed<WriteWebhooks>,
    id: Id<WebhookId>,
    engine: web::Data<Engine>,
) -> Page {
    let webhook = engine.webhook(&signed.access.also::<ReadWebhooks>()?, id.0).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "webhooks", engine.now());
    let back = format!("/webhooks/{}", id.0);
    match shown_once::take(&request, &engine, &signed.person.session).await? {
        Some(secret) => page::send(&SecretPage {
            shell,
            title: webhook.url.to_string(),
            what: "Signing secret",
            secret,
            about: "With it the receiver checks that messages come from you, by any library for Standard Webhooks.",
            back,
        }),
        None => page::send(&ShownPage {
            shell,
            what: "The signing secret",
            otherwise: "If you have not copied it, rotate the secret: that makes another.",
            back,
        }),
    }
}

async fn test(
    signed: Signed<WriteWebhooks>,
    id: Id<WebhookId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let sent = engine.test_webhook(&signed.access, id.0).await?;
    Ok(page::go(format!("/webhooks/{}/deliveries/{}?done=sent", id.0, sent.id)))
}

async fn pause(
    signed: Signed<WriteWebhooks>,
    id: Id<WebhookId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.pause_webhook(&signed.access, id.0).await?;
    Ok(page::go(format!("/webhooks/{}?done=paused", id.0)))
}

async fn resume(
    signed: Signed<WriteWebhooks>,
    id: Id<WebhookId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.resume_webhook(&signed.access, id.0).await?;
    Ok(page::go(format!("/webhooks/{}?done=resumed", id.0)))
}

async fn replay(
    signed: Signed<WriteWebhooks>,
    id: Id<WebhookId>,
    Posted(mut form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    let Some(replay) = form.read::<Replay>(&["since", "until", "delivered"]) else {
        return show_with(&engine, &signed, id.0, Some(form), "").await;
    };
    engine.replay_deliveries(&signed.access, id.0, replay).await?;
    Ok(page::go(format!("/webhooks/{}?done=sent#sent", id.0)))
}

async fn ask_delete(signed: Signed<WriteWebhooks>, id: Id<WebhookId>, engine: web::Data<Engine>) -> Page {
    let access = signed.access.also::<ReadWebhooks>()?;
    let webhook = engine.webhook(&access, id.0).await?;
    let waiting = match engine.delivery_counts(&access, id.0, MOST_SHOWN.into()).await? {
        (0, _) => "No message waits for it.".to_owned(),
        (1, _) => "One message waits for it, and is not sent any more.".to_owned(),
        (count, _) if count == u64::from(MOST_SHOWN) => {
            format!("{count} messages or more wait for it, and are not sent any more.")
        }
        (count, _) => format!("{count} messages wait for it, and are not sent any more."),
    };
    let asked = Question {
        title: format!("Delete {}?", webhook.url),
        effects: vec![
            "The endpoint is told nothing from now on, and its secret ends.".to_owned(),
            waiting,
            "This cannot be undone. To hold messages back for a while, pause it instead.".to_owned(),
        ],
        button: "Delete endpoint".to_owned(),
        ..asked_of(&webhook, "delete")
    };
    ask::send(Shell::vendor(&signed.person, &signed.csrf, "webhooks", engine.now()), asked, Form::EMPTY)
}

async fn delete(
    signed: Signed<WriteWebhooks>,
    id: Id<WebhookId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.delete_webhook(&signed.access, id.0, None).await?;
    Ok(page::go("/webhooks?done=removed"))
}
