//! Whom the vendor sells to.

use crate::{BlockList, CustomerId, Email, Name, Notes, OrganizationId, OrganizationScope, Timestamp};

/// A company or person the vendor sells to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// Whose customer this is.
    pub organization: OrganizationId,
    /// Customer or organization name.
    pub name: Name,
    /// Contact address.
    pub email: Email,
    /// Internal to the vendor; never shown to the customer.
    pub notes: Option<Notes>,
    /// Addresses refused for all that this customer holds.
    pub blocked: BlockList,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

impl Customer {
    /// The reach of queries for what belongs to the same organization.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.organization)
    }
}
