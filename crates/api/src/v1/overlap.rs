//! How a credential is replaced: at once, or with the old one alive for a while.

use keyward_domain::Invalid;
use keyward_domain::product::ApiKey;
use keyward_web::{Fields, Request};

/// How the rotation goes.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct Overlap {
    /// For how long the old secret lives on beside the new one, in seconds: up to 30 days. Absent or 0: not at all, so
    /// whoever uses it must have the new one at once.
    #[schema(maximum = 2592000)]
    overlap_seconds: Option<u32>,
}

impl Overlap {
    /// For how long.
    pub(crate) fn seconds(&self) -> u32 {
        self.overlap_seconds.unwrap_or(0)
    }
}

impl Request for Overlap {
    fn read(fields: &mut Fields) -> Option<Self> {
        let overlap_seconds = fields.optional("overlap_seconds");
        if overlap_seconds.is_some_and(|seconds| seconds > ApiKey::MOST_OVERLAP_SECONDS) {
            fields
                .fault("overlap_seconds", Invalid::new("out_of_range", "must be at most 2592000 (30 days)"));
        }
        Some(Self { overlap_seconds })
    }
}
