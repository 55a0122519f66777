use crate::{
    differential::payload,
    support::{NOW, claims, header, jws, signer, token, verifier},
};
use keyward_token::{
    Format, Keyring, License, NoClaims, PublicKey, SecretKey, StatusList, UnixSeconds, UnverifiedToken,
    check_payload,
};
use proptest::prelude::*;
use serde_json::{Map, Value};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_signed_is_verified(payload in payload()) {
        let text = Value::Object(payload.clone()).to_string();
        for format in [Format::Jwt, Format::Paseto] {
            let token = signer().sign(format, &claims(&text)).unwrap();
            let license: License<Map<String, Value>> = verifier().verify(&token, NOW).unwrap();
            prop_assert_eq!(license.json(), claims(&text).to_json(format).unwrap());
            for (name, value) in &payload {
                prop_assert_eq!(&license.claims()[name], value);
                prop_assert_eq!(license.claim(name).unwrap(), value.to_string());
            }
        }
    }

    #[test]
    fn no_time_panics(seconds: i64, since: std::time::Duration, text in any::<String>(), digits in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z") {
        for at in [UnixSeconds::new(seconds), UnixSeconds::from(since), UnixSeconds::new(i64::MIN), UnixSeconds::new(i64::MAX)] {
            let shown = (at.to_string(), at.to_rfc3339());
            if let (_, Some(text)) = shown {
                prop_assert_eq!(UnixSeconds::from_rfc3339(&text), Some(at));
            }
            let token = token(Format::Jwt);
            let _ = verifier().verify::<NoClaims>(&token, at);
        }
        for text in [text, digits] {
            let _ = UnixSeconds::from_rfc3339(&text);
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        everything(&text);
        everything(&jws(header(), &text));
        everything(&jws(&text, "{}"));
        let _ = signer().sign_paseto(&text).map(|token| everything(&token));
    }

    #[test]
    fn arbitrary_bytes_never_panic(header in any::<Vec<u8>>(), payload in any::<Vec<u8>>()) {
        everything(&jws(header, payload));
    }

    /// Near misses go deeper than noise: a part of a token or of its claims is replaced.
    #[test]
    fn mangled_tokens_never_panic(at in any::<prop::sample::Index>(), length in 0usize..9, patch in "[ -~]{0,8}") {
        for format in [Format::Jwt, Format::Paseto] {
            let mangle = |text: &str| {
                let start = at.index(text.len());
                let end = (start + length).min(text.len());
                format!("{}{patch}{}", &text[..start], &text[end..])
            };
            everything(&mangle(&token(format)));
            let json = mangle(&claims(crate::support::PAYLOAD).to_json(format).unwrap());
            everything(&signer().sign_jwt(&json));
            everything(&signer().sign_paseto(&json).unwrap());
        }
    }

    /// The scanner accepts what serde_json accepts, except for what it must refuse: duplicates and depth.
    #[test]
    fn the_scanner_agrees_with_serde_json(text in "[\\[\\]{}\",:\\\\u0-9a-eE.+\\- ntrfls]{0,24}") {
        let text = format!("{{\"a\":{text}}}");
        match check_payload(&text).map_err(|error| error.code()) {
            Ok(()) => prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok()),
            Err("not_json") => prop_assert!(serde_json::from_str::<Map<String, Value>>(&text).is_err() || text.contains("e"), "{}", text),
            Err(_) => {}
        }
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for format in [Format::Jwt, Format::Paseto] {
        let token = token(format);
        for bit in 0..token.len() * 8 {
            let mut bytes = token.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(flipped) = String::from_utf8(bytes) {
                assert!(verifier().verify::<NoClaims>(&flipped, NOW).is_err(), "bit {bit} of {token}");
            }
        }
    }
}

/// Every door of the crate that takes text.
fn everything(text: &str) {
    let _ = verifier().verify::<NoClaims>(text, NOW);
    let _ = verifier().verify_into::<Map<String, Value>>(&mut Vec::new(), text, NOW);
    let _ = UnverifiedToken::parse(text);
    let _ = StatusList::verify(text, &Keyring::from(signer().public_key().clone()), NOW);
    let _ = (PublicKey::from_pem(text), PublicKey::from_jwk(text), PublicKey::from_paserk(text));
    let _ = (SecretKey::from_pem(text), SecretKey::from_jwk(text), SecretKey::from_paserk(text));
    let _ = (Keyring::from_jwks(text), check_payload(text), UnixSeconds::from_rfc3339(text));
}
