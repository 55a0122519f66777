//! What customers may deploy and pull.

use std::collections::BTreeSet;

use keyward_domain::Invalid;
use keyward_domain::openapi::{Composed, Input, array};
use keyward_domain::registry::{Tag, TagGrant};
use keyward_engine::{
    ApplicationGrantChange, EntitlementChange, MOST_GRANTS, NewApplicationEntitlement, NewEntitlement,
    NewGrant, TagChoice, VersionChoice,
};
use serde_json::{Value, json};

use crate::fields::{Field, FromField, Reads, Words};
use crate::{Fields, Request, request, words};

impl Request for NewApplicationEntitlement {
    const WORDS: Words = words! {
        /// An entitlement to be created. A customer has one for each application.
        "CreateApplicationEntitlement" {
            /// Whether all versions are granted, now and later.
            /// Default: false
            "all_versions",
            /// The names of the versions that are granted, where not all are.
            /// Example: ["1.4.2"]
            "versions",
            /// Internal: customers never see it.
            "note"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let (customer, application) = (fields.required("customer_id"), fields.required("application_id"));
        let (versions, note) = (wanted(fields), fields.optional("note"));
        fields.relation(json!({
            "if": {"required": ["all_versions"], "properties": {"all_versions": {"const": true}}},
            "else": {"required": ["versions"], "properties": {"versions": {"type": "array", "minItems": 1}}},
        }));
        // Nothing named is refused by the rule that a grant names a version.
        let versions = versions.unwrap_or(VersionChoice::Named(Vec::new()));
        Some(Self { customer: customer?, application: application?, versions, note })
    }
}

impl Request for ApplicationGrantChange {
    const WORDS: Words = words! {
        /// What is to be changed; what is absent stays.
        "UpdateApplicationEntitlement" {
            /// `true` grants all versions, now and later.
            "all_versions",
            /// The names of all versions that are granted from now on. None that was granted may be left out.
            "versions",
            /// Internal: customers never see it; `null` removes it.
            "note"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        fields.immutable(&["customer_id", "application_id"]);
        Some(Self { versions: wanted(fields), note: fields.patch("note") })
    }
}

/// Reads `all_versions` and `versions`: one of both says which versions are wanted.
fn wanted(fields: &mut Fields) -> Option<VersionChoice> {
    let (all, names) = (fields.optional("all_versions"), fields.optional("versions"));
    fields.relation(json!({
        "if": {"required": ["all_versions"], "properties": {"all_versions": {"const": true}}},
        "then": {"properties": {"versions": {"type": "null"}}},
    }));
    match (all.unwrap_or(false), names) {
        (true, _) if fields.is_given("versions") => {
            fields.fault("versions", Invalid::new("not_allowed", "does not go with all_versions"));
            None
        }
        (true, _) => Some(VersionChoice::All),
        (false, names) => names.map(VersionChoice::Named),
    }
}

request! {
    /// An entitlement to be created.
    "CreateEntitlement" for NewEntitlement {
        customer ("customer_id"): required,
        /// For your own reference.
        description: optional,
        /// Each artifact once.
        grants: required as Grants,
        /// Whether this may be the first entitlement, from which on customers without one can pull nothing.
        close: or_default,
    }
}

request! {
    /// What is to be changed; what is absent stays.
    "UpdateEntitlement" for EntitlementChange, immutable ["customer_id"] {
        /// `null` removes it.
        description: patch,
        /// What is granted instead of all before.
        grants: optional as Grants,
    }
}

impl Request for NewGrant {
    const WORDS: Words = words! {
        /// What is to be granted of one artifact.
        "GrantInput" {
            /// `named`: the tags that `tags` names. `current`: all there are now. `all`: all there are and will be.
            /// Example: "named"
            "mode",
            /// With `named`.
            /// Example: ["1.4.2"]
            "tags"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let artifact = fields.required("artifact_id");
        let mode = fields.required_one_of("mode", "unknown_mode", &["named", "current", "all"]);
        let tags: Option<BTreeSet<Tag>> = fields.optional("tags");
        match mode {
            Some("named") if !fields.is_given("tags") => fields.missing("tags", "is required with named"),
            Some("current" | "all") if fields.is_given("tags") => {
                fields.fault("tags", Invalid::new("not_used", "is for named alone"));
            }
            _ => {}
        }
        fields.relation(json!({
            "if": {"properties": {"mode": {"const": "named"}}},
            "then": {"required": ["tags"], "properties": {"tags": {"type": "array", "minItems": 1, "maxItems": TagGrant::MOST}}},
            "else": {"properties": {"tags": {"type": "null"}}},
        }));
        let tags = match mode? {
            "all" => TagChoice::All,
            "current" => TagChoice::Current,
            _ => TagChoice::Named(tags.unwrap_or_default()),
        };
        Some(Self { artifact: artifact?, tags })
    }
}

/// The grants of a request.
struct Grants(Vec<NewGrant>);

impl From<Grants> for Vec<NewGrant> {
    fn from(Grants(grants): Grants) -> Self {
        grants
    }
}

impl Input for Grants {
    type Kind = Composed;
}

impl Reads<Grants> for Composed {
    fn read(field: &Field) -> Result<Grants, Vec<Invalid>> {
        let given: Vec<NewGrant> = Vec::from_field(field)?;
        if given.is_empty() || given.len() > MOST_GRANTS {
            let message = format!("must name 1 to {MOST_GRANTS} artifacts");
            return Err(vec![Invalid::new("wrong_count", message)]);
        }
        Ok(Grants(given))
    }

    fn schema() -> Value {
        array(NewGrant::schema(), 1, MOST_GRANTS)
    }
}
