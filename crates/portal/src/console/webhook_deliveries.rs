//! What was sent to a webhook endpoint.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadWebhooks, WriteWebhooks};
use keyward_domain::webhook::{Attempt, AttemptResult};
use keyward_domain::{Access, Delivery, DeliveryId, DeliveryState, DeliveryStatus, Webhook, WebhookId};
use keyward_engine::webhook::webhook_id;
use keyward_engine::{DeliveryFilter, Engine};
use keyward_web::{Id, part};

use crate::error_page::PageError;
use crate::form::Posted;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/webhooks/{id}/deliveries/{delivery_id}", web::get().to(show))
        .route("/webhooks/{id}/deliveries/{delivery_id}/retry", web::post().to(retry));
}

/// In which state what was sent is wanted.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    state: String,
}

impl Wanted {
    pub(crate) fn of(query: &str) -> Self {
        web::Query::from_query(query).map(web::Query::into_inner).unwrap_or_default()
    }
}

/// A page of what was sent.
pub(crate) struct Sent {
    pub deliveries: Vec<Delivery>,
    pub pages: Pages,
    /// The state that it is filtered by; empty for any.
    pub state: String,
}

impl Sent {
    pub(crate) async fn load(
        engine: &Engine,
        access: &Access<ReadWebhooks>,
        webhook: WebhookId,
        wanted: &Wanted,
        query: &str,
    ) -> Result<Self, PageError> {
        let paging = Paging::at(&format!("/webhooks/{webhook}"), query, "cursor", "sent");
        let state: Option<DeliveryStatus> = wanted.state.parse().ok();
        let filter = DeliveryFilter { state, ..DeliveryFilter::default() };
        let found = engine.deliveries(access, webhook, filter, paging.request()).await?;
        let (deliveries, pages) = paging.take(found);
        let state = state.map(DeliveryStatus::as_str).unwrap_or_default().to_owned();
        Ok(Self { deliveries, pages, state })
    }
}

#[derive(Template)]
#[template(path = "console/webhook_delivery.html")]
struct DeliveryPage {
    shell: Shell,
    webhook: Webhook,
    delivery: Delivery,
    message_id: String,
    /// What is sent, as people read JSON.
    body: Option<String>,
    attempts: Vec<Attempt>,
}

async fn show(
    request: HttpRequest,
    signed: Signed<ReadWebhooks>,
    id: Id<WebhookId>,
    engine: web::Data<Engine>,
) -> Page {
    let delivery: DeliveryId = part(&request, "delivery_id")?;
    let webhook = engine.webhook(&signed.access, id.0).await?;
    let sent = engine.delivery(&signed.access, id.0, delivery).await?;
    let shell = Shell::vendor(&signed.person, &signed.csrf, "webhooks", engine.now());
    page::send(&DeliveryPage {
        shell: shell.after(request.query_string()),
        webhook,
        message_id: webhook_id(sent.delivery.message),
        delivery: sent.delivery,
        body: sent.body.map(|body| indented(&body)),
        attempts: sent.attempts,
    })
}

/// JSON with a line for each member; each of its letters stays.
fn indented(json: &str) -> String {
    let (mut text, mut depth, mut quoted, mut escaped) =
        (String::with_capacity(json.len() * 2), 0, false, false);
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    };
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            _ if quoted => {
                text.push(letter);
                (quoted, escaped) = (letter != '"' || escaped, letter == '\\' && !escaped);
            }
            '"' => {
                text.push(letter);
                quoted = true;
            }
            '{' | '[' => {
                text.push(letter);
                if !matches!(letters.peek(), Some('}' | ']')) {
                    depth += 1;
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                if !text.ends_with(['{', '[']) {
                    depth = depth.saturating_sub(1);
                    line(&mut text, depth);
                }
                text.push(letter);
            }
            ',' => {
                text.push(letter);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => text.push(letter),
        }
    }
    text
}

async fn retry(
    request: HttpRequest,
    signed: Signed<WriteWebhooks>,
    id: Id<WebhookId>,
    _: Posted,
    engine: web::Data<Engine>,
) -> Page {
    let delivery: DeliveryId = part(&request, "delivery_id")?;
    engine.retry_delivery(&signed.access, id.0, delivery).await?;
    Ok(page::go(format!("/webhooks/{}/deliveries/{delivery}?done=sent", id.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_no_letter_is_lost() {
        let json = r#"{"a":[1.50,{}],"b":"x: {\"y\", [","c":[]}"#;
        let text = indented(json);
        assert_eq!(
            text,
            "{\n  \"a\": [\n    1.50,\n    {}\n  ],\n  \"b\": \"x: {\\\"y\\\", [\",\n  \"c\": []\n}"
        );
    }
}
