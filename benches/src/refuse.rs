//! Tokens that are refused before the signature is looked at.

use std::hint::black_box;

use keyward_token::{NoClaims, SecretKey, Signer, UnixSeconds, Verifier};

use crate::Candidate;
use crate::fixture::{CLAIMS, NOW, secret, token};

/// Each is to take less than a microsecond.
pub fn candidates() -> Vec<Candidate> {
    let foreign_header = token().replacen('.', "x.", 1);
    let none =
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", token().split('.').nth(1).unwrap_or_default());
    let stranger = Signer::new(SecretKey::from_seed([8; 32])).sign_jwt(CLAIMS);
    vec![
        refused("not a token", "hello".to_owned()),
        refused("malformed header", foreign_header),
        refused("alg none", none),
        refused("unknown key", stranger),
        refused("1 MiB", "a".repeat(1 << 20)),
    ]
}

fn refused(name: &'static str, token: String) -> Candidate {
    let verifier = Verifier::for_any_product().key(secret().public_key().clone()).build();
    let mut buffer = Vec::with_capacity(1024);
    Candidate::new(name, move || {
        verifier.verify_into::<NoClaims>(&mut buffer, black_box(&token), UnixSeconds::new(NOW)).is_err()
    })
}
