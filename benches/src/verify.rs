//! From a token to checked claims.

use std::hint::black_box;

use ed25519_dalek::{Signature, VerifyingKey};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use jwt_simple::prelude::{Ed25519PublicKey, EdDSAPublicKeyLike as _, VerificationOptions};
use keyward_token::{UnixSeconds, Verifier};
use pasetors::claims::ClaimsValidationRules;
use pasetors::keys::AsymmetricPublicKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::V4;

use crate::fixture::{Borrowed, Full, ISSUER, NOW, Owned, parts, secret, token};
use crate::{Candidate, jsonwebtoken_backend};

/// The first is what the others are measured against.
pub fn candidates() -> Vec<Candidate> {
    vec![
        raw(),
        borrowed(),
        owned(),
        prepared(),
        paseto(),
        jsonwebtoken(true),
        jsonwebtoken(false),
        jwt_simple(),
        pasetors(),
    ]
}

fn raw() -> Candidate {
    let (signed, signature) = parts();
    let key = VerifyingKey::from_bytes(&secret().public_key().to_bytes()).expect("a key");
    let signature = Signature::from_bytes(&signature);
    Candidate::new("ed25519-dalek verify_strict, the bare signature", move || {
        key.verify_strict(black_box(&signed), &signature).is_ok()
    })
}

fn verifier() -> Verifier {
    Verifier::for_any_product().key(secret().public_key().clone()).issuer(ISSUER).build()
}

fn borrowed() -> Candidate {
    let (verifier, token, mut buffer) = (verifier(), token(), Vec::with_capacity(1024));
    Candidate::new("keyward JWT, claims borrowed", move || {
        let license =
            verifier.verify_into::<Borrowed<'_>>(&mut buffer, black_box(&token), UnixSeconds::new(NOW));
        license.is_ok_and(|license| license.claims().seats == 250)
    })
}

fn owned() -> Candidate {
    let (verifier, token) = (verifier(), token());
    Candidate::new("keyward JWT, claims owned", move || {
        let license = verifier.verify::<Owned>(black_box(&token), UnixSeconds::new(NOW));
        license.is_ok_and(|license| license.claims().seats == 250)
    })
}

fn prepared() -> Candidate {
    let key = secret().public_key().clone().prepared();
    let verifier = Verifier::for_any_product().key(key).issuer(ISSUER).build();
    let (token, mut buffer) = (token(), Vec::with_capacity(1024));
    Candidate::new("keyward JWT, claims borrowed, the key prepared", move || {
        let license =
            verifier.verify_into::<Borrowed<'_>>(&mut buffer, black_box(&token), UnixSeconds::new(NOW));
        license.is_ok_and(|license| license.claims().seats == 250)
    })
}

fn paseto() -> Candidate {
    let (verifier, token) = (verifier(), crate::sign::paseto_token());
    let mut buffer = Vec::with_capacity(1024);
    Candidate::new("keyward PASETO, claims borrowed", move || {
        let license =
            verifier.verify_into::<Borrowed<'_>>(&mut buffer, black_box(&token), UnixSeconds::new(NOW));
        license.is_ok_and(|license| license.claims().seats == 250)
    })
}

fn jsonwebtoken(aws: bool) -> Candidate {
    let key = DecodingKey::from_ed_pem(secret().public_key().to_pem().as_bytes()).expect("a key");
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["license-key"]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_nbf = true;
    let token = token();
    let name =
        if aws { "jsonwebtoken aws_lc_rs (not strict)" } else { "jsonwebtoken rust_crypto (not strict)" };
    Candidate::new(name, move || {
        jsonwebtoken_backend::pick(aws);
        let decoded = jsonwebtoken::decode::<Full>(black_box(&token), &key, &validation);
        decoded.is_ok_and(|decoded| decoded.claims.own.seats == 250)
    })
}

fn jwt_simple() -> Candidate {
    let key = Ed25519PublicKey::from_bytes(&secret().public_key().to_bytes()).expect("a key");
    let options = VerificationOptions {
        allowed_issuers: Some([ISSUER.to_owned()].into()),
        allowed_audiences: Some(["license-key".to_owned()].into()),
        ..VerificationOptions::default()
    };
    let token = token();
    Candidate::new("jwt-simple", move || {
        let claims = key.verify_token::<Owned>(black_box(&token), Some(options.clone()));
        claims.is_ok_and(|claims| claims.custom.seats == 250)
    })
}

fn pasetors() -> Candidate {
    let key = AsymmetricPublicKey::<V4>::from(&secret().public_key().to_bytes()).expect("a key");
    let mut rules = ClaimsValidationRules::new();
    rules.validate_issuer_with(ISSUER);
    rules.validate_audience_with("license-key");
    let token = crate::sign::paseto_token();
    Candidate::new("pasetors", move || {
        let untrusted = UntrustedToken::<pasetors::Public, V4>::try_from(black_box(token.as_str()));
        untrusted.is_ok_and(|token| pasetors::public::verify(&key, &token, &rules, None, None).is_ok())
    })
}
