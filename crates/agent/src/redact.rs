//! Takes secrets out of whatever leaves the host: lines of applications, and what Compose and the engine say.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Shorter texts are not looked for: they would be found everywhere.
const SHORTEST: usize = 6;

/// The fewest characters of a token behind its first letters.
const SHORTEST_TOKEN: usize = 8;

/// Knows the secrets of one deployment.
#[derive(Clone)]
pub struct Redactor {
    /// By their first byte, the longest first.
    forms: Vec<Vec<Vec<u8>>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// For these secrets, in every form that programs write texts in. Each line of a secret is one, too.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = BTreeSet::new();
        for secret in secrets {
            for part in std::iter::once(secret).chain(secret.lines()) {
                for part in [part, part.trim()] {
                    if part.chars().count() >= SHORTEST {
                        all.extend(forms(part));
                    }
                }
            }
        }
        let mut forms = vec![Vec::new(); 256];
        for form in all {
            if let Some(first) = form.first() {
                forms[usize::from(*first)].push(form);
            }
        }
        for forms in &mut forms {
            forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        }
        Self { forms }
    }

    /// The text without the secrets and without tokens.
    pub fn redact(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut kept = Vec::with_capacity(bytes.len());
        let (mut at, mut hidden_to) = (0, 0);
        while at < bytes.len() {
            if let Some(length) = self.secret(bytes, at) {
                if at >= hidden_to {
                    kept.extend_from_slice(REDACTED.as_bytes());
                }
                hidden_to = hidden_to.max(at + length);
            }
            if at >= hidden_to {
                kept.push(bytes[at]);
            }
            at += 1;
        }
        // A secret's form in bytes could end within a character.
        String::from_utf8_lossy(&kept).into_owned()
    }

    /// A line as it is told: redacted, without control characters, and not too long.
    pub fn line(&self, text: &str, most: usize) -> String {
        let text: String = self.redact(text).chars().filter(|c| !c.is_control() || *c == '\t').collect();
        match text.char_indices().nth(most) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    /// How many bytes from here are secret.
    fn secret(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let rest = &bytes[at..];
        let known = self.forms[usize::from(*rest.first()?)].iter().find(|form| rest.starts_with(form));
        let token = token(bytes, at);
        known.map(Vec::len).max(token)
    }
}

/// How long a token is that begins here: a JWT, or a credential of Keyward's.
fn token(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let start = [&b"eyJ"[..], b"kw_"].into_iter().find(|start| rest.starts_with(start))?;
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'=' | b'%');
    if at > 0 && bytes[at - 1].is_ascii_alphanumeric() && start == b"kw_" {
        return None;
    }
    let length = rest.iter().take_while(|byte| inside(byte)).count();
    (length >= start.len() + SHORTEST_TOKEN).then_some(length)
}

/// How a text may be written.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.trim_matches('"');
    let inner = json.strip_prefix('"').unwrap_or(json);
    let go = inner.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    for text in [inner.to_owned(), inner.replace('/', "\\/"), go, twice(inner)] {
        forms.push(text.into_bytes());
    }
    for upper in [true, false] {
        for plus in [true, false] {
            for all in [true, false] {
                forms.push(percent(secret, upper, plus, all).into_bytes());
            }
        }
    }
    for offset in 0..3 {
        let shifted = [&vec![0; offset][..], secret.as_bytes()].concat();
        for text in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            // Of the characters at both ends, some bits are not the secret's.
            let first = (offset * 8).div_ceil(6);
            let last = shifted.len() * 8 / 6;
            if let Some(middle) = text.get(first..last.max(first)) {
                forms.push(middle.as_bytes().to_vec());
            }
        }
    }
    forms.push(hexadecimal(secret, false).into_bytes());
    forms.push(hexadecimal(secret, true).into_bytes());
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// JSON within JSON.
fn twice(inner: &str) -> String {
    let json = serde_json::to_string(inner).unwrap_or_default();
    json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// Escaped as in an address: all that is not plain, or but for what may stand in a path.
fn percent(secret: &str, upper: bool, plus: bool, all: bool) -> String {
    let mut text = String::new();
    for byte in secret.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        let of_path = !all
            && matches!(
                byte,
                b'/' | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b',' | b';' | b'='
            );
        match byte {
            _ if plain || of_path => text.push(char::from(byte)),
            b' ' if plus => text.push('+'),
            _ if upper => _ = write!(text, "%{byte:02X}"),
            _ => _ = write!(text, "%{byte:02x}"),
        }
    }
    text
}

fn hexadecimal(secret: &str, upper: bool) -> String {
    secret.bytes().fold(String::new(), |mut text, byte| {
        _ = if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") };
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRETS: [&str; 4] =
        ["hunter2!", "p@ss w/rd<&>\"q\"", "äöü€ß…x", "-----BEGIN\nMIIEvQIBADANBg\n-----END"];

    fn redactor() -> Redactor {
        Redactor::new(SECRETS)
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in
            ["", "listening on 8080", "key_value eyJ short", "kw_ x", "awkw_ardlyNamedThing", "🦀 kw_a"]
        {
            assert_eq!(redactor().redact(text), text);
        }
    }

    #[test]
    fn tokens_are_found_by_their_form() {
        let jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
        assert_eq!(redactor().redact(&format!("a {jwt}, b")), "a [redacted], b");
        assert_eq!(redactor().redact("x=kw_pull_abcdefghij;"), "x=[redacted];");
    }

    #[test]
    fn secrets_that_overlap_leave_nothing() {
        let redactor = Redactor::new(["abcdefgh", "fghijklmn", "short"]);
        assert_eq!(redactor.redact("-abcdefghijklmn-"), "-[redacted]-");
        assert_eq!(redactor.redact("abcdefghabcdefgh short"), "[redacted][redacted] short");
    }

    #[test]
    fn each_line_of_a_secret_is_one() {
        assert_eq!(redactor().redact("at MIIEvQIBADANBg end"), "at [redacted] end");
    }

    #[test]
    fn a_line_is_bounded() {
        assert_eq!(redactor().line("a\u{1b}[31mb\u{0}c", 99), "a[31mbc");
        assert_eq!(redactor().line("ääää", 2), "ää…");
    }

    proptest! {
        #[test]
        fn no_form_of_a_secret_is_left(before in "[a-z :{\"]{0,12}", after in "[a-z }\"]{0,12}", which in 0_usize..3) {
            let secret = SECRETS[which];
            let wrapped = [before.as_str(), secret, after.as_str()].concat();
            let json = serde_json::to_string(&wrapped).unwrap();
            let twice = serde_json::to_string(&json).unwrap();
            let url = percent_encoding::utf8_percent_encode(&wrapped, percent_encoding::NON_ALPHANUMERIC).to_string();
            for (text, inner) in [
                (wrapped.clone(), secret.to_owned()),
                (json, serde_json::to_string(secret).unwrap().trim_matches('"').to_owned()),
                (twice, secret.to_owned()),
                (url, percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string()),
            ] {
                let redacted = redactor().redact(&text);
                prop_assert!(!redacted.contains(&inner), "{redacted}");
            }
            // In base64, whatever stands before it, no more than its ends are left.
            let encoded = STANDARD_NO_PAD.encode(&wrapped);
            let redacted = redactor().redact(&encoded);
            prop_assert!(redacted.contains(REDACTED), "{encoded}");
            for part in redacted.split(REDACTED) {
                let left = base64::engine::general_purpose::GeneralPurpose::new(
                    &base64::alphabet::STANDARD,
                    base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
                ).decode(part).unwrap_or_default();
                prop_assert!(!String::from_utf8_lossy(&left).contains(secret));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,200}", secrets in proptest::collection::vec("\\PC{0,20}", 0..5)) {
            let redactor = Redactor::new(secrets.iter().map(String::as_str));
            let redacted = redactor.redact(&text);
            for secret in secrets.iter().filter(|secret| secret.chars().count() >= SHORTEST) {
                prop_assert!(!redacted.contains(secret.as_str()) || REDACTED.contains(secret.as_str()));
            }
        }
    }
}
