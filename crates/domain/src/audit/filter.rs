//! Which events of the log are asked for.

use std::str::FromStr;

use uuid::Uuid;

use super::Action;
use crate::{Invalid, Timestamp};

/// Which events of the log are asked for: all that fit everything given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who acted.
    pub actor: Option<ActorFilter>,
    /// What was done.
    pub action: Option<ActionFilter>,
    /// What it was done to.
    pub target: Option<Uuid>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// A text in names and details.
    pub search: Option<String>,
}

/// Whose events are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorFilter {
    /// Whoever has this id.
    Id(Uuid),
    /// All of one kind, such as `server`.
    Kind(&'static str),
}

impl ActorFilter {
    /// The kinds of actors.
    pub const KINDS: [&'static str; 8] =
        ["member", "token", "customer", "customer_user", "link", "registry_key", "operator", "server"];

    /// An id, or a kind.
    #[cfg(feature = "openapi")]
    const PATTERN: &'static str = "^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|member|token|customer|customer_user|link|registry_key|operator|server)$";
}

impl FromStr for ActorFilter {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let kind = Self::KINDS.into_iter().find(|kind| *kind == text).map(Self::Kind);
        kind.or_else(|| text.parse().ok().map(Self::Id)).ok_or_else(|| {
            Invalid::new("unknown_actor", format!("is neither an id nor one of {}", Self::KINDS.join(", ")))
        })
    }
}

/// The thing whose events are asked for, of whatever kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetFilter(pub Uuid);

impl FromStr for TargetFilter {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Uuid::try_parse(text).map(Self).map_err(|_| Invalid::new("invalid_id", "is not a UUID"))
    }
}

crate::described!(TargetFilter = crate::openapi::formatted("uuid"););

/// Which actions are asked for: one, such as `license.renewed`, or all of a kind of things, such as `license`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionFilter {
    text: String,
    actions: Vec<Action>,
}

impl ActionFilter {
    /// The actions.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// All that can be asked for: the kinds of things, and the actions.
    pub fn known() -> Vec<&'static str> {
        let mut known: Vec<_> = Action::ALL.iter().map(|action| action.noun()).collect();
        known.extend(Action::ALL.iter().map(|action| action.as_str()));
        known.sort_unstable();
        known.dedup();
        known
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for ActionFilter {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fits = |action: &Action| action.as_str() == text || action.noun() == text;
        let actions: Vec<_> = Action::ALL.iter().copied().filter(fits).collect();
        if actions.is_empty() {
            return Err(Invalid::new("unknown_action", "is neither an action nor a kind of things"));
        }
        Ok(Self { text: text.to_owned(), actions })
    }
}

crate::described!(ActorFilter = crate::openapi::pattern(Self::PATTERN););
crate::described!(ActionFilter = crate::openapi::one_of(Self::known()););

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_things_is_all_that_is_done_to_it() {
        let one: ActionFilter = "license.renewed".parse().unwrap();
        assert_eq!(one.actions(), [Action::LicenseRenewed]);
        let all: ActionFilter = "registry_key".parse().unwrap();
        assert!(all.actions().contains(&Action::RegistryKeyRotated));
        assert!(!all.actions().contains(&Action::RegistryCreated));
        assert!("licens".parse::<ActionFilter>().is_err());
        assert_eq!("server".parse(), Ok(ActorFilter::Kind("server")));
        assert!("nobody".parse::<ActorFilter>().is_err());
    }
}
