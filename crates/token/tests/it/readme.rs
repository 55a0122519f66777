//! The snippet of both READMEs and of the guide is one text, and that text works.

use crate::support::{PRODUCT, claims_of, signer, signer_of};
use keyward_token::{Format, Keyring, VerifyError};
use std::path::Path;

#[path = "readme/verify.rs"]
mod snippet;

#[test]
fn the_snippet_is_the_same_everywhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let block = format!("```rust\n{}```\n", include_str!("readme/verify.rs"));
    for file in ["README.md", "../../README.md", "../../docs/guides/verifying.md"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        assert!(text.contains(&block), "{file} has another snippet than tests/it/readme/verify.rs");
    }
}

#[test]
fn the_snippet_refuses_what_it_must() {
    let jwks = Keyring::from(signer().public_key().clone()).to_jwks();
    let sign = |seed: u8, product| {
        let mut claims = claims_of(product);
        (claims.nbf, claims.exp) = (None, None);
        signer_of(seed).sign(Format::Jwt, &claims).unwrap()
    };
    let judge = |token: &str| match snippet::license(&jwks, token) {
        Ok(license) => Ok(license.claims().seats),
        Err(error) => Err(error.downcast::<VerifyError>().unwrap().code()),
    };
    assert_eq!(judge(&format!("{}\n", sign(7, Some(PRODUCT)))), Ok(25), "as a file has it, with a line end");
    assert_eq!(judge(&sign(7, Some("0192f0c1-7a00-7000-8000-00000000000c"))), Err("wrong_product"));
    assert_eq!(judge(&sign(7, None)), Err("wrong_product"));
    assert_eq!(judge(&sign(8, Some(PRODUCT))), Err("unknown_key"));
    let error = snippet::license(&jwks, "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC\n").err().unwrap();
    assert_eq!(error.to_string(), "this is no license token: it is a license key, which is validated online");
}
