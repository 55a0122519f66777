//! Alerts.

use actix_web::{get, post, web};
use keyward_domain::permission::{ReadRegistries, WriteRegistries};
use keyward_domain::registry::{Holder, Operation};
use keyward_domain::webhook::DisabledReason;
use keyward_domain::{
    AddressRange, Alert, AlertId, AlertState, AlertStatus, AlertSubject, AuditSinkId, CustomerId,
    DeploymentId, DeploymentTargetId, Finding, LicenseId, PageRequest, RegistryId, RegistryKeyId, Timestamp,
    WebhookId,
};
use keyward_engine::{AlertFilter, Engine};
use keyward_web::fields::Nothing;
use keyward_web::{Answer, Caller, Command, Id, Problem, Query, request};
use serde::Serialize;

use crate::routes::Routes;
use crate::v1::audit_events::ActorView;
use crate::v1::page::PageView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(list_alerts).query::<AlertQuery>().service(show_alert).service(acknowledge_alert);
}

/// Something unusual at a registry, or something that fails.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Alert)]
pub(crate) struct AlertView {
    id: AlertId,
    /// `open` or `acknowledged`.
    /// Example: "open"
    state: AlertStatus,
    /// `unexpected_location`, `high_volume`, `many_refusals`, `unexpected_collection`, `rotation_uncollected`, `webhook_disabled`,
    /// `audit_sink_failing`, `audit_events_missed`, `target_silent`, `deployment_failed` or `deployment_degraded`. There may be more in
    /// later versions.
    #[schema(example = "unexpected_location")]
    kind: &'static str,
    /// For people: what the key or license did, or what became of the endpoint or sink.
    #[schema(example = "pushed from 192.0.2.0/24, where it was not used in the last 90 days")]
    message: String,
    /// What it is about: `registry`, `webhook`, `audit_sink`, `deployment_target` or `deployment`. There may be more in later versions.
    #[schema(example = "registry")]
    subject: &'static str,
    #[serde(flatten)]
    about: SubjectView,
    detail: DetailView,
    created_at: Timestamp,
    acknowledged_at: Option<Timestamp>,
    acknowledged_by: Option<ActorView>,
}

/// What an alert is about; what does not belong to its subject is `null`.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = AlertSubject)]
struct SubjectView {
    /// The registry, if it is about one.
    registry_id: Option<RegistryId>,
    /// Whose registry key it was.
    registry_key_id: Option<RegistryKeyId>,
    /// Or whose license.
    license_id: Option<LicenseId>,
    customer_id: Option<CustomerId>,
    /// The webhook endpoint, if it is about one.
    webhook_id: Option<WebhookId>,
    /// The audit sink, if it is about one.
    audit_sink_id: Option<AuditSinkId>,
    /// The deployment target, if it is about one.
    deployment_target_id: Option<DeploymentTargetId>,
    /// The deployment, if it is about one.
    deployment_id: Option<DeploymentId>,
}

impl SubjectView {
    fn of(subject: AlertSubject) -> Self {
        let nothing = Self::default();
        match subject {
            AlertSubject::Registry { registry, holder } => {
                Self { registry_id: Some(registry), ..Self::of_holder(holder) }
            }
            AlertSubject::Webhook(id) => Self { webhook_id: Some(id), ..nothing },
            AlertSubject::AuditSink(id) => Self { audit_sink_id: Some(id), ..nothing },
            AlertSubject::DeploymentTarget(id) => Self { deployment_target_id: Some(id), ..nothing },
            AlertSubject::Deployment(id) => Self { deployment_id: Some(id), ..nothing },
        }
    }

    fn of_holder(holder: Holder) -> Self {
        let nothing = Self::default();
        match holder {
            Holder::Key(key) => Self { registry_key_id: Some(key), ..nothing },
            Holder::License { license, customer } => {
                Self { license_id: Some(license), customer_id: customer, ..nothing }
            }
            Holder::Deployment { deployment, customer, license } => Self {
                license_id: license,
                customer_id: Some(customer),
                deployment_id: Some(deployment),
                ..nothing
            },
        }
    }
}

/// What was seen; what does not belong to the kind is `null`.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = AlertDetail)]
pub(crate) struct DetailView {
    /// `pull`, `push`, `delete` or `token`.
    /// Example: "push"
    operation: Option<Operation>,
    /// From where: the /24 of IPv4, the /48 of IPv6.
    /// Example: "192.0.2.0/24"
    network: Option<AddressRange>,
    /// How often within an hour; of refusals, how many different requests; of missed events, how many.
    count: Option<u32>,
    /// How often in the busiest hour of the 30 days before.
    usual: Option<u32>,
    /// From when on the old secret is dead.
    previous_until: Option<Timestamp>,
    /// Why a webhook endpoint was disabled: `gone` or `failing`.
    reason: Option<DisabledReason>,
    /// Since when an audit sink takes no events, an agent is silent or a deployment is degraded.
    since: Option<Timestamp>,
    /// Which revision of a deployment has failed.
    revision: Option<u32>,
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// The client, as it calls itself.
    #[schema(example = "docker/28.0.1")]
    client: Option<String>,
}

impl DetailView {
    fn of(finding: Finding) -> Self {
        let nothing = Self::default();
        match finding {
            Finding::UnexpectedLocation { operation, network } => {
                Self { operation: Some(operation), network: Some(network), ..nothing }
            }
            Finding::HighVolume { operation, count, usual } => {
                Self { operation: Some(operation), count: Some(count), usual: Some(usual), ..nothing }
            }
            Finding::ManyRefusals { count } => Self { count: Some(count), ..nothing },
            Finding::UnexpectedCollection { network } => Self { network: Some(network), ..nothing },
            Finding::RotationUncollected { until } => Self { previous_until: Some(until), ..nothing },
            Finding::WebhookDisabled { reason } => Self { reason: Some(reason), ..nothing },
            Finding::AuditSinkFailing { since } => Self { since: Some(since), ..nothing },
            Finding::TargetSilent { since } | Finding::DeploymentDegraded { since } => {
                Self { since: Some(since), ..nothing }
            }
            Finding::DeploymentFailed { revision } => Self { revision: Some(revision), ..nothing },
            Finding::AuditEventsMissed { count } => {
                Self { count: Some(u32::try_from(count).unwrap_or(u32::MAX)), ..nothing }
            }
        }
    }
}

impl From<Alert> for AlertView {
    fn from(alert: Alert) -> Self {
        let about = SubjectView::of(alert.subject);
        let (acknowledged_at, acknowledged_by) = match alert.state {
            AlertState::Open => (None, None),
            AlertState::Acknowledged { by, at } => (Some(at), Some(by.into())),
        };
        let (address, client) = match alert.origin {
            Some(origin) => (Some(origin.address.ip().to_string()), Some(origin.client)),
            None => (None, None),
        };
        Self {
            id: alert.id,
            state: alert.state.status(),
            kind: alert.finding.kind(),
            message: alert.finding.to_string(),
            subject: alert.subject.parts().0,
            about,
            detail: DetailView { address, client, ..DetailView::of(alert.finding) },
            created_at: alert.created_at,
            acknowledged_at,
            acknowledged_by,
        }
    }
}

/// Which alerts are wanted.
#[derive(Debug)]
pub(crate) struct AlertQuery {
    state: Option<AlertStatus>,
    registry_id: Option<RegistryId>,
    registry_key_id: Option<RegistryKeyId>,
    page: PageRequest,
}

request! {
    for AlertQuery {
        /// `open` or `acknowledged`; absent for both.
        state: optional,
        /// Of this registry only.
        registry_id: optional,
        /// Of this registry key only.
        registry_key_id: optional,
        ..page: PageRequest,
    }
}

/// List alerts
///
/// What was unusual at registries, webhook endpoints that were disabled, and audit sinks that take no events. Each kind is told once a day for each key or license, and unexpected places once for each network. The first of
/// a kind is mailed to owners and admins if that is set.
#[utoipa::path(responses((status = 200, body = PageView<AlertView>)))]
#[get("/api/v1/alerts")]
pub(crate) async fn list_alerts(
    caller: Caller<ReadRegistries>,
    query: Query<AlertQuery>,
    engine: web::Data<Engine>,
) -> Result<Answer<PageView<AlertView>>, Problem> {
    let AlertQuery { state, registry_id, registry_key_id, page } = query.0;
    let filter = AlertFilter { status: state, registry: registry_id, key: registry_key_id };
    let alerts = engine.alerts(&caller, filter, page).await?;
    Ok(Answer::ok(PageView::of(alerts, AlertView::from)))
}

/// Show an alert
#[utoipa::path(responses((status = 200, body = AlertView)))]
#[get("/api/v1/alerts/{id}")]
pub(crate) async fn show_alert(
    caller: Caller<ReadRegistries>,
    id: Id<AlertId>,
    engine: web::Data<Engine>,
) -> Result<Answer<AlertView>, Problem> {
    Ok(Answer::ok(engine.alert(&caller, id.0).await?.into()))
}

/// Acknowledge an alert
///
/// Says that you have seen to it. Saying so twice changes nothing.
#[utoipa::path(responses((status = 200, body = AlertView)))]
#[post("/api/v1/alerts/{id}/acknowledge")]
pub(crate) async fn acknowledge_alert(
    command: Command<WriteRegistries, Nothing>,
    id: Id<AlertId>,
    engine: web::Data<Engine>,
) -> Result<Answer<AlertView>, Problem> {
    Ok(Answer::ok(engine.acknowledge_alert(&command.access, id.0).await?.into()))
}
