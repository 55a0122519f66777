//! What the server has said.

use std::fmt;
use std::time::Duration;

use keyward_token::{HealthState, UnixSeconds};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A verified answer: only [`Verifier`](crate::Verifier) makes one.
#[derive(Clone, PartialEq)]
pub struct Answer {
    wire: Wire,
    status: Status,
    expires_at: Option<UnixSeconds>,
    signed_at: UnixSeconds,
}

/// The signed members, named as docs/validation.md names them.
#[derive(Clone, PartialEq, Deserialize)]
struct Wire {
    valid: bool,
    status: String,
    expires: Option<String>,
    ip_registered: Option<bool>,
    ip_count: Option<u32>,
    max_ips: Option<u32>,
    version: Option<String>,
    version_valid: Option<bool>,
    custom: Option<Map<String, Value>>,
    signed_at: String,
    product_id: Option<String>,
    license_key: String,
    nonce: Option<String>,
}

impl Answer {
    /// From the members of an answer whose signature is good; `None` if they are not those of an answer.
    pub(crate) fn from_signed(members: Map<String, Value>) -> Option<Self> {
        let wire: Wire = serde_json::from_value(Value::Object(members)).ok()?;
        let expires_at = match &wire.expires {
            Some(text) => Some(UnixSeconds::from_rfc3339(text)?),
            None => None,
        };
        let signed_at = UnixSeconds::from_rfc3339(&wire.signed_at)?;
        Some(Self { status: Status::from(wire.status.as_str()), expires_at, signed_at, wire })
    }

    /// Whether the license may run.
    pub fn valid(&self) -> bool {
        self.wire.valid
    }

    /// [`Status::Active`], or why it may not.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// When the license ends; `None` without end.
    pub fn expires_at(&self) -> Option<UnixSeconds> {
        self.expires_at
    }

    /// For how long the license runs from `now` on: zero if it has ended, `None` without end.
    pub fn remaining(&self, now: UnixSeconds) -> Option<Duration> {
        self.expires_at.map(|end| since(now, end))
    }

    /// When the server has signed the answer, by the server's clock.
    pub fn signed_at(&self) -> UnixSeconds {
        self.signed_at
    }

    /// How old the answer is at `now`: zero if it is of the future.
    pub fn age(&self, now: UnixSeconds) -> Duration {
        since(self.signed_at, now)
    }

    /// How the license stands at `now`: what a monitoring system shows. `None` where the status is about something else than the
    /// license: addresses, versions, the product, the vendor.
    pub fn health(&self, now: UnixSeconds, warning_days: u32) -> Option<HealthState> {
        let warning = Duration::from_secs(u64::from(warning_days).saturating_mul(24 * 60 * 60));
        match self.status {
            Status::Active => Some(match self.remaining(now) {
                // It is active all the same: its end is not enforced, or it was not when the answer was signed.
                Some(Duration::ZERO) if self.expires_at.is_some_and(|end| end <= self.signed_at) => {
                    HealthState::InGrace
                }
                Some(Duration::ZERO) => HealthState::Ended,
                Some(left) if left <= warning => HealthState::Ending,
                _ => HealthState::Fine,
            }),
            Status::Expired => Some(HealthState::Ended),
            Status::Revoked => Some(HealthState::Revoked),
            Status::Suspended => Some(HealthState::Suspended),
            Status::NotYetValid => Some(HealthState::NotYet),
            _ => None,
        }
    }

    /// Whether this machine's address is registered; `None` where addresses don't count.
    pub fn ip_registered(&self) -> Option<bool> {
        self.wire.ip_registered
    }

    /// How many addresses are registered; `None` where addresses don't count.
    pub fn ip_count(&self) -> Option<u32> {
        self.wire.ip_count
    }

    /// How many addresses may be registered; `None` for any number.
    pub fn max_ips(&self) -> Option<u32> {
        self.wire.max_ips
    }

    /// The version that was judged.
    pub fn version(&self) -> Option<&str> {
        self.wire.version.as_deref()
    }

    /// Whether that version may run; `None` where versions don't count.
    pub fn version_valid(&self) -> Option<bool> {
        self.wire.version_valid
    }

    /// What the vendor has added for valid licenses.
    pub fn custom(&self) -> Option<&Map<String, Value>> {
        self.wire.custom.as_ref()
    }

    /// The product that the license is of.
    pub fn product_id(&self) -> Option<&str> {
        self.wire.product_id.as_deref()
    }

    /// The license key or token that the answer is about, as it was asked.
    pub fn license_key(&self) -> &str {
        &self.wire.license_key
    }

    /// The question's nonce; `None` if it was asked without.
    pub(crate) fn nonce(&self) -> Option<&str> {
        self.wire.nonce.as_deref()
    }
}

/// Without the license key, which opens what was paid for.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("valid", &self.valid())
            .field("status", &self.status)
            .field("expires_at", &self.expires_at)
            .field("signed_at", &self.signed_at)
            .field("version", &self.version())
            .field("version_valid", &self.version_valid())
            .field("ip_registered", &self.ip_registered())
            .field("ip_count", &self.ip_count())
            .field("max_ips", &self.max_ips())
            .field("custom", &self.custom())
            .finish_non_exhaustive()
    }
}

fn since(earlier: UnixSeconds, later: UnixSeconds) -> Duration {
    Duration::from_secs(u64::try_from(later.as_i64().saturating_sub(earlier.as_i64())).unwrap_or(0))
}

/// Declares the statuses once, with their names on the wire.
macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What the server says of a license (docs/validation.md, "The answer").
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Status {
            $($(#[$doc])* $variant,)*
            /// One that this version of the crate does not know. [`Answer::valid`] says what it means.
            Other(String),
        }

        impl Status {
            /// Its name on the wire, which is stable.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for Status {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

statuses! {
    /// It may run.
    Active = "active",
    /// It has ended.
    Expired = "expired",
    /// It was revoked for good.
    Revoked = "revoked",
    /// It must not run for now.
    Suspended = "suspended",
    /// It has not begun.
    NotYetValid = "not_yet_valid",
    /// The product has no such license.
    LicenseNotFound = "license_not_found",
    /// The machine's address is on a block list.
    IpBlocked = "ip_blocked",
    /// The machine's address is none of those that the vendor has registered.
    IpNotRegistered = "ip_not_registered",
    /// As many addresses as the license allows are registered, and this machine's is not.
    IpLimitReached = "ip_limit_reached",
    /// The license does not cover this version.
    VersionNotAllowed = "version_not_allowed",
    /// The vendor has given the product up.
    ProductArchived = "product_archived",
    /// The vendor has turned the product off.
    ProductDisabled = "product_disabled",
    /// The operator of the server has suspended the vendor.
    OrgSuspended = "org_suspended",
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
