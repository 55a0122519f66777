//! The people of a vendor.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::permission::{Actor, Authority, Identity, Permission};
use crate::{Email, Invalid, MemberId, Name, OrganizationId, OrganizationScope, Scopes, Timestamp};

/// A person of the vendor. Unique by e-mail address in the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// Whose member this is.
    pub organization: OrganizationId,
    /// Where the person is reached.
    pub email: Email,
    /// As shown to others.
    pub name: Name,
    /// What the person may do.
    pub role: Role,
    /// When the member was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

impl Member {
    /// The reach of queries for what belongs to the same organization.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// Who the person is when signed in, with all that the role allows.
    pub fn identity(&self) -> Identity {
        let authority = Authority::Member { id: self.id, role: self.role };
        Identity::new(self.organization, Actor::Member(self.id), authority, self.role.scopes())
    }
}

/// What a member may do, from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything; an organization always has at least one.
    Owner,
    /// Everything but what concerns owners ([`Permission::WriteOwners`]).
    Admin,
    /// Customers, licenses and entitlements.
    Member,
    /// Looks, changes nothing.
    Viewer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Member, Self::Viewer];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }

    /// What the role may do.
    pub fn scopes(self) -> Scopes {
        use Permission::{ReadTokens, WriteCustomers, WriteEntitlements, WriteLicenses, WriteOwners};
        match self {
            Self::Owner => Scopes::organization(),
            Self::Admin => Scopes::organization().without(WriteOwners),
            Self::Member => [WriteCustomers, WriteLicenses, WriteEntitlements]
                .into_iter()
                .fold(Scopes::reading().without(ReadTokens), Scopes::with),
            Self::Viewer => Scopes::reading().without(ReadTokens),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Invalid::new("unknown_role", "must be owner, admin, member or viewer"))
    }
}

crate::described!(Role = crate::openapi::one_of(Self::ALL.map(Self::as_str)););
