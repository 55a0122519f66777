//! The users of customers.

use keyward_engine::{CustomerUserChange, NewCustomerUser};

use crate::request;

request! {
    /// A person to be invited.
    "InviteCustomerUser" for NewCustomerUser {
        /// Unique in the customer.
        /// Example: "ada@example.com"
        email: required,
        /// As shown to others.
        /// Example: "Ada"
        name: required,
        /// `admin`, who also manages the customer's users, or `viewer`.
        role: required,
    }
}

request! {
    /// What is to be changed; what is absent stays.
    "UpdateCustomerUser" for CustomerUserChange, immutable ["email"] {
        /// As shown to others.
        name: optional,
        /// `admin`, who also manages the customer's users, or `viewer`.
        role: optional,
    }
}
