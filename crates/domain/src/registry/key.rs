//! Credentials of machines for one registry.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::rotation::{Handover, Rotation};
use crate::product::ApiKey;
use crate::{
    Address, Invalid, Name, OrganizationId, OrganizationScope, RegistryId, RegistryKeyId, SecretHash,
    Timestamp,
};

/// What a machine logs in to one registry with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryKey {
    /// Its id.
    pub id: RegistryKeyId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The only registry it opens.
    pub registry: RegistryId,
    /// What it is for.
    pub name: Name,
    /// Who answers for it.
    pub owner: Name,
    /// What it may do.
    pub access: KeyAccess,
    /// Its secret, and the one before while that still works.
    pub secret: ApiKey,
    /// How it gets a new secret by itself; `None` for not at all.
    pub rotation: Option<Rotation>,
    /// The new secret, while it waits for the machine that needs it.
    pub handover: Option<Handover>,
    /// From when on it is dead.
    pub expires_at: Option<Timestamp>,
    /// Since when its lifetime counts: when it was given that end.
    pub lives_since: Timestamp,
    /// When it was ended for ever.
    pub revoked_at: Option<Timestamp>,
    /// When it was last seen.
    pub last_use: Option<LastUse>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// When, where and by which program a key was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// To the minute.
    pub at: Timestamp,
    /// From where.
    pub address: Address,
    /// By which client, as it calls itself.
    pub client: String,
}

/// What a registry key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyAccess {
    /// Pull.
    #[default]
    Read,
    /// Pull and push.
    ReadWrite,
    /// Pull, push and delete.
    ReadWriteDelete,
}

impl KeyAccess {
    /// Every access, from least to most.
    pub const ALL: [Self; 3] = [Self::Read, Self::ReadWrite, Self::ReadWriteDelete];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadWrite => "read_write",
            Self::ReadWriteDelete => "read_write_delete",
        }
    }

    /// Whether it may push.
    pub fn writes(self) -> bool {
        match self {
            Self::Read => false,
            Self::ReadWrite | Self::ReadWriteDelete => true,
        }
    }

    /// Whether it may delete.
    pub fn deletes(self) -> bool {
        self == Self::ReadWriteDelete
    }
}

impl fmt::Display for KeyAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyAccess {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|access| access.as_str() == text)
            .ok_or_else(|| Invalid::new("unknown_access", "must be read, read_write or read_write_delete"))
    }
}

crate::described!(KeyAccess = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

impl RegistryKey {
    /// After how many days a key should be replaced.
    pub const ROTATION_DAYS: i64 = 90;

    /// Within how many days of its end it is said on pages that a key ends soon.
    pub const ENDING_DAYS: i64 = 14;

    /// The reach of queries for whoever bears it.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// Whether it opens its registry to the bearer of `hash` at `now`.
    pub fn accepts(&self, hash: &SecretHash, now: Timestamp) -> bool {
        self.is_alive(now) && self.secret.accepts(hash, now)
    }

    /// Whether it has neither been revoked nor run out.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it works and will soon not any more.
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        self.is_alive(now) && self.expires_at.is_some_and(|end| end <= now.plus_days(Self::ENDING_DAYS))
    }

    /// The end that gives it the same lifetime anew at `now`. `None` for a key without end.
    pub fn renewed_end(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.expires_at?;
        Some(now.plus_seconds((end.unix() - self.lives_since.unix()).max(0)))
    }

    /// The key with the same lifetime anew, from `now` on.
    #[must_use]
    pub fn renewed(self, now: Timestamp) -> Self {
        Self { expires_at: self.renewed_end(now), lives_since: now, ..self }
    }

    /// Whether its secret is so old that somebody should replace it; what rotates by itself is nobody's work.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.is_alive(now)
            && self.rotates_at().is_none()
            && now >= self.secret.created_at.plus_days(Self::ROTATION_DAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_given_anew() {
        let at = |days: i64| Timestamp::from_unix(1_000_000_000).unwrap().plus_days(days);
        let secret = ApiKey {
            hash: SecretHash::from_bytes([1; 32]),
            hint: String::new(),
            created_at: at(0),
            previous: None,
        };
        let key = RegistryKey {
            id: RegistryKeyId::new(1, [1; 10]),
            organization: OrganizationId::new(1, [1; 10]),
            registry: RegistryId::new(1, [1; 10]),
            name: "ci".parse().unwrap(),
            owner: "Ada".parse().unwrap(),
            access: KeyAccess::Read,
            secret,
            rotation: None,
            handover: None,
            expires_at: Some(at(90)),
            lives_since: at(0),
            revoked_at: None,
            last_use: None,
            created_at: at(-100),
        };
        let renewed = key.clone().renewed(at(88));
        assert_eq!((key.renewed_end(at(88)), renewed.expires_at), (Some(at(178)), Some(at(178))));
        assert_eq!(renewed.renewed_end(at(100)), Some(at(190)));
        assert_eq!([75, 76, 89, 90].map(|day| key.ends_soon(at(day))), [false, true, true, false]);
        let endless = RegistryKey { expires_at: None, ..key };
        assert_eq!((endless.renewed_end(at(88)), endless.ends_soon(at(88))), (None, false));
    }
}
