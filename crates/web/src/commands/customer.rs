//! Customers.

use keyward_engine::{CustomerChange, NewCustomer};

use crate::request;

request! {
    /// A customer to be created.
    "CreateCustomer" for NewCustomer {
        /// Customer or organization name.
        /// Example: "Example Inc."
        name: required,
        /// Contact address.
        /// Example: "it@example.com"
        email: required,
        /// Internal: customers never see them.
        notes: optional,
    }
}

request! {
    /// What is to be changed; what is absent stays.
    "UpdateCustomer" for CustomerChange {
        /// Customer or organization name.
        name: optional,
        /// Contact address.
        email: optional,
        /// Internal notes; `null` removes them.
        notes: patch,
        /// Addresses and networks refused for all that this customer holds; up to 1,000.
        /// Example: ["192.0.2.0/24"]
        blocked ("blocked_addresses"): optional,
    }
}
