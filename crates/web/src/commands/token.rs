//! Management tokens.

use keyward_domain::openapi::Composed;
use keyward_domain::{EndTime, Invalid, Permission, Scopes};
use keyward_engine::NewToken;
use serde_json::Value;

use crate::fields::{Field, FromField, Reads};
use crate::request;

request! {
    /// A token to be created.
    "CreateToken" for NewToken {
        /// What it is for.
        /// Example: "CI"
        name: required,
        /// What it is given, no more than your own token may do now; absent for all of that.
        /// Example: ["licenses:read"]
        scopes: optional,
        /// From when on it no longer works, or the last day in UTC on which it does, such as `2027-06-30`; absent for never.
        /// Example: "2027-06-30T22:00:00Z"
        expires_at: optional as EndTime,
    }
}

impl Reads<Scopes> for Composed {
    fn read(field: &Field) -> Result<Scopes, Vec<Invalid>> {
        Ok(Vec::from_field(field)?.into_iter().fold(Scopes::NONE, Scopes::with))
    }

    fn schema() -> Value {
        Vec::<Permission>::schema()
    }
}
