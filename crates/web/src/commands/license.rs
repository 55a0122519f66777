//! Licenses.

use keyward_domain::{EndTime, Ends, Renewal, StartTime};
use keyward_engine::{BoundsChange, LicenseChange};

use crate::request;

request! {
    /// What is to be changed; what is absent stays.
    "UpdateLicense" for LicenseChange,
    immutable ["payload", "fields", "not_before", "ends_at", "expires_at", "customer_id", "product_id", "license_key"] {
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
    "" for Ends {
        /// When it ends by its contract, or the last day of it in UTC, such as `2027-06-30`; `null` for no end. `expires_at` then follows from the grace.
        /// Example: "2027-06-30T22:00:00Z"
        ends_at: patch as EndTime,
        /// The first second that is no longer valid, the grace included, or the last valid day in UTC; `null` for no end. Without `ends_at` there is no grace.
        /// Example: "2027-06-30T22:00:00Z"
        expires_at: patch as EndTime,
    }
}

request! {
    /// The new terms; what is absent stays, but for the end: that moves on by a year, and its grace with it.
    "RenewLicense" for Renewal {
        /// The first valid second, or a day in UTC, which begins it.
        /// Example: "2027-06-30T22:00:00Z"
        not_before: optional as StartTime,
        /// Custom claims.
        payload: optional,
        /// Whether the tokens issued before are withdrawn at once, instead of running out by themselves.
        revoke_previous: or_default,
        ..ends: Ends,
    }
}
