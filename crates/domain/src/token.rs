//! Credentials of the management API.

use crate::{
    Actor, Identity, Name, OrganizationId, OrganizationScope, Scopes, SecretHash, Timestamp, TokenId,
};

/// A management token as kept: its secret is only known as a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagementToken {
    /// Its id.
    pub id: TokenId,
    /// The organization it acts in.
    pub organization: OrganizationId,
    /// What it is for, in its owner's words.
    pub name: Name,
    /// The first characters of the secret.
    pub hint: String,
    /// The secret's hash.
    pub hash: SecretHash,
    /// What it may do.
    pub scopes: Scopes,
    /// From when on it is dead; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was last seen, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked, for ever.
    pub revoked_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
}

impl ManagementToken {
    /// The reach of queries for whoever bears it.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// Whom its bearer is at `now`; `None` once it is expired or revoked.
    pub fn identity(&self, now: Timestamp) -> Option<Identity> {
        let alive = self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end);
        alive.then(|| Identity::new(self.organization, Actor::Token(self.id), self.scopes))
    }
}
