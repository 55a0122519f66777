//! What is unusual or fails, told once a day, until someone has seen to it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::registry::{Holder, Operation};
use crate::webhook::DisabledReason;
use crate::{
    Actor, Address, AddressRange, AlertId, AuditSinkId, DeploymentId, DeploymentTargetId, Invalid,
    OrganizationId, RegistryId, Timestamp, WebhookId,
};

/// Something unusual that a key or a license did, or something that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// Whose.
    pub organization: OrganizationId,
    /// What it is about.
    pub subject: AlertSubject,
    /// What is unusual.
    pub finding: Finding,
    /// From where it was done, if something was done.
    pub origin: Option<Origin>,
    /// Whether someone has seen to it.
    pub state: AlertState,
    /// When it was found.
    pub created_at: Timestamp,
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertSubject {
    /// A registry.
    Registry {
        /// Which.
        registry: RegistryId,
        /// Whose key or license it was.
        holder: Holder,
    },
    /// A webhook endpoint.
    Webhook(WebhookId),
    /// A place that the audit log is streamed to.
    AuditSink(AuditSinkId),
    /// A customer's host.
    DeploymentTarget(DeploymentTargetId),
    /// An application on a customer's host.
    Deployment(DeploymentId),
}

impl AlertSubject {
    /// The kind's name on the wire and in storage, and the thing's id.
    pub fn parts(self) -> (&'static str, uuid::Uuid) {
        match self {
            Self::Registry { registry, .. } => ("registry", registry.uuid()),
            Self::Webhook(id) => ("webhook", id.uuid()),
            Self::AuditSink(id) => ("audit_sink", id.uuid()),
            Self::DeploymentTarget(id) => ("deployment_target", id.uuid()),
            Self::Deployment(id) => ("deployment", id.uuid()),
        }
    }
}

/// From where and by which program something was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// From where.
    pub address: Address,
    /// By which client, as it calls itself.
    pub client: String,
}

/// What is unusual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// A key changed something from where it is not known.
    UnexpectedLocation {
        /// What it did.
        operation: Operation,
        /// From where.
        network: AddressRange,
    },
    /// A key did far more in an hour than ever in the month before.
    HighVolume {
        /// What it did.
        operation: Operation,
        /// How often within an hour.
        count: u32,
        /// How often in the busiest hour before.
        usual: u32,
    },
    /// A key or a license was refused again and again.
    ManyRefusals {
        /// How many different requests within an hour.
        count: u32,
    },
    /// The new secret of a key was collected from where the key is not known.
    UnexpectedCollection {
        /// From where.
        network: AddressRange,
    },
    /// Nobody has collected the new secret of a key, and the old one is soon dead.
    RotationUncollected {
        /// From when on it is dead.
        until: Timestamp,
    },
    /// The server has given a webhook endpoint up.
    WebhookDisabled {
        /// Why.
        reason: DisabledReason,
    },
    /// Nothing could be sent to an audit sink for a day.
    AuditSinkFailing {
        /// Since when.
        since: Timestamp,
    },
    /// Events were removed, or refused by the receiver, before an audit sink had them.
    AuditEventsMissed {
        /// How many.
        count: i64,
    },
    /// Nothing was heard of the agent on a deployment target for ten minutes.
    TargetSilent {
        /// Since when.
        since: Timestamp,
    },
    /// A revision of a deployment did not become what it was to be.
    DeploymentFailed {
        /// Which.
        revision: u32,
    },
    /// Something has been wrong with a deployment that runs for five minutes.
    DeploymentDegraded {
        /// Since when.
        since: Timestamp,
    },
}

impl Finding {
    /// The kind's name on the wire and in storage.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnexpectedLocation { .. } => "unexpected_location",
            Self::HighVolume { .. } => "high_volume",
            Self::ManyRefusals { .. } => "many_refusals",
            Self::UnexpectedCollection { .. } => "unexpected_collection",
            Self::RotationUncollected { .. } => "rotation_uncollected",
            Self::WebhookDisabled { .. } => "webhook_disabled",
            Self::AuditSinkFailing { .. } => "audit_sink_failing",
            Self::AuditEventsMissed { .. } => "audit_events_missed",
            Self::TargetSilent { .. } => "target_silent",
            Self::DeploymentFailed { .. } => "deployment_failed",
            Self::DeploymentDegraded { .. } => "deployment_degraded",
        }
    }

    /// The kind as people call it.
    pub fn label(&self) -> &'static str {
        match self {
            Self::UnexpectedLocation { .. } => "Unexpected place",
            Self::HighVolume { .. } => "High volume",
            Self::ManyRefusals { .. } => "Many refusals",
            Self::UnexpectedCollection { .. } => "Collected elsewhere",
            Self::RotationUncollected { .. } => "Not collected",
            Self::WebhookDisabled { .. } => "Endpoint disabled",
            Self::AuditSinkFailing { .. } => "Sink failing",
            Self::AuditEventsMissed { .. } => "Events missed",
            Self::TargetSilent { .. } => "Agent silent",
            Self::DeploymentFailed { .. } => "Deployment failed",
            Self::DeploymentDegraded { .. } => "Deployment degraded",
        }
    }

    /// What is told apart within a kind: each is told once a day. Each network is told by itself, because whoever has
    /// seen to one has not seen the other.
    pub fn aspect(&self) -> Cow<'static, str> {
        match self {
            Self::HighVolume { operation, .. } => operation.as_str().into(),
            Self::UnexpectedLocation { network, .. } | Self::UnexpectedCollection { network } => {
                network.to_string().into()
            }
            Self::ManyRefusals { .. }
            | Self::RotationUncollected { .. }
            | Self::WebhookDisabled { .. }
            | Self::AuditSinkFailing { .. }
            | Self::AuditEventsMissed { .. }
            | Self::TargetSilent { .. }
            | Self::DeploymentDegraded { .. } => "".into(),
            Self::DeploymentFailed { revision } => revision.to_string().into(),
        }
    }
}

/// As the end of a sentence that begins with the key, license, endpoint, sink, target or deployment.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedLocation { operation, network } => {
                write!(f, "{} from {network}, where it was not used in the last 90 days", operation.done())
            }
            Self::HighVolume { operation, count, usual } => {
                let done = operation.done();
                write!(
                    f,
                    "{done} {count} times within an hour; in no hour of the last 30 days more than {usual}"
                )
            }
            Self::ManyRefusals { count } => {
                write!(f, "was refused {count} different requests within an hour")
            }
            Self::UnexpectedCollection { network } => {
                write!(
                    f,
                    "collected its new secret from {network}, where it was not used in the last 90 days"
                )
            }
            Self::RotationUncollected { until } => {
                write!(
                    f,
                    "was given a new secret that nobody has collected, and the old one works until {until}"
                )
            }
            Self::WebhookDisabled { reason } => write!(f, "was disabled because {reason}"),
            Self::AuditSinkFailing { since } => write!(f, "has taken no events since {since}"),
            Self::AuditEventsMissed { count } => write!(f, "has missed {count} events"),
            Self::TargetSilent { since } => write!(f, "has not been heard of since {since}"),
            Self::DeploymentFailed { revision } => write!(f, "failed at revision {revision}"),
            Self::DeploymentDegraded { since } => write!(f, "has been degraded since {since}"),
        }
    }
}

/// Whether someone has seen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertState {
    /// Nobody has.
    Open,
    /// Someone has.
    Acknowledged {
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
    },
}

impl AlertState {
    /// The name of it.
    pub fn status(self) -> AlertStatus {
        match self {
            Self::Open => AlertStatus::Open,
            Self::Acknowledged { .. } => AlertStatus::Acknowledged,
        }
    }
}

/// The states by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// Nobody has seen to it.
    Open,
    /// Someone has.
    Acknowledged,
}

impl AlertStatus {
    /// Every state.
    pub const ALL: [Self; 2] = [Self::Open, Self::Acknowledged];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
        }
    }
}

impl FromStr for AlertStatus {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "open" => Ok(Self::Open),
            "acknowledged" => Ok(Self::Acknowledged),
            _ => Err(Invalid::new("unknown_state", "must be open or acknowledged")),
        }
    }
}

crate::described!(AlertStatus = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

impl Alert {
    /// Someone has seen to it; who did so first stays.
    #[must_use]
    pub fn acknowledged(self, by: Actor, at: Timestamp) -> Self {
        match self.state {
            AlertState::Open => Self { state: AlertState::Acknowledged { by, at }, ..self },
            AlertState::Acknowledged { .. } => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemberId, RegistryKeyId, TokenId};

    fn location(network: &str) -> Finding {
        Finding::UnexpectedLocation { operation: Operation::Push, network: network.parse().unwrap() }
    }

    fn alert(finding: Finding) -> Alert {
        Alert {
            id: AlertId::new(1, [1; 10]),
            organization: OrganizationId::new(1, [1; 10]),
            subject: AlertSubject::Registry {
                registry: RegistryId::new(1, [1; 10]),
                holder: Holder::Key(RegistryKeyId::new(1, [1; 10])),
            },
            finding,
            origin: None,
            state: AlertState::Open,
            created_at: Timestamp::MIN,
        }
    }

    #[test]
    fn who_acknowledged_first_stays() {
        let (one, other) = (Actor::Member(MemberId::new(1, [1; 10])), Actor::Token(TokenId::new(1, [1; 10])));
        let seen = alert(location("192.0.2.0/24")).acknowledged(one, Timestamp::MIN);
        assert_eq!(seen.clone().acknowledged(other, Timestamp::MAX), seen);
        assert_eq!(seen.state.status(), AlertStatus::Acknowledged);
    }

    #[test]
    fn networks_and_operations_are_told_apart() {
        let volume = |operation| Finding::HighVolume { operation, count: 1_001, usual: 3 };
        let network = "192.0.2.0/24".parse().unwrap();
        for (one, other, same) in [
            (location("192.0.2.0/24"), location("192.0.2.0/24"), true),
            (location("192.0.2.0/24"), location("203.0.113.0/24"), false),
            (
                location("192.0.2.0/24"),
                Finding::UnexpectedLocation { operation: Operation::Delete, network },
                true,
            ),
            (volume(Operation::Pull), volume(Operation::Push), false),
            (Finding::ManyRefusals { count: 20 }, Finding::ManyRefusals { count: 21 }, true),
        ] {
            assert_eq!(one.aspect() == other.aspect(), same, "{one:?} {other:?}");
        }
        assert_eq!(Finding::UnexpectedCollection { network }.aspect(), "192.0.2.0/24");
    }

    #[test]
    fn findings_are_kept_and_told() {
        let volume = Finding::HighVolume { operation: Operation::Pull, count: 1_001, usual: 3 };
        for (finding, told) in [
            (
                location("2001:db8::/48"),
                "pushed from 2001:db8::/48, where it was not used in the last 90 days",
            ),
            (volume, "pulled 1001 times within an hour; in no hour of the last 30 days more than 3"),
            (Finding::ManyRefusals { count: 20 }, "was refused 20 different requests within an hour"),
            (
                Finding::RotationUncollected { until: Timestamp::MIN },
                "was given a new secret that nobody has collected, and the old one works until 1970-01-01T00:00:00Z",
            ),
            (
                Finding::WebhookDisabled { reason: DisabledReason::Gone },
                "was disabled because it answered 410 Gone",
            ),
            (
                Finding::AuditSinkFailing { since: Timestamp::MIN },
                "has taken no events since 1970-01-01T00:00:00Z",
            ),
            (Finding::AuditEventsMissed { count: 3 }, "has missed 3 events"),
            (
                Finding::TargetSilent { since: Timestamp::MIN },
                "has not been heard of since 1970-01-01T00:00:00Z",
            ),
            (Finding::DeploymentFailed { revision: 3 }, "failed at revision 3"),
            (
                Finding::DeploymentDegraded { since: Timestamp::MIN },
                "has been degraded since 1970-01-01T00:00:00Z",
            ),
        ] {
            let kept = serde_json::to_value(&finding).unwrap();
            assert_eq!(kept["kind"], finding.kind());
            assert_eq!(serde_json::from_value::<Finding>(kept).unwrap(), finding);
            assert_eq!(finding.to_string(), told);
        }
    }
}
