//! Alerts.

mod acknowledge;
mod list;
mod show;

use crate::routes::Routes;
use keyward_domain::registry::{Holder, Operation};
use keyward_domain::{
    AddressRange, Alert, AlertId, AlertState, AlertStatus, CustomerId, Finding, LicenseId, RegistryId,
    RegistryKeyId, Timestamp,
};
use serde::Serialize;

use crate::v1::audit_events::ActorView;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes
        .service(list::list)
        .query::<list::AlertQuery>("list_alerts")
        .service(show::show)
        .service(acknowledge::acknowledge);
}

/// Something unusual at a registry.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Alert)]
pub(crate) struct AlertView {
    #[schema(value_type = String, format = Uuid)]
    id: AlertId,
    /// `open` or `acknowledged`.
    #[schema(value_type = String, example = "open")]
    state: AlertStatus,
    /// `unexpected_location`, `high_volume`, `many_refusals`, `unexpected_collection` or `rotation_uncollected`.
    #[schema(example = "unexpected_location")]
    kind: &'static str,
    /// For people: what the key or license did.
    #[schema(example = "pushed from 192.0.2.0/24, where it was not used in the last 90 days")]
    message: String,
    #[schema(value_type = String, format = Uuid)]
    registry_id: RegistryId,
    /// Whose registry key it was.
    #[schema(value_type = Option<String>, format = Uuid)]
    registry_key_id: Option<RegistryKeyId>,
    /// Or whose license.
    #[schema(value_type = Option<String>, format = Uuid)]
    license_id: Option<LicenseId>,
    #[schema(value_type = Option<String>, format = Uuid)]
    customer_id: Option<CustomerId>,
    detail: DetailView,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    acknowledged_at: Option<Timestamp>,
    acknowledged_by: Option<ActorView>,
}

/// What was seen; what does not belong to the kind is `null`.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = AlertDetail)]
pub(crate) struct DetailView {
    /// `pull`, `push`, `delete` or `token`.
    #[schema(value_type = Option<String>, example = "push")]
    operation: Option<Operation>,
    /// From where: the /24 of IPv4, the /48 of IPv6.
    #[schema(value_type = Option<String>, example = "192.0.2.0/24")]
    network: Option<AddressRange>,
    /// How often within an hour; of refusals, how many different requests.
    count: Option<u32>,
    /// How often in the busiest hour of the 30 days before.
    usual: Option<u32>,
    /// From when on the old secret is dead.
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_until: Option<Timestamp>,
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
        }
    }
}

impl From<Alert> for AlertView {
    fn from(alert: Alert) -> Self {
        let (registry_key_id, license_id, customer_id) = match alert.holder {
            Holder::Key(key) => (Some(key), None, None),
            Holder::License { license, customer } => (None, Some(license), customer),
        };
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
            registry_id: alert.registry,
            registry_key_id,
            license_id,
            customer_id,
            detail: DetailView { address, client, ..DetailView::of(alert.finding) },
            created_at: alert.created_at,
            acknowledged_at,
            acknowledged_by,
        }
    }
}
