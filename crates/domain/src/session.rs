//! Sessions of people in a browser, known here by the hash of what their cookie holds.

use crate::{
    CustomerUserRef, LicenseId, MemberId, OrganizationId, OrganizationScope, SecretHash, SessionId, Timestamp,
};

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
    /// What its forms are bound to: the hash of its first cookie's secret. It stays when the cookie is renewed, so
    /// that forms in other tabs go on.
    pub form_key: SecretHash,
    /// When the person last showed in it, by password or provider, who they are; signing in is not enough.
    pub confirmed_at: Option<Timestamp>,
}

/// Whose a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionHolder {
    /// A person of the vendor.
    Member(MemberId),
    /// A person of a customer.
    CustomerUser(CustomerUserRef),
    /// Whoever has opened an onboarding link.
    Onboarding(LicenseId),
}

impl SessionHolder {
    /// The name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member(_) => "member",
            Self::CustomerUser(_) => "customer",
            Self::Onboarding(_) => "onboarding",
        }
    }

    /// For how many seconds such a session lasts at most.
    pub fn lifetime(self) -> i64 {
        match self {
            Self::Member(_) | Self::CustomerUser(_) => 7 * 24 * 60 * 60,
            Self::Onboarding(_) => 30 * 60,
        }
    }

    /// After how many seconds without use it ends.
    pub fn idle(self) -> i64 {
        match self {
            Self::Member(_) | Self::CustomerUser(_) => 12 * 60 * 60,
            Self::Onboarding(_) => 30 * 60,
        }
    }
}

impl Session {
    /// For how many seconds it counts that the person has shown who they are.
    pub const CONFIRMED_SECONDS: i64 = 5 * 60;

    /// The reach of queries for whoever has it.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// Whether it still counts at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        // One that was begun or used later than now is of a clock that was ahead, and would live on for as long.
        let wrong = self.created_at.is_ahead_of(now) || self.last_seen_at.is_ahead_of(now);
        !wrong && now < self.expires_at && now < self.last_seen_at.plus_seconds(self.holder.idle())
    }

    /// Whether it is live at `now`, and the person has shown who they are in the last five minutes.
    pub fn is_confirmed(&self, now: Timestamp) -> bool {
        let fresh = |at: Timestamp| !at.is_ahead_of(now) && now < at.plus_seconds(Self::CONFIRMED_SECONDS);
        self.is_live(now) && self.confirmed_at.is_some_and(fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_holds_for_five_minutes() {
        let at = |unix: i64| Timestamp::from_unix(unix).unwrap();
        let hash = SecretHash::from_bytes([0; 32]);
        let mut session = Session {
            id: SessionId::new(1, [0; 10]),
            organization: OrganizationId::new(1, [1; 10]),
            holder: SessionHolder::Member(MemberId::new(1, [2; 10])),
            hash,
            address: String::new(),
            user_agent: String::new(),
            created_at: at(0),
            last_seen_at: at(1_000),
            expires_at: at(2_000),
            form_key: hash,
            confirmed_at: None,
        };
        assert!(!session.is_confirmed(at(1_000)), "signing in is not enough");
        session.confirmed_at = Some(at(1_000));
        assert!(session.is_confirmed(at(999)), "another server's clock");
        assert!(!session.is_confirmed(at(939)) && !session.is_live(at(939)), "a clock that was set back");
        assert!(session.is_live(at(940)));
        assert!(session.is_confirmed(at(1_000)) && session.is_confirmed(at(1_299)));
        assert!(!session.is_confirmed(at(1_300)));
        session.confirmed_at = Some(at(1_900));
        assert!(!session.is_confirmed(at(2_000)), "the session has ended");
    }
}
