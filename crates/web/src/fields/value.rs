//! How one member becomes a value of the domain.

use std::collections::BTreeSet;
use std::str::FromStr;

use keyward_domain::files::{Chart, File, FileName, FileText};
use keyward_domain::notice::NoticeDays;
use keyward_domain::payload::RESERVED;
use keyward_domain::product::{AddressMode, Markdown, PullRole, PullRoles};
use keyward_domain::registry::{
    ArtifactPolicy, Decision, Host, KeyAccess, Operation, RepositoryName, RepositoryPattern, Rotation, Tag,
    Upstream,
};
use keyward_domain::template::{FieldKind, FieldName};
use keyward_domain::text::LINES_PATTERN;
use keyward_domain::version::{Pattern, Standing, Version};
use keyward_domain::{
    AddressRange, AlertStatus, ApplicationId, ApplicationKind, ArtifactId, BlockList, ClientId, Cursor,
    CustomResponse, CustomerId, Email, EndTime, FieldDraft, HttpUrl, Invalid, LicenseId, LicenseKey,
    LicenseStatus, MailDomain, MailDomains, Mark, Name, Notes, Order, OrderBy, Payload, Permission, Pin,
    Plan, ProductId, ProviderUrl, RegistryId, RegistryKeyId, Role, Scopes, Slug, StartTime, Template,
    VersionName, Versions,
};
use keyward_engine::ClientSecret;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::description::{describe, integer, one_of};
use super::{Fields, MOST_FAULTS, Request, members};

/// One member as it came.
#[derive(Debug, Clone)]
pub enum Field {
    /// From a body: JSON text.
    Json(Box<RawValue>),
    /// From a query string.
    Text(String),
    /// From a form, as it was typed: white space at the ends counts in texts alone.
    Typed(String),
}

/// What can be read from one member. Names every fault that it finds.
pub trait FromField: Sized {
    /// Whether white space at the ends of what was typed is part of it.
    const EXACT: bool = false;

    /// Reads it.
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>>;

    /// What it may be in JSON, `null` left aside: by the constants by which it is checked, as far as a JSON Schema can say.
    fn schema() -> Value;

    /// Whether nothing is written in it, which is the same as if it were not given.
    fn is_blank(&self) -> bool {
        false
    }
}

impl Field {
    pub(super) fn is_absent<T: FromField>(&self) -> bool {
        match self {
            Self::Json(raw) => raw.get() == "null",
            Self::Text(_) => false,
            Self::Typed(text) if T::EXACT => text.is_empty(),
            Self::Typed(text) => text.trim().is_empty(),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Json(raw) if raw.get() == "null")
    }

    fn text(&self) -> Result<String, Invalid> {
        match self {
            Self::Json(raw) => {
                serde_json::from_str(raw.get()).map_err(|_| Invalid::new("wrong_type", "must be a string"))
            }
            Self::Text(text) => Ok(text.clone()),
            Self::Typed(text) => Ok(text.trim().to_owned()),
        }
    }

    /// The text with the white space at its ends.
    fn exact(&self) -> Result<String, Invalid> {
        match self {
            Self::Typed(text) => Ok(text.clone()),
            Self::Json(_) | Self::Text(_) => self.text(),
        }
    }

    /// The JSON text; a query parameter stands for itself.
    fn literal(&self) -> &str {
        match self {
            Self::Json(raw) => raw.get(),
            Self::Text(text) => text,
            Self::Typed(text) => text.trim(),
        }
    }
}

/// A text of a length and a pattern.
fn text(most: usize, pattern: &str) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": most, "pattern": pattern})
}

fn formatted(format: &str) -> Value {
    json!({"type": "string", "format": format})
}

/// A day or an instant. That it lies within the years 1970 to 9999 is said in words.
fn day_or_instant() -> Value {
    json!({"anyOf": [formatted("date"), formatted("date-time")]})
}

/// An address of HTTP. Which hosts there are, no pattern can say.
fn http_url(most: usize) -> Value {
    json!({"type": "string", "format": "uri", "maxLength": most, "pattern": "^[hH][tT][tT][pP][sS]?://[^/?#@]"})
}

/// An address or network of IPv4 or IPv6.
fn address_range() -> Value {
    let v4 =
        r"((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    let (group, mut v6) = ("[0-9a-fA-F]{1,4}", Vec::new());
    v6.push(format!("({group}:){{7}}{group}"));
    // So many groups before and after the gap.
    for before in 0..=7 {
        let (head, after) = (format!("({group}:){{{before}}}"), 7 - before);
        let head = if before == 0 { ":".to_owned() } else { head };
        let tail =
            if after == 0 { String::new() } else { format!("({group}(:{group}){{0,{}}})?", after - 1) };
        v6.push(format!("{head}:{tail}"));
    }
    v6.push(format!("::([fF]{{4}}:)?{v4}"));
    let v6 = v6.join("|");
    let pattern = format!("^({v4}(/(3[0-2]|[12]?[0-9]))?|({v6})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$");
    json!({"type": "string", "pattern": pattern})
}

macro_rules! from_text {
    ($($type:ty = $schema:expr;)+) => {$(
        impl FromField for $type {
            fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
                field.text().and_then(|text| <$type>::from_str(&text)).map_err(|fault| vec![fault])
            }

            fn schema() -> Value {
                $schema
            }
        }
    )+};
}

from_text!(
    AddressMode = one_of(Self::ALL.map(Self::as_str));
    AddressRange = address_range();
    AlertStatus = one_of(Self::ALL.map(Self::as_str));
    ArtifactId = formatted("uuid");
    ArtifactPolicy = one_of(Self::ALL.map(Self::as_str));
    ApplicationId = formatted("uuid");
    ApplicationKind = one_of(Self::ALL.map(Self::as_str));
    ClientId = text(Self::MOST, "^[!-~]+$");
    ClientSecret = text(Self::MOST, "^[!-~]+$");
    Cursor = json!({"type": "string", "pattern": Self::PATTERN});
    CustomerId = formatted("uuid");
    Decision = one_of(Self::ALL.map(Self::as_str));
    Email = json!({"type": "string", "format": "email", "maxLength": Self::MOST});
    EndTime = day_or_instant();
    FieldName = text(Self::MOST, Self::PATTERN);
    FileName = text(Self::MOST, Self::PATTERN);
    Host = text(Self::MOST, Self::PATTERN);
    KeyAccess = one_of(Self::ALL.map(Self::as_str));
    LicenseId = formatted("uuid");
    LicenseKey = json!({"type": "string"});
    LicenseStatus = one_of(Self::ALL.map(Self::as_str));
    MailDomain = json!({"type": "string", "format": "hostname", "maxLength": Email::MOST - 2});
    Mark = json!({"type": "string", "pattern": Self::PATTERN});
    Name = text(Self::MOST, Self::PATTERN);
    Operation = one_of(Self::ALL.map(Self::as_str));
    Pattern = json!({"type": "string", "maxLength": Version::MOST, "pattern": Self::PATTERN});
    Pin = json!({"type": "string", "pattern": Self::PATTERN});
    Plan = one_of(Self::NAMES);
    ProductId = formatted("uuid");
    ProviderUrl = http_url(Self::MOST_BYTES);
    RegistryId = formatted("uuid");
    RegistryKeyId = formatted("uuid");
    RepositoryName = text(Self::MOST, Self::PATTERN);
    RepositoryPattern = text(RepositoryName::MOST, Self::PATTERN);
    Role = one_of(Self::ALL.map(Self::as_str));
    Slug = text(Self::MOST, Self::PATTERN);
    Standing = one_of(Self::ALL.map(Self::as_str));
    StartTime = day_or_instant();
    Tag = text(Self::MOST, Self::PATTERN);
    Upstream = http_url(HttpUrl::MOST_BYTES);
    VersionName = text(Self::MOST, Self::PATTERN);
);

macro_rules! from_exact_text {
    ($($type:ty = $schema:expr;)+) => {$(
        impl FromField for $type {
            const EXACT: bool = true;

            fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
                field.exact().and_then(|text| <$type>::from_str(&text)).map_err(|fault| vec![fault])
            }

            fn schema() -> Value {
                $schema
            }
        }
    )+};
}

from_exact_text!(
    // Their lengths are counted in bytes, of which a schema knows nothing.
    FileText = json!({"type": "string", "pattern": LINES_PATTERN});
    Markdown = json!({"type": "string", "pattern": LINES_PATTERN});
);

impl FromField for Notes {
    const EXACT: bool = true;

    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.exact().and_then(|text| text.parse()).map_err(|fault| vec![fault])
    }

    fn is_blank(&self) -> bool {
        Self::is_blank(self)
    }

    fn schema() -> Value {
        json!({"type": "string", "maxLength": Self::MOST, "pattern": LINES_PATTERN})
    }
}

impl FromField for String {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let text = field.text().map_err(|fault| vec![fault])?;
        if text.contains('\0') {
            // Neither of the two databases can look for it.
            return Err(vec![Invalid::new("control_character", "contains a control character")]);
        }
        Ok(text)
    }

    fn schema() -> Value {
        json!({"type": "string", "pattern": r"^[^\u0000]*$"})
    }
}

impl FromField for bool {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.literal().parse().map_err(|_| vec![Invalid::new("wrong_type", "must be true or false")])
    }

    fn schema() -> Value {
        json!({"type": "boolean"})
    }
}

impl FromField for u32 {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let wrong = || vec![Invalid::new("wrong_type", "must be a whole number")];
        field.literal().parse().or_else(|_| whole_number(field).ok_or_else(wrong))
    }

    fn schema() -> Value {
        integer(Self::MIN, Self::MAX)
    }
}

/// A whole number that is written with a fraction or an exponent: to JSON, `30.0` is one.
fn whole_number(field: &Field) -> Option<u32> {
    let Field::Json(raw) = field else { return None };
    let number: f64 = serde_json::from_str(raw.get()).ok()?;
    let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it fits")]
    fits.then_some(number as u32)
}

/// A whole number within bounds.
#[derive(Debug, Clone, Copy)]
pub struct Bounded<const LEAST: u32, const MOST: u32>(pub u32);

impl<const LEAST: u32, const MOST: u32> FromField for Bounded<LEAST, MOST> {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let number = u32::from_field(field)?;
        if (LEAST..=MOST).contains(&number) {
            Ok(Self(number))
        } else {
            Err(vec![Invalid::new("out_of_range", format!("must be {LEAST} to {MOST}"))])
        }
    }

    fn schema() -> Value {
        integer(LEAST, MOST)
    }
}

/// Any JSON, kept as it is written.
impl FromField for Box<RawValue> {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        match field {
            Field::Json(raw) => Ok(raw.clone()),
            Field::Text(_) | Field::Typed(_) => Err(vec![Invalid::new("wrong_type", "must be JSON")]),
        }
    }

    fn schema() -> Value {
        json!({})
    }
}

impl<K: OrderBy> FromField for Order<K> {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.text().and_then(|text| text.parse()).map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        let names = K::ALL.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")]);
        json!({"type": "string", "enum": names.collect::<Vec<_>>()})
    }
}

/// The items of an array, all faults with their places.
impl<T: FromField> FromField for Vec<T> {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let items: Vec<Box<RawValue>> = serde_json::from_str(field.literal())
            .map_err(|_| vec![Invalid::new("wrong_type", "must be an array")])?;
        let (mut read, mut faults) = (Self::new(), Vec::new());
        for (index, item) in items.into_iter().enumerate() {
            match T::from_field(&Field::Json(item)) {
                Ok(item) => read.push(item),
                Err(found) => faults.extend(found.into_iter().map(|fault| fault.at(&index.to_string()))),
            }
            if faults.len() >= MOST_FAULTS {
                break;
            }
        }
        if faults.is_empty() { Ok(read) } else { Err(faults) }
    }

    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }
}

/// Checks as a whole what has the shape of `W`, so that what is wrong between its parts is named with what is wrong in
/// them. Of what has another shape, each part is read by itself.
fn whole<W: DeserializeOwned, T>(
    field: &Field,
    check: impl FnOnce(W) -> Result<T, Vec<Invalid>>,
    parts: impl FnOnce() -> Result<W, Vec<Invalid>>,
) -> Result<T, Vec<Invalid>> {
    match serde_json::from_str(field.literal()) {
        Ok(shaped) => check(shaped),
        Err(_) => check(parts()?),
    }
}

/// An array of so many items.
fn array(items: Value, least: usize, most: usize) -> Value {
    json!({"type": "array", "items": items, "minItems": least, "maxItems": most})
}

impl FromField for NoticeDays {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        match field {
            Field::Json(_) => Self::new(Vec::from_field(field)?),
            Field::Text(text) | Field::Typed(text) => text.parse(),
        }
        .map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        array(integer(1, Self::MOST_DAYS), 1, Self::MOST)
    }
}

/// One field as vendors write it. What its kind asks of the rest is looked at where all of it can be read.
impl Request for FieldDraft {
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

impl FromField for Choice {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        // Choices are names, by their rule and their length.
        Name::from_field(field).map(|name| Self(name.to_string()))
    }

    fn schema() -> Value {
        Name::schema()
    }
}

/// A field whose parts fit each other.
struct CheckedDraft(FieldDraft);

impl FromField for CheckedDraft {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let Nested(draft): Nested<FieldDraft> = Nested::from_field(field)?;
        match Template::new(vec![draft.clone()]) {
            Ok(_) => Ok(Self(draft)),
            Err(faults) => Err(faults.into_iter().map(without_place).collect()),
        }
    }

    fn schema() -> Value {
        Nested::<FieldDraft>::schema()
    }
}

/// A fault of the only item of a list, as a fault of the item.
fn without_place(fault: Invalid) -> Invalid {
    let pointer = fault.pointer.strip_prefix("/0").unwrap_or_default().to_owned();
    Invalid { pointer, ..fault }
}

impl FromField for Template {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let each = || Ok(Vec::from_field(field)?.into_iter().map(|CheckedDraft(draft)| draft).collect());
        whole(field, Self::new, each)
    }

    fn schema() -> Value {
        array(CheckedDraft::schema(), 0, Self::MOST_FIELDS)
    }
}

/// What a set of repositories is called.
struct RoleName(String);

impl FromField for RoleName {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let name = field.text().map_err(|fault| vec![fault])?;
        PullRole::check_name(&name).map_err(|fault| vec![fault]).map(|()| Self(name))
    }

    fn schema() -> Value {
        text(PullRole::MOST, PullRole::PATTERN)
    }
}

/// The repositories of a role.
struct Repositories(Vec<String>);

impl FromField for Repositories {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let patterns: Vec<RepositoryPattern> = Vec::from_field(field)?;
        if patterns.is_empty() || patterns.len() > PullRoles::MOST {
            let message = format!("must name 1 to {} repositories", PullRoles::MOST);
            return Err(vec![Invalid::new("wrong_count", message)]);
        }
        Ok(Self(patterns.iter().map(ToString::to_string).collect()))
    }

    fn schema() -> Value {
        array(RepositoryPattern::schema(), 1, PullRoles::MOST)
    }
}

impl Request for PullRole {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, repositories) = (fields.required("name"), fields.required("repositories"));
        let (RoleName(name), Repositories(repositories)) = (name?, repositories?);
        Some(Self { name, repositories })
    }
}

impl FromField for PullRoles {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let each = || Ok(Vec::from_field(field)?.into_iter().map(|Nested(role)| role).collect());
        whole(field, Self::new, each)
    }

    fn schema() -> Value {
        array(Nested::<PullRole>::schema(), 0, Self::MOST)
    }
}

/// One version as it stands in a request.
struct ListedVersion(Pattern, Standing);

impl Request for ListedVersion {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (pattern, standing) = (fields.required("version"), fields.required("state"));
        Some(Self(pattern?, standing?))
    }
}

impl FromField for Versions {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let listed = Vec::from_field(field)?.into_iter();
        let entries = listed.map(|Nested(ListedVersion(pattern, standing))| (pattern, standing));
        Self::new(entries.collect()).map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        array(Nested::<ListedVersion>::schema(), 0, Self::MOST)
    }
}

/// A schedule as it stands in a request.
struct Schedule {
    every_days: u32,
    overlap_days: u32,
}

impl Request for Schedule {
    fn read(fields: &mut Fields) -> Option<Self> {
        let every: Option<Bounded<{ Rotation::LEAST_EVERY }, { Rotation::MOST_EVERY }>> =
            fields.required("every_days");
        let overlap: Option<Bounded<1, { Rotation::MOST_OVERLAP }>> = fields.required("overlap_days");
        Some(Self { every_days: every?.0, overlap_days: overlap?.0 })
    }
}

impl FromField for Rotation {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let Nested(Schedule { every_days, overlap_days }) = Nested::from_field(field)?;
        Self::new(every_days, overlap_days)
    }

    fn schema() -> Value {
        Nested::<Schedule>::schema()
    }
}

/// The address of a chart.
struct ChartUrl(String);

impl FromField for ChartUrl {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let url = field.text().map_err(|fault| vec![fault])?;
        Chart::check_url(&url).map_err(|fault| vec![fault]).map(|()| Self(url))
    }

    fn schema() -> Value {
        let pattern = "^([oO][cC][iI]|[hH][tT][tT][pP][sS]?)://[^/?#@]";
        json!({"type": "string", "format": "uri", "maxLength": ProviderUrl::MOST_BYTES, "pattern": pattern})
    }
}

impl Request for Chart {
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

impl FromField for Chart {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        whole(field, Self::checked, || Nested::from_field(field).map(|Nested(chart)| chart))
    }

    fn schema() -> Value {
        describe::<Self>()
    }
}

impl Request for File {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (name, text) = (fields.required("name"), fields.required("content"));
        Some(Self { name: name?, text: text? })
    }
}

impl FromField for File {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        Nested::from_field(field).map(|Nested(file)| file)
    }

    fn schema() -> Value {
        describe::<Self>()
    }
}

impl FromField for MailDomains {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let domains = match field {
            Field::Json(_) => Self::new(Vec::from_field(field)?),
            Field::Text(text) | Field::Typed(text) => text.parse(),
        };
        domains.map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        array(MailDomain::schema(), 0, Self::MOST)
    }
}

impl FromField for BlockList {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        Self::new(Vec::from_field(field)?).map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        array(AddressRange::schema(), 0, Self::MOST)
    }
}

impl FromField for CustomResponse {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        Self::parse(field.literal()).map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        json!({"type": "object"})
    }
}

/// The members of an object as their JSON text, a name that is given twice twice.
#[derive(Debug, Clone)]
pub struct Values(pub Vec<(String, Box<RawValue>)>);

impl FromField for Values {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let wrong = |_| vec![Invalid::new("wrong_type", "must be a JSON object")];
        members(field.literal()).map(Self).map_err(wrong)
    }

    fn schema() -> Value {
        json!({"type": "object"})
    }
}

/// A request within a request: an object whose members are read one by one.
#[derive(Debug, Clone)]
pub struct Nested<T>(pub T);

impl<T: Request> FromField for Nested<T> {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let wrong = |_| vec![Invalid::new("wrong_type", "must be a JSON object")];
        let read = Fields::json(field.literal()).map_err(wrong)?.read().map(Self);
        read.map_err(|problem| problem.faults().iter().map(|fault| fault.clone().into()).collect())
    }

    fn schema() -> Value {
        describe::<T>()
    }
}

impl<T: FromField + Ord> FromField for BTreeSet<T> {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        Ok(Vec::from_field(field)?.into_iter().collect())
    }

    fn schema() -> Value {
        Vec::<T>::schema()
    }
}

impl FromField for Payload {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        Self::parse(field.literal())
    }

    fn schema() -> Value {
        json!({"type": "object", "propertyNames": {"not": {"enum": RESERVED}}})
    }
}

impl FromField for Permission {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.text().and_then(|text| text.parse()).map_err(|fault| vec![fault])
    }

    fn schema() -> Value {
        one_of(Self::ALL.iter().map(|permission| permission.as_str()))
    }
}

impl FromField for Scopes {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        Ok(Vec::from_field(field)?.into_iter().fold(Self::NONE, Self::with))
    }

    fn schema() -> Value {
        Vec::<Permission>::schema()
    }
}
