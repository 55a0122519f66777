//! Text with a meaning: trimmed, bounded, free of control characters.

use crate::Invalid;

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
    /// A name on one line: 1 to 200 characters.
    Name = name;
    /// A description or note of up to 4,000 characters; may hold line breaks.
    Notes = notes;
    /// An e-mail address (RFC 5321), up to 254 characters.
    Email = email;
    /// The part of an organization's URLs that names it: `a-z`, `0-9` and inner hyphens, up to 63.
    Slug = slug;
}

impl Name {
    /// The first `most` characters, to make other names from.
    pub fn shortened(&self, most: usize) -> &str {
        self.0.char_indices().nth(most).map_or(&self.0, |(end, _)| self.0[..end].trim_end())
    }
}

impl Slug {
    /// The slug nearest to `name`; `otherwise` where the name has no letter or digit of ASCII.
    pub fn from_name(name: &Name, otherwise: &str) -> Self {
        let mut slug = String::new();
        for c in name.as_str().chars().map(|c| c.to_ascii_lowercase()) {
            match c {
                'a'..='z' | '0'..='9' => slug.push(c),
                _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
                _ => {}
            }
        }
        // Room for a suffix that tells organizations of the same name apart.
        slug.truncate(50);
        let slug = slug.trim_end_matches('-');
        Self(if slug.is_empty() { otherwise } else { slug }.to_owned())
    }

    /// This slug, told apart by `number`.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        Self(format!("{}-{number}", self.0))
    }
}

fn name(text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Invalid::new("required", "must not be empty"));
    }
    bounded(text, 200, |c| c.is_control())
}

fn notes(text: &str) -> Result<String, Invalid> {
    bounded(text.trim(), 4_000, |c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

fn bounded(text: &str, most: usize, refused: impl Fn(char) -> bool) -> Result<String, Invalid> {
    if text.chars().nth(most).is_some() {
        return Err(Invalid::new("too_long", format!("has more than {most} characters")));
    }
    if text.chars().any(refused) {
        return Err(Invalid::new("control_character", "contains a control character"));
    }
    Ok(text.to_owned())
}

fn email(text: &str) -> Result<String, Invalid> {
    // Before anything else looks at it.
    if text.len() > MOST_EMAIL {
        return Err(Invalid::new("too_long", format!("has more than {MOST_EMAIL} characters")));
    }
    let text = text.trim();
    let options = email_address::Options::default().without_display_text().without_domain_literal();
    email_address::EmailAddress::parse_with_options(text, options.with_required_tld())
        .map(|address| address.to_string())
        .map_err(|_| Invalid::new("invalid_email", "is not an e-mail address"))
}

/// The most bytes of an e-mail address.
const MOST_EMAIL: usize = 254;

fn slug(text: &str) -> Result<String, Invalid> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = (1..=63).contains(&text.len()) && text.chars().all(inner);
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
    }

    #[test]
    fn addresses() {
        for good in ["a@b.example", "first.last+tag@sub.example.com"] {
            assert!(good.parse::<Email>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b.example",
            "a@localhost",
            "a b@c.example",
            "A <a@b.example>",
            "a@b.example\n.c",
        ] {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
        assert_eq!(format!("{}@b.example", "a".repeat(1_000_000)).parse::<Email>().unwrap_err().code, "too_long");
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
