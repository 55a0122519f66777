//! Licenses with two ends, and how they stand.

use super::{TokenVector, corpus::Expected, health::HealthVector, name, rules};
use crate::support::{EXPIRES, ISSUED, NOW, PAYLOAD, claims, header, jws, signer};
use keyward_token::{Format, UnixSeconds};

/// Each as a token with its verdict, and with how it stands.
pub(super) fn all(jwks: &str) -> Vec<(TokenVector, HealthVector)> {
    let before = |instant: UnixSeconds| UnixSeconds::new(instant.as_i64() - 1);
    let with = |ends, exp| {
        let mut claims = claims(PAYLOAD);
        (claims.exp, claims.keyward.as_mut().unwrap().ends) = (exp, ends);
        claims
    };
    let warned = UnixSeconds::new(ENDS.as_i64() - 30 * 86_400);
    let mut vectors = Vec::new();
    for (format, form) in [(Format::Jwt, "jwt"), (Format::Paseto, "paseto")] {
        let sign = |ends, exp| signer().sign(format, &with(ends, exp)).unwrap();
        let (graced, plain) = (sign(Some(ENDS), Some(EXPIRES)), sign(None, Some(EXPIRES)));
        vectors.extend(
            [
                ("the second before nbf [E2]", before(ISSUED), graced.clone(), "not_yet_valid", "not_yet"),
                ("30 days and a second before the end [E2]", before(warned), graced.clone(), "valid", "fine"),
                ("30 days before the end [E2]", warned, graced.clone(), "valid", "ending"),
                ("the second before the end [E2]", before(ENDS), graced.clone(), "valid", "ending"),
                ("the second of the end [E2]", ENDS, graced.clone(), "valid", "in_grace"),
                ("the second before exp [E2]", before(EXPIRES), graced.clone(), "valid", "in_grace"),
                ("the second of exp [E2]", EXPIRES, graced, "expired", "ended"),
                ("no grace, the second before exp", before(EXPIRES), plain.clone(), "valid", "ending"),
                ("no grace, the second of exp", EXPIRES, plain, "expired", "ended"),
                ("no end", UnixSeconds::MAX, sign(None, None), "valid", "fine"),
            ]
            .map(|(title, now, token, verdict, state)| {
                (format!("{form}, by its ends: {title}"), now, token, verdict, state)
            }),
        );
    }
    let exp = EXPIRES.as_i64();
    let jwt = |ends: &str, more: &str| {
        let keyward = format!(r#""keyward":{{"v":1,"org":"o","ends":{ends}}}"#);
        jws(header(), format!(r#"{{"aud":"license-key",{keyward}{more}}}"#))
    };
    let paseto = |ends: &str| {
        let keyward = format!(r#""keyward":{{"v":1,"org":"o","ends":{ends}}}"#);
        let json = format!(r#"{{"aud":"license-key",{keyward},"exp":"2028-01-15T08:00:00+00:00"}}"#);
        signer().sign_paseto(&json).unwrap()
    };
    let with_exp = format!(r#","exp":{exp}"#);
    for (title, token, verdict, state) in [
        ("jwt: ends is exp", jwt(&exp.to_string(), &with_exp), "valid", "fine"),
        (
            "jwt: ends before nbf [E3]",
            jwt("5", &format!(r#","nbf":1800000000{with_exp}"#)),
            "valid",
            "in_grace",
        ),
        ("jwt: ends a second after exp [E1]", jwt(&(exp + 1).to_string(), &with_exp), "invalid_claim", ""),
        ("jwt: ends without exp [E1]", jwt(&exp.to_string(), ""), "invalid_claim", ""),
        ("jwt: ends as text [C2]", jwt("\"1831536000\"", &with_exp), "invalid_claim", ""),
        ("jwt: ends null [C2]", jwt("null", &with_exp), "invalid_claim", ""),
        ("jwt: ends as fraction [C2]", jwt("1.5", &with_exp), "invalid_claim", ""),
        ("jwt: ends negative [C2]", jwt("-1", &with_exp), "invalid_claim", ""),
        (
            "paseto: ends a second after exp [E1]",
            paseto("\"2028-01-15T08:00:01+00:00\""),
            "invalid_claim",
            "",
        ),
        ("paseto: ends as number [C2]", paseto("5"), "invalid_claim", ""),
    ] {
        vectors.push((title.to_owned(), NOW, token, verdict, state));
    }
    let vector = |(title, now, token, verdict, state): (String, UnixSeconds, String, &str, &str)| {
        let mut health = HealthVector::new(&title, now, token.clone());
        health.judge(jwks);
        assert_eq!(health.health.as_ref().map_or("", |health| health.state.as_str()), state, "{title}");
        let verdict = TokenVector {
            name: name(&title),
            rules: rules(&title),
            now: now.as_i64(),
            expected: Expected::default(),
            keys: None,
            token,
            verdict: verdict.into(),
            claims: None,
        };
        (verdict, health)
    };
    vectors.into_iter().map(vector).collect()
}

/// Two weeks before the expiry.
const ENDS: UnixSeconds = UnixSeconds::new(EXPIRES.as_i64() - 14 * 86_400);
