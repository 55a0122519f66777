//! Typed identifiers: UUIDv7 (RFC 9562), so that the order of ids is the order of creation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Invalid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// An id made at `unix_millis`; ids of one millisecond are told apart by `random`.
            pub fn new(unix_millis: u64, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_millis, &random).into_uuid())
            }

            /// The plain UUID, for storage.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Uuid::try_parse(text).map(Self).map_err(|_| Invalid::new("invalid_id", "is not a UUID"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        crate::described!($name = crate::openapi::formatted("uuid"););
    )+};
}

ids! {
    /// A vendor, the tenant.
    OrganizationId,
    /// A person of the vendor.
    MemberId,
    /// A credential of the management API.
    TokenId,
    /// A company or person the vendor sells to.
    CustomerId,
    /// A person of a customer.
    CustomerUserId,
    /// A license; the `sub` of its tokens.
    LicenseId,
    /// One software offering.
    ProductId,
    /// One revision of a license; the `jti` of its tokens.
    RevisionId,
    /// A deployable thing.
    ApplicationId,
    /// One version of an application.
    ApplicationVersionId,
    /// What a customer may deploy of an application.
    ApplicationEntitlementId,
    /// A customer's host.
    DeploymentTargetId,
    /// The program on a host that has joined.
    AgentId,
    /// One application on one host.
    DeploymentId,
    /// One revision of a deployment.
    DeploymentRevisionId,
    /// One line of the audit log.
    AuditEventId,
    /// A browser's session.
    SessionId,
    /// A link that opens something once.
    LinkId,
    /// A mail on its way.
    MailId,
    /// A host of container clients.
    RegistryId,
    /// A credential for one registry.
    RegistryKeyId,
    /// One line of a registry's log.
    RegistryEventId,
    /// A place in a registry that is to be looked at.
    RegistryHintId,
    /// Something unusual at a registry.
    AlertId,
    /// That a product's daily bucket, or a share of it, is used.
    BucketAlertId,
    /// A repository in a registry.
    ArtifactId,
    /// What a customer may pull.
    ArtifactEntitlementId,
    /// Where events go.
    WebhookId,
    /// An event on its way to one webhook endpoint.
    DeliveryId,
    /// Where an audit log is streamed to.
    AuditSinkId,
}
