//! Files of a version, and a license's payload.
#![no_main]

use keyward_domain::{CustomResponse, Payload, license_reference, yaml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if yaml::check_mapping(text).is_ok() {
        let _ = yaml::service_images(text);
    }
    let _ = license_reference::references(text);
    let _ = license_reference::fill(text, |_| Some("token"));
    if let Ok(payload) = Payload::parse(text) {
        assert!(Payload::parse(payload.as_str()).is_ok());
    }
    let _ = CustomResponse::parse(text);
});
