//! License-field templates: which values a product asks for when a key is made, and what they may be.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{Email, Invalid, Name, Payload, payload, text};

/// The fields of a product, in the order of the form. Names are unique; defaults fit their fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template(Vec<Field>);

crate::described!(composed Template;);

/// One field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The claim it becomes.
    pub name: FieldName,
    /// As shown on the form.
    pub label: Name,
    /// What its values may be.
    pub kind: FieldKind,
    /// Whether a key needs a value.
    pub required: bool,
    /// Whether the value may differ from the default.
    pub editable: bool,
    /// Whether customers don't see it.
    pub hidden: bool,
    /// The value where none is given.
    pub default: Option<FieldValue>,
}

/// `A-Z`, `a-z`, `0-9` and `_`, up to 64; never a name that the token itself uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldName(String);

/// What a field's values may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// One line, up to 1,000 characters.
    Text,
    /// Several lines, up to 10,000 characters.
    Textarea,
    /// An e-mail address.
    Email,
    /// A JSON number, kept as written.
    Number,
    /// One of these.
    Select {
        /// What may be chosen, in order.
        choices: Vec<String>,
    },
    /// `true` or `false`; `false` where nothing is given.
    Checkbox,
    /// A calendar day, `YYYY-MM-DD`.
    Date,
}

/// A value that fits its field: its JSON text, so that numbers stay as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValue(String);

impl FieldName {
    /// The longest.
    pub const MOST: usize = 64;
    /// The characters, as a regular expression.
    pub const PATTERN: &str = "^[A-Za-z0-9_]+$";

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FieldName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if payload::RESERVED.contains(&text) {
            return Err(Invalid::new("reserved_name", "is a claim of the token itself"));
        }
        let fits = (1..=Self::MOST).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("invalid_field_name", "must be 1 to 64 of A-Z, a-z, 0-9 and _"))
        }
    }
}

crate::described!(FieldName = crate::openapi::text(Self::MOST, Self::PATTERN););

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FieldValue {
    /// The value's JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FieldKind {
    /// The names of all kinds.
    pub const NAMES: [&str; 7] = ["text", "textarea", "email", "number", "select", "checkbox", "date"];
    /// The most choices.
    pub const MOST_CHOICES: usize = 200;

    /// The name on the wire and in storage.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Textarea => "textarea",
            Self::Email => "email",
            Self::Number => "number",
            Self::Select { .. } => "select",
            Self::Checkbox => "checkbox",
            Self::Date => "date",
        }
    }

    /// Checks one value.
    pub fn check(&self, raw: &RawValue) -> Result<FieldValue, Invalid> {
        let wrong = |message: &str| Invalid::new("invalid_value", message);
        let text = || serde_json::from_str::<String>(raw.get()).map_err(|_| wrong("must be a string"));
        let text = match self {
            Self::Text => text::optional_line(&text()?, Self::MOST_OF_LINE)?,
            Self::Textarea => text::lines(&text()?, Self::MOST_OF_LINES)?,
            Self::Email => {
                let text = text()?;
                if text.parse::<Email>()?.as_str() != text {
                    return Err(Invalid::new("invalid_email", "is not an e-mail address"));
                }
                text
            }
            Self::Select { choices } => {
                let given = text()?;
                let known =
                    choices.iter().find(|choice| **choice == given || text::same_line(&given, choice));
                known.ok_or_else(|| wrong("must be one of the choices"))?.clone()
            }
            Self::Date => {
                let (text, format) = (text()?, time::macros::format_description!("[year]-[month]-[day]"));
                time::Date::parse(&text, format).map_err(|_| wrong("must be a day such as 2027-01-31"))?;
                text
            }
            Self::Number => {
                let is_number = matches!(serde_json::from_str(raw.get()), Ok(Value::Number(_)));
                is_number.then_some(()).ok_or_else(|| wrong("must be a number"))?;
                return Ok(FieldValue(raw.get().to_owned()));
            }
            Self::Checkbox => {
                let is_bool = matches!(raw.get(), "true" | "false");
                is_bool.then_some(()).ok_or_else(|| wrong("must be true or false"))?;
                return Ok(FieldValue(raw.get().to_owned()));
            }
        };
        // However it was escaped, a text is written in one way.
        Ok(FieldValue(Value::from(text).to_string()))
    }

    /// The most characters of one line.
    const MOST_OF_LINE: usize = 1_000;
    /// The most characters of several lines.
    const MOST_OF_LINES: usize = 10_000;
    /// The most characters of a choice.
    pub const MOST_OF_CHOICE: usize = 200;
}

/// A field as vendors write it and as storage keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldDraft {
    /// The claim it becomes.
    pub name: String,
    /// As shown on the form; the name where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `text`, `textarea`, `email`, `number`, `select`, `checkbox` or `date`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether a key needs a value.
    #[serde(default)]
    pub required: bool,
    /// Whether the value may differ from the default.
    #[serde(default = "yes")]
    pub editable: bool,
    /// Whether customers don't see it.
    #[serde(default)]
    pub hidden: bool,
    /// The value where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Box<RawValue>>,
    /// For `select`: what may be chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

crate::described!(object FieldDraft; named FieldDraft = "Field";);

fn yes() -> bool {
    true
}

impl Template {
    /// The most fields of a product.
    pub const MOST_FIELDS: usize = 50;

    /// Checks a whole template, naming every fault with its place (`/2/default`).
    pub fn new(drafts: Vec<FieldDraft>) -> Result<Self, Vec<Invalid>> {
        Self::read(drafts, Origin::Request)
    }

    /// A template as it was written down once: rules for its texts get stricter, and what is kept stays readable.
    pub fn kept(drafts: Vec<FieldDraft>) -> Result<Self, Vec<Invalid>> {
        Self::read(drafts, Origin::Storage)
    }

    fn read(drafts: Vec<FieldDraft>, origin: Origin) -> Result<Self, Vec<Invalid>> {
        if drafts.len() > Self::MOST_FIELDS {
            let most = Self::MOST_FIELDS;
            return Err(vec![Invalid::new("too_many_fields", format!("has more than {most} fields"))]);
        }
        let (mut fields, mut faults, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for (index, draft) in drafts.into_iter().enumerate() {
            let place = index.to_string();
            if !seen.insert(draft.name.clone()) {
                let twice = Invalid::new("duplicate_name", "is the name of an earlier field");
                faults.push(twice.at("name").at(&place));
            }
            match Field::new(draft, origin) {
                Ok(field) => fields.push(field),
                Err(found) => faults.extend(found.into_iter().map(|fault| fault.at(&place))),
            }
        }
        if faults.is_empty() { Ok(Self(fields)) } else { Err(faults) }
    }

    /// The fields, in the order of the form.
    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    /// The template as vendors write it.
    pub fn drafts(&self) -> Vec<FieldDraft> {
        self.0.iter().map(Field::draft).collect()
    }

    /// The custom claims of a new key from the `given` values, in the order of the form. Names every fault.
    pub fn fill(&self, given: &[(String, Box<RawValue>)]) -> Result<Payload, Vec<Invalid>> {
        let mut faults: Vec<_> = given
            .iter()
            .filter(|(name, _)| !self.0.iter().any(|field| field.name.as_str() == name))
            .map(|(name, _)| Invalid::new("unknown_field", "is no field of this product").at(name))
            .collect();
        let mut members = Vec::new();
        for field in &self.0 {
            let name = field.name.as_str();
            let mut values = given.iter().filter(|(given, _)| given == name).map(|(_, value)| &**value);
            let value = values.next().filter(|value| value.get() != "null");
            if values.next().is_some() {
                faults.push(Invalid::new("duplicate_name", "is given twice").at(name));
            }
            match field.value(value) {
                Ok(Some(value)) => members.push(format!("\"{name}\":{}", value.0)),
                Ok(None) => {}
                Err(fault) => faults.push(fault.at(name)),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Payload::parse(&format!("{{{}}}", members.join(",")))
    }
}

/// Where a template comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Request,
    Storage,
}

impl Field {
    fn new(draft: FieldDraft, origin: Origin) -> Result<Self, Vec<Invalid>> {
        let mut faults = Vec::new();
        let name = draft.name.parse::<FieldName>().map_err(|fault| faults.push(fault.at("name"))).ok();
        let label = draft.label.as_deref().unwrap_or(&draft.name);
        let label = match origin {
            Origin::Request => label.parse::<Name>().map_err(|fault| faults.push(fault.at("label"))).ok(),
            Origin::Storage => Some(Name::kept(label)),
        };
        let kind = kind(&draft.kind, draft.choices, origin).map_err(|fault| faults.push(fault)).ok();
        let default = match (&kind, &draft.default) {
            (Some(_), Some(raw)) if origin == Origin::Storage => Some(FieldValue(raw.get().to_owned())),
            (Some(kind), Some(raw)) => kind.check(raw).map_err(|fault| faults.push(fault.at("default"))).ok(),
            _ => None,
        };
        if draft.required && !draft.editable && draft.default.is_none() {
            let message = "is needed: the field is required and cannot be edited";
            faults.push(Invalid::new("required", message).at("default"));
        }
        match (name, label, kind) {
            (Some(name), Some(label), Some(kind)) if faults.is_empty() => Ok(Self {
                name,
                label,
                kind,
                required: draft.required,
                editable: draft.editable,
                hidden: draft.hidden,
                default,
            }),
            _ => Err(faults),
        }
    }

    fn draft(&self) -> FieldDraft {
        let choices = match &self.kind {
            FieldKind::Select { choices } => choices.clone(),
            _ => Vec::new(),
        };
        let raw = |value: &FieldValue| RawValue::from_string(value.0.clone()).ok();
        FieldDraft {
            name: self.name.0.clone(),
            label: Some(self.label.to_string()),
            kind: self.kind.as_str().to_owned(),
            required: self.required,
            editable: self.editable,
            hidden: self.hidden,
            default: self.default.as_ref().and_then(raw),
            choices,
        }
    }

    /// The value that a key gets when `given` was sent.
    fn value(&self, given: Option<&RawValue>) -> Result<Option<FieldValue>, Invalid> {
        let given = given.map(|raw| self.kind.check(raw)).transpose()?;
        if !self.editable {
            return match given {
                Some(value) if Some(&value) != self.default.as_ref() => {
                    Err(Invalid::new("not_editable", "is set by the product and cannot be changed"))
                }
                _ => Ok(self.default.clone()),
            };
        }
        let unchecked = || (self.kind == FieldKind::Checkbox).then(|| FieldValue("false".to_owned()));
        let value = given.or_else(|| self.default.clone());
        let empty = value.as_ref().is_none_or(|value| value.0 == "\"\"");
        if self.required && empty && self.kind != FieldKind::Checkbox {
            return Err(Invalid::new("required", "must have a value"));
        }
        Ok(value.or_else(unchecked))
    }
}

fn kind(name: &str, choices: Vec<String>, origin: Origin) -> Result<FieldKind, Invalid> {
    let kind = match name {
        "select" => {
            return match origin {
                Origin::Request => self::choices(choices).map_err(|fault| fault.at("choices")),
                Origin::Storage => Ok(choices),
            }
            .map(|choices| FieldKind::Select { choices });
        }
        "text" => FieldKind::Text,
        "textarea" => FieldKind::Textarea,
        "email" => FieldKind::Email,
        "number" => FieldKind::Number,
        "checkbox" => FieldKind::Checkbox,
        "date" => FieldKind::Date,
        _ => {
            let message = "must be text, textarea, email, number, select, checkbox or date";
            return Err(Invalid::new("unknown_type", message).at("type"));
        }
    };
    if choices.is_empty() {
        Ok(kind)
    } else {
        Err(Invalid::new("invalid_choices", "are for fields of type select").at("choices"))
    }
}

fn choices(given: Vec<String>) -> Result<Vec<String>, Invalid> {
    let read = |(index, choice): (usize, &String)| {
        text::line(choice, FieldKind::MOST_OF_CHOICE).map_err(|fault| fault.at(&index.to_string()))
    };
    let choices = given.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    let distinct = choices.iter().collect::<HashSet<_>>().len() == choices.len();
    if choices.is_empty() || choices.len() > FieldKind::MOST_CHOICES || !distinct {
        return Err(Invalid::new("invalid_choices", "must be 1 to 200 different choices"));
    }
    Ok(choices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(json: &str) -> Result<Template, Vec<Invalid>> {
        Template::new(serde_json::from_str(json).unwrap())
    }

    fn fill(template: &Template, json: &str) -> Result<String, Vec<(&'static str, String)>> {
        let given: std::collections::BTreeMap<String, Box<RawValue>> = serde_json::from_str(json).unwrap();
        let given: Vec<_> = given.into_iter().collect();
        let filled = template.fill(&given).map(|payload| payload.as_str().to_owned());
        filled.map_err(|faults| faults.into_iter().map(|fault| (fault.code, fault.pointer)).collect())
    }

    const ALL: &str = r#"[
        {"name":"seats","type":"number","required":true},
        {"name":"plan","type":"select","choices":["free","pro"],"default":"pro"},
        {"name":"sso","type":"checkbox"},
        {"name":"until","type":"date"},
        {"name":"contact","type":"email"},
        {"name":"region","type":"text","editable":false,"default":"eu"},
        {"name":"notes","type":"textarea"}
    ]"#;

    #[test]
    fn values_become_claims_in_the_order_of_the_form() {
        let filled = fill(&template(ALL).unwrap(), r#"{"until":"2028-02-29","seats":12345678901234567890}"#);
        let claims =
            r#"{"seats":12345678901234567890,"plan":"pro","sso":false,"until":"2028-02-29","region":"eu"}"#;
        assert_eq!(filled.unwrap(), claims);
    }

    #[test]
    fn every_failing_field_is_named() {
        let given =
            r#"{"plan":"gold","sso":"yes","until":"2027-02-29","contact":"nobody","region":"us","x":1}"#;
        let faults = fill(&template(ALL).unwrap(), given).unwrap_err();
        let expected = [
            ("unknown_field", "/x"),
            ("required", "/seats"),
            ("invalid_value", "/plan"),
            ("invalid_value", "/sso"),
            ("invalid_value", "/until"),
            ("invalid_email", "/contact"),
            ("not_editable", "/region"),
        ];
        assert_eq!(faults, expected.map(|(code, place)| (code, place.to_owned())));
    }

    #[test]
    fn a_fixed_field_may_be_sent_with_its_own_value() {
        assert!(fill(&template(ALL).unwrap(), r#"{"seats":1,"region":"eu"}"#).is_ok());
    }

    #[test]
    fn what_cannot_work_is_no_template() {
        let faults = template(
            r#"[{"name":"exp","type":"text"},{"name":"a","type":"select"},{"name":"a","type":"money"},
                {"name":"b","type":"number","default":"1"},{"name":"c","type":"text","required":true,"editable":false}]"#,
        );
        let found: Vec<_> = faults.unwrap_err().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(found, ["/0/name", "/1/choices", "/2/name", "/2/type", "/3/default", "/4/default"]);
    }

    #[test]
    fn a_template_is_read_back_as_it_was_written() {
        let template = template(ALL).unwrap();
        assert_eq!(Template::new(template.drafts()).unwrap(), template);
    }
}
