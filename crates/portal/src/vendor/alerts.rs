//! What was unusual at the registries, and who has seen to it.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::{Alert, AlertId, AlertState, AlertStatus, PageRequest, RegistryId, RegistryKeyId};
use keyward_engine::{AlertFilter, Engine};
use keyward_web::Id;

use super::registry_activity::{Names, same};
use crate::form::Posted;
use crate::page::{self, Page, Shell};
use crate::signed::Signed;
use crate::trouble::Trouble;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/alerts", web::get().to(list))
        .route("/alerts/{id}/acknowledge", web::post().to(acknowledge));
}

/// Of which key, and where the open and the acknowledged ones begin.
#[derive(Debug, Default, serde::Deserialize)]
struct Wanted {
    #[serde(default)]
    key: String,
    #[serde(default)]
    open: String,
    #[serde(default)]
    cursor: String,
}

/// How many of each are on a page.
const MOST: u32 = 50;

/// An alert with the names of all in it.
struct Line {
    alert: Alert,
    registry: String,
    who: String,
    /// The page of whom it was.
    link: String,
    /// The query for what they did; licenses without a customer have none.
    same: Option<String>,
    /// When someone has seen to it.
    acknowledged: String,
}

#[derive(Template)]
#[template(path = "vendor/alerts.html")]
struct AlertsPage {
    shell: Shell,
    /// The name of the key whose alerts these are.
    key: Option<String>,
    open: Vec<Line>,
    /// Where further open ones begin.
    more: Option<String>,
    acknowledged: Vec<Line>,
    /// Where further acknowledged ones begin.
    next: Option<String>,
    wanted: Wanted,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadRegistries>,
    wanted: web::Query<Wanted>,
    engine: web::Data<Engine>,
) -> Page {
    let wanted = wanted.into_inner();
    let key: Option<RegistryKeyId> = wanted.key.parse().ok();
    let of = |status| AlertFilter { status: Some(status), registry: None, key };
    let page = |cursor: &str| PageRequest { limit: MOST, after: cursor.parse().ok() };
    let open = engine.alerts(&signed.access, of(AlertStatus::Open), page(&wanted.open)).await?;
    let older = page(&wanted.cursor);
    let acknowledged = engine.alerts(&signed.access, of(AlertStatus::Acknowledged), older).await?;
    let key = match key {
        Some(id) => Some(engine.registry_key(&signed.access, id).await?.name.to_string()),
        None => None,
    };
    let mut names = AllNames::default();
    let shell = Shell::vendor(&signed.visit, &signed.csrf, "alerts", engine.now());
    page::send(&AlertsPage {
        shell: shell.after(request.query_string()),
        key,
        open: names.lines(&engine, &signed, open.items).await?,
        more: open.next.map(|cursor| cursor.to_string()),
        acknowledged: names.lines(&engine, &signed, acknowledged.items).await?,
        next: acknowledged.next.map(|cursor| cursor.to_string()),
        wanted,
    })
}

/// The names of registries too, asked for once each.
#[derive(Default)]
struct AllNames {
    holders: Names,
    registries: BTreeMap<RegistryId, String>,
}

impl AllNames {
    async fn lines(
        &mut self,
        engine: &Engine,
        signed: &Signed<ReadRegistries>,
        alerts: Vec<Alert>,
    ) -> Result<Vec<Line>, Trouble> {
        let mut lines = Vec::new();
        for alert in alerts {
            let registry = match self.registries.get(&alert.registry) {
                Some(name) => name.clone(),
                None => {
                    let found = engine.registry(&signed.access, alert.registry).await;
                    let name = found.map_or_else(|_| "deleted".to_owned(), |found| found.name.to_string());
                    self.registries.insert(alert.registry, name.clone());
                    name
                }
            };
            let (who, link) = self.holders.who(engine, signed, alert.registry, alert.holder).await?;
            let acknowledged = match alert.state {
                AlertState::Open => String::new(),
                AlertState::Acknowledged { at, .. } => page::minute(at),
            };
            let same = same(alert.holder);
            lines.push(Line { alert, registry, who, link, same, acknowledged });
        }
        Ok(lines)
    }
}

async fn acknowledge(
    signed: Signed<WriteRegistries>,
    id: Id<AlertId>,
    Posted(form): Posted,
    engine: web::Data<Engine>,
) -> Page {
    engine.acknowledge_alert(&signed.access, id.0).await?;
    // Back to where the button was: to the alerts of one key, or of all.
    let key = form.given("key").and_then(|key| key.parse::<RegistryKeyId>().ok());
    let key = key.map(|key| format!("key={key}&")).unwrap_or_default();
    Ok(page::go(format!("/alerts?{key}done=acknowledged")))
}
