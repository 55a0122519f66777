//! A token from a stranger, and a payload that a key has signed whatever it says.
#![no_main]

use keyward_token::{SecretKey, Signer, UnixSeconds, UnverifiedToken, Verifier, pasted};
use libfuzzer_sys::fuzz_target;

const NOW: UnixSeconds = UnixSeconds::new(1_767_225_600);

fuzz_target!(|text: &str| {
    let secret = SecretKey::from_seed([7; 32]);
    let verifier = Verifier::for_any_product().key(secret.public_key().clone()).any_audience().build();

    let _ = UnverifiedToken::parse(text).map(|token| (token.format(), token.kid()));
    // Nobody but the key's owner can have signed it.
    assert!(verifier.verify::<serde_json::Value>(&pasted(text), NOW).is_err());

    let signed = Signer::new(secret).sign_jwt(text);
    let health = verifier.authenticate(&signed).map(|license| license.health(NOW));
    if let Ok(license) = verifier.verify::<serde_json::Value>(&signed, NOW) {
        assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{:?}", license.claims());
        assert!(health.is_ok_and(|health| health.is_valid()));
    }
});
