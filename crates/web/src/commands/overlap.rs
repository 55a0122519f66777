//! How a credential is replaced: at once, or with the old one alive for a while.

use keyward_domain::product::ApiKey;

use crate::fields::Bounded;
use crate::request;

/// How the rotation of a credential goes.
#[derive(Debug)]
pub struct Overlap {
    /// For how long the old secret lives on, in seconds.
    pub seconds: u32,
}

request! {
    /// How the rotation goes.
    "Overlap" for Overlap {
        /// For how long the old secret lives on beside the new one, in seconds: up to 30 days. Absent or 0: not at all, so
        /// whoever uses it must have the new one at once.
        seconds ("overlap_seconds"): or_default as Bounded<0, { ApiKey::MOST_OVERLAP_SECONDS }>,
    }
}
