//! The people of a customer.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::{CustomerId, CustomerUserId, Email, Invalid, Name, OrganizationId, OrganizationScope, Timestamp};

/// A person of a customer, who signs in to the customer's pages. Unique by e-mail address in the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerUser {
    /// Its id.
    pub id: CustomerUserId,
    /// Whose customer.
    pub organization: OrganizationId,
    /// Whose user.
    pub customer: CustomerId,
    /// Where the person is reached.
    pub email: Email,
    /// As shown to others.
    pub name: Name,
    /// What the person may do.
    pub role: CustomerRole,
    /// When the person accepted the invitation. The user of a customer's contact address needs none.
    pub joined_at: Option<Timestamp>,
    /// When the person last signed in.
    pub signed_in_at: Option<Timestamp>,
    /// When the user was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// Which user of which customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerUserRef {
    /// The customer.
    pub customer: CustomerId,
    /// The user.
    pub user: CustomerUserId,
}

impl CustomerUser {
    /// The reach of queries for what belongs to the same organization.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }

    /// Which user of which customer it is.
    pub fn reference(&self) -> CustomerUserRef {
        CustomerUserRef { customer: self.customer, user: self.id }
    }

    /// Whether the person may manage the customer's users: who was invited and has not accepted may do nothing.
    pub fn is_admin(&self) -> bool {
        self.role == CustomerRole::Admin && self.joined_at.is_some()
    }

    /// Whether the person has accepted the invitation.
    pub fn status(&self) -> CustomerUserStatus {
        match self.joined_at {
            Some(_) => CustomerUserStatus::Active,
            None => CustomerUserStatus::Invited,
        }
    }
}

/// What a user may do, from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomerRole {
    /// Everything, and manages the other users.
    Admin,
    /// Looks at what the customer holds, and changes nothing.
    Viewer,
}

impl CustomerRole {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Admin, Self::Viewer];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }
}

impl fmt::Display for CustomerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CustomerRole {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Invalid::new("unknown_role", "must be admin or viewer"))
    }
}

crate::described!(CustomerRole = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

/// Whether a user has accepted the invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomerUserStatus {
    /// Not yet.
    Invited,
    /// Can sign in.
    Active,
}

impl CustomerUserStatus {
    /// Every status.
    pub const ALL: [Self; 2] = [Self::Invited, Self::Active];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
        }
    }
}

crate::described!(shown CustomerUserStatus = crate::openapi::one_of(Self::ALL.map(Self::as_str)););

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_accepted_is_no_admin() {
        let at = Timestamp::from_unix(1_767_225_600).unwrap();
        let invited = CustomerUser {
            id: CustomerUserId::new(1, [0; 10]),
            organization: OrganizationId::new(1, [1; 10]),
            customer: CustomerId::new(1, [2; 10]),
            email: "ada@example.com".parse().unwrap(),
            name: "Ada".parse().unwrap(),
            role: CustomerRole::Admin,
            joined_at: None,
            signed_in_at: None,
            created_at: at,
            updated_at: at,
            version: 1,
        };
        assert!(!invited.is_admin() && invited.status() == CustomerUserStatus::Invited);
        let joined = CustomerUser { joined_at: Some(at), ..invited };
        assert!(joined.is_admin() && joined.status() == CustomerUserStatus::Active);
        assert!(!CustomerUser { role: CustomerRole::Viewer, ..joined }.is_admin());
    }

    #[test]
    fn each_role_has_one_name() {
        for role in CustomerRole::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("owner".parse::<CustomerRole>().unwrap_err().code, "unknown_role");
    }
}
