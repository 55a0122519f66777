//! How one member becomes a value of the domain.

use std::collections::BTreeSet;
use std::str::FromStr;

use keyward_domain::files::{Chart, File, FileText};
use keyward_domain::notice::NoticeDays;
use keyward_domain::product::{AddressMode, Markdown, PullRole, PullRoles};
use keyward_domain::registry::{
    ArtifactPolicy, Decision, Host, KeyAccess, Operation, RepositoryName, Rotation, Tag, Upstream,
};
use keyward_domain::{
    AddressRange, AlertStatus, ApplicationId, ApplicationKind, ArtifactId, BlockList, ClientId, Cursor,
    CustomResponse, CustomerId, Email, EndTime, FieldDraft, Invalid, LicenseId, LicenseKey, LicenseStatus,
    MailDomain, MailDomains, Mark, Name, Notes, Order, OrderBy, Payload, Permission, Pin, Plan, ProductId,
    ProviderUrl, RegistryId, RegistryKeyId, Role, Scopes, Slug, StartTime, Template, VersionName, Versions,
};
use keyward_engine::ClientSecret;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Fields, Request, members};

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

macro_rules! from_text {
    ($($type:ty),+ $(,)?) => {$(
        impl FromField for $type {
            fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
                field.text().and_then(|text| <$type>::from_str(&text)).map_err(|fault| vec![fault])
            }
        }
    )+};
}

from_text!(
    AddressMode,
    AddressRange,
    AlertStatus,
    ArtifactId,
    ArtifactPolicy,
    ApplicationId,
    ApplicationKind,
    ClientId,
    ClientSecret,
    Cursor,
    CustomerId,
    Decision,
    Email,
    EndTime,
    Host,
    KeyAccess,
    LicenseId,
    LicenseKey,
    LicenseStatus,
    MailDomain,
    Name,
    Operation,
    Pin,
    Plan,
    ProductId,
    RegistryId,
    RegistryKeyId,
    RepositoryName,
    ProviderUrl,
    Role,
    Slug,
    StartTime,
    Upstream,
    VersionName,
);

macro_rules! from_exact_text {
    ($($type:ty),+ $(,)?) => {$(
        impl FromField for $type {
            const EXACT: bool = true;

            fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
                field.exact().and_then(|text| <$type>::from_str(&text)).map_err(|fault| vec![fault])
            }
        }
    )+};
}

from_exact_text!(FileText, Markdown);

impl FromField for Notes {
    const EXACT: bool = true;

    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.exact().and_then(|text| text.parse()).map_err(|fault| vec![fault])
    }

    fn is_blank(&self) -> bool {
        Self::is_blank(self)
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
}

impl FromField for bool {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.literal().parse().map_err(|_| vec![Invalid::new("wrong_type", "must be true or false")])
    }
}

impl FromField for u32 {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.literal().parse().map_err(|_| vec![Invalid::new("wrong_type", "must be a whole number")])
    }
}

/// What serde reads: its complaint is the fault, without the place in the text.
fn read<T: DeserializeOwned>(field: &Field) -> Result<T, Vec<Invalid>> {
    serde_json::from_str(field.literal()).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        vec![Invalid::new("wrong_type", format!("is not as documented: {message}"))]
    })
}

impl FromField for NoticeDays {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        match field {
            Field::Json(_) => Self::new(read(field)?),
            Field::Text(text) | Field::Typed(text) => text.parse(),
        }
        .map_err(|fault| vec![fault])
    }
}

impl FromField for MailDomains {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let (Field::Text(text) | Field::Typed(text)) = field else {
            return listed(field).and_then(|domains| Self::new(domains).map_err(|fault| vec![fault]));
        };
        text.parse().map_err(|fault| vec![fault])
    }
}

impl FromField for Mark {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.text().and_then(|text| text.parse()).map_err(|fault| vec![fault])
    }
}

impl<K: OrderBy> FromField for Order<K> {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        field.text().and_then(|text| text.parse()).map_err(|fault| vec![fault])
    }
}

impl FromField for Template {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        Self::new(read::<Vec<FieldDraft>>(field)?)
    }
}

impl FromField for PullRoles {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        Self::new(read::<Vec<PullRole>>(field)?)
    }
}

/// One version as it stands in a request.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedVersion {
    version: String,
    state: String,
}

impl FromField for Versions {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let (mut entries, mut faults) = (Vec::new(), Vec::new());
        for (index, listed) in read::<Vec<ListedVersion>>(field)?.into_iter().enumerate() {
            let place = |fault: Invalid, name| fault.at(name).at(&index.to_string());
            match (listed.version.parse(), listed.state.parse()) {
                (Ok(pattern), Ok(standing)) => entries.push((pattern, standing)),
                (pattern, standing) => {
                    faults.extend(pattern.err().map(|fault| place(fault, "version")));
                    faults.extend(standing.err().map(|fault| place(fault, "state")));
                }
            }
        }
        if faults.is_empty() { Self::new(entries).map_err(|fault| vec![fault]) } else { Err(faults) }
    }
}

/// A schedule as it stands in a request.
struct Schedule {
    every_days: u32,
    overlap_days: u32,
}

impl Request for Schedule {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (every, overlap) = (fields.required("every_days"), fields.required("overlap_days"));
        Some(Self { every_days: every?, overlap_days: overlap? })
    }
}

impl FromField for Rotation {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let Nested(Schedule { every_days, overlap_days }) = Nested::from_field(field)?;
        Self::new(every_days, overlap_days)
    }
}

impl FromField for Chart {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        read::<Self>(field)?.checked()
    }
}

/// A named text as it stands in a request.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedText {
    name: String,
    content: String,
}

impl FromField for Vec<File> {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let (mut files, mut faults) = (Self::new(), Vec::new());
        for (index, file) in read::<Vec<NamedText>>(field)?.into_iter().enumerate() {
            let place = |fault: Invalid, name| fault.at(name).at(&index.to_string());
            match (file.name.parse(), file.content.parse()) {
                (Ok(name), Ok(text)) => files.push(File { name, text }),
                (name, text) => {
                    faults.extend(name.err().map(|fault| place(fault, "name")));
                    faults.extend(text.err().map(|fault| place(fault, "content")));
                }
            }
        }
        if faults.is_empty() { Ok(files) } else { Err(faults) }
    }
}

/// A list of texts, each fault with its place.
fn listed<T: FromStr<Err = Invalid>>(field: &Field) -> Result<Vec<T>, Vec<Invalid>> {
    let (mut values, mut faults) = (Vec::new(), Vec::new());
    for (index, text) in read::<Vec<String>>(field)?.into_iter().enumerate() {
        match text.parse() {
            Ok(value) => values.push(value),
            Err(fault) => faults.push(Invalid::at(fault, &index.to_string())),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

impl FromField for Vec<VersionName> {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        listed(field)
    }
}

impl FromField for BlockList {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        listed(field).and_then(|ranges| Self::new(ranges).map_err(|fault| vec![fault]))
    }
}

impl FromField for CustomResponse {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        Self::parse(field.literal()).map_err(|fault| vec![fault])
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
}

/// Several of them.
#[derive(Debug, Clone)]
pub struct Many<T>(pub Vec<T>);

impl<T: Request> FromField for Many<T> {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let (mut all, mut faults) = (Vec::new(), Vec::new());
        for (index, raw) in read::<Vec<Box<RawValue>>>(field)?.into_iter().enumerate() {
            match Nested::from_field(&Field::Json(raw)) {
                Ok(Nested(one)) => all.push(one),
                Err(found) => faults.extend(found.into_iter().map(|fault| fault.at(&index.to_string()))),
            }
        }
        if faults.is_empty() { Ok(Self(all)) } else { Err(faults) }
    }
}

impl FromField for BTreeSet<Tag> {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let (mut tags, mut faults) = (Self::new(), Vec::new());
        for (index, text) in read::<Vec<String>>(field)?.into_iter().enumerate() {
            match text.parse() {
                Ok(tag) => {
                    tags.insert(tag);
                }
                Err(fault) => faults.push(Invalid::at(fault, &index.to_string())),
            }
        }
        if faults.is_empty() { Ok(tags) } else { Err(faults) }
    }
}

impl FromField for Payload {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        Self::parse(field.literal())
    }
}

impl FromField for Scopes {
    fn from_field(field: &Field) -> Result<Self, Vec<Invalid>> {
        let names: Vec<String> = serde_json::from_str(field.literal())
            .map_err(|_| vec![Invalid::new("wrong_type", "must be an array of strings")])?;
        let (mut scopes, mut faults) = (Self::NONE, Vec::new());
        for (index, name) in names.iter().enumerate() {
            match name.parse::<Permission>() {
                Ok(permission) => scopes = scopes.with(permission),
                Err(fault) => faults.push(fault.at(&index.to_string())),
            }
        }
        if faults.is_empty() { Ok(scopes) } else { Err(faults) }
    }
}
