//! Looks a license up in its organization's status list.

use keyward_token::{Keyring, License, StatusListVerifier, UnixSeconds};
use serde_json::{Value, json};

/// Why the list does not clear the license; `None` if it does.
pub(crate) fn refusal<C>(
    list: &str,
    keys: &Keyring,
    license: &License<C>,
    now: UnixSeconds,
) -> Option<Value> {
    let verifier = StatusListVerifier::builder().keys(keys.clone()).build();
    match verifier.verify(list, now) {
        Ok(list) => {
            let error = list.check(license).err()?;
            Some(json!({ "code": error.code(), "detail": error.to_string() }))
        }
        Err(error) => {
            // Told apart from the same fault in the token itself.
            let code = format!("status_list_{}", error.code());
            Some(json!({ "code": code, "detail": format!("the status list was refused: {error}") }))
        }
    }
}
