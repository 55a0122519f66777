//! One token for each rule, every one with a good signature unless the rule is about the signature.

use crate::support::{EXPIRES, NOW, PAYLOAD, claims, encode, header, jws, sign_parts, signer, token};
use keyward_token::{Defect, Format, NoClaims, Part, Verifier, VerifyError};

fn verdict(token: &str) -> Result<(), VerifyError> {
    let verifier = Verifier::for_any_product().key(signer().public_key().clone()).any_audience().build();
    verifier.verify::<NoClaims>(token, NOW).map(drop)
}

fn code(token: &str) -> &'static str {
    verdict(token).map_or_else(|error| error.code(), |()| "valid")
}

#[test]
fn headers() {
    let kid = signer().kid();
    for (header, expected) in [
        (r#"{"alg":"EdDSA","typ":"JWT"}"#.to_owned(), "valid"),
        (r#"{"typ":"JWT","alg":"Ed25519"}"#.to_owned(), "valid"),
        (format!(r#" {{ "kid" : "{kid}" , "typ":"JWT","alg":"EdDSA" }} "#), "valid"),
        (r#"{"alg":"EdDSA","typ":"JWT","x5t":"AA","cty":"json","more":{"a":[1]}}"#.to_owned(), "valid"),
        (r#"{"alg":"none","typ":"JWT"}"#.to_owned(), "unsupported_algorithm"),
        (r#"{"alg":"None","typ":"JWT"}"#.to_owned(), "unsupported_algorithm"),
        (r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(), "unsupported_algorithm"),
        (r#"{"alg":"ES256","typ":"JWT"}"#.to_owned(), "unsupported_algorithm"),
        (r#"{"alg":"eddsa","typ":"JWT"}"#.to_owned(), "unsupported_algorithm"),
        (r#"{"alg":"Ed448","typ":"JWT"}"#.to_owned(), "unsupported_algorithm"),
        (r#"{"alg":"","typ":"JWT"}"#.to_owned(), "unsupported_algorithm"),
        (r#"{"typ":"JWT"}"#.to_owned(), "unsupported_algorithm"),
        (r#"{"alg":null,"typ":"JWT"}"#.to_owned(), "malformed"),
        (r#"{"alg":["EdDSA"],"typ":"JWT"}"#.to_owned(), "malformed"),
        (r#"{"alg":"EdDSA"}"#.to_owned(), "wrong_type"),
        (r#"{"alg":"EdDSA","typ":"jwt"}"#.to_owned(), "wrong_type"),
        (r#"{"alg":"EdDSA","typ":"at+jwt"}"#.to_owned(), "wrong_type"),
        (r#"{"alg":"EdDSA","typ":"statuslist+jwt"}"#.to_owned(), "wrong_type"),
        (r#"{"alg":"EdDSA","typ":1}"#.to_owned(), "malformed"),
        (r#"{"alg":"EdDSA","typ":"JWT","crit":["exp"],"exp":1}"#.to_owned(), "refused_header"),
        (r#"{"alg":"EdDSA","typ":"JWT","crit":[]}"#.to_owned(), "refused_header"),
        (
            format!(r#"{{"alg":"EdDSA","typ":"JWT","jwk":{}}}"#, signer().public_key().to_jwk()),
            "refused_header",
        ),
        (r#"{"alg":"EdDSA","typ":"JWT","jku":"https://evil.example"}"#.to_owned(), "refused_header"),
        (r#"{"alg":"EdDSA","typ":"JWT","x5u":"https://evil.example"}"#.to_owned(), "refused_header"),
        (r#"{"alg":"EdDSA","typ":"JWT","x5c":["AA"]}"#.to_owned(), "refused_header"),
        (r#"{"alg":"EdDSA","typ":"JWT","zip":"DEF"}"#.to_owned(), "refused_header"),
        (r#"{"alg":"EdDSA","typ":"JWT","b64":true}"#.to_owned(), "refused_header"),
        (r#"{"alg":"EdDSA","typ":"JWT","enc":"A128GCM"}"#.to_owned(), "refused_header"),
        (r#"{"alg":"EdDSA","typ":"JWT","\u0063rit":[]}"#.to_owned(), "refused_header"),
        (r#"{"alg":"EdDSA","typ":"JWT","kid":"mine"}"#.to_owned(), "unknown_key"),
        (r#"{"alg":"EdDSA","typ":"JWT","kid":""}"#.to_owned(), "unknown_key"),
        (r#"{"alg":"EdDSA","typ":"JWT","kid":7}"#.to_owned(), "malformed"),
        (r#"{"alg":"EdDSA","typ":"JWT","kid":null}"#.to_owned(), "malformed"),
        (r#"{"alg":"none","alg":"EdDSA","typ":"JWT"}"#.to_owned(), "malformed"),
        (r#"{"alg":"EdDSA","\u0061lg":"EdDSA","typ":"JWT"}"#.to_owned(), "malformed"),
        (r#"{"alg":"EdDSA","typ":"JWT","x":{"a":1,"a":1}}"#.to_owned(), "malformed"),
        (r#"["alg","EdDSA"]"#.to_owned(), "malformed"),
        (r#"{"alg":"EdDSA","typ":"JWT"}x"#.to_owned(), "malformed"),
        (r#"{"alg":"EdDSA","typ":"JWT",}"#.to_owned(), "malformed"),
        ("\u{feff}{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}".to_owned(), "malformed"),
        (format!(r#"{{"alg":"EdDSA","typ":"JWT","x":"{}"}}"#, "x".repeat(800)), "malformed"),
        (format!(r#"{{"alg":"EdDSA","typ":"JWT","x":{}{}}}"#, "[".repeat(33), "]".repeat(33)), "malformed"),
    ] {
        assert_eq!(code(&jws(&header, "{}")), expected, "{header}");
    }
    assert_eq!(code(&jws(b"{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"x\":\"\xff\"}", "{}")), "malformed");
}

#[test]
fn shapes() {
    let good = token(Format::Jwt);
    assert_eq!(code(&good), "valid");
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!() };
    let shape = Err(VerifyError::Malformed { part: Part::Token, defect: Defect::Shape });
    assert_eq!(code(""), "malformed");
    for token in [
        ".".into(),
        "..".into(),
        "...".into(),
        "x".into(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{good}.{signature}"),
        format!("{good}..{signature}"),
        format!("{header}.a.b.c.{signature}"),
    ] {
        assert_eq!(verdict(&token), shape, "{token}");
    }
    let json = format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#);
    assert!(verdict(&json).is_err());
}

#[test]
fn encodings() {
    let good = token(Format::Jwt);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    for token in [
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{good}\0"),
        format!("\u{feff}{good}"),
        format!("{good}="),
        format!("{good}=="),
        format!("{good}A"),
        good.replace('.', " ."),
        good.replace('.', ". "),
        good.replace('.', "=."),
        good.replace('.', "\n."),
        good[..good.len() - 1].to_owned(),
        format!("{signed}.{}", signature.replace(['-', '_'], "/")),
        format!("{signed}.{}", encode([0; 63])),
        format!("{signed}.{}", encode([0; 65])),
        format!("{signed}.AAAA"),
        format!("Bearer {good}"),
    ] {
        assert_eq!(code(&token), "malformed", "{token:?}");
    }
    // The last character of a signature carries two bits; the other four must be zero.
    let last = signature.chars().last().unwrap();
    for other in
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars().filter(|c| *c != last)
    {
        let forged = format!("{}{other}", &good[..good.len() - 1]);
        let expected = if "AQgw".contains(other) { "bad_signature" } else { "malformed" };
        assert_eq!(code(&forged), expected, "{other}");
    }
    // Well signed, but the payload's or the header's text is not canonical.
    for (header, payload) in [
        (header.to_owned(), format!("{payload}=")),
        (header.to_owned(), format!("{payload}A")),
        (header.to_owned(), "e30=".into()),
        (header.to_owned(), "e31".into()),
        (header.to_owned(), "e3 0".into()),
        (header.to_owned(), "e".into()),
        (header.to_owned(), "e3+/".into()),
        (format!("{header}="), payload.to_owned()),
        (format!("{header} "), payload.to_owned()),
    ] {
        assert_eq!(code(&sign_parts(&header, &payload)), "malformed", "{header}.{payload}");
    }
}

#[test]
fn payloads() {
    for (payload, defect) in [
        ("", None),
        (" ", Some(Defect::Json)),
        ("{", Some(Defect::Json)),
        ("{}{}", Some(Defect::Json)),
        ("{} x", Some(Defect::Json)),
        ("\u{feff}{}", Some(Defect::Json)),
        ("{\"a\":NaN}", Some(Defect::Json)),
        ("{\"a\":Infinity}", Some(Defect::Json)),
        ("{\"a\":01}", Some(Defect::Json)),
        ("{'a':1}", Some(Defect::Json)),
        ("{\"a\":1,}", Some(Defect::Json)),
        ("{\"a\":\"\\ud800\"}", Some(Defect::Json)),
        ("{\"a\":\"\u{1}\"}", Some(Defect::Json)),
        ("/**/{}", Some(Defect::Json)),
        ("[]", Some(Defect::NotAnObject)),
        ("null", Some(Defect::NotAnObject)),
        ("\"{}\"", Some(Defect::NotAnObject)),
        ("{\"a\":1,\"a\":1}", Some(Defect::DuplicateName)),
        ("{\"exp\":1,\"\\u0065xp\":9999999999}", Some(Defect::DuplicateName)),
        ("{\"a\":[{\"b\":1,\"b\":2}]}", Some(Defect::DuplicateName)),
        ("{\"keyward\":{\"v\":1,\"org\":\"a\",\"org\":\"b\"}}", Some(Defect::DuplicateName)),
    ] {
        let expected = match defect {
            Some(defect) => VerifyError::Malformed { part: Part::Payload, defect },
            None => VerifyError::Malformed { part: Part::Token, defect: Defect::Shape },
        };
        assert_eq!(verdict(&jws(header(), payload)), Err(expected), "{payload}");
    }
    let utf8 = VerifyError::Malformed { part: Part::Payload, defect: Defect::Utf8 };
    for bytes in
        [&b"{\"a\":\"\xff\"}"[..], b"{\"a\":\"\xed\xa0\x80\"}", b"{\"a\":\"\xc0\xaf\"}", b"\xff\xfe{\0}\0"]
    {
        assert_eq!(verdict(&jws(header(), bytes)), Err(utf8.clone()));
    }
    let nest = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(verdict(&jws(header(), nest(31))), Ok(()));
    let depth = VerifyError::Malformed { part: Part::Payload, defect: Defect::Depth };
    assert_eq!(verdict(&jws(header(), nest(32))), Err(depth.clone()));
    assert_eq!(verdict(&jws(header(), "{\"a\":".repeat(9_000))), Err(depth));
}

#[test]
fn registered_claims() {
    let times = [
        "null",
        "\"1810000000\"",
        "1.5",
        "1810000000.0",
        "1.81e9",
        "-1",
        "-0",
        "true",
        "[]",
        "{}",
        "253402300800",
        "9223372036854775808",
        "18446744073709551616",
        "1e300",
    ];
    for claim in ["iat", "nbf", "exp"] {
        for value in times {
            let token = jws(header(), format!("{{\"{claim}\":{value}}}"));
            assert_eq!(verdict(&token), Err(VerifyError::InvalidClaim { claim }), "{claim} {value}");
        }
    }
    for (claim, values) in [
        ("iss", &["null", "1", "[]", "{}"][..]),
        ("sub", &["null", "1", "[\"a\"]"]),
        ("jti", &["null", "1"]),
        ("aud", &["null", "1", "{}", "[1]", "[null]", "[[\"license-key\"]]", "true"]),
        (
            "status",
            &[
                "null",
                "1",
                "\"a\"",
                "{\"status_list\":1}",
                "{\"status_list\":{}}",
                "{\"status_list\":{\"idx\":1}}",
                "{\"status_list\":{\"uri\":\"u\"}}",
                "{\"status_list\":{\"idx\":\"1\",\"uri\":\"u\"}}",
                "{\"status_list\":{\"idx\":-1,\"uri\":\"u\"}}",
                "{\"status_list\":{\"idx\":1.0,\"uri\":\"u\"}}",
                "{\"status_list\":{\"idx\":18446744073709551616,\"uri\":\"u\"}}",
                "{\"status_list\":{\"idx\":1,\"uri\":1}}",
            ],
        ),
        (
            "keyward",
            &[
                "null",
                "{}",
                "{\"v\":1}",
                "{\"org\":\"o\"}",
                "{\"v\":2,\"org\":\"o\"}",
                "{\"v\":\"1\",\"org\":\"o\"}",
                "{\"v\":1.0,\"org\":\"o\"}",
                "{\"v\":1,\"org\":null}",
                "{\"v\":1,\"org\":\"o\",\"customer\":1}",
                "{\"v\":1,\"org\":\"o\",\"product\":[]}",
                "{\"v\":1,\"org\":\"o\",\"registry\":\"a\"}",
                "{\"v\":1,\"org\":\"o\",\"registry\":[1]}",
                "{\"v\":1,\"org\":\"o\",\"registry\":null}",
            ],
        ),
    ] {
        for value in values {
            let token = jws(header(), format!("{{\"{claim}\":{value}}}"));
            assert_eq!(verdict(&token), Err(VerifyError::InvalidClaim { claim }), "{claim} {value}");
        }
    }
}

#[test]
fn sizes() {
    let of = |bytes: usize| {
        let empty = jws(header(), "{\"x\":\"\"}").len();
        let pad = "x".repeat((bytes - empty) / 4 * 3);
        jws(header(), format!("{{\"x\":\"{pad}\"}}"))
    };
    assert!(of(65_000).len() <= 65_536);
    assert_eq!(code(&of(65_000)), "valid");
    assert_eq!(verdict(&of(66_000)), Err(VerifyError::TooLarge { limit: 65_536 }));
}

#[test]
fn signatures() {
    let good = token(Format::Jwt);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = crate::support::signer_of(8);
    let stolen = encode(other.secret_key().sign(signed.as_bytes()));
    assert_eq!(code(&format!("{signed}.{stolen}")), "bad_signature");
    assert_eq!(code(&format!("{signed}.{}", encode([0; 64]))), "bad_signature");
    let payload = encode(claims(PAYLOAD).to_json(Format::Jwt).unwrap().replace("25", "99"));
    assert_eq!(
        code(&format!("{}.{payload}.{signature}", signed.split_once('.').unwrap().0)),
        "bad_signature"
    );
    // An unsigned token is refused before its claims are read: it does not say that it has expired.
    let late = keyward_token::UnixSeconds::new(EXPIRES.as_i64() + 1);
    let verifier = Verifier::for_any_product().key(signer().public_key().clone()).build();
    let unsigned = format!("{signed}.{}", encode([0; 64]));
    assert_eq!(verifier.verify::<NoClaims>(&unsigned, late), Err(VerifyError::BadSignature));
}

#[test]
fn pasetos() {
    let good = token(Format::Paseto);
    assert_eq!(code(&good), "valid");
    let kid = signer().kid();
    let footer = encode(format!("{{\"kid\":\"{kid}\"}}"));
    assert!(good.ends_with(&format!(".{footer}")));
    let body = good.strip_suffix(&format!(".{footer}")).unwrap();
    for (token, expected) in [
        (good.replace("v4.public.", "v4.local."), "unsupported_format"),
        (good.replace("v4.public.", "v2.public."), "unsupported_format"),
        (good.replace("v4.public.", "v3.public."), "unsupported_format"),
        (good.replace("v4.public.", "V4.public."), "malformed"),
        (good.replace("v4.public.", "v4.public"), "unsupported_format"),
        ("v4.public.".into(), "malformed"),
        ("v4.public..".into(), "malformed"),
        (format!("v4.public.{}", encode([0; 64])), "malformed"),
        (format!("{good}."), "malformed"),
        (format!("{good}.AA"), "malformed"),
        (format!("{good}="), "malformed"),
        (format!("{good} "), "malformed"),
        (format!("{good}\n"), "malformed"),
        (format!("{body}."), "malformed"),
        (format!("{body}=.{footer}"), "malformed"),
        (body.to_owned(), "bad_signature"),
        (format!("{body}.{}", encode("{}")), "bad_signature"),
        (format!("{body}.{}", encode("x")), "malformed"),
        (format!("{body}.{}", encode("{\"kid\":1}")), "malformed"),
        (format!("{body}.{}", encode("{\"kid\":\"mine\"}")), "unknown_key"),
        (format!("{body}.{}", encode(format!("{{\"kid\":\"{kid}\",\"kid\":\"{kid}\"}}"))), "malformed"),
        (format!("{body}.{}", encode(format!("{{\"kid\":\"{kid}\" }}"))), "bad_signature"),
        (format!("{body}.{}", encode([0xff, 0xfe])), "malformed"),
        (format!("{body}.{}", encode("x".repeat(1_000))), "malformed"),
    ] {
        assert_eq!(code(&token), expected, "{token}");
    }
    for claims in [
        "{\"exp\":1831536000}",
        "{\"exp\":null}",
        "{\"nbf\":\"2022-01-01\"}",
        "{\"iat\":\"2022-01-01T00:00:00\"}",
        "{\"exp\":\"2028-01-01T00:00:00+01:00\"}",
        "{\"exp\":\"2028-01-01T00:00:00.5Z\"}",
        "{\"exp\":\"10000-01-01T00:00:00Z\"}",
        "{\"exp\":\"1969-01-01T00:00:00Z\"}",
    ] {
        assert_eq!(code(&signer().sign_paseto(claims).unwrap()), "invalid_claim", "{claims}");
    }
    assert_eq!(code(&signer().sign_paseto("{\"exp\":\"2028-01-01T00:00:00Z\"}").unwrap()), "valid");
    assert_eq!(code(&signer().sign_paseto("[]").unwrap()), "malformed");
}
