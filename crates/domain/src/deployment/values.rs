//! What a customer enters for a deployment: the environment that Compose fills `${NAME}` from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// Texts by their names. Every name can stand in an environment and changes nothing about how Compose itself works.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// The most of them.
    pub const MOST: usize = 100;
    /// The longest name.
    pub const MOST_NAME: usize = 64;
    /// The most bytes of one text.
    pub const MOST_BYTES: usize = 8 * 1024;
    /// The most bytes of all texts together.
    pub const MOST_BYTES_TOGETHER: usize = 64 * 1024;
    /// How a name is written, as a regular expression.
    pub const PATTERN: &str = r"^[A-Z_][A-Z0-9_]*$";

    /// Checks them, naming each fault with the name that it is about.
    pub fn new(texts: BTreeMap<String, String>) -> Result<Self, Vec<(String, Invalid)>> {
        let mut faults: Vec<_> = texts
            .iter()
            .filter_map(|(name, text)| {
                let checked = Self::check_name(name).and_then(|()| Self::check_text(text));
                checked.err().map(|fault| (name.clone(), fault))
            })
            .collect();
        if texts.len() > Self::MOST {
            let message = format!("are more than {} values", Self::MOST);
            faults.push((String::new(), Invalid::new("too_many", message)));
        }
        if texts.values().map(String::len).sum::<usize>() > Self::MOST_BYTES_TOGETHER {
            let message = format!("have more than {} bytes together", Self::MOST_BYTES_TOGETHER);
            faults.push((String::new(), Invalid::new("too_long", message)));
        }
        if faults.is_empty() { Ok(Self(texts)) } else { Err(faults) }
    }

    /// Checks a name.
    pub fn check_name(name: &str) -> Result<(), Invalid> {
        let known = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let fits = (1..=Self::MOST_NAME).contains(&name.len()) && name.chars().all(known);
        if !fits || name.starts_with(|c: char| c.is_ascii_digit()) {
            let message = "must be 1 to 64 capital letters, digits and '_', and not begin with a digit";
            return Err(Invalid::new("invalid_value_name", message));
        }
        if keyward_compose::env::is_reserved(name) {
            return Err(Invalid::new("reserved_name", "is a name that changes how Compose itself works"));
        }
        Ok(())
    }

    fn check_text(text: &str) -> Result<(), Invalid> {
        if text.len() > Self::MOST_BYTES {
            return Err(Invalid::new("too_long", format!("has more than {} bytes", Self::MOST_BYTES)));
        }
        crate::text::check_lines(text)
    }

    /// Each with its name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Values> for BTreeMap<String, String> {
    fn from(values: Values) -> Self {
        values.0
    }
}

impl TryFrom<BTreeMap<String, String>> for Values {
    type Error = Invalid;

    fn try_from(texts: BTreeMap<String, String>) -> Result<Self, Invalid> {
        Self::new(texts).map_err(|mut faults| faults.swap_remove(0).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Result<Values, Vec<(String, Invalid)>> {
        Values::new([(name.to_owned(), text.to_owned())].into())
    }

    #[test]
    fn names_can_stand_in_an_environment() {
        for good in ["LICENSE_KEY", "_", "A1", "PATHS"] {
            assert!(of(good, "x").is_ok(), "{good}");
        }
        for bad in ["", "a", "1A", "A-B", "Ä", "A=B", &"A".repeat(65)] {
            assert_eq!(of(bad, "x").unwrap_err()[0].1.code, "invalid_value_name", "{bad}");
        }
        for reserved in
            ["PATH", "HOME", "DOCKER_HOST", "COMPOSE_FILE", "LD_PRELOAD", "PYTHONPATH", "KEYWARD_X"]
        {
            assert_eq!(of(reserved, "x").unwrap_err()[0].1.code, "reserved_name", "{reserved}");
        }
    }

    #[test]
    fn texts_are_bounded() {
        assert!(of("A", "a 'b' \"c\" # $d\nnext").is_ok());
        assert!(of("A", "nul\0").is_err());
        assert_eq!(of("A", &"x".repeat(8_193)).unwrap_err()[0].1.code, "too_long");
        let many: BTreeMap<_, _> = (0..101).map(|n| (format!("A{n}"), String::new())).collect();
        assert_eq!(Values::new(many).unwrap_err()[0].1.code, "too_many");
        let large: BTreeMap<_, _> = (0..9).map(|n| (format!("A{n}"), "x".repeat(8_000))).collect();
        assert_eq!(Values::new(large).unwrap_err()[0].1.code, "too_long");
    }
}
