//! The kinds of events that webhooks deliver, and which of them somebody wants. All of them stand in one table: what the audit
//! log records, and what happens without anybody's hand.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::audit::kinds;
use crate::{Action, Invalid};

kinds! {
    /// What nobody does and the server finds.
    Occurrence {
        /// A license ends by its contract in 30 days, 7 days or 1 day; `detail.days` says which.
        LicenseExpiring = "license.expiring";
        /// A license has reached its end by contract, and is in its grace.
        LicenseGraceBegun = "license.grace_begun";
        /// A license is valid no longer.
        LicenseExpired = "license.expired";
        /// A license was validated for the first time; `detail.status` says what was answered, `detail.version` and `detail.address` who asked.
        LicenseFirstValidated = "license.first_validated";
        /// A validation came from an address that was not registered yet, and registered it; `detail.address` says which.
        LicenseAddressRegistered = "license.address_registered";
        /// Validations of a product were refused; `detail.answers` says how many with which status since the last such event.
        ValidationRefused = "validation.refused";
        /// Something was pushed to a registry: manifests alone are told, not their layers.
        RegistryPushed = "registry.pushed";
        /// A license or a key pulled from a repository for the first time in 30 days.
        RegistryFirstPulled = "registry.first_pulled";
        /// A registry refused requests; `detail.count` says how many of one key or license since the last such event.
        RegistryDenied = "registry.denied";
        /// A registry key ends in 30 days, 7 days or 1 day; `detail.days` says which. Of a key that was made for no longer than that, nothing is said.
        RegistryKeyExpiring = "registry_key.expiring";
        /// A test, sent by whoever set the endpoint up.
        WebhookTest = "webhook.test";
    }
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Somebody did something, and the audit log has it.
    Action(Action),
    /// The server found something.
    Occurrence(Occurrence),
}

impl EventKind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        let actions = Action::ALL.iter().copied().map(Self::Action);
        actions.chain(Occurrence::ALL.iter().copied().map(Self::Occurrence))
    }

    /// The name on the wire and in storage: `license.created`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Action(action) => action.as_str(),
            Self::Occurrence(occurrence) => occurrence.as_str(),
        }
    }

    /// What it says, as a sentence.
    pub fn description(self) -> &'static str {
        match self {
            Self::Action(action) => action.description(),
            Self::Occurrence(occurrence) => occurrence.description(),
        }
    }

    /// What comes before the dot: `license`.
    pub fn group(self) -> &'static str {
        self.as_str().split('.').next().unwrap_or_default()
    }

    /// The groups, each with its kinds.
    pub fn groups() -> Vec<(&'static str, Vec<Self>)> {
        let mut groups: Vec<(&str, Vec<Self>)> = Vec::new();
        for kind in Self::all() {
            match groups.iter_mut().find(|(group, _)| *group == kind.group()) {
                Some((_, kinds)) => kinds.push(kind),
                None => groups.push((kind.group(), vec![kind])),
            }
        }
        groups
    }
}

impl FromStr for EventKind {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::all().find(|kind| kind.as_str() == text).ok_or_else(|| {
            Invalid::new("unknown_event", "is not a kind of event; see the list in the documentation")
        })
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

crate::described!(EventKind = crate::openapi::one_of(Self::all().map(Self::as_str)););

/// One or more kinds of events: `license.created`, `license.*`, or `*` for all, those to come too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventPattern {
    /// All.
    All,
    /// A group.
    Group(&'static str),
    /// One.
    Kind(EventKind),
}

impl EventPattern {
    /// Whether it names this kind.
    pub fn matches(self, kind: EventKind) -> bool {
        match self {
            Self::All => true,
            Self::Group(group) => kind.group() == group,
            Self::Kind(one) => one == kind,
        }
    }
}

impl FromStr for EventPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::All);
        }
        let Some(group) = text.strip_suffix(".*") else { return text.parse().map(Self::Kind) };
        EventKind::all().map(EventKind::group).find(|known| *known == group).map(Self::Group).ok_or_else(
            || Invalid::new("unknown_event", "is not a group of events; see the list in the documentation"),
        )
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Group(group) => write!(f, "{group}.*"),
            Self::Kind(kind) => kind.fmt(f),
        }
    }
}

impl Serialize for EventPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "openapi")]
fn patterns() -> Vec<String> {
    let groups = EventKind::groups().into_iter().map(|(group, _)| format!("{group}.*"));
    let kinds = EventKind::all().map(|kind| kind.as_str().to_owned());
    std::iter::once("*".to_owned()).chain(groups).chain(kinds).collect()
}

crate::described!(EventPattern = crate::openapi::one_of(patterns().iter().map(String::as_str)););

/// Which events are wanted: 1 to 100 patterns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EventPatterns(Vec<EventPattern>);

impl EventPatterns {
    /// The most.
    pub const MOST: usize = 100;

    /// Those given, each once.
    pub fn new(given: Vec<EventPattern>) -> Result<Self, Invalid> {
        let mut patterns: Vec<EventPattern> = Vec::new();
        for pattern in given {
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        match patterns.len() {
            0 => Err(Invalid::new("required", "must name at least one kind of event")),
            1..=Self::MOST => Ok(Self(patterns)),
            _ => Err(Invalid::new("too_many", format!("names more than {} kinds of events", Self::MOST))),
        }
    }

    /// Whether they name this kind.
    pub fn matches(&self, kind: EventKind) -> bool {
        self.0.iter().any(|pattern| pattern.matches(kind))
    }

    /// The patterns.
    pub fn as_slice(&self) -> &[EventPattern] {
        &self.0
    }
}

crate::described!(shown EventPatterns = crate::openapi::array(<EventPattern as crate::openapi::Described>::described(), 1, Self::MOST); composed EventPatterns;);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_name_and_a_sentence() {
        let mut names: Vec<_> = EventKind::all().map(EventKind::as_str).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for kind in EventKind::all() {
            assert_eq!(kind.as_str().parse::<EventKind>(), Ok(kind));
            assert!(kind.description().ends_with('.'), "{kind}: {}", kind.description());
            let (group, name) = kind.as_str().split_once('.').unwrap();
            assert!(
                [group, name]
                    .iter()
                    .all(|part| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
            );
        }
    }

    /// `KEYWARD_BLESS=1` writes it anew.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "KEYWARD_BLESS=1 writes the file anew")]
    fn the_documentation_has_every_kind() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/webhooks.md");
        let page = std::fs::read_to_string(file).unwrap();
        let (before, rest) = page.split_once("<!-- events: a test writes what follows -->\n").unwrap();
        let (_, after) = rest.split_once("<!-- /events -->").unwrap();
        let mut table = String::from("| `type` | |\n|---|---|\n");
        for kind in EventKind::all() {
            table.push_str(&format!("| `{kind}` | {} |\n", kind.description().trim_end_matches('.')));
        }
        let written =
            format!("{before}<!-- events: a test writes what follows -->\n{table}<!-- /events -->{after}");
        if std::env::var("KEYWARD_BLESS").is_ok() {
            std::fs::write(file, &written).unwrap();
        }
        assert!(
            std::fs::read_to_string(file).unwrap() == written,
            "read the difference after KEYWARD_BLESS=1"
        );
    }

    #[test]
    fn patterns_name_one_kind_a_group_or_all() {
        let created: EventKind = "license.created".parse().unwrap();
        for (text, matches) in [
            ("*", true),
            (" license.* ", true),
            ("license.created", true),
            ("license.renewed", false),
            ("product.*", false),
        ] {
            let pattern: EventPattern = text.parse().unwrap();
            assert_eq!(pattern.matches(created), matches, "{text}");
            assert_eq!(pattern.to_string(), text.trim());
        }
        for unknown in
            ["", "license", "license.", "licence.*", ".*", "license.creat*", "License.created", "**"]
        {
            assert_eq!(unknown.parse::<EventPattern>().unwrap_err().code, "unknown_event", "{unknown:?}");
        }
        assert!(EventPatterns::new(vec![]).is_err());
        let twice = EventPatterns::new(vec![EventPattern::All, EventPattern::All]).unwrap();
        assert_eq!(twice.as_slice(), [EventPattern::All]);
    }
}
