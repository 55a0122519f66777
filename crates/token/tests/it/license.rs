use crate::support::{
    EXPIRES, ISSUED, ISSUER, LICENSE, LIST, NOW, ORGANIZATION, PAYLOAD, PRODUCT, claims, claims_of, header,
    jws, signer, signer_of, token, verifier,
};
use keyward_token::{
    Format, Keyring, License, Mistaken, NoClaims, StatusRef, UnixSeconds, UnverifiedToken, Verifier,
    VerifierBuilder, VerifyError,
};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug, Deserialize)]
struct Terms {
    seats: u32,
    plan: String,
    modules: Vec<String>,
    exp: i64,
}

#[derive(Debug, Deserialize)]
struct Borrowed<'a> {
    plan: &'a str,
    #[serde(borrow)]
    big: &'a RawValue,
}

const FORMATS: [Format; 2] = [Format::Jwt, Format::Paseto];

#[test]
fn a_license_shows_its_claims_in_both_formats() {
    for format in FORMATS {
        let token = token(format);
        let license: License<Terms> = verifier().verify(&token, NOW).unwrap();
        assert_eq!(license.format(), format);
        assert_eq!(license.kid(), signer().kid());
        assert_eq!(license.issuer().unwrap(), ISSUER);
        assert_eq!(license.subject().unwrap(), LICENSE);
        assert_eq!(license.audience().collect::<Vec<_>>(), ["license-key"]);
        assert_eq!(license.issued_at(), Some(ISSUED));
        assert_eq!(license.not_before(), Some(ISSUED));
        assert_eq!(license.expires_at(), Some(EXPIRES));
        assert_eq!(license.id().unwrap(), "0192f0c1-7a00-7000-8000-000000000002");
        assert_eq!(license.status(), Some(StatusRef { index: 1234, uri: LIST.into() }));
        assert_eq!(license.organization().unwrap(), ORGANIZATION);
        assert_eq!(license.customer().unwrap(), "0192f0c1-7a00-7000-8000-000000000003");
        assert_eq!(license.product(), None);
        assert_eq!(license.registry_roles().collect::<Vec<_>>(), ["base", "pro"]);
        let terms = license.claims();
        assert_eq!((terms.seats, terms.plan.as_str(), terms.exp), (25, "pro", EXPIRES.as_i64()));
        assert_eq!(terms.modules, ["analytics", "reporting"]);
        assert_eq!(license.json(), claims(PAYLOAD).to_json(format).unwrap());
    }
}

#[test]
fn numbers_survive_exactly() {
    let numbers = [
        "12345678901234567890",
        "123456789012345678901234567890",
        "-0.0",
        "1.5e308",
        "0.1000000000000000055511151231257827",
    ];
    for number in numbers {
        let payload = format!("{{\"big\":{number},\"plan\":\"\"}}");
        for format in FORMATS {
            let token = signer().sign(format, &claims(&payload)).unwrap();
            let mut buffer = Vec::new();
            let license: License<Borrowed<'_>, _> = verifier().verify_into(&mut buffer, &token, NOW).unwrap();
            assert_eq!(license.claims().big.get(), number);
            assert_eq!(license.claim("big"), Some(number));
            assert_eq!(license.claims().plan, "");
        }
    }
}

#[test]
fn the_same_claims_give_the_same_token() {
    for format in FORMATS {
        assert_eq!(token(format), token(format));
    }
}

#[test]
fn a_license_is_valid_from_nbf_until_before_exp() {
    let at = |verifier: &Verifier, token: &str, second: UnixSeconds| {
        verifier.verify::<NoClaims>(token, second).map(drop)
    };
    let second = |instant: UnixSeconds, offset: i64| UnixSeconds::new(instant.as_i64() + offset);
    let lenient = Verifier::for_any_product().key(signer().public_key().clone()).leeway_seconds(60).build();
    for format in FORMATS {
        let token = token(format);
        assert_eq!(
            at(&verifier(), &token, second(ISSUED, -1)),
            Err(VerifyError::NotYetValid { until: ISSUED })
        );
        assert_eq!(at(&verifier(), &token, ISSUED), Ok(()));
        assert_eq!(at(&verifier(), &token, second(EXPIRES, -1)), Ok(()));
        assert_eq!(at(&verifier(), &token, EXPIRES), Err(VerifyError::Expired { since: EXPIRES }));
        assert_eq!(
            at(&lenient, &token, second(ISSUED, -61)),
            Err(VerifyError::NotYetValid { until: ISSUED })
        );
        assert_eq!(at(&lenient, &token, second(ISSUED, -60)), Ok(()));
        assert_eq!(at(&lenient, &token, EXPIRES), Err(VerifyError::Expired { since: EXPIRES }));
        for extreme in [UnixSeconds::new(i64::MIN), UnixSeconds::new(i64::MAX)] {
            assert!(at(&lenient, &token, extreme).is_err());
        }
    }
    let mut endless = claims(PAYLOAD);
    endless.exp = None;
    let token = signer().sign(Format::Jwt, &endless).unwrap();
    let license: License<NoClaims> = verifier().verify(&token, UnixSeconds::new(i64::MAX)).unwrap();
    assert_eq!(license.expires_at(), None);
}

#[test]
fn expectations_are_held() {
    let base = || Verifier::for_any_product().key(signer().public_key().clone());
    let cases = [
        (base().issuer("https://other.example"), "wrong_issuer"),
        (base().audience("other"), "wrong_audience"),
        (base().organization("other"), "wrong_organization"),
        (base().subject("other"), "wrong_subject"),
        (base().max_token_bytes(100), "too_large"),
        (Verifier::for_any_product(), "unknown_key"),
        (Verifier::for_any_product().key(signer_of(8).public_key().clone()), "unknown_key"),
    ];
    for format in FORMATS {
        let token = token(format);
        for (builder, code) in &cases {
            let error = builder.clone().build().verify::<NoClaims>(&token, NOW).unwrap_err();
            assert_eq!(error.code(), *code);
        }
        let all =
            base().issuer(ISSUER).audience("license-key").organization(ORGANIZATION).subject(LICENSE).build();
        all.verify::<NoClaims>(&token, NOW).unwrap();
        base().any_audience().build().verify::<NoClaims>(&token, NOW).unwrap();
    }
    let bare = jws(header(), "{}");
    for (builder, code) in [
        (base(), "wrong_audience"),
        (base().any_audience().issuer(ISSUER), "wrong_issuer"),
        (base().any_audience().organization("o"), "wrong_organization"),
        (base().any_audience().subject("s"), "wrong_subject"),
    ] {
        assert_eq!(builder.build().verify::<NoClaims>(&bare, NOW).unwrap_err().code(), code);
    }
    base().any_audience().build().verify::<NoClaims>(&bare, NOW).unwrap();
}

#[test]
fn a_license_of_another_product_is_refused() {
    let other = "0192f0c1-7a00-7000-8000-00000000000c";
    let begin = || Verifier::for_product(PRODUCT);
    for format in FORMATS {
        let verdict = |builder: VerifierBuilder, product: Option<&str>| {
            let token = signer().sign(format, &claims_of(product)).unwrap();
            let verifier = builder.key(signer().public_key().clone()).build();
            let in_buffer = verifier.verify_into::<NoClaims>(&mut Vec::new(), &token, NOW).map(drop);
            let verdict = verifier.verify::<NoClaims>(&token, NOW);
            assert_eq!(verdict.as_ref().map(drop), in_buffer.as_ref().map(drop));
            verdict.map(|license| license.product().map(|product| product.into_owned()))
        };
        let refused =
            |found: Option<&str>| Err(VerifyError::WrongProduct { found: found.map(str::to_owned) });
        assert_eq!(verdict(begin(), Some(PRODUCT)), Ok(Some(PRODUCT.to_owned())));
        assert_eq!(verdict(begin(), Some(other)), refused(Some(other)));
        assert_eq!(verdict(begin(), None), refused(None));
        assert_eq!(verdict(begin().or_product(other), Some(other)), Ok(Some(other.to_owned())));
        assert_eq!(verdict(begin().or_product(other), None), refused(None));
        assert_eq!(verdict(begin().or_without_product(), None), Ok(None));
        assert_eq!(verdict(begin().or_without_product(), Some(other)), refused(Some(other)));
        assert_eq!(verdict(Verifier::for_product(""), Some(other)), refused(Some(other)));
        assert_eq!(verdict(Verifier::for_product(""), None), refused(None));
        for product in [Some(PRODUCT), Some(other), None] {
            let any = || Verifier::for_any_product();
            for builder in [any(), any().or_product("x"), any().or_without_product()] {
                assert_eq!(verdict(builder, product), Ok(product.map(str::to_owned)));
            }
        }
        // Whose license it is comes before whether it is still good.
        let token = signer().sign(format, &claims_of(Some(other))).unwrap();
        let verifier = begin().key(signer().public_key().clone()).build();
        assert_eq!(verifier.verify::<NoClaims>(&token, EXPIRES).unwrap_err().code(), "wrong_product");
    }
}

#[test]
fn what_is_no_token_is_named() {
    let good = token(Format::Jwt);
    for (text, found) in [
        (String::new(), Mistaken::Nothing),
        (format!("{good}\n"), Mistaken::Uncleaned),
        (format!("\"{good}\""), Mistaken::Uncleaned),
        (format!("{}\r\n", token(Format::Paseto)), Mistaken::Uncleaned),
        ("7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC\n".to_owned(), Mistaken::LicenseKey),
        ("kw_reg_2lFA6".to_owned(), Mistaken::Credential),
        (signer().public_key().to_pem(), Mistaken::Key),
        (signer().public_key().to_paserk(), Mistaken::Key),
        (Keyring::from(signer().public_key().clone()).to_jwks(), Mistaken::Key),
    ] {
        let error = verifier().verify::<NoClaims>(&text, NOW).unwrap_err();
        assert_eq!((error.code(), &error), ("malformed", &VerifyError::NotAToken { found }), "{text:?}");
        // It looks at no more than the header.
        assert!(UnverifiedToken::parse(&text).err().is_none_or(|parsed| parsed == error), "{text:?}");
    }
    for (typ, found) in [("statuslist+jwt", Some("statuslist+jwt")), ("at+jwt", Some("at+jwt")), ("x", None)]
    {
        let token = jws(format!(r#"{{"alg":"EdDSA","typ":"{typ}"}}"#), "{}");
        assert_eq!(verifier().verify::<NoClaims>(&token, NOW), Err(VerifyError::WrongType { found }));
    }
}

#[test]
fn the_audience_may_be_one_text_or_several() {
    for (aud, ok) in [
        (r#""license-key""#, true),
        (r#"["other","license-key"]"#, true),
        (r#""license\u002dkey""#, true),
        ("[]", false),
        (r#"["license-key "]"#, false),
    ] {
        let token = jws(header(), format!(r#"{{"aud":{aud}}}"#));
        let verifier = Verifier::for_any_product().key(signer().public_key().clone()).build();
        assert_eq!(verifier.verify::<NoClaims>(&token, NOW).is_ok(), ok, "{aud}");
    }
}

#[test]
fn escapes_in_registered_claims_are_resolved() {
    let token = jws(header(), r#"{"aud":"license-key","\u0069ss":"https:\/\/keys.example.com"}"#);
    let license: License<NoClaims> = verifier().verify(&token, NOW).unwrap();
    assert_eq!(license.issuer().unwrap(), ISSUER);
}

#[test]
fn the_keyring_picks_by_kid() {
    let mut keyring = Keyring::new();
    for seed in 1..9 {
        keyring.insert(signer_of(seed).public_key().clone()).unwrap();
    }
    let verifier = Verifier::for_any_product().keys(keyring).build();
    for format in FORMATS {
        for seed in 1..10 {
            let token = signer_of(seed).sign(format, &claims(PAYLOAD)).unwrap();
            let verdict = verifier.verify::<NoClaims>(&token, NOW).map(|license| license.kid());
            let kid = signer_of(seed).kid();
            let expected = if seed < 9 { Ok(kid) } else { Err(VerifyError::UnknownKey { kid: Some(kid) }) };
            assert_eq!(verdict, expected);
        }
    }
    // Without a kid, only a keyring of one key will do.
    let nameless = jws(r#"{"alg":"EdDSA","typ":"JWT"}"#, r#"{"aud":"license-key"}"#);
    let error = verifier.verify::<NoClaims>(&nameless, NOW).unwrap_err();
    assert_eq!(error, VerifyError::UnknownKey { kid: None });
    let alone = Verifier::for_any_product().key(signer().public_key().clone()).build();
    assert_eq!(alone.verify::<NoClaims>(&nameless, NOW).unwrap().kid(), signer().kid());
}

#[test]
fn an_unverified_token_shows_format_and_kid() {
    for format in FORMATS {
        let unverified = UnverifiedToken::parse(&token(format)).unwrap();
        assert_eq!((unverified.format(), unverified.kid()), (format, Some(signer().kid())));
    }
    let foreign = UnverifiedToken::parse(&jws(r#"{"alg":"EdDSA","typ":"JWT","kid":"mine"}"#, "{}")).unwrap();
    assert_eq!(foreign.kid(), None);
    assert_eq!(UnverifiedToken::parse("x").unwrap_err().code(), "malformed");
    assert_eq!(UnverifiedToken::parse(&"x".repeat(65_537)).unwrap_err().code(), "too_large");
}

#[test]
fn claims_that_do_not_fit_say_so() {
    let error = verifier()
        .verify::<Terms>(
            &jws(header(), r#"{"iss":"https://keys.example.com","aud":"license-key","seats":-1}"#),
            NOW,
        )
        .unwrap_err();
    assert_eq!(error.code(), "unexpected_claims");
    let start = "the token's claims are not those that the program expects: ";
    assert_eq!(error.to_string(), format!(r#"{start}"seats": invalid value: integer `-1`, expected u32"#));
    let said = |payload: &str| {
        let token = signer().sign(Format::Jwt, &claims(payload)).unwrap();
        match verifier().verify::<Terms>(&token, NOW) {
            Err(VerifyError::UnexpectedClaims(mismatch)) => {
                (mismatch.claim().map(str::to_owned), mismatch.to_string())
            }
            other => panic!("{other:?}"),
        }
    };
    let seats = (None, "missing field `seats`".to_owned());
    assert_eq!(said(r#"{"plan":"pro","modules":[]}"#), seats);
    let (claim, text) = said(r#"{"seats":1,"plan":"pro","modules":["a",{"b":1}]}"#);
    assert_eq!(claim.as_deref(), Some("modules"));
    assert_eq!(text, r#""modules": invalid type: map, expected a string"#);
}

#[test]
fn a_buffer_serves_many_tokens() {
    let mut buffer = vec![b'x'; 5_000];
    for format in FORMATS {
        let token = token(format);
        let license: License<Borrowed<'_>, &str> = verifier().verify_into(&mut buffer, &token, NOW).unwrap();
        assert_eq!(license.claims().plan, "pro");
        assert_eq!(license.json(), claims(PAYLOAD).to_json(format).unwrap());
    }
}

#[test]
fn the_type_of_the_claims_is_the_callers() {
    use serde_json::{Map, Value};

    #[derive(Deserialize)]
    struct Flat {
        seats: u32,
        #[serde(flatten)]
        more: Map<String, Value>,
    }
    #[derive(Deserialize)]
    #[serde(tag = "plan", rename_all = "lowercase")]
    enum Plan {
        Pro { seats: u32 },
        Free,
    }
    #[derive(Deserialize)]
    struct Wrapped(Map<String, Value>);

    for format in FORMATS {
        let token = token(format);
        let value = verifier().verify::<Value>(&token, NOW).unwrap().into_claims();
        assert_eq!((&value["exp"], &value["aud"]), (&EXPIRES.as_i64().into(), &["license-key"][..].into()));
        let flat = verifier().verify::<Flat>(&token, NOW).unwrap().into_claims();
        assert_eq!((flat.seats, flat.more["keyward"]["v"].as_u64()), (25, Some(1)));
        let plan = verifier().verify::<Plan>(&token, NOW).unwrap().into_claims();
        assert!(matches!(plan, Plan::Pro { seats: 25 }));
        assert!(!matches!(plan, Plan::Free));
        assert_eq!(
            verifier().verify::<Wrapped>(&token, NOW).unwrap().claims().0.len(),
            value.as_object().unwrap().len()
        );
        assert!(verifier().verify::<Option<Flat>>(&token, NOW).unwrap().claims().is_some());
        let raw = verifier().verify::<Box<RawValue>>(&token, NOW).unwrap();
        assert_eq!(raw.claims().get() == raw.json(), format == Format::Jwt);
        assert_eq!(verifier().verify::<u32>(&token, NOW).unwrap_err().code(), "unexpected_claims");
    }
}
