//! Payloads that a signer must not sign, and texts as people paste them.

use super::{name, rules};
use crate::support::{NOW, signer, token};
use keyward_token::{Format, MAX_PAYLOAD_BYTES, NoClaims, UnixSeconds, Verifier, check_payload, pasted};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PayloadVerdict {
    name: String,
    pub(super) rules: Vec<String>,
    payload: String,
    /// Absent for a payload that may be signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pasted {
    pub(super) name: String,
    pub(super) rules: Vec<String>,
    text: String,
    /// What is left.
    pasted: String,
    now: i64,
    /// What a verifier for any product says of that: `valid`, or the code of the error.
    verdict: String,
}

pub(super) fn check(payloads: &[PayloadVerdict], texts: &[Pasted]) {
    for vector in payloads {
        let error = check_payload(&vector.payload).err().map(|error| error.code().to_owned());
        assert_eq!(error, vector.error, "{}", vector.name);
    }
    let verifier = Verifier::for_any_product().key(signer().public_key().clone()).build();
    for vector in texts {
        let left = pasted(&vector.text);
        assert_eq!(left, vector.pasted, "{}", vector.name);
        let verdict = verifier.verify::<NoClaims>(&left, UnixSeconds::new(vector.now));
        let verdict = verdict.map_or_else(|error| error.code(), |_| "valid");
        assert_eq!(verdict, vector.verdict, "{}", vector.name);
    }
}

pub(super) fn payloads() -> Vec<PayloadVerdict> {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let long = |bytes: usize| format!("{{ \"a\": \"{}\" }}", "x".repeat(bytes - 8));
    [
        ("a claim of the table [C1]", r#"{"exp":1}"#.to_owned(), "reserved_name"),
        ("a claim of the table, escaped [C1]", r#"{"e\u0078p":1}"#.to_owned(), "reserved_name"),
        ("a claim of the table, further down [C1]", r#"{"a":{"exp":1}}"#.to_owned(), ""),
        ("a name twice [J1]", r#"{"a":{"b":1,"b":2}}"#.to_owned(), "duplicate_name"),
        ("nested 32 deep [J2]", nested(31), ""),
        ("nested 33 deep [J2]", nested(32), "too_deep"),
        ("the greatest double [J4]", r#"{"a":1.7976931348623158e308}"#.to_owned(), ""),
        ("a number beyond a double [J4]", r#"{"a":1e999}"#.to_owned(), "number_out_of_range"),
        ("32768 bytes and white space [C4]", long(MAX_PAYLOAD_BYTES), ""),
        ("32769 bytes [C4]", long(MAX_PAYLOAD_BYTES + 1), "too_long"),
        ("an array [J5]", "[]".to_owned(), "not_an_object"),
    ]
    .map(|(title, payload, error)| PayloadVerdict {
        name: name(title),
        rules: rules(title),
        payload,
        error: (!error.is_empty()).then(|| error.to_owned()),
    })
    .into()
}

pub(super) fn pasted_texts() -> Vec<Pasted> {
    let good = token(Format::Jwt);
    let folded: Vec<&str> =
        good.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    [
        ("a newline at the end [X2]", format!("{good}\n"), good.clone(), true),
        ("a byte order mark and CR LF [X2]", format!("\u{feff}{good}\r\n"), good.clone(), true),
        ("folded by a mail [X2]", folded.join("\r\n "), good.clone(), true),
        ("straight quotes [X2]", format!("\"{good}\""), good.clone(), true),
        ("typographic quotes [X2]", format!("„{good}“ "), good.clone(), true),
        (
            "invisible characters [X2]",
            good.replace('.', "\u{200b}.\u{2060}\u{ad}\u{feff}"),
            good.clone(),
            true,
        ),
        (
            "no-break and ideographic spaces [X2]",
            format!("\u{a0}{}\u{3000}", good.replace('.', "\u{202f}.")),
            good.clone(),
            true,
        ),
        ("a dash for a hyphen stays [X3]", good.replacen('.', "—", 1), good.replacen('.', "—", 1), false),
        ("full-width letters stay [X3]", good.replacen('e', "ｅ", 1), good.replacen('e', "ｅ", 1), false),
        ("quotes inside stay [X3]", good.replacen('.', "\".\"", 1), good.replacen('.', "\".\"", 1), false),
        ("nothing", String::new(), String::new(), false),
        ("quotes and white space alone [X2]", " \"'“\u{feff}”'\" ".into(), String::new(), false),
        ("quotes within quotes [X2]", format!("«“'{good}'”»"), good.clone(), true),
        ("quotes behind white space behind quotes [X2]", format!("\" ' {good} ' \""), good.clone(), true),
        ("every white space [X2]", format!("\u{9}\u{a}\u{b}\u{c}\u{d}\u{20}\u{85}\u{a0}\u{1680}\u{2000}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}{good}"), good.clone(), true),
        ("separators of files and records stay [X3]", format!("\u{1c}\u{1d}\u{1e}\u{1f}{good}"), format!("\u{1c}\u{1d}\u{1e}\u{1f}{good}"), false),
        ("a Mongolian vowel separator and tags [X2]", format!("\u{180e}\u{e0001}\u{e007f}\u{fe0f}\u{3164}{good}\u{1d173}"), good.clone(), true),
        ("a combining accent stays [X3]", format!("{good}\u{301}"), format!("{good}\u{301}"), false),
        ("a braille blank and a NUL stay [X3]", format!("{good}\u{2800}\0"), format!("{good}\u{2800}\0"), false),
        ("two tokens are not one [X3]", format!("{good}\n{good}"), format!("{good}{good}"), false),
    ]
    .map(|(title, text, pasted, valid)| Pasted {
        name: name(title),
        rules: rules(title),
        text,
        pasted,
        now: NOW.as_i64(),
        verdict: if valid { "valid" } else { "malformed" }.into(),
    })
    .into()
}
