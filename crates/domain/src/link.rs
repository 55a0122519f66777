//! Links that open something once: sent by mail or handed over, known here by their hashes.

use crate::{CustomerUserRef, LicenseId, LinkId, MemberId, OrganizationId, SecretHash, Timestamp};

/// One link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// In which organization.
    pub organization: OrganizationId,
    /// What it opens.
    pub purpose: LinkPurpose,
    /// The hash of its secret.
    pub hash: SecretHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// The first second at which it no longer opens anything.
    pub expires_at: Timestamp,
    /// When it was opened, or withdrawn; there is no second time.
    pub used_at: Option<Timestamp>,
    /// Whether it went out by mail: it ends when the address that it went to is no longer the person's.
    pub mailed: bool,
}

/// What a link opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// The first password of a member who was invited.
    Invitation(MemberId),
    /// A new password of a member who has lost theirs.
    PasswordReset(MemberId),
    /// The first session of a customer's user who was invited.
    CustomerInvitation(CustomerUserRef),
    /// A new password of a customer's user.
    CustomerPasswordReset(CustomerUserRef),
    /// A session of a customer's user.
    CustomerSignIn(CustomerUserRef),
    /// Documentation and token of a license, for a while.
    Onboarding(LicenseId),
}

impl LinkPurpose {
    /// The name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invitation(_) | Self::CustomerInvitation(_) => "invitation",
            Self::PasswordReset(_) | Self::CustomerPasswordReset(_) => "password_reset",
            Self::CustomerSignIn(_) => "customer_sign_in",
            Self::Onboarding(_) => "onboarding",
        }
    }

    /// For how many seconds such a link can be opened.
    pub fn lifetime(self) -> i64 {
        const HOUR: i64 = 60 * 60;
        match self {
            Self::Invitation(_) | Self::CustomerInvitation(_) | Self::Onboarding(_) => 7 * 24 * HOUR,
            Self::PasswordReset(_) | Self::CustomerPasswordReset(_) => HOUR,
            Self::CustomerSignIn(_) => HOUR / 4,
        }
    }
}

/// The link was opened before, or too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this link was used before or has run out")]
pub struct LinkGone;

impl Link {
    /// Whether it still opens something at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.used_at.is_none() && !self.created_at.is_ahead_of(now) && now < self.expires_at
    }

    /// Opens it, this once.
    pub fn open(self, now: Timestamp) -> Result<Self, LinkGone> {
        if self.is_live(now) { Ok(Self { used_at: Some(now), ..self }) } else { Err(LinkGone) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_once_and_in_time() {
        let at = |unix: i64| Timestamp::from_unix(unix).unwrap();
        let purpose = LinkPurpose::Onboarding(LicenseId::new(1, [0; 10]));
        let link = Link {
            id: LinkId::new(1, [1; 10]),
            organization: OrganizationId::new(1, [2; 10]),
            purpose,
            hash: SecretHash::from_bytes([0; 32]),
            created_at: at(0),
            expires_at: at(purpose.lifetime()),
            used_at: None,
            mailed: false,
        };
        assert_eq!(purpose.lifetime(), 604_800);
        assert!(link.clone().open(at(604_800)).is_err());
        let ahead =
            Link { created_at: at(1_061), expires_at: at(1_061 + purpose.lifetime()), ..link.clone() };
        assert_eq!(ahead.clone().open(at(1_000)), Err(LinkGone), "made by a clock that was ahead");
        assert!(ahead.open(at(1_001)).is_ok());
        let used = link.open(at(604_799)).unwrap();
        assert_eq!(used.open(at(604_799)), Err(LinkGone));
    }
}
