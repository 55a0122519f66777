//! Deployment targets: a customer's hosts, and the agents there.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_protocol::enrolment::{Facts, Mode};
use keyward_protocol::fingerprint;
use keyward_protocol::report::Witnessed;
use sha2::{Digest as _, Sha256};

use crate::{
    Address, AgentId, CustomerId, DeploymentTargetId, Name, OrganizationId, OrganizationScope, SecretHash,
    Timestamp,
};

/// A host of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentTarget {
    /// Its id.
    pub id: DeploymentTargetId,
    /// The vendor.
    pub organization: OrganizationId,
    /// Whose host.
    pub customer: CustomerId,
    /// What the customer calls it; unique among the customer's targets that are not released.
    pub name: Name,
    /// Whether its agent changes anything. It never becomes the other.
    pub mode: Mode,
    /// Whether an agent is there.
    pub state: TargetState,
    /// When the agent last asked for anything.
    pub seen_at: Option<Timestamp>,
    /// What the host is, as its agent says.
    pub facts: Facts,
    /// Whether somebody on the host has told the agent to do nothing for now.
    pub paused: bool,
    /// What a witness sees there.
    pub witnessed: Vec<Witnessed>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed, by a person or by an agent that joined.
    pub updated_at: Timestamp,
    /// Counts those changes; the entity tag of HTTP.
    pub version: i64,
}

/// Whether an agent is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetState {
    /// None has joined yet.
    Waiting,
    /// One has.
    Connected {
        /// Which.
        agent: Agent,
    },
    /// The agent was told to go, and none will join.
    Released {
        /// Since when.
        at: Timestamp,
    },
}

/// The program on a host that has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id. Whoever joins again is another one.
    pub id: AgentId,
    /// Its Ed25519 key, which signs its requests.
    pub signing_key: [u8; 32],
    /// Its X25519 key, to which secrets are sealed.
    pub sealing_key: [u8; 32],
    /// From where it joined.
    pub address: Address,
    /// When it joined.
    pub joined_at: Timestamp,
    /// Since when it has these keys.
    pub keys_at: Timestamp,
}

impl Agent {
    /// The fingerprint of its signing key in four words, which its terminal shows too.
    pub fn fingerprint(&self) -> String {
        // The thumbprint of RFC 7638, by which the key is named too.
        let jwk =
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(self.signing_key));
        let mut first = [0; 8];
        first.copy_from_slice(&Sha256::digest(jwk)[..8]);
        fingerprint::words(first)
    }
}

/// How a target stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetStatus {
    /// No agent has joined yet.
    Waiting,
    /// Its agent was there a moment ago.
    Connected,
    /// Its agent has not been heard of for some minutes.
    Silent,
    /// It was released.
    Released,
}

impl TargetStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Connected, Self::Silent, Self::Released];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connected => "connected",
            Self::Silent => "silent",
            Self::Released => "released",
        }
    }
}

crate::described!(shown TargetStatus = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

impl DeploymentTarget {
    /// The most targets of one customer that are not released.
    pub const MOST_OF_CUSTOMER: u64 = 1_000;
    /// After how many seconds without a word an agent is silent.
    pub const SILENT_SECONDS: i64 = 180;

    /// The reach of queries for what belongs to the same organization.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// The agent, if one is there.
    pub fn agent(&self) -> Option<&Agent> {
        match &self.state {
            TargetState::Connected { agent } => Some(agent),
            TargetState::Waiting | TargetState::Released { .. } => None,
        }
    }

    /// How it stands.
    pub fn status(&self, now: Timestamp) -> TargetStatus {
        match &self.state {
            TargetState::Waiting => TargetStatus::Waiting,
            TargetState::Released { .. } => TargetStatus::Released,
            TargetState::Connected { agent } => {
                let seen = self.seen_at.unwrap_or(agent.joined_at);
                let silent = now >= seen.plus_seconds(Self::SILENT_SECONDS);
                if silent { TargetStatus::Silent } else { TargetStatus::Connected }
            }
        }
    }

    /// The same with another agent.
    ///
    /// # Errors
    /// If it was released.
    pub fn joined(self, agent: Agent, facts: Facts, now: Timestamp) -> Result<Self, TargetReleased> {
        match self.state {
            TargetState::Released { .. } => Err(TargetReleased),
            TargetState::Waiting | TargetState::Connected { .. } => Ok(Self {
                state: TargetState::Connected { agent },
                facts,
                paused: false,
                witnessed: Vec::new(),
                seen_at: Some(now),
                ..self.changed(now)
            }),
        }
    }

    /// The same without an agent for ever.
    ///
    /// # Errors
    /// If it was released before.
    pub fn release(self, now: Timestamp) -> Result<Self, TargetReleased> {
        match self.state {
            TargetState::Released { .. } => Err(TargetReleased),
            TargetState::Waiting | TargetState::Connected { .. } => {
                Ok(Self { state: TargetState::Released { at: now }, ..self.changed(now) })
            }
        }
    }

    /// The same under another name.
    #[must_use]
    pub fn renamed(self, name: Name, now: Timestamp) -> Self {
        Self { name, ..self.changed(now) }
    }

    fn changed(self, now: Timestamp) -> Self {
        Self { updated_at: now, version: self.version + 1, ..self }
    }
}

/// The target was released, which is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this target was released")]
pub struct TargetReleased;

/// What opens a target to a host, once. Its secret is shown once and kept as a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinCode {
    /// The hash of its secret.
    pub hash: SecretHash,
    /// The vendor.
    pub organization: OrganizationId,
    /// Which target it opens.
    pub target: DeploymentTargetId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The first second at which it opens nothing any more.
    pub expires_at: Timestamp,
    /// When it was used, or withdrawn.
    pub used_at: Option<Timestamp>,
}

impl JoinCode {
    /// For how many seconds it counts.
    pub const LIFETIME: i64 = 3_600;

    /// The reach of queries for what belongs to the same organization.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// Whether it still opens its target. One that a clock made which was ahead counts no longer than others.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let soonest = self.expires_at.plus_seconds(-Self::LIFETIME - JoinCode::MOST_AHEAD);
        self.used_at.is_none() && now < self.expires_at && now >= soonest
    }

    /// How many seconds the clock of the server that made it may have been ahead.
    const MOST_AHEAD: i64 = 60;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_767_225_600 + seconds).unwrap()
    }

    fn agent() -> Agent {
        Agent {
            id: AgentId::new(1, [5; 10]),
            signing_key: [1; 32],
            sealing_key: [2; 32],
            address: Address::new("192.0.2.7".parse().unwrap()),
            joined_at: at(0),
            keys_at: at(0),
        }
    }

    fn target() -> DeploymentTarget {
        DeploymentTarget {
            id: DeploymentTargetId::new(1, [3; 10]),
            organization: OrganizationId::new(1, [1; 10]),
            customer: CustomerId::new(1, [2; 10]),
            name: "db1".parse().unwrap(),
            mode: Mode::Manage,
            state: TargetState::Waiting,
            seen_at: None,
            facts: Facts::default(),
            paused: false,
            witnessed: Vec::new(),
            created_at: at(0),
            updated_at: at(0),
            version: 1,
        }
    }

    #[test]
    fn who_is_not_heard_of_is_silent() {
        assert_eq!(target().status(at(9)), TargetStatus::Waiting);
        let joined = target().joined(agent(), Facts::default(), at(10)).unwrap();
        assert_eq!(joined.status(at(189)), TargetStatus::Connected);
        assert_eq!(joined.status(at(190)), TargetStatus::Silent);
        let released = joined.release(at(200)).unwrap();
        assert_eq!((released.status(at(200)), released.agent()), (TargetStatus::Released, None));
        assert_eq!(released.joined(agent(), Facts::default(), at(201)), Err(TargetReleased));
    }

    #[test]
    fn a_code_counts_for_an_hour() {
        let code = JoinCode {
            hash: SecretHash::from_bytes([0; 32]),
            organization: OrganizationId::new(1, [1; 10]),
            target: target().id,
            created_at: at(0),
            expires_at: at(JoinCode::LIFETIME),
            used_at: None,
        };
        assert!(code.is_open(at(0)) && code.is_open(at(3_599)) && !code.is_open(at(3_600)));
        assert!(code.is_open(at(-60)) && !code.is_open(at(-61)), "by a clock that was set back");
        assert!(!JoinCode { used_at: Some(at(1)), ..code }.is_open(at(2)));
    }

    #[test]
    fn a_fingerprint_is_four_words() {
        assert_eq!(agent().fingerprint().split('-').map(str::len).collect::<Vec<_>>(), [5; 4]);
    }
}
