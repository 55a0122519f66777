//! Things that count their changes.

use crate::registry::{ArtifactEntitlement, Registry};
use crate::{
    Application, ApplicationEntitlement, ApplicationVersion, AuditSink, Customer, CustomerUser, License,
    Member, Organization, Product, Provider, Webhook,
};

/// A thing with a version, which counts its changes, and the instant of the last of them.
pub trait Versioned: Clone + PartialEq {
    /// How often it was changed.
    fn version(&self) -> i64;

    /// The same thing with the version and the instant of `other`.
    #[must_use]
    fn stamped_like(self, other: &Self) -> Self;

    /// Whether this is what it was `before`, but for the version and the instant of the change. What changes nothing is
    /// neither written nor recorded.
    fn is_unchanged(&self, before: &Self) -> bool {
        before.clone().stamped_like(self) == *self
    }
}

macro_rules! versioned {
    ($($thing:ident),+ $(,)?) => {$(
        impl Versioned for $thing {
            fn version(&self) -> i64 {
                self.version
            }

            fn stamped_like(self, other: &Self) -> Self {
                Self { version: other.version, updated_at: other.updated_at, ..self }
            }
        }
    )+};
}

versioned!(
    Application,
    ApplicationEntitlement,
    ApplicationVersion,
    ArtifactEntitlement,
    AuditSink,
    Customer,
    CustomerUser,
    Member,
    Organization,
    Product,
    Provider,
    Registry,
    Webhook,
);

impl Versioned for License {
    fn version(&self) -> i64 {
        self.version
    }

    fn stamped_like(self, other: &Self) -> Self {
        Self { version: other.version, updated_at: other.updated_at, ..self }
    }

    fn is_unchanged(&self, before: &Self) -> bool {
        // `2.1` and `2.1.0` are the same version, and not the same text.
        before.clone().stamped_like(self) == *self
            && before.bounds.pin.to_string() == self.bounds.pin.to_string()
    }
}
