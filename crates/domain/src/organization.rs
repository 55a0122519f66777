//! The tenant.

use crate::{Name, OrganizationId, Slug, Timestamp};

/// A vendor; everything else belongs to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// As shown to people.
    pub name: Name,
    /// In its public URLs; unique on the server and never changed.
    pub slug: Slug,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

impl Organization {
    /// The reach of every query made for this organization.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.id)
    }
}

/// One organization's rows and no other's: no query for tenant data can be made without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrganizationScope(pub(crate) OrganizationId);

impl OrganizationScope {
    /// The organization.
    pub fn id(self) -> OrganizationId {
        self.0
    }
}
