//! Credentials of the management API.

use crate::{
    Actor, Authority, Identity, MemberId, Name, OrganizationId, OrganizationScope, Role, Scopes, SecretHash,
    Timestamp, TokenId,
};

/// A management token as kept: its secret is only known as a hash. It acts for its maker: what it may do is its scopes, as
/// far as the maker's role allows them now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagementToken {
    /// Its id.
    pub id: TokenId,
    /// The organization it acts in.
    pub organization: OrganizationId,
    /// For whom it acts.
    pub maker: Maker,
    /// What it is for, in its maker's words.
    pub name: Name,
    /// The first characters of the secret.
    pub hint: String,
    /// The secret's hash.
    pub hash: SecretHash,
    /// What it was given.
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

/// Who made a token, or has taken it over since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maker {
    /// A person of the vendor.
    Member {
        /// Who.
        id: MemberId,
        /// As shown to others; that of someone who was removed is kept.
        name: Name,
        /// What the member may do now; `None` once the member was removed.
        role: Option<Role>,
    },
    /// The operator of the server, on its command line or with a token made there.
    Operator,
    /// Nobody knows: the token is older than the record of makers.
    Unknown,
}

impl Maker {
    /// What the maker lends to the token; `None` where there is nobody to act for.
    pub fn authority(&self) -> Option<Authority> {
        match self {
            Self::Member { id, role, .. } => role.map(|role| Authority::Member { id: *id, role }),
            Self::Operator => Some(Authority::Operator),
            Self::Unknown => None,
        }
    }

    /// Whether the scope for tokens is enough for this caller to end a token of this maker. Those of other owners, and of the
    /// operator, take the scope for owners.
    pub fn may_be_ended_by(&self, caller: Authority) -> bool {
        match (self.authority(), caller) {
            (Some(Authority::Operator), caller) => caller == Authority::Operator,
            (Some(Authority::Member { id, role: Role::Owner }), caller) => {
                matches!(caller, Authority::Member { id: own, .. } if own == id)
            }
            (Some(Authority::Member { .. }) | None, _) => true,
        }
    }

    /// The kind on the wire and in storage.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Member { .. } => "member",
            Self::Operator => "operator",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a token works, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It works.
    Active,
    /// Its time is over.
    Expired,
    /// Its maker was removed or is not known. An owner may take it over.
    Orphaned,
    /// It was revoked, for ever.
    Revoked,
}

impl TokenState {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Orphaned => "orphaned",
            Self::Revoked => "revoked",
        }
    }
}

impl ManagementToken {
    /// The reach of queries for whoever bears it.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// Whether it works at `now`. What can't be undone counts first.
    pub fn state(&self, now: Timestamp) -> TokenState {
        if self.revoked_at.is_some() {
            TokenState::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            TokenState::Expired
        } else if self.maker.authority().is_none() {
            TokenState::Orphaned
        } else {
            TokenState::Active
        }
    }

    /// Whom its bearer is at `now`; `None` unless it works.
    pub fn identity(&self, now: Timestamp) -> Option<Identity> {
        let authority = self.maker.authority()?;
        let identity = Identity::new(self.organization, Actor::Token(self.id), authority, self.scopes);
        (self.state(now) == TokenState::Active).then_some(identity)
    }

    /// All that its bearer may do at `now`.
    pub fn effective_scopes(&self, now: Timestamp) -> Scopes {
        self.identity(now).map_or(Scopes::NONE, |identity| identity.scopes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(role: Option<Role>) -> ManagementToken {
        let name: Name = "Eve".parse().unwrap();
        ManagementToken {
            id: TokenId::new(1, [0; 10]),
            organization: OrganizationId::new(1, [0; 10]),
            maker: Maker::Member { id: MemberId::new(1, [0; 10]), name: name.clone(), role },
            name,
            hint: String::new(),
            hash: SecretHash::from_bytes([0; 32]),
            scopes: Scopes::all(),
            expires_at: Timestamp::from_unix(10),
            last_used_at: None,
            revoked_at: None,
            created_at: at(0),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds).unwrap()
    }

    #[test]
    fn a_token_follows_its_makers_role_and_ends_with_the_maker() {
        for role in Role::ALL {
            assert_eq!(token(Some(role)).effective_scopes(at(9)), role.scopes());
        }
        let operator = ManagementToken { maker: Maker::Operator, ..token(None) };
        assert_eq!(operator.effective_scopes(at(9)), Scopes::all());
        for maker in [token(None).maker, Maker::Unknown] {
            let ended = ManagementToken { maker, ..token(None) };
            assert_eq!((ended.identity(at(9)), ended.state(at(9))), (None, TokenState::Orphaned));
        }
    }

    #[test]
    fn what_is_expired_or_revoked_is_nobody() {
        let expired = token(Some(Role::Owner));
        assert_eq!((expired.identity(at(10)), expired.state(at(10))), (None, TokenState::Expired));
        let revoked = ManagementToken { revoked_at: Some(at(1)), ..token(Some(Role::Owner)) };
        assert_eq!((revoked.identity(at(9)), revoked.state(at(9))), (None, TokenState::Revoked));
    }
}
