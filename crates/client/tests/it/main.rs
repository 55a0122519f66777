//! The client against answers that are good, forged, old, and of other questions.
#![allow(clippy::unwrap_used, reason = "tests")]

mod answers;
mod crates;
mod keys;
mod lists;
mod machine;
mod network;
mod processes;
mod refusals;
mod vectors;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_client::test_kit::{MockServer, Vendor};
use keyward_client::{Client, ClientBuilder, Keyring, Machine, UnixSeconds};
use keyward_token::SecretKey;
use serde_json::{Value, json};

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;

fn secret() -> SecretKey {
    SecretKey::from_seed([7; 32])
}

fn keys() -> Keyring {
    let mut keys = Keyring::new();
    keys.insert(secret().public_key().clone()).unwrap();
    keys
}

/// What the server answers to a question with this nonce, changed by the test.
fn answer(nonce: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut answer = json!({
        "valid": true, "status": "active", "expires": "2026-01-20T00:00:00Z", "ip_registered": true, "ip_count": 1,
        "max_ips": 3, "version": "2.1.0", "version_valid": true, "custom": {"é": 1.5}, "kid": secret().public_key().kid().as_str(),
        "license_key": "KEY", "nonce": nonce, "product_id": "p", "signed_at": "2026-01-01T00:00:00Z",
    });
    change(&mut answer);
    let message = serde_json_canonicalizer::to_vec(&answer).unwrap();
    answer["signature"] = URL_SAFE_NO_PAD.encode(secret().sign(&message)).into();
    answer.to_string()
}

fn at(seconds: i64) -> UnixSeconds {
    UnixSeconds::new(NOW + seconds)
}

/// A license key, as people type it.
const KEY: &str = "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC";

/// Where nobody answers.
const GONE: &str = "http://127.0.0.1:9";

fn mock() -> MockServer {
    MockServer::start(Vendor::new("p")).unwrap()
}

/// A client on one and the same machine, which trusts the first key of the test kit's vendor.
fn asking(url: &str) -> ClientBuilder {
    let machine = Some(Machine::from_id("the machine of the tests"));
    let builder = Client::builder(url, "kw_prod_x", "p", Vendor::new("p").keys());
    builder.machine(machine).timeout(Duration::from_secs(2))
}
