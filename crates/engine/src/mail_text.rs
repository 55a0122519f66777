//! What mails say of those who are named in them.

use keyward_domain::{Name, Organization};

/// The most characters of a name.
const MOST_CHARACTERS: usize = 60;

/// A name that a tenant has chosen, as it may stand in a mail to somebody else: on one line, short, and without what makes
/// an address of the web or reverses the text around it.
pub(crate) fn plain(name: &Name) -> String {
    let kept = |c: char| if c.is_alphanumeric() || " .,'’&()+-_".contains(c) { c } else { ' ' };
    let text: String = name.as_str().chars().map(kept).collect();
    let words: Vec<_> = text.split_whitespace().collect();
    // Mail programs make a link of what has a dot within.
    let text = words.join(" ").replace('.', ". ").replace(".  ", ". ");
    let text = text.trim_end();
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// The organization, as a mail names it.
pub(crate) fn vendor(organization: &Organization) -> String {
    let name = plain(&organization.name);
    // A name of signs alone still has an address.
    if name.is_empty() { organization.slug.to_string() } else { name }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_names() {
        for (given, told) in [
            ("Müller & Söhne (Wien)", "Müller & Söhne (Wien)"),
            ("Win at https://evil.example/?a=1 now", "Win at https evil. example a 1 now"),
            ("<b>Acme</b>", "b Acme b"),
        ] {
            assert_eq!(plain(&given.parse().unwrap()), told);
        }
        assert_eq!(plain(&"é".repeat(200).parse().unwrap()).chars().count(), 61);
    }

    proptest! {
        #[test]
        fn no_name_makes_a_line_of_its_own(text in "\\PC{1,80}") {
            if let Ok(name) = text.parse::<Name>() {
                let told = plain(&name);
                prop_assert!(!told.contains(['\n', '\r', '/', ':', '@', '<']) && told.chars().count() <= 61);
            }
        }
    }
}
