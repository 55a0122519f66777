//! Both directions against libraries that nobody here wrote: what we sign they verify, what they sign we verify, and
//! what was altered both refuse.

use crate::support::{ISSUED, ISSUER, LICENSE, NOW, claims, signer, signer_of};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use keyward_token::{Format, License, NoClaims, UnixSeconds, Verifier};
use pasetors::{
    Public,
    claims::{Claims, ClaimsValidationRules},
    keys::{AsymmetricPublicKey, AsymmetricSecretKey},
    token::UntrustedToken,
    version4::V4,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Objects as payloads are, without reserved names; numbers as serde_json can hold them.
pub(crate) fn payload() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("x[a-z\u{80}-\u{ffff}\"\\\\]{0,8}", value, 0..6)
        .prop_map(|members| members.into_iter().collect())
}

/// In a build of the whole workspace jsonwebtoken has both of its backends, and must be told which to use.
fn pick_backend() {
    // A second call finds the first one's, which is the same.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

/// Times are our own business in these tests: the others read the machine's clock.
fn validation() -> Validation {
    pick_backend();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["license-key"]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false;
    validation.leeway = 0;
    validation
}

fn decoding_key(seed: u8) -> DecodingKey {
    pick_backend();
    DecodingKey::from_ed_pem(signer_of(seed).public_key().to_pem().as_bytes()).unwrap()
}

fn verifier() -> Verifier {
    Verifier::for_any_product().key(signer().public_key().clone()).issuer(ISSUER).subject(LICENSE).build()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn jsonwebtoken_verifies_what_we_sign(payload in payload()) {
        let text = Value::Object(payload.clone()).to_string();
        let token = signer().sign(Format::Jwt, &claims(&text)).unwrap();
        let decoded = jsonwebtoken::decode::<Value>(&token, &decoding_key(7), &validation()).unwrap();
        prop_assert_eq!(decoded.header.kid.unwrap(), signer().kid().to_string());
        for (name, value) in payload {
            prop_assert_eq!(&decoded.claims[name], &value);
        }
        prop_assert!(jsonwebtoken::decode::<Value>(&token, &decoding_key(8), &validation()).is_err());
    }

    #[test]
    fn we_verify_what_jsonwebtoken_signs(payload in payload()) {
        let mut all = payload.clone();
        for (name, value) in [("iss", json!(ISSUER)), ("sub", json!(LICENSE)), ("aud", json!("license-key")), ("nbf", json!(ISSUED.as_i64()))] {
            all.insert(name.to_owned(), value);
        }
        pick_backend();
        let key = EncodingKey::from_ed_pem(signer().secret_key().to_pem().as_bytes()).unwrap();
        let mut header = Header::new(Algorithm::EdDSA);
        for kid in [None, Some(signer().kid().to_string())] {
            header.kid = kid;
            let token = jsonwebtoken::encode(&header, &all, &key).unwrap();
            let license: License<Map<String, Value>> = verifier().verify(&token, NOW).unwrap();
            prop_assert_eq!(license.claims(), &all);
        }
    }

    #[test]
    fn pasetors_verifies_what_we_sign(payload in payload()) {
        let text = Value::Object(payload.clone()).to_string();
        let mut license = claims(&text);
        license.exp = Some(UnixSeconds::MAX);
        let token = signer().sign(Format::Paseto, &license).unwrap();
        let mut rules = ClaimsValidationRules::new();
        rules.disable_valid_at();
        rules.validate_issuer_with(ISSUER);
        rules.validate_audience_with("license-key");
        let key = |seed| AsymmetricPublicKey::<V4>::from(&signer_of(seed).public_key().to_bytes()).unwrap();
        let untrusted = UntrustedToken::<Public, V4>::try_from(&token).unwrap();
        let trusted = pasetors::public::verify(&key(7), &untrusted, &rules, None, None).unwrap();
        for (name, value) in payload {
            prop_assert_eq!(trusted.payload_claims().unwrap().get_claim(&name), Some(&value));
        }
        prop_assert!(pasetors::public::verify(&key(8), &untrusted, &rules, None, None).is_err());
    }

    #[test]
    fn we_verify_what_pasetors_signs(payload in payload()) {
        let mut all = Claims::new().unwrap();
        all.issuer(ISSUER).unwrap();
        all.subject(LICENSE).unwrap();
        all.audience("license-key").unwrap();
        all.issued_at("2027-01-15T08:00:00+00:00").unwrap();
        all.not_before("2027-01-15T08:00:00Z").unwrap();
        all.non_expiring();
        for (name, value) in &payload {
            all.add_additional(name, value.clone()).unwrap();
        }
        let pair = [&signer().secret_key().to_seed()[..], &signer().public_key().to_bytes()].concat();
        let key = AsymmetricSecretKey::<V4>::from(&pair).unwrap();
        let token = pasetors::public::sign(&key, &all, None, None).unwrap();
        let license: License<Map<String, Value>> = verifier().verify(&token, NOW).unwrap();
        prop_assert_eq!(license.not_before(), Some(ISSUED));
        prop_assert_eq!(&license.claims()["iat"], &json!(ISSUED.as_i64()));
        prop_assert_eq!(&license.claims()["aud"], &json!(["license-key"]));
        for (name, value) in payload {
            prop_assert_eq!(&license.claims()[&name], &value);
        }
    }

    /// One changed bit: all of them refuse.
    #[test]
    fn altered_tokens_are_refused_by_all(bit in any::<prop::sample::Index>()) {
        for format in [Format::Jwt, Format::Paseto] {
            let mut bytes = crate::support::token(format).into_bytes();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(token) = String::from_utf8(bytes) else { continue };
            prop_assert!(verifier().verify::<NoClaims>(&token, NOW).is_err());
            prop_assert!(jsonwebtoken::decode::<Value>(&token, &decoding_key(7), &validation()).is_err());
            let mut rules = ClaimsValidationRules::new();
            rules.disable_valid_at();
            rules.allow_non_expiring();
            let key = AsymmetricPublicKey::<V4>::from(&signer().public_key().to_bytes()).unwrap();
            let verdict = UntrustedToken::<Public, V4>::try_from(&token)
                .and_then(|untrusted| pasetors::public::verify(&key, &untrusted, &rules, None, None));
            prop_assert!(verdict.is_err());
        }
    }
}

/// The same claims, the same bytes: Ed25519 is deterministic, whoever computes it.
#[test]
fn signatures_are_equal_across_libraries() {
    let json = claims("{}").to_json(Format::Jwt).unwrap();
    let token = signer().sign_jwt(&json);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    pick_backend();
    let key = EncodingKey::from_ed_pem(signer().secret_key().to_pem().as_bytes()).unwrap();
    assert_eq!(jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::EdDSA).unwrap(), signature);
}
