//! What happened at a registry: pulls, pushes, deletions, and all that was refused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::oci::{Digest, RepositoryName};
use crate::{
    Address, CustomerId, DeploymentId, Invalid, LicenseId, OrganizationId, RegistryEventId, RegistryId,
    RegistryKeyId, Timestamp,
};

/// One line of a registry's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryEvent {
    /// Its id.
    pub id: RegistryEventId,
    /// Whose registry.
    pub organization: OrganizationId,
    /// Which.
    pub registry: RegistryId,
    /// Who.
    pub holder: Holder,
    /// What was wanted.
    pub operation: Operation,
    /// Whether it was let happen.
    pub decision: Decision,
    /// Of which repository.
    pub repository: RepositoryName,
    /// The tag or digest that was asked for; of a token, the actions: `pull,push`.
    pub reference: String,
    /// The manifest that it was.
    pub digest: Option<Digest>,
    /// How many bytes of blobs the client then had.
    pub bytes: u64,
    /// From where.
    pub address: Address,
    /// By which client, as it calls itself.
    pub client: String,
    /// When.
    pub at: Timestamp,
}

/// Who a request to a registry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A machine with a registry key.
    Key(RegistryKeyId),
    /// A customer with the token of a license; licenses need no customer.
    License {
        /// Which.
        license: LicenseId,
        /// Whose.
        customer: Option<CustomerId>,
    },
    /// The agent on a customer's host, for one of its deployments.
    Deployment {
        /// Which.
        deployment: DeploymentId,
        /// Whose.
        customer: CustomerId,
        /// The license of the customer's that opens what is asked for; if none does, the one whose state is told. `None` for a
        /// customer without any.
        license: Option<LicenseId>,
    },
}

impl Holder {
    /// What kind of holder it is, on the wire, and the id of its key, license or deployment.
    pub fn parts(self) -> (&'static str, Uuid) {
        match self {
            Self::Key(key) => ("registry_key", key.uuid()),
            Self::License { license, .. } => ("license", license.uuid()),
            Self::Deployment { deployment, .. } => ("deployment", deployment.uuid()),
        }
    }
}

/// As a registry's own log names them.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key:{key}"),
            Self::License { license, .. } => write!(f, "license:{license}"),
            Self::Deployment { deployment, .. } => write!(f, "deployment:{deployment}"),
        }
    }
}

/// What is done at a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// An image, chart or other artifact was fetched.
    Pull,
    /// One was stored.
    Push,
    /// One was removed.
    Delete,
    /// A token was fetched, with which a client goes to the upstream itself. What it does there is not seen.
    Token,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 4] = [Self::Pull, Self::Push, Self::Delete, Self::Token];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::Token => "token",
        }
    }

    /// What was done, when it was done.
    pub fn done(self) -> &'static str {
        match self {
            Self::Pull => "pulled",
            Self::Push => "pushed",
            Self::Delete => "deleted",
            Self::Token => "fetched a token",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Operation {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.as_str() == text)
            .ok_or_else(|| Invalid::new("unknown_operation", "must be pull, push, delete or token"))
    }
}

crate::described!(Operation = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// Whether it was let happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It was.
    Allowed,
    /// It was not.
    Denied,
}

impl Decision {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Allowed, Self::Denied];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
        }
    }
}

impl FromStr for Decision {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "allowed" => Ok(Self::Allowed),
            "denied" => Ok(Self::Denied),
            _ => Err(Invalid::new("unknown_decision", "must be allowed or denied")),
        }
    }
}

crate::described!(Decision = crate::openapi::one_of(Self::ALL.map(Self::as_str)););
