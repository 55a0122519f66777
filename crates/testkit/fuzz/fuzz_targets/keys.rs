//! Keys in every form in which they are imported: what is taken is written the same again.
#![no_main]

use keyward_token::{Keyring, PublicKey, SecretKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for key in [PublicKey::from_pem(text), PublicKey::from_jwk(text), PublicKey::from_paserk(text)] {
        let Ok(key) = key else { continue };
        assert_eq!(PublicKey::from_pem(&key.to_pem()).unwrap().kid(), key.kid());
        assert_eq!(PublicKey::from_jwk(&key.to_jwk()).unwrap().kid(), key.kid());
        assert_eq!(PublicKey::from_paserk(&key.to_paserk()).unwrap().kid(), key.kid());
    }
    if let Ok(keys) = Keyring::from_jwks(text) {
        assert_eq!(Keyring::from_jwks(&keys.to_jwks()).unwrap().len(), keys.len());
    }
    for key in [SecretKey::from_pem(text), SecretKey::from_jwk(text), SecretKey::from_paserk(text)] {
        let Ok(key) = key else { continue };
        assert_eq!(SecretKey::from_pem(&key.to_pem()).unwrap().public_key().kid(), key.public_key().kid());
    }
});
