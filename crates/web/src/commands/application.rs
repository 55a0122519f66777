//! Applications and their versions.

use keyward_domain::application::Rollout;
use keyward_domain::files::{Chart, File, FileName};
use keyward_domain::openapi::{Composed, Input, Object};
use keyward_domain::{Invalid, ProviderUrl, VersionName};
use keyward_engine::{ApplicationChange, NewApplication};
use serde_json::{Value, json};

use crate::fields::{Bounded, Field, Reads, Words, describe, whole};
use crate::{Fields, Request, request, words};

request! {
    /// An application to be created.
    "CreateApplication" for NewApplication {
        /// Unique among your applications.
        /// Example: "Acme Server"
        name: required,
        /// `compose` or `helm`.
        /// Example: "compose"
        kind: required,
        /// Shown to the customers who have it.
        description: optional,
    }
}

request! {
    /// What is to be changed; what is absent stays.
    "UpdateApplication" for ApplicationChange, immutable ["slug", "kind"] {
        /// Unique among your applications.
        name: optional,
        /// Shown to the customers who have it; `null` removes it.
        description: patch,
    }
}

impl Request for Rollout {
    fn read(fields: &mut Fields) -> Option<Self> {
        let health_seconds =
            fields.optional::<Bounded<{ Self::LEAST_SECONDS }, { Self::MOST_SECONDS }>>("health_seconds");
        let no_way_back = fields.optional("no_way_back").unwrap_or_default();
        Some(Self { health_seconds: health_seconds.map(Into::into), no_way_back })
    }
}

/// The address of a chart.
struct ChartUrl(String);

impl Input for ChartUrl {
    type Kind = Composed;
}

impl Reads<ChartUrl> for Composed {
    fn read(field: &Field) -> Result<ChartUrl, Vec<Invalid>> {
        let url = field.text().map_err(|fault| vec![fault])?;
        Chart::check_url(&url).map_err(|fault| vec![fault]).map(|()| ChartUrl(url))
    }

    fn schema() -> Value {
        let pattern = "^([oO][cC][iI]|[hH][tT][tT][pP][sS]?)://[^/?#@]";
        json!({"type": "string", "format": "uri", "maxLength": ProviderUrl::MOST_BYTES, "pattern": pattern})
    }
}

impl Request for Chart {
    const WORDS: Words = words! {
        /// Where a Helm chart is.
        "Chart" {
            /// `oci://registry/repository`, or the URL of a chart repository.
            /// Example: "oci://registry.example/acme/server"
            "url",
            /// The chart's name in its repository; absent for `oci://`.
            "name",
            /// Example: "1.4.2"
            "version"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let (url, name, version) = (
            fields.required("url"),
            fields.optional::<FileName>("name"),
            fields.required::<VersionName>("version"),
        );
        fields.relation(json!({
            "if": {"properties": {"url": {"type": "string", "pattern": "^[oO][cC][iI]:"}}},
            "then": {"properties": {"name": {"type": "null"}}},
            "else": {"required": ["name"], "properties": {"name": {"type": "string"}}},
        }));
        let ChartUrl(url) = url?;
        let name = name.map(|name| name.as_str().to_owned());
        Some(Self { url, name, version: version?.as_str().to_owned() })
    }
}

impl Reads<Chart> for Composed {
    fn read(field: &Field) -> Result<Chart, Vec<Invalid>> {
        whole(field, Chart::checked, || Object::read(field))
    }

    fn schema() -> Value {
        describe::<Chart>()
    }
}

request! {
    "File" for File {
        name: required,
        text ("content"): required,
    }
}
