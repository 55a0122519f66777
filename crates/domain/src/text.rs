//! Text with a meaning: bounded, and without characters that nobody sees or that stand for nothing.

mod fold;
mod rule;

use deunicode::deunicode;

use crate::Invalid;
pub use fold::{Needle, fold};
pub use rule::legible;
pub(crate) use rule::{check_line, check_lines, line, lines, optional_line, same_line, with_line_feeds};

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $check:path;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, $crate::Invalid> {
                $check(text).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    )+};
}

pub(crate) use texts;

texts! {
    /// A name on one line: 1 to 200 characters, in Normalization Form C, none of them invisible.
    Name = name;
    /// A description or note of up to 4,000 characters, kept as it was written; may hold line breaks.
    Notes = notes;
    /// The part of an organization's URLs that names it: `a-z`, `0-9` and inner hyphens, up to 63.
    Slug = slug;
}

crate::described! {
    Name = crate::openapi::text(Self::MOST, Self::PATTERN);
    Slug = crate::openapi::text(Self::MOST, Self::PATTERN);
    exact Notes = serde_json::json!({"type": "string", "maxLength": Self::MOST, "pattern": LINES_PATTERN}),
        blank = Self::is_blank;
}

impl Name {
    /// The most characters.
    pub const MOST: usize = 200;

    /// What a regular expression can say of it: no control character, line break or mark that turns text around, and
    /// something other than white space between the white space at its ends, which is left out.
    pub const PATTERN: &str = concat!(
        r"^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*",
        r"[^\u0000-\u0020\u007f-\u00a0\u061c\u1680\u2000-\u200a\u200e\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000]",
        r"([^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*",
        r"[^\u0000-\u0020\u007f-\u00a0\u061c\u1680\u2000-\u200a\u200e\u200f\u2028-\u202f\u205f\u2066-\u2069\u3000])?",
        r"[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$",
    );

    /// A name as it was written down once: rules get stricter, and what is kept stays readable.
    pub fn kept(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The first `most` characters, to make other names from.
    pub fn shortened(&self, most: usize) -> &str {
        self.0.char_indices().nth(most).map_or(&self.0, |(end, _)| self.0[..end].trim_end())
    }
}

impl Notes {
    /// The most characters.
    pub const MOST: usize = 4_000;

    /// Notes as they were written down once: rules get stricter, and what is kept stays readable.
    pub fn kept(text: &str) -> Self {
        Self(with_line_feeds(text))
    }

    /// Whether nothing is written in it: that is no note.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }
}

/// What a regular expression can say of a text of several lines: it has no control characters but tabs and line breaks.
pub const LINES_PATTERN: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";

/// Slugs that nobody gets: they would pass for the server's own addresses or for whoever runs it.
const RESERVED: [&str; 35] = [
    "abuse",
    "account",
    "admin",
    "administrator",
    "api",
    "app",
    "assets",
    "billing",
    "blog",
    "docs",
    "healthz",
    "help",
    "info",
    "keyward",
    "link",
    "mail",
    "metrics",
    "o",
    "onboarding",
    "openid",
    "operator",
    "portal",
    "postmaster",
    "readyz",
    "registry",
    "root",
    "security",
    "settings",
    "setup",
    "sign-in",
    "static",
    "status",
    "support",
    "v2",
    "www",
];

impl Slug {
    /// The longest.
    pub const MOST: usize = 63;
    /// The same as a regular expression.
    pub const PATTERN: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$";
    /// The longest that is made from a name: room for a number that tells those of the same name apart.
    const MOST_OF_NAME: usize = 50;

    /// The slug nearest to `name`, in letters of ASCII: `unicorn-software` for "Ünïcørn Söftware". `otherwise` where
    /// nothing of the name can be written so.
    pub fn from_name(name: &Name, otherwise: &str) -> Self {
        let mut slug = String::new();
        for c in deunicode(name.as_str()).chars().map(|c| c.to_ascii_lowercase()) {
            match c {
                'a'..='z' | '0'..='9' => slug.push(c),
                // What stands within a word leaves no gap in it.
                '\'' | '"' | '`' => {}
                _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
                _ => {}
            }
        }
        slug.truncate(Self::MOST_OF_NAME);
        let slug = slug.trim_end_matches('-');
        Self(if slug.is_empty() { otherwise } else { slug }.to_owned())
    }

    /// This slug, told apart by `number`.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let number = format!("-{number}");
        let stem = &self.0[..self.0.len().min(Self::MOST.saturating_sub(number.len()))];
        Self(format!("{}{number}", stem.trim_end_matches('-')))
    }

    /// Whether organizations can't have it.
    pub fn is_reserved(&self) -> bool {
        RESERVED.contains(&self.0.as_str())
    }
}

fn name(text: &str) -> Result<String, Invalid> {
    line(text, Name::MOST)
}

fn notes(text: &str) -> Result<String, Invalid> {
    lines(text, Notes::MOST)
}

fn slug(text: &str) -> Result<String, Invalid> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = (1..=Slug::MOST).contains(&text.len()) && text.chars().all(inner);
    if fits && !text.starts_with('-') && !text.ends_with('-') {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new("invalid_slug", "must be 1 to 63 of a-z, 0-9 and inner hyphens"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!("  Acme ".parse::<Name>().unwrap().as_str(), "Acme");
        assert_eq!("".parse::<Name>().unwrap_err().code, "required");
        assert_eq!("é".repeat(201).parse::<Name>().unwrap_err().code, "too_long");
        assert_eq!("a\0b".parse::<Name>().unwrap_err().code, "control_character");
        assert!("é".repeat(200).parse::<Name>().is_ok());
        assert!("two\nlines".parse::<Notes>().is_ok());
        assert!("two\nlines".parse::<Name>().is_err());
        assert_eq!("\n kept \n".parse::<Notes>().unwrap().as_str(), "\n kept \n");
    }

    #[test]
    fn slugs_are_written_in_ascii() {
        for (name, expected) in [
            ("Ünïcørn Söftware", "unicorn-software"),
            ("Acme, Inc.", "acme-inc"),
            ("O’Neill & Sons", "oneill-sons"),
            ("Газпром Нефть", "gazprom-neft"),
            ("Ελληνικά", "ellenika"),
            ("株式会社アクメ", "zhu-shi-hui-she-akume"),
            ("北京公司", "bei-jing-gong-si"),
            ("★ ★", "org"),
            ("…", "org"),
        ] {
            assert_eq!(Slug::from_name(&name.parse().unwrap(), "org").as_str(), expected, "{name}");
        }
        let long: Slug = "a".repeat(63).parse().unwrap();
        assert_eq!(long.numbered(12).as_str().len(), 63);
        assert!("admin".parse::<Slug>().unwrap().is_reserved());
    }

    proptest! {
        #[test]
        fn a_slug_made_from_any_name_is_a_slug(text in "\\PC{1,80}") {
            if let Ok(name) = text.parse::<Name>() {
                let slug = Slug::from_name(&name, "org");
                prop_assert_eq!(slug.as_str().parse::<Slug>().unwrap(), slug.clone());
                prop_assert!(slug.numbered(u32::MAX).as_str().parse::<Slug>().is_ok());
            }
        }
    }
}
