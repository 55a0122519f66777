//! Products and what belongs to them.

use keyward_domain::openapi::{Composed, Input, Object, array, text};
use keyward_domain::product::{PullRole, PullRoles, Settings};
use keyward_domain::registry::RepositoryPattern;
use keyward_domain::template::{FieldKind, FieldName};
use keyward_domain::version::{Pattern, Standing};
use keyward_domain::{FieldDraft, Invalid, Name, Template, Versions};
use keyward_engine::{NewProduct, ProductChange, SettingsChange};
use serde_json::{Value, json};

use crate::fields::{Bounded, Field, FromField, Reads, Words, whole};
use crate::{Fields, Request, request, words};

impl Request for NewProduct {
    const WORDS: Words = words! {
        /// A product to be created: its name, and whatever else differs from the defaults.
        "CreateProduct" {
            /// Example: "Acme Server"
            "name";
            ..ProductChange
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name");
        let rest = all_but_name(fields);
        Some(Self { name: name?, rest })
    }
}

impl Request for ProductChange {
    const WORDS: Words = words! {
        /// What is to be changed; what is absent stays.
        "UpdateProduct" {
            /// Unique among your products.
            "name",
            /// Internal; `null` removes it.
            "description",
            /// What customers see: Markdown, up to 64 KiB. Raw HTML and images are shown as text.
            "page",
            /// The form of a key. Licenses that were issued keep what they were issued with.
            "fields",
            /// Which repositories its customers may pull from.
            "pull_roles",
            /// Which versions may run; empty for any.
            "versions"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.optional("name");
        Some(Self { name, ..all_but_name(fields) })
    }
}

fn all_but_name(fields: &mut Fields) -> ProductChange {
    fields.immutable(&["slug"]);
    let description = fields.patch("description");
    let (page, template) = (fields.optional("page"), fields.optional("fields"));
    let (pull_roles, versions) = (fields.optional("pull_roles"), fields.optional("versions"));
    let settings = fields.optional("settings").unwrap_or_default();
    ProductChange { name: None, description, page, template, pull_roles, versions, settings }
}

request! {
    /// Settings to be changed; what is absent stays.
    "UpdateSettings" for SettingsChange {
        /// 1 to 87,840; `null` for never.
        ip_ttl_hours: patch as Bounded<1, { Settings::MOST_TTL_HOURS }>,
        /// `off`, `monitor`, `enforce` or `allowlist`.
        addresses ("ip_enforcement"): optional,
        /// `null` or 0 for no limit.
        default_max_ips: patch,
        /// Days after their end by the contract in which new licenses stay valid, up to 366; `null` or 0 for none.
        default_grace_days: patch as Bounded<0, { Settings::MOST_GRACE_DAYS }>,
        ipv6_by_64: optional,
        enforce_expiry ("expiry_enforcement"): optional,
        gate_versions ("version_gating"): optional,
        require_version: optional,
        custom ("custom_response"): optional,
        /// Up to 16 KiB; whole numbers up to 2^53 - 1, so that its signature can be checked everywhere.
        custom_response ("custom_response_template"): patch,
        webhooks: optional,
        sign ("signed_validation"): optional,
        /// 1 to 100, of a day's bucket; 100 for no bound.
        address_share ("address_share_percent"): optional as Bounded<1, 100>,
        /// 1 to 100, of a day's bucket; 100 for no bound.
        license_share ("license_share_percent"): optional as Bounded<1, 100>,
        /// 1 to 100, of a day's bucket; 100 for no bound.
        unknown_key_share ("unknown_key_share_percent"): optional as Bounded<1, 100>,
    }
}

/// One field as vendors write it. What its kind asks of the rest is looked at where all of it can be read.
impl Request for FieldDraft {
    const WORDS: Words = words! {
        /// One field of a product's keys.
        "Field" {
            /// The claim it becomes: 1 to 64 of A-Z, a-z, 0-9 and _.
            /// Example: "seats"
            "name",
            /// As shown on the form; the name where absent.
            "label",
            /// `text`, `textarea`, `email`, `number`, `select`, `checkbox` or `date`.
            /// Example: "number"
            "type",
            /// Whether a key needs a value.
            "required",
            /// Whether the value may differ from the default; `true` where absent.
            "editable",
            /// Whether customers don't see it.
            "hidden",
            /// The value where none is given.
            "default",
            /// For `select`: what may be chosen.
            "choices"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let name: Option<FieldName> = fields.required("name");
        let label: Option<Name> = fields.optional("label");
        let kind = fields.required_one_of("type", "unknown_type", &FieldKind::NAMES);
        let (required, editable) = (fields.optional("required"), fields.optional("editable"));
        let (hidden, default) = (fields.optional("hidden"), fields.optional("default"));
        let choices: Option<Vec<Choice>> = fields.optional("choices");
        let some =
            json!({"type": "array", "minItems": 1, "maxItems": FieldKind::MOST_CHOICES, "uniqueItems": true});
        fields.relation(json!({
            "if": {"properties": {"type": {"const": "select"}}},
            "then": {"required": ["choices"], "properties": {"choices": some}},
            "else": {"properties": {"choices": {"maxItems": 0}}},
        }));
        Some(Self {
            name: name?.as_str().to_owned(),
            label: label.map(|label| label.to_string()),
            kind: kind?.to_owned(),
            required: required.unwrap_or(false),
            editable: editable.unwrap_or(true),
            hidden: hidden.unwrap_or(false),
            default,
            choices: choices.unwrap_or_default().into_iter().map(|Choice(text)| text).collect(),
        })
    }
}

/// What may be chosen of a field.
struct Choice(String);

impl Input for Choice {
    type Kind = Composed;
}

impl Reads<Choice> for Composed {
    fn read(field: &Field) -> Result<Choice, Vec<Invalid>> {
        // Choices are names, by their rule and their length.
        Name::from_field(field).map(|name| Choice(name.to_string()))
    }

    fn schema() -> Value {
        Name::schema()
    }
}

/// A field whose parts fit each other.
struct CheckedDraft(FieldDraft);

impl Input for CheckedDraft {
    type Kind = Composed;
}

impl Reads<CheckedDraft> for Composed {
    fn read(field: &Field) -> Result<CheckedDraft, Vec<Invalid>> {
        let draft = FieldDraft::from_field(field)?;
        match Template::new(vec![draft.clone()]) {
            Ok(_) => Ok(CheckedDraft(draft)),
            Err(faults) => Err(faults.into_iter().map(without_place).collect()),
        }
    }

    fn schema() -> Value {
        FieldDraft::schema()
    }
}

/// A fault of the only item of a list, as a fault of the item.
fn without_place(fault: Invalid) -> Invalid {
    let pointer = fault.pointer.strip_prefix("/0").unwrap_or_default().to_owned();
    Invalid { pointer, ..fault }
}

impl Reads<Template> for Composed {
    fn read(field: &Field) -> Result<Template, Vec<Invalid>> {
        let each = || Ok(Vec::from_field(field)?.into_iter().map(|CheckedDraft(draft)| draft).collect());
        whole(field, Template::new, each)
    }

    fn schema() -> Value {
        array(CheckedDraft::schema(), 0, Template::MOST_FIELDS)
    }
}

/// What a set of repositories is called.
struct RoleName(String);

impl Input for RoleName {
    type Kind = Composed;
}

impl Reads<RoleName> for Composed {
    fn read(field: &Field) -> Result<RoleName, Vec<Invalid>> {
        let name = field.text().map_err(|fault| vec![fault])?;
        PullRole::check_name(&name).map_err(|fault| vec![fault]).map(|()| RoleName(name))
    }

    fn schema() -> Value {
        text(PullRole::MOST, PullRole::PATTERN)
    }
}

/// The repositories of a role.
struct Repositories(Vec<String>);

impl Input for Repositories {
    type Kind = Composed;
}

impl Reads<Repositories> for Composed {
    fn read(field: &Field) -> Result<Repositories, Vec<Invalid>> {
        let patterns: Vec<RepositoryPattern> = Vec::from_field(field)?;
        if patterns.is_empty() || patterns.len() > PullRoles::MOST {
            let message = format!("must name 1 to {} repositories", PullRoles::MOST);
            return Err(vec![Invalid::new("wrong_count", message)]);
        }
        Ok(Repositories(patterns.iter().map(ToString::to_string).collect()))
    }

    fn schema() -> Value {
        array(RepositoryPattern::schema(), 1, PullRoles::MOST)
    }
}

impl Request for PullRole {
    const WORDS: Words = words! {
        /// A named set of repositories.
        "PullRole" {
            /// As tokens carry it.
            /// Example: "runtime"
            "name",
            /// Repository names in which `*` stands for any text.
            /// Example: ["acme/server", "acme/plugins-*"]
            "repositories"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, repositories) = (fields.required("name"), fields.required("repositories"));
        let (RoleName(name), Repositories(repositories)) = (name?, repositories?);
        Some(Self { name, repositories })
    }
}

impl Reads<PullRoles> for Composed {
    fn read(field: &Field) -> Result<PullRoles, Vec<Invalid>> {
        let each = || Vec::from_field(field);
        whole(field, PullRoles::new, each)
    }

    fn schema() -> Value {
        array(PullRole::schema(), 0, PullRoles::MOST)
    }
}

/// One version as it stands in a request.
struct ListedVersion(Pattern, Standing);

impl Input for ListedVersion {
    type Kind = Object;
}

impl Request for ListedVersion {
    const WORDS: Words = words! {
        /// One entry of a version list.
        "ListedVersion" {
            /// A version, or all that share its first parts.
            /// Example: "2.1.x"
            "version",
            /// `allowed`, `deprecated`, `latest` or `blocked`.
            /// Example: "allowed"
            "state"
        }
    };

    fn read(fields: &mut Fields) -> Option<Self> {
        let (pattern, standing) = (fields.required("version"), fields.required("state"));
        Some(Self(pattern?, standing?))
    }
}

impl Reads<Versions> for Composed {
    fn read(field: &Field) -> Result<Versions, Vec<Invalid>> {
        let listed = Vec::from_field(field)?.into_iter();
        let entries = listed.map(|ListedVersion(pattern, standing)| (pattern, standing));
        Versions::new(entries.collect()).map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        array(ListedVersion::schema(), 0, Versions::MOST)
    }
}
