//! Scopes to choose from: a row for each noun, and presets for what people usually want.

use keyward_domain::{Permission, Scopes};

/// The scopes of one noun.
pub(super) struct ScopeRow {
    /// As people say it.
    pub noun: String,
    pub read: Option<Permission>,
    pub write: Option<Permission>,
}

/// Some scopes that go together.
pub(super) struct Preset {
    /// In the address.
    pub name: &'static str,
    pub label: &'static str,
    /// Those of them that may be given, with spaces between.
    pub scopes: String,
}

/// The scopes, noun by noun.
pub(super) fn rows(scopes: Scopes) -> Vec<ScopeRow> {
    let mut rows: Vec<ScopeRow> = Vec::new();
    for scope in scopes.iter() {
        let (noun, verb) = scope.as_str().split_once(':').unwrap_or((scope.as_str(), "write"));
        let noun = words(noun);
        let place = match rows.iter().position(|row| row.noun == noun) {
            Some(place) => place,
            None => {
                rows.push(ScopeRow { noun, read: None, write: None });
                rows.len() - 1
            }
        };
        match verb {
            "read" => rows[place].read = Some(scope),
            _ => rows[place].write = Some(scope),
        }
    }
    rows
}

/// `audit-events` is “Audit events”.
fn words(noun: &str) -> String {
    let mut text = noun.replace('-', " ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// The name of a preset, its label, and which scopes are in it.
type Known = (&'static str, &'static str, fn(&str) -> bool);

/// All presets.
const PRESETS: [Known; 5] = [
    ("read", "Read everything", |scope| scope.ends_with(":read")),
    ("sell", "Sell: customers and licenses", |scope| {
        matches!(
            scope,
            "customers:read" | "customers:write" | "licenses:read" | "licenses:write" | "products:read"
        )
    }),
    ("release", "Release: applications and registries", |scope| {
        matches!(scope, "applications:read" | "applications:write" | "registries:read" | "registries:write")
    }),
    ("all", "Everything", |_| true),
    ("none", "Nothing", |_| false),
];

/// The presets, as far as these scopes go.
pub(super) fn presets(scopes: Scopes) -> Vec<Preset> {
    let preset = |(name, label, is_in): &Known| {
        let chosen: Vec<_> = scopes.iter().map(Permission::as_str).filter(|scope| is_in(scope)).collect();
        Preset { name, label, scopes: chosen.join(" ") }
    };
    PRESETS.iter().map(preset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_has_a_place() {
        let rows = rows(Scopes::all());
        let placed = rows.iter().flat_map(|row| [row.read, row.write]).flatten().count();
        assert_eq!(placed, Scopes::all().iter().count());
        let all = presets(Scopes::all());
        let everything = all.iter().find(|preset| preset.name == "all").unwrap();
        assert_eq!(everything.scopes.split(' ').count(), placed);
        assert!(all.iter().all(|preset| preset.name == "none" || !preset.scopes.is_empty()));
    }
}
