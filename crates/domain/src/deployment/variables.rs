//! What a version's files ask for by name: the variables that Compose fills in, for a form.

use std::collections::BTreeMap;

use keyward_compose::env;

use super::Values;
use crate::Files;
use crate::files::{COMPOSE, ENVIRONMENT};

/// A variable that files ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What stands for it where the customer enters nothing: from the environment template, or from the Compose file.
    pub default: Option<String>,
    /// Whether Compose refuses the file without it (`${NAME:?…}`).
    pub required: bool,
}

/// The variables that a version asks for, by name. Those that a customer can't set are left out.
pub fn variables(files: &Files) -> Vec<Variable> {
    let mut found: BTreeMap<String, Variable> = BTreeMap::new();
    let text = |name| files.find(name).map(|file| file.text.as_str()).unwrap_or_default();
    for asked in env::asked(text(COMPOSE)) {
        let (default, required) = operand(asked.operand);
        let entry = found.entry(asked.name.to_owned());
        let known = entry.or_insert(Variable { name: asked.name.to_owned(), default: None, required: false });
        known.default = known.default.take().or(default);
        known.required |= required;
    }
    for (name, default) in defined(text(ENVIRONMENT)) {
        let known = found.entry(name.clone()).or_insert(Variable { name, default: None, required: false });
        known.default = Some(default);
        known.required = false;
    }
    found
        .into_values()
        .filter(|variable| Values::check_name(&variable.name).is_ok())
        .take(Values::MOST)
        .collect()
}

/// What stands for a variable of a Compose file that is not set, and whether the file is refused without it.
fn operand(text: &str) -> (Option<String>, bool) {
    let default = text.strip_prefix(":-").or_else(|| text.strip_prefix('-'));
    // What is nested is no text that a person would enter.
    let default = default.filter(|default| !default.contains('$')).map(str::to_owned);
    (default, text.starts_with(":?") || text.starts_with('?'))
}

/// `NAME=text` of an environment template. Quotes around the whole text are left out.
fn defined(text: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let (name, text) = line.trim().strip_prefix("export ").unwrap_or(line.trim()).split_once('=')?;
        let (name, text) = (name.trim(), text.trim());
        let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
        let text = quoted('"').or_else(|| quoted('\'')).unwrap_or(text);
        (!name.starts_with('#')).then(|| (name.to_owned(), text.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ApplicationKind;
    use crate::files::FilesDraft;

    fn of(compose: &str, environment: &str) -> Vec<(String, Option<String>, bool)> {
        let draft = FilesDraft {
            compose: Some(compose.parse().unwrap()),
            environment: Some(environment.parse().unwrap()),
            ..FilesDraft::default()
        };
        let files = Files::new(ApplicationKind::Compose, draft).unwrap();
        let one = |variable: Variable| (variable.name, variable.default, variable.required);
        variables(&files).into_iter().map(one).collect()
    }

    #[test]
    fn what_compose_fills_in_is_found() {
        let compose = "services:\n  app:\n    image: ${IMAGE:-acme/app}\n    environment:\n      A: $A\n      B: ${B:?say which}\n      \
                       C: $$C\n      PATH: ${PATH}\n      d: ${lower}\n      E: ${E}\n";
        let found = of(compose, "# a comment\nE='five'\nLICENSE_KEY={{ .LicenseKeys.server }}\n");
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                ("A".to_owned(), None, false),
                ("B".to_owned(), None, true),
                ("E".to_owned(), text("five"), false),
                ("IMAGE".to_owned(), text("acme/app"), false),
                ("LICENSE_KEY".to_owned(), text("{{ .LicenseKeys.server }}"), false),
            ]
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[$A-Z{}:?\\- \n=#'\"ä]{0,60}") {
            let _ = (operand(&text), defined(&text));
        }
    }
}
