//! Members.

use keyward_engine::{MemberChange, NewMember};

use crate::request;

request! {
    /// A member to be added.
    "CreateMember" for NewMember {
        /// Unique in the organization.
        email: required,
        /// As shown to others.
        name: required,
        /// `owner`, `admin`, `member` or `viewer`.
        role: required,
    }
}

request! {
    /// What is to be changed; what is absent stays.
    "UpdateMember" for MemberChange, immutable ["email"] {
        /// As shown to others.
        name: optional,
        /// `owner`, `admin`, `member` or `viewer`.
        role: optional,
    }
}
