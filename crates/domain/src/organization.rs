//! The tenant.

use crate::plan::{Limits, Overrides, Plan};
use crate::{BlockList, Name, OrganizationId, Slug, Timestamp};

/// A vendor; everything else belongs to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// As shown to people.
    pub name: Name,
    /// In its public URLs and tokens; unique on the server, and not changed once a token was issued.
    pub slug: Slug,
    /// What it may do.
    pub plan: Plan,
    /// What the operator grants beyond the plan.
    pub overrides: Overrides,
    /// When it began its trial; there is one.
    pub trial_started_at: Option<Timestamp>,
    /// Its place in life.
    pub state: OrganizationState,
    /// Addresses refused for all its licenses.
    pub blocked: BlockList,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// Whether an organization's licenses are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationState {
    /// They are.
    Active,
    /// The operator has stopped them.
    Suspended {
        /// Since when.
        since: Timestamp,
    },
}

impl Organization {
    /// What it may do at `now`.
    pub fn limits(&self, now: Timestamp) -> Limits {
        self.plan.limits(self.overrides, now)
    }

    /// The reach of every query made for this organization.
    pub fn scope(&self) -> OrganizationScope {
        OrganizationScope(self.id)
    }
}

/// One organization's rows and no other's: no query for tenant data can be made without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrganizationScope(pub(crate) OrganizationId);

impl OrganizationScope {
    /// The organization.
    pub fn id(self) -> OrganizationId {
        self.0
    }
}
