//! The deletion of an organization: scheduled, and until it is due taken back.

pub(crate) mod schedule;
pub(crate) mod show;
pub(crate) mod withdraw;

use keyward_domain::{Deletion, Timestamp};
use serde::Serialize;

/// A deletion that is scheduled.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Deletion)]
pub(crate) struct DeletionView {
    #[schema(value_type = String, format = DateTime)]
    requested_at: Timestamp,
    /// When it begins. Until then everything works as before, and it can be taken back.
    #[schema(value_type = String, format = DateTime)]
    due_at: Timestamp,
}

impl From<Deletion> for DeletionView {
    fn from(deletion: Deletion) -> Self {
        Self { requested_at: deletion.requested_at, due_at: deletion.due_at }
    }
}
