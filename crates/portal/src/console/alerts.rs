//! What was unusual or fails, and who has seen to it.

use actix_web::{HttpRequest, web};
use askama::Template;
use keyward_domain::permission::{
    ReadAuditSinks, ReadDeployments, ReadProducts, ReadRegistries, ReadWebhooks, WriteRegistries,
};
use keyward_domain::{Alert, AlertId, AlertState, AlertStatus, AlertSubject, BucketAlert, RegistryKeyId};
use keyward_engine::{AlertFilter, Engine, Named};
use keyward_web::Id;

use super::registry_activity::{Holders, called, same};
use crate::error_page::PageError;
use crate::form::Posted;
use crate::page::{self, Page, Shell};
use crate::pages::{Pages, Paging};
use crate::signed::Signed;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/alerts", web::get().to(list))
        .route("/alerts/{id}/acknowledge", web::post().to(acknowledge));
}

/// Of which key.
#[derive(Debug, Default, serde::Deserialize)]
struct Query {
    #[serde(default)]
    key: String,
}

/// An alert with the names of all in it.
struct Line {
    alert: Alert,
    /// The registry where it was, and its page.
    registry: Option<(String, String)>,
    /// The key, license, endpoint, sink, target or deployment.
    who: String,
    /// Their page, if there is one.
    link: Option<String>,
    /// The page of what they did; licenses without a customer have none.
    same: Option<String>,
    /// When someone has seen to it.
    acknowledged: String,
}

#[derive(Template)]
#[template(path = "console/alerts.html")]
struct AlertsPage {
    shell: Shell,
    /// The name of the key whose alerts these are.
    key: Option<String>,
    open: Vec<Line>,
    open_pages: Pages,
    acknowledged: Vec<Line>,
    acknowledged_pages: Pages,
    buckets: Vec<BucketLine>,
    bucket_pages: Pages,
    wanted: Query,
}

/// What was told of a product's bucket.
struct BucketLine {
    alert: BucketAlert,
    product: String,
}

async fn list(
    request: HttpRequest,
    signed: Signed<ReadRegistries>,
    wanted: web::Query<Query>,
    engine: web::Data<Engine>,
) -> Page {
    let wanted = wanted.into_inner();
    let key: Option<RegistryKeyId> = wanted.key.parse().ok();
    let of = |status| AlertFilter { status: Some(status), registry: None, key };
    let paging = |name, place| Paging::at(request.path(), request.query_string(), name, place);
    let paging = (paging("open", ""), paging("cursor", "acknowledged"));
    let open = engine.alerts(&signed.access, of(AlertStatus::Open), paging.0.request()).await?;
    let (open, open_pages) = paging.0.take(open);
    let acknowledged = of(AlertStatus::Acknowledged);
    let acknowledged = engine.alerts(&signed.access, acknowledged, paging.1.request()).await?;
    let (acknowledged, acknowledged_pages) = paging.1.take(acknowledged);
    let paging = Paging::at(request.path(), request.query_string(), "bucket", "buckets");
    let (buckets, bucket_pages) = match (key, signed.access.also::<ReadProducts>()) {
        (None, Ok(access)) => {
            let told = engine.bucket_alerts(&access, None, paging.request()).await?;
            let (told, pages) = paging.take(told);
            let names = engine.product_names(&access, told.iter().map(|alert| alert.product)).await?;
            let product = |id| names.get(&id).map_or_else(|| "A product".to_owned(), ToString::to_string);
            (
                told.into_iter().map(|alert| BucketLine { product: product(alert.product), alert }).collect(),
                pages,
            )
        }
        (Some(_), _) | (None, Err(_)) => (Vec::new(), Pages::default()),
    };
    let key = match key {
        Some(id) => Some(engine.registry_key(&signed.access, id).await?.name.to_string()),
        None => None,
    };
    let shell = Shell::vendor(&signed.person, &signed.csrf, "alerts", engine.now());
    page::send(&AlertsPage {
        shell: shell.after(request.query_string()),
        key,
        open: lines(&engine, &signed, open).await?,
        open_pages,
        acknowledged: lines(&engine, &signed, acknowledged).await?,
        acknowledged_pages,
        buckets,
        bucket_pages,
        wanted,
    })
}

/// Alerts with the names of all in them.
async fn lines(
    engine: &Engine,
    signed: &Signed<ReadRegistries>,
    alerts: Vec<Alert>,
) -> Result<Vec<Line>, PageError> {
    let (mut holders, mut ids, mut webhooks, mut sinks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut targets, mut deployments) = (Vec::new(), Vec::new());
    for alert in &alerts {
        match alert.subject {
            AlertSubject::Registry { registry, holder } => {
                holders.push(holder);
                ids.push(registry);
            }
            AlertSubject::Webhook(id) => webhooks.push(id),
            AlertSubject::AuditSink(id) => sinks.push(id),
            AlertSubject::DeploymentTarget(id) => targets.push(id),
            AlertSubject::Deployment(id) => deployments.push(id),
        }
    }
    let holders = Holders::of(engine, signed, holders).await?;
    let registries = engine.registry_names(&signed.access, ids).await?;
    let webhooks = engine.webhook_names(&signed.access.also::<ReadWebhooks>()?, webhooks).await?;
    let sinks = engine.audit_sink_names(&signed.access.also::<ReadAuditSinks>()?, sinks).await?;
    let access = signed.access.also::<ReadDeployments>()?;
    let targets = engine.deployment_target_names(&access, targets).await?;
    let deployments = engine.deployment_names(&access, deployments).await?;
    let line = |alert: Alert| {
        let (registry, who, link, same) = match alert.subject {
            AlertSubject::Registry { registry: id, holder } => {
                let (who, link) = holders.who(id, holder);
                let registry = (called(registries.get(&id)), format!("/registries/{id}"));
                let same = same(holder).map(|query| format!("/registries/{id}/activity?{query}"));
                (Some(registry), who, Some(link), same)
            }
            AlertSubject::Webhook(id) => {
                let (who, link) = thing("webhook endpoint", webhooks.get(&id), format!("/webhooks/{id}"));
                (None, who, link, None)
            }
            AlertSubject::AuditSink(id) => {
                let (who, link) = thing("audit sink", sinks.get(&id), format!("/audit/sinks/{id}"));
                (None, who, link, None)
            }
            AlertSubject::DeploymentTarget(id) => {
                let link = format!("/deployment-targets/{id}");
                let (who, link) = thing("deployment target", targets.get(&id), link);
                (None, who, link, None)
            }
            AlertSubject::Deployment(id) => {
                let (who, link) = thing("deployment", deployments.get(&id), format!("/deployments/{id}"));
                (None, who, link, None)
            }
        };
        Line {
            registry,
            who,
            link,
            same,
            acknowledged: match alert.state {
                AlertState::Open => String::new(),
                AlertState::Acknowledged { at, .. } => page::minute(at),
            },
            alert,
        }
    };
    Ok(alerts.into_iter().map(line).collect())
}

/// What a thing is called, and its page if it still has one.
fn thing(kind: &str, named: Option<&Named>, link: String) -> (String, Option<String>) {
    match named {
        Some(named) => (format!("{kind} {named}"), Some(link).filter(|_| !named.deleted)),
        None => (format!("{kind} (deleted)"), None),
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
