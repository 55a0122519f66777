//! Registries, their keys and what is in them.

use keyward_domain::openapi::{Composed, Input, Object};
use keyward_domain::registry::Rotation;
use keyward_domain::{EndTime, Invalid, Name};
use keyward_engine::{NewArtifact, NewCredential, NewRegistry, NewRegistryKey, RegistryChange};
use serde_json::{Value, json};

use crate::fields::{Bounded, Field, FromField, Reads, Words};
use crate::{Fields, Request, request, words};

request! {
    /// A registry to be created.
    "CreateRegistry" for NewRegistry {
        /// Example: "Releases"
        name: required,
        /// What clients log in to, without a port; absent for a name below the domain of this server's registries.
        /// Example: "releases.registry.example.com"
        host: optional,
        /// The registry behind it: scheme, host and port.
        /// Example: "http://127.0.0.1:5000"
        upstream: required,
        /// What every repository's name begins with in there; clients don't see it. Never changed.
        /// Example: "acme"
        prefix: optional,
        /// Absent for `token`.
        credential: or_default,
        /// Whether clients may be sent on to where the upstream keeps its blobs. Such an address stays open for as long as
        /// the storage says, whatever becomes of the key. Absent for no.
        pass_redirects: or_default,
        /// Whether clients may also go to the upstream itself, with tokens that are fetched at `/registry/token`. They open
        /// whole repositories, and live on for up to six minutes after a key is revoked. Absent for no.
        direct: or_default,
        /// How the upstream calls itself in its configuration (`auth.token.service`); absent for the host. Needed where
        /// registries share an upstream.
        service: optional,
    }
}

request! {
    /// What is to be changed; what is absent stays.
    "UpdateRegistry" for RegistryChange, immutable ["prefix"] {
        name: optional,
        /// What clients log in to from now on.
        host: optional,
        /// Another registry behind it. Its content is looked at anew.
        upstream: optional,
        credential: optional,
        pass_redirects: optional,
        direct: optional,
        /// How the upstream calls itself in its configuration (`auth.token.service`); absent for as it was. Needed where
        /// registries share an upstream.
        service: optional,
    }
}

impl Request for NewCredential {
    const WORDS: Words = words! {
        /// How the upstream is to know the gateway.
        "CredentialInput" {
            /// `token` (the default): a token for each request, signed by the registry's own key, which the upstream checks by
            /// the registry's certificate. `basic`: user name and password. `none`: for an upstream on the same machine.
            /// Example: "basic"
            "kind",
            /// For `basic`.
            "user",
            /// For `basic`.
            "password"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let kind = fields.required_one_of("kind", "unknown_kind", &["token", "basic", "none"]);
        let (user, password) = (fields.optional::<Name>("user"), fields.optional::<String>("password"));
        for name in ["user", "password"] {
            match kind {
                Some("basic") if !fields.is_given(name) => fields.missing(name, "is required with basic"),
                Some("token" | "none") if fields.is_given(name) => {
                    fields.fault(name, Invalid::new("not_used", "is for basic alone"));
                }
                _ => {}
            }
        }
        fields.relation(json!({
            "if": {"properties": {"kind": {"const": "basic"}}},
            "then": {"required": ["user", "password"], "properties": {"user": {"type": "string"}, "password": {"type": "string"}}},
            "else": {"properties": {"user": {"type": "null"}, "password": {"type": "null"}}},
        }));
        match kind? {
            "basic" => Some(Self::Basic { user: user?, password: password?.into() }),
            "none" => Some(Self::None),
            _ => Some(Self::Token),
        }
    }
}

request! {
    /// A registry key to be created.
    "CreateRegistryKey" for NewRegistryKey {
        /// The only registry it opens.
        registry ("registry_id"): required,
        /// What it is for: who finds it in a year should know.
        /// Example: "CI of the web team"
        name: required,
        /// Who answers for it; absent for you.
        owner: optional,
        /// `read` (pull), `read_write` (pull and push) or `read_write_delete`; absent for `read`.
        /// Example: "read_write"
        access: or_default,
        /// From when on it no longer works, or the last day in UTC on which it does, such as `2027-06-30`; absent for never, which is worth a second thought.
        /// Example: "2027-06-30T22:00:00Z"
        expires_at: optional as EndTime,
        /// How it gets a new secret by itself; absent for not at all. Part of Enterprise.
        rotation: optional,
    }
}

/// A schedule as it stands in a request.
struct Schedule {
    every_days: u32,
    overlap_days: u32,
}

impl Input for Schedule {
    type Kind = Object;
}

request! {
    "Rotation" for Schedule {
        every_days: required as Bounded<{ Rotation::LEAST_EVERY }, { Rotation::MOST_EVERY }>,
        overlap_days: required as Bounded<1, { Rotation::MOST_OVERLAP }>,
    }
}

impl Reads<Rotation> for Composed {
    fn read(field: &Field) -> Result<Rotation, Vec<Invalid>> {
        let Schedule { every_days, overlap_days } = Schedule::from_field(field)?;
        Rotation::new(every_days, overlap_days)
    }

    fn schema() -> Value {
        Schedule::schema()
    }
}

request! {
    /// A repository to be known before anything was pushed to it.
    "CreateArtifact" for NewArtifact {
        registry ("registry_id"): required,
        /// Example: "acme/app"
        repository: required,
    }
}
