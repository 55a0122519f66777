//! The deletion of an organization: it is scheduled, can be taken back until it is due, and then takes all it has.

use crate::{OrganizationId, Slug, Timestamp};

/// An organization that is to be deleted, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// Which.
    pub organization: OrganizationId,
    /// Its slug, which is not given again: it is in tokens that customers keep, and whoever had it could publish keys there.
    pub slug: Slug,
    /// When that was asked for.
    pub requested_at: Timestamp,
    /// When it begins.
    pub due_at: Timestamp,
    /// How far it has come.
    pub state: DeletionState,
}

/// How far the deletion of an organization has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionState {
    /// It can still be taken back.
    Scheduled,
    /// The organization is out of the world, and what it had is being deleted.
    Begun {
        /// Since when.
        at: Timestamp,
    },
    /// There is nothing left.
    Finished {
        /// When it had begun.
        begun_at: Timestamp,
        /// Since when.
        at: Timestamp,
    },
}

impl Deletion {
    /// For how many days it can be taken back, unless the operator says otherwise.
    pub const GRACE_DAYS: u32 = 14;

    /// The most days that can be said.
    pub const MOST_GRACE_DAYS: u32 = 90;
}
