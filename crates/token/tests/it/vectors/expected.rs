//! What else a verifier may be told: issuers, audiences, organizations, subjects, leeway, size, several keys.

use super::{
    TokenVector,
    corpus::{Expected, jwks},
    name, rules,
};
use crate::support::{
    EXPIRES, ISSUED, ISSUER, LICENSE, NOW, ORGANIZATION, PAYLOAD, PRODUCT, claims, claims_of, header, jws,
    signer, signer_of,
};
use keyward_token::{Format, UnixSeconds};

pub(super) fn all() -> Vec<TokenVector> {
    let mut vectors = Vec::new();
    for (format, form) in [(Format::Jwt, "jwt"), (Format::Paseto, "paseto")] {
        vectors.extend(of_each_form(format, form));
    }
    vectors.extend(of_jwt());
    vectors
}

fn vector(title: &str, now: UnixSeconds, token: String, expected: Expected, verdict: &str) -> TokenVector {
    TokenVector {
        name: name(title),
        rules: rules(title),
        now: now.as_i64(),
        expected,
        keys: None,
        token,
        verdict: verdict.into(),
        claims: None,
    }
}

fn of_each_form(format: Format, form: &str) -> Vec<TokenVector> {
    let any = Expected::default;
    let seconds = |at: UnixSeconds, more: i64| UnixSeconds::new(at.as_i64() + more);
    let token = signer().sign(format, &claims(PAYLOAD)).unwrap();
    let of_product = signer().sign(format, &claims_of(Some(PRODUCT))).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let before_old = texts(&["https://old.example.com", ISSUER]);
    let other = "0192f0c1-7a00-7000-8000-00000000000c";
    let case = |title: &str, expected: Expected, verdict: &str| {
        vector(&format!("{form}: {title}"), NOW, token.clone(), expected, verdict)
    };
    let at = |title: &str, now: UnixSeconds, leeway: u32, verdict: &str| {
        let expected = Expected { leeway_seconds: Some(leeway), ..any() };
        vector(&format!("{form}: {title}"), now, token.clone(), expected, verdict)
    };
    let sold = |title: &str, expected: Expected, verdict: &str| {
        vector(&format!("{form}: {title}"), NOW, of_product.clone(), expected, verdict)
    };
    let keyed = |title: &str, seed: u8, seeds: &[u8], verdict: &str| {
        let token = signer_of(seed).sign(format, &claims(PAYLOAD)).unwrap();
        let keyed = vector(&format!("{form}: {title}"), NOW, token, any(), verdict);
        TokenVector { keys: Some(jwks(seeds)), ..keyed }
    };
    vec![
        case("the issuer", Expected { issuers: texts(&[ISSUER]), ..any() }, "valid"),
        case("one of two issuers", Expected { issuers: before_old, ..any() }, "valid"),
        case(
            "another issuer",
            Expected { issuers: texts(&["https://keys.example.com/"]), ..any() },
            "wrong_issuer",
        ),
        case("another audience", Expected { audience: text("another"), ..any() }, "wrong_audience"),
        case("any audience", Expected { any_audience: true, ..any() }, "valid"),
        case("the organization", Expected { organization: text(ORGANIZATION), ..any() }, "valid"),
        case("another organization", Expected { organization: text("o"), ..any() }, "wrong_organization"),
        case("the subject", Expected { subject: text(LICENSE), ..any() }, "valid"),
        case("another subject", Expected { subject: text(ORGANIZATION), ..any() }, "wrong_subject"),
        case("as long as may be", Expected { max_token_bytes: Some(token.len()), ..any() }, "valid"),
        case("a byte too long", Expected { max_token_bytes: Some(token.len() - 1), ..any() }, "too_large"),
        case(
            "issuer before audience, organization and subject",
            Expected {
                issuers: texts(&["i"]),
                audience: text("a"),
                organization: text("o"),
                subject: text("s"),
                product: text("p"),
                ..any()
            },
            "wrong_issuer",
        ),
        case(
            "organization before product",
            Expected { organization: text("o"), ..Expected::product(PRODUCT) },
            "wrong_organization",
        ),
        case(
            "product before subject",
            Expected { subject: text("s"), ..Expected::product(PRODUCT) },
            "wrong_product",
        ),
        sold(
            "another product, or this one",
            Expected { or_products: texts(&[PRODUCT]), ..Expected::product(other) },
            "valid",
        ),
        sold(
            "another product, or none",
            Expected { or_without_product: true, ..Expected::product(other) },
            "wrong_product",
        ),
        case(
            "no product, and none will do",
            Expected { or_without_product: true, ..Expected::product(PRODUCT) },
            "valid",
        ),
        at("60 seconds before nbf, with as much leeway", seconds(ISSUED, -60), 60, "valid"),
        at("61 seconds before nbf, with less leeway", seconds(ISSUED, -61), 60, "not_yet_valid"),
        at("the second of exp, with leeway", EXPIRES, 60, "expired"),
        keyed("the second of three keys", 8, &[7, 8, 9], "valid"),
        keyed("a key that is gone", 8, &[7, 9], "unknown_key"),
        keyed("no key at all", 7, &[], "unknown_key"),
    ]
}

fn of_jwt() -> Vec<TokenVector> {
    let any = Expected::default;
    let of = |json: &str| jws(header(), json);
    let text = |text: &str| Some(text.to_owned());
    let bare = of(r#"{"aud":"license-key"}"#);
    let long = |bytes: usize| of(&format!(r#"{{"aud":"license-key","x":"{}"}}"#, "x".repeat(bytes)));
    let mut vectors = vec![
        vector(
            "jwt: no issuer",
            NOW,
            bare.clone(),
            Expected { issuers: vec!["i".into()], ..any() },
            "wrong_issuer",
        ),
        vector(
            "jwt: no organization",
            NOW,
            bare.clone(),
            Expected { organization: text("o"), ..any() },
            "wrong_organization",
        ),
        vector(
            "jwt: no subject",
            NOW,
            bare.clone(),
            Expected { subject: text("s"), ..any() },
            "wrong_subject",
        ),
        vector(
            "jwt: the second audience of two",
            NOW,
            of(r#"{"aud":["other","license-key"]}"#),
            any(),
            "valid",
        ),
        vector("jwt: an audience with escapes", NOW, of(r#"{"aud":"license\u002dkey"}"#), any(), "valid"),
        vector("jwt: an audience without one", NOW, of(r#"{"aud":[]}"#), any(), "wrong_audience"),
        vector(
            "jwt: an audience in other letters",
            NOW,
            of(r#"{"aud":"License-Key"}"#),
            any(),
            "wrong_audience",
        ),
        vector(
            "jwt: no audience, and any will do",
            NOW,
            of("{}"),
            Expected { any_audience: true, ..any() },
            "valid",
        ),
        vector("jwt: within 65536 bytes", NOW, long(48_900), any(), "valid"),
        vector("jwt: beyond 65536 bytes", NOW, long(49_200), any(), "too_large"),
        vector("jwt: before 1970", UnixSeconds::new(-1), bare, any(), "valid"),
    ];
    // A key that is expected to be the only one, and is not.
    let without_kid = jws(r#"{"alg":"EdDSA","typ":"JWT"}"#, r#"{"aud":"license-key"}"#);
    let none = vector("jwt: no kid, and no key", NOW, without_kid, any(), "unknown_key");
    vectors.push(TokenVector { keys: Some(jwks(&[])), ..none });
    vectors
}
