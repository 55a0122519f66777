//! What people hand over instead of a token.

use crate::{VerifyError, pasted::pasted};
use core::fmt;

/// What a text is that is no license token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistaken {
    /// Nothing: the text is empty, or white space and quotes.
    Nothing,
    /// A license key, the short code that people type. It is validated online.
    LicenseKey,
    /// A credential of a server: a management token, a product API key, a registry key.
    Credential,
    /// A key or a set of keys: PEM, JWK, JWK Set, PASERK.
    Key,
    /// A token or another text with white space, quotes or invisible characters in it or around it, which
    /// [`pasted`](crate::pasted) removes.
    Uncleaned,
}

impl fmt::Display for Mistaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "it is empty",
            Self::LicenseKey => "it is a license key, which is validated online",
            Self::Credential => "it is a credential of a server's API or registry",
            Self::Key => "it is a key",
            Self::Uncleaned => {
                "it has white space, quotes or invisible characters, which the function `pasted` removes"
            }
        })
    }
}

/// Says what a text is that was refused as malformed, where that can be told. Looks at nothing else, so that what is
/// refused does not depend on it.
pub(crate) fn name_mistake(error: VerifyError, text: &str) -> VerifyError {
    match &error {
        VerifyError::Malformed { .. } => {
            mistaken(text).map_or(error, |found| VerifyError::NotAToken { found })
        }
        _ => error,
    }
}

fn mistaken(text: &str) -> Option<Mistaken> {
    let cleaned = pasted(text);
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| cleaned.starts_with(prefix));
    if cleaned.is_empty() {
        Some(Mistaken::Nothing)
    } else if begins(&["kw_"]) {
        Some(Mistaken::Credential)
    } else if begins(&["-----BEGIN", "k4.public.", "k4.secret.", "{"]) {
        Some(Mistaken::Key)
    } else if is_license_key(&cleaned) {
        Some(Mistaken::LicenseKey)
    } else {
        (cleaned != text).then_some(Mistaken::Uncleaned)
    }
}

/// Whether a text has as many letters and digits as a license key, and hyphens at most besides.
fn is_license_key(text: &str) -> bool {
    const SYMBOLS: usize = 25;
    // Few texts are this short, and the longer ones need not be counted.
    text.len() < 2 * SYMBOLS
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric())
        && text.bytes().filter(|byte| *byte != b'-').count() == SYMBOLS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Defect, Part};

    #[test]
    fn what_is_no_token_is_named() {
        for (text, found) in [
            ("", Some(Mistaken::Nothing)),
            (" \"\"\n", Some(Mistaken::Nothing)),
            ("7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC", Some(Mistaken::LicenseKey)),
            ("7zzq20x4kmv9tbdhn3ga51rwc\n", Some(Mistaken::LicenseKey)),
            ("7ZZQ2-0X4KM-V9TBD-HN3GA-51RW", None),
            ("kw_mgmt_2lFA6", Some(Mistaken::Credential)),
            ("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", Some(Mistaken::Key)),
            ("k4.public.6kpsY-KcUgq", Some(Mistaken::Key)),
            (" {\"keys\":[]}", Some(Mistaken::Key)),
            ("eyJhbGciOi.eyJp.c2ln\n", Some(Mistaken::Uncleaned)),
            ("'eyJhbGciOi.eyJp.c2ln'", Some(Mistaken::Uncleaned)),
            ("eyJhbGciOi.\u{200b}eyJp.c2ln", Some(Mistaken::Uncleaned)),
            ("eyJhbGciOi.eyJp.c2ln", None),
            ("hello", None),
        ] {
            assert_eq!(mistaken(text), found, "{text:?}");
            let error = VerifyError::malformed(Part::Token, Defect::Shape);
            assert_eq!(name_mistake(error, text).code(), "malformed");
        }
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        assert_eq!(name_mistake(VerifyError::BadSignature, " x "), VerifyError::BadSignature);
    }
}
