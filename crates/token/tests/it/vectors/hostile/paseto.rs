//! PASETOs: their frame, their footer, and instants as texts.

use crate::support::{encode, signer, token};
use keyward_token::Format;

pub(super) fn all() -> Vec<(&'static str, String, &'static str)> {
    let good = token(Format::Paseto);
    let (body, footer) = good.rsplit_once('.').unwrap();
    let sign = |json: &str| signer().sign_paseto(json).unwrap();
    let time = |exp: &str| sign(&format!(r#"{{"aud":"license-key","exp":"{exp}"}}"#));
    let footed = |footer: &str| format!("{body}.{}", encode(footer));
    vec![
        ("paseto: v4.public and nothing behind it [P1]", "v4.public.".into(), "malformed"),
        ("paseto: v4 and nothing behind it [P1]", "v4.".into(), "unsupported_format"),
        ("paseto: v0 is no version [P1]", "v0.public.AA".into(), "malformed"),
        ("paseto: V4 is no version [P1]", good.replacen("v4", "V4", 1), "malformed"),
        ("paseto: a message of 64 bytes [P1]", format!("v4.public.{}", encode([1; 64])), "malformed"),
        ("paseto: a message of 65 bytes [P1]", format!("v4.public.{}", encode([1; 65])), "bad_signature"),
        ("paseto: an empty footer [P2]", format!("{body}."), "malformed"),
        ("paseto: two footers [P2]", format!("{good}.{footer}"), "malformed"),
        ("paseto: a footer that is an array [P2]", footed("[]"), "malformed"),
        ("paseto: a footer that is not UTF-8 [P2]", format!("{body}._w"), "malformed"),
        ("paseto: a footer with a name twice [P2 J1]", footed(r#"{"kid":"a","kid":"a"}"#), "malformed"),
        ("paseto: a footer without kid [P3]", footed("{}"), "bad_signature"),
        ("paseto: a kid of another scheme [P3]", footed(r#"{"kid":"k4.pid.AAAA"}"#), "unknown_key"),
        (
            "paseto: kid with an escape, so that the footer is another [P3]",
            footed(&format!(r#"{{"kid":"\u002d{}"}}"#, &signer().kid().as_str()[1..])),
            "bad_signature",
        ),
        ("paseto: a footer of 1025 characters [P2]", format!("{body}.{}", "A".repeat(1_025)), "malformed"),
        ("paseto: bits behind the last byte of the footer [P2]", format!("{body}.e31"), "malformed"),
        (
            "paseto: bits behind the last byte of the message [P2]",
            format!("v4.public.{}B.{footer}", "A".repeat(86)),
            "malformed",
        ),
        ("paseto: an instant with Z", time("2028-01-15T08:00:00Z"), "valid"),
        ("paseto: an instant with an escape", time("2028\\u002d01-15T08:00:00Z"), "valid"),
        ("paseto: an instant with -00:00 [C2]", time("2028-01-15T08:00:00-00:00"), "invalid_claim"),
        ("paseto: an instant with a fraction [C2]", time("2028-01-15T08:00:00.0Z"), "invalid_claim"),
        ("paseto: an instant with a leap second [C2]", time("2028-12-31T23:59:60Z"), "invalid_claim"),
        ("paseto: an instant at hour 24 [C2]", time("2028-01-15T24:00:00Z"), "invalid_claim"),
        ("paseto: a day that the month does not have [C2]", time("2027-02-29T08:00:00Z"), "invalid_claim"),
        ("paseto: the last day of February", time("2028-02-29T08:00:00Z"), "valid"),
        ("paseto: an instant before 1970 [C2]", time("1969-12-31T23:59:59Z"), "invalid_claim"),
        ("paseto: an instant of the year 0000 [C2]", time("0000-01-01T00:00:00Z"), "invalid_claim"),
        ("paseto: an instant in other digits [C2]", time("２028-01-15T08:00:00Z"), "invalid_claim"),
        ("paseto: an instant in small letters [C2]", time("2028-01-15t08:00:00z"), "invalid_claim"),
        (
            "paseto: an instant with white space behind it [C2]",
            time("2028-01-15T08:00:00Z\\n"),
            "invalid_claim",
        ),
        ("paseto: an instant without an offset [C2]", time("2028-01-15T08:00:00"), "invalid_claim"),
        ("paseto: an instant with two offsets [C2]", time("2028-01-15T08:00:00+00:00Z"), "invalid_claim"),
        ("paseto: aud an array", sign(r#"{"aud":["license-key"]}"#), "valid"),
        ("paseto: claims that are no JSON [J3]", sign("{"), "malformed"),
    ]
}
