use crate::{
    differential::payload,
    support::{NOW, claims, header, jws, signer, token, verifier},
};
use keyward_token::{
    Format, Keyring, License, NoClaims, PublicKey, SecretKey, StatusList, UnixSeconds, UnverifiedToken,
    check_payload, pasted,
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

/// What copying adds: somewhere, or around the whole.
fn additions() -> impl Strategy<Value = Vec<(prop::sample::Index, char)>> {
    const ANYWHERE: [char; 20] = [
        ' ',
        '\t',
        '\r',
        '\n',
        '\u{85}',
        '\u{a0}',
        '\u{2028}',
        '\u{202f}',
        '\u{3000}',
        '\u{ad}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{202e}',
        '\u{2060}',
        '\u{feff}',
        '\u{fe0f}',
        '\u{180e}',
        '\u{3164}',
        '\u{e0020}',
    ];
    prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(ANYWHERE.to_vec())), 0..40)
}

fn with_additions(text: &str, additions: &[(prop::sample::Index, char)], quotes: (char, char)) -> String {
    let mut chars: Vec<char> = [quotes.0].into_iter().chain(text.chars()).chain([quotes.1]).collect();
    for (place, c) in additions {
        chars.insert(place.index(chars.len() + 1), *c);
    }
    chars.into_iter().collect()
}

fn quotes() -> impl Strategy<Value = (char, char)> {
    const PAIRS: [(char, char); 7] =
        [(' ', ' '), ('"', '"'), ('\'', '\''), ('`', '´'), ('“', '”'), ('„', '“'), ('«', '»')];
    prop::sample::select(PAIRS.to_vec())
}

proptest! {
    #[test]
    fn what_was_pasted_is_what_was_copied(additions in additions(), quotes in quotes()) {
        let (signer, public) = (signer(), signer().public_key().clone());
        for format in [Format::Jwt, Format::Paseto] {
            let text = with_additions(&token(format), &additions, quotes);
            prop_assert_eq!(pasted(&text), token(format));
        }
        let read = |text: String| with_additions(&text, &additions, quotes);
        prop_assert_eq!(&PublicKey::from_pem(&read(public.to_pem())).unwrap(), &public);
        prop_assert_eq!(&PublicKey::from_jwk(&read(public.to_jwk())).unwrap(), &public);
        prop_assert_eq!(&PublicKey::from_paserk(&read(public.to_paserk())).unwrap(), &public);
        let keys = Keyring::from(public.clone());
        prop_assert_eq!(&Keyring::from_jwks(&read(keys.to_jwks())).unwrap(), &keys);
        let secret = signer.secret_key();
        for key in [
            SecretKey::from_pem(&read(secret.to_pem().to_string())),
            SecretKey::from_jwk(&read(secret.to_jwk().to_string())),
            SecretKey::from_paserk(&read(secret.to_paserk().to_string())),
        ] {
            let key = key.unwrap();
            prop_assert_eq!(key.public_key(), &public);
        }
    }

    /// Whatever is pasted, what is left has no more in it than was there, and is left alone from then on.
    #[test]
    fn pasting_only_removes(text in any::<String>()) {
        let once = pasted(&text);
        prop_assert_eq!(pasted(&once), once.clone());
        let mut rest = text.chars();
        prop_assert!(once.chars().all(|c| rest.any(|other| other == c)));
    }

    /// Two tokens, however they are joined, don't make a third, nor one of the two.
    #[test]
    fn pasting_makes_no_other_token(additions in additions(), cut in any::<prop::sample::Index>()) {
        let (one, other) = (token(Format::Jwt), signer().sign(Format::Jwt, &claims("{\"seats\":9}")).unwrap());
        let cut = cut.index(one.len());
        for joined in [format!("{one}{other}"), format!("{}{}", &one[..cut], &other[cut.min(other.len())..])] {
            let text = with_additions(&joined, &additions, ('"', '"'));
            let left = pasted(&text);
            let taken = verifier().verify::<NoClaims>(&left, NOW).is_ok();
            prop_assert!(!taken || left == one || left == other);
        }
    }
}

/// Every entry point of the crate that takes text.
fn everything(text: &str) {
    let _ = verifier().verify::<NoClaims>(text, NOW);
    let _ = verifier().verify_into::<Map<String, Value>>(&mut Vec::new(), text, NOW);
    let _ = verifier().authenticate(text).map(|license| license.health(NOW).to_string());
    let _ = UnverifiedToken::parse(text);
    let _ = StatusList::verify(text, &Keyring::from(signer().public_key().clone()), NOW);
    let _ = (PublicKey::from_pem(text), PublicKey::from_jwk(text), PublicKey::from_paserk(text));
    let _ = (SecretKey::from_pem(text), SecretKey::from_jwk(text), SecretKey::from_paserk(text));
    let _ = (Keyring::from_jwks(text), check_payload(text), UnixSeconds::from_rfc3339(text));
}
