//! How a credential is replaced: at once, or with the old one alive for a while.

use keyward_domain::product::ApiKey;
use keyward_web::fields::Bounded;
use keyward_web::{Fields, Request};

/// How the rotation goes.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct Overlap {
    /// For how long the old secret lives on beside the new one, in seconds: up to 30 days. Absent or 0: not at all, so
    /// whoever uses it must have the new one at once.
    #[schema(value_type = Option<u32>)]
    overlap_seconds: Option<Bounded<0, { ApiKey::MOST_OVERLAP_SECONDS }>>,
}

impl Overlap {
    /// For how long.
    pub(crate) fn seconds(&self) -> u32 {
        self.overlap_seconds.map_or(0, |Bounded(seconds)| seconds)
    }
}

impl Request for Overlap {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self { overlap_seconds: fields.optional("overlap_seconds") })
    }
}
