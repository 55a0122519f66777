//! Licenses.

use keyward_domain::{EndTime, Renewal, StartTime};
use keyward_engine::{BoundsChange, LicenseChange};

use crate::request;

request! {
    /// What is to be changed; what is absent stays.
    "UpdateLicense" for LicenseChange,
    immutable ["payload", "fields", "not_before", "expires_at", "customer_id", "product_id", "license_key"] {
        /// Unique among your licenses.
        name: optional,
        /// For your own reference; `null` removes it.
        description: patch,
        ..bounds: BoundsChange,
    }
}

request! {
    "" for BoundsChange {
        /// The most addresses; `null` or 0 for no limit. Lowering it turns out none.
        max_ips: patch,
        /// Which versions it allows: `*`, `2.1.0`, `>=2.1 <3`.
        pin ("version_pin"): optional,
        /// Laid over the product's custom response, member by member; `null` removes it.
        custom_response: patch,
        /// Addresses and networks refused for this license; up to 1,000.
        blocked ("blocked_addresses"): optional,
    }
}

request! {
    /// The new terms; what is absent stays, but for the end: that moves on by a year.
    "RenewLicense" for Renewal {
        /// The first valid second, or a day in UTC, which begins it.
        /// Example: "2027-06-30T22:00:00Z"
        not_before: optional as StartTime,
        /// The first second that is no longer valid, or the last valid day in UTC, such as `2027-06-30`; absent for one more year, `null` for none.
        /// Example: "2027-06-30T22:00:00Z"
        expires_at: patch as EndTime,
        /// Custom claims.
        payload: optional,
        /// Whether the tokens issued before are withdrawn at once, instead of running out by themselves.
        revoke_previous: or_default,
    }
}
