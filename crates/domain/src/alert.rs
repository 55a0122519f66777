//! What is unusual at a registry, told once a day, until someone has seen to it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::registry::{Holder, Operation};
use crate::{Actor, Address, AddressRange, AlertId, Invalid, OrganizationId, RegistryId, Timestamp};

/// Something unusual that a key or a license did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// Whose registry.
    pub organization: OrganizationId,
    /// Which.
    pub registry: RegistryId,
    /// Whose key or license it was.
    pub holder: Holder,
    /// What is unusual.
    pub finding: Finding,
    /// From where it was done, if something was done.
    pub origin: Option<Origin>,
    /// Whether someone has seen to it.
    pub state: AlertState,
    /// When it was found.
    pub created_at: Timestamp,
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
        /// How often within an hour.
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
        }
    }

    /// What is told apart within a kind: each is told once a day.
    pub fn aspect(&self) -> &'static str {
        match self {
            Self::HighVolume { operation, .. } => operation.as_str(),
            Self::UnexpectedLocation { .. }
            | Self::ManyRefusals { .. }
            | Self::UnexpectedCollection { .. }
            | Self::RotationUncollected { .. } => "",
        }
    }
}

/// As the end of a sentence that begins with the key or license.
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
            Self::ManyRefusals { count } => write!(f, "was refused {count} times within an hour"),
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

impl Alert {
    /// Someone has seen to it; who did so first stays.
    #[must_use]
    pub fn acknowledged(self, by: Actor, at: Timestamp) -> Self {
        match self.state {
            AlertState::Open => Self { state: AlertState::Acknowledged { by, at }, ..self },
            AlertState::Acknowledged { .. } => self,
        }
    }

    /// The same on the same day. A place that is new once more opens it again, because whoever has seen to the first
    /// has not seen this one; more of the same tells nothing.
    pub fn again(self, finding: Finding, origin: Option<Origin>) -> Option<Self> {
        let place = |finding: &Finding| match finding {
            Finding::UnexpectedLocation { network, .. } | Finding::UnexpectedCollection { network } => {
                Some(*network)
            }
            Finding::HighVolume { .. }
            | Finding::ManyRefusals { .. }
            | Finding::RotationUncollected { .. } => None,
        };
        let moved = place(&self.finding) != place(&finding);
        moved.then_some(Self { finding, origin, state: AlertState::Open, ..self })
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
            registry: RegistryId::new(1, [1; 10]),
            holder: Holder::Key(RegistryKeyId::new(1, [1; 10])),
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
    fn another_place_opens_it_again_and_nothing_else_does() {
        let by = Actor::Member(MemberId::new(1, [1; 10]));
        let seen = alert(location("192.0.2.0/24")).acknowledged(by, Timestamp::MIN);
        assert_eq!(seen.clone().again(location("192.0.2.0/24"), None), None);
        let again = seen.clone().again(location("203.0.113.0/24"), None).unwrap();
        assert_eq!((again.state, again.id), (AlertState::Open, seen.id));
        let loud = alert(Finding::ManyRefusals { count: 20 }).acknowledged(by, Timestamp::MIN);
        assert_eq!(loud.again(Finding::ManyRefusals { count: 21 }, None), None);
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
            (Finding::ManyRefusals { count: 20 }, "was refused 20 times within an hour"),
            (
                Finding::RotationUncollected { until: Timestamp::MIN },
                "was given a new secret that nobody has collected, and the old one works until 1970-01-01T00:00:00Z",
            ),
        ] {
            let kept = serde_json::to_value(&finding).unwrap();
            assert_eq!(kept["kind"], finding.kind());
            assert_eq!(serde_json::from_value::<Finding>(kept).unwrap(), finding);
            assert_eq!(finding.to_string(), told);
        }
    }
}
