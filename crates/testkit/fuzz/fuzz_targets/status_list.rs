//! A status list from a stranger, and one that a key has signed whatever it says and holds: within its bounds, or refused.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_token::{SecretKey, StatusListVerifier, UnixSeconds};
use libfuzzer_sys::fuzz_target;

const NOW: UnixSeconds = UnixSeconds::new(1_767_225_600);

fn signed(secret: &SecretKey, claims: &str) -> String {
    let header = format!(r#"{{"alg":"EdDSA","typ":"statuslist+jwt","kid":"{}"}}"#, secret.public_key().kid());
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(secret.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fuzz_target!(|input: (String, Vec<u8>)| {
    let (text, bytes) = input;
    let secret = SecretKey::from_seed([7; 32]);
    let verifier = StatusListVerifier::builder().key(secret.public_key().clone()).max_list_bytes(1 << 16).build();
    assert!(verifier.verify(&text, NOW).is_err());
    let _ = verifier.verify(&signed(&secret, &text), NOW);

    let list = URL_SAFE_NO_PAD.encode(bytes);
    let claims = format!(
        r#"{{"iat":1767225600,"sub":"https://a.example/list","status_list":{{"bits":1,"lst":"{list}"}}}}"#
    );
    let _ = verifier.verify(&signed(&secret, &claims), NOW);
});
