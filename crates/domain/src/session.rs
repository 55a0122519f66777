//! Sessions of people in a browser, known here by the hash of what their cookie holds.

use crate::{CustomerId, LicenseId, MemberId, OrganizationId, SecretHash, SessionId, Timestamp};

/// One browser's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, for lists; the cookie holds another secret.
    pub id: SessionId,
    /// In which organization.
    pub organization: OrganizationId,
    /// Whose.
    pub holder: SessionHolder,
    /// The hash of the cookie's secret.
    pub hash: SecretHash,
    /// From where it was begun.
    pub address: String,
    /// By which browser, as it calls itself.
    pub user_agent: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// Its end, whatever is done with it.
    pub expires_at: Timestamp,
}

/// Whose a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionHolder {
    /// A person of the vendor.
    Member(MemberId),
    /// A customer.
    Customer(CustomerId),
    /// Whoever has opened an onboarding link.
    Onboarding(LicenseId),
}

impl SessionHolder {
    /// The name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member(_) => "member",
            Self::Customer(_) => "customer",
            Self::Onboarding(_) => "onboarding",
        }
    }

    /// For how many seconds such a session lasts at most.
    pub fn lifetime(self) -> i64 {
        match self {
            Self::Member(_) | Self::Customer(_) => 7 * 24 * 60 * 60,
            Self::Onboarding(_) => 30 * 60,
        }
    }

    /// After how many seconds without use it ends.
    pub fn idle(self) -> i64 {
        match self {
            Self::Member(_) | Self::Customer(_) => 12 * 60 * 60,
            Self::Onboarding(_) => 30 * 60,
        }
    }
}

impl Session {
    /// Whether it still counts at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at && now < self.last_seen_at.plus_seconds(self.holder.idle())
    }
}
