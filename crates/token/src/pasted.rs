//! Text that went through people's hands.

use alloc::{borrow::Cow, string::String};

/// A token, a key or another credential without what copying adds to it: white space anywhere, invisible characters
/// anywhere, and quotes around it.
///
/// White space is what Unicode calls so: line ends of a file, the folding of a mail, no-break spaces of a page.
/// Invisible are the characters with the property `Default_Ignorable_Code_Point`: the byte order mark, the soft hyphen,
/// zero-width spaces and joiners, directional marks. Quotes are straight ones, backquotes and typographic ones. Nothing
/// else is removed and nothing is replaced, so a text that needs none of this comes back as it is, and whatever has
/// another meaning keeps it: [`Verifier::verify`](crate::Verifier::verify) judges every byte of what is left.
///
/// ```
/// use keyward_token::pasted;
///
/// assert_eq!(pasted("\u{feff}“eyJhbGci\r\n Oi.eyJp.c2ln”\n"), "eyJhbGciOi.eyJp.c2ln");
/// assert!(matches!(pasted("eyJhbGciOi.eyJp.c2ln"), std::borrow::Cow::Borrowed(_)));
/// ```
///
/// Takes time in proportion to the text's length: bound it before, as [`Verifier`](crate::Verifier) does after.
pub fn pasted(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches(|c| is_ignored(c) || is_quote(c));
    // Nearly always so: then there is nothing to copy.
    if text.bytes().all(|byte| byte.is_ascii_graphic()) || !text.chars().any(is_ignored) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    kept.extend(text.chars().filter(|c| !is_ignored(*c)));
    Cow::Owned(kept)
}

/// The same for a secret: always a copy, which its caller wipes, and which never moved while it grew.
#[cfg(feature = "sign")]
pub(crate) fn pasted_secret(text: &str) -> zeroize::Zeroizing<String> {
    let text = text.trim_matches(|c| is_ignored(c) || is_quote(c));
    let mut kept = zeroize::Zeroizing::new(String::with_capacity(text.len()));
    kept.extend(text.chars().filter(|c| !is_ignored(*c)));
    kept
}

fn is_ignored(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

/// `Default_Ignorable_Code_Point` of Unicode 17, unchanged since Unicode 8.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

fn is_quote(c: char) -> bool {
    matches!(c,
        '"' | '\'' | '`' | '\u{b4}' | '«' | '»' | '‹' | '›' | '\u{2018}'..='\u{201f}' | '\u{301d}'..='\u{301f}'
        | '\u{ff02}' | '\u{ff07}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_copying_adds_is_removed() {
        for text in [
            "a.b.c",
            " a.b.c\n",
            "\u{feff}a.b.c\r\n",
            "a.\r\n b\u{a0}.\t\u{3000}c",
            "\"a.b.c\"",
            "'a.b.c'",
            "`a.b.c`",
            "“a.b.c”",
            "„a.b.c“",
            "« a.b.c »",
            "\u{200b}“\u{2060}a.b\u{ad}.c\u{200d}”\u{fe0f}\n",
        ] {
            assert_eq!(pasted(text), "a.b.c", "{text:?}");
        }
        assert_eq!(pasted(" \u{feff}\"\" "), "");
    }

    #[test]
    fn what_has_a_meaning_stays() {
        for text in ["a\"b", "a—b", "a\u{2011}b", "ａ.b", "a\0b", "Bearer:a", "{\"a\":“b”}", "a\u{301}"]
        {
            assert_eq!(pasted(text), text);
        }
    }
}
