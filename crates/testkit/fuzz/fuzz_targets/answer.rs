//! An answer of a server that is not ours.
#![no_main]

use keyward_client::{Keyring, Question, UnixSeconds, Verifier};
use keyward_token::SecretKey;
use libfuzzer_sys::fuzz_target;

const NOW: UnixSeconds = UnixSeconds::new(1_767_225_600);

fuzz_target!(|body: &str| {
    let mut keys = Keyring::new();
    keys.insert(SecretKey::from_seed([7; 32]).public_key().clone()).unwrap();
    let question = Question::new("AAAA-BBBB", Some("1.2.3"), [9; 16]);
    assert!(Verifier::new(keys, "product").verify(body, &question, NOW).is_err());
});
