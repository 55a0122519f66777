//! From claims to a token.

use std::hint::black_box;

use ed25519_dalek::{Signer as _, SigningKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use jwt_simple::prelude::{Claims, Duration, Ed25519KeyPair, EdDSAKeyPairLike as _};
use pasetors::keys::AsymmetricSecretKey;
use pasetors::version4::V4;

use crate::fixture::{CLAIMS, Full, Owned, parts, secret, signer};
use crate::{Candidate, jsonwebtoken_backend};

/// The first is what the others are measured against.
pub fn candidates() -> Vec<Candidate> {
    vec![raw(), keyward(), jsonwebtoken(true), jsonwebtoken(false), jwt_simple(), pasetors()]
}

/// The token's claims with the times as PASETO wants them.
fn paseto_claims() -> String {
    CLAIMS
        .replace("\"iat\":1780000000", "\"iat\":\"2026-05-28T20:26:40+00:00\"")
        .replace("\"nbf\":1780000000", "\"nbf\":\"2026-05-28T20:26:40+00:00\"")
        .replace("\"exp\":4102444800", "\"exp\":\"2100-01-01T00:00:00+00:00\"")
        .replace("[\"license-key\"]", "\"license-key\"")
}

pub(crate) fn paseto_token() -> String {
    signer().sign_paseto(&paseto_claims()).expect("claims")
}

fn raw() -> Candidate {
    let key = SigningKey::from_bytes(&secret().to_seed());
    let (signed, signature) = parts();
    Candidate::new("ed25519-dalek sign, the bare signature", move || {
        key.sign(black_box(&signed)).to_bytes() == signature
    })
}

fn keyward() -> Candidate {
    let signer = signer();
    Candidate::new("keyward JWT", move || signer.sign_jwt(black_box(CLAIMS)).len() > 500)
}

fn jsonwebtoken(aws: bool) -> Candidate {
    let key = EncodingKey::from_ed_pem(secret().to_pem().as_bytes()).expect("a key");
    let claims: Full = serde_json::from_str(CLAIMS).expect("claims");
    let header = Header::new(Algorithm::EdDSA);
    let name = if aws { "jsonwebtoken aws_lc_rs" } else { "jsonwebtoken rust_crypto" };
    Candidate::new(name, move || {
        jsonwebtoken_backend::pick(aws);
        jsonwebtoken::encode(&header, black_box(&claims), &key).is_ok()
    })
}

fn jwt_simple() -> Candidate {
    let key = Ed25519KeyPair::from_pem(&secret().to_pem()).expect("a key");
    let own: Owned = serde_json::from_str(CLAIMS).expect("claims");
    Candidate::new("jwt-simple", move || {
        let claims = Claims::with_custom_claims(black_box(own.clone()), Duration::from_hours(1));
        key.sign(claims.with_issuer(crate::fixture::ISSUER)).is_ok()
    })
}

fn pasetors() -> Candidate {
    let pair = [secret().to_seed().as_slice(), &secret().public_key().to_bytes()].concat();
    let key = AsymmetricSecretKey::<V4>::from(&pair).expect("a key");
    let text = paseto_claims();
    Candidate::new("pasetors, low tier", move || {
        pasetors::version4::PublicToken::sign(&key, black_box(text.as_bytes()), None, None).is_ok()
    })
}
