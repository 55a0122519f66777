//! Looks a license up in its organization's status list.

use keyward_token::{Keyring, License, StatusError, StatusListVerifier, UnixSeconds, VerifyError};
use serde_json::{Value, json};

/// Why the lists do not clear the license; `None` if they do, or if there are none. Of several, which a server that has
/// moved publishes, the one that the license names decides.
pub(crate) fn refusal<C>(
    lists: &[String],
    keys: &Keyring,
    license: &License<C>,
    now: UnixSeconds,
) -> Option<Value> {
    let verifier = StatusListVerifier::builder().keys(keys.clone()).build();
    let (mut cleared, mut why) = (lists.is_empty(), None);
    for list in lists {
        match verifier.verify(list, now).map(|list| list.check(license)) {
            Ok(Ok(())) => cleared = true,
            Ok(Err(StatusError::OtherList)) => why = why.or(Some(other_list(license))),
            Ok(Err(error)) => return Some(json!({ "code": error.code(), "detail": error.to_string() })),
            Err(error) => why = Some(refused_list(&error)),
        }
    }
    why.filter(|_| !cleared)
}

fn refused_list(error: &VerifyError) -> Value {
    // Told apart from the same fault in the token itself.
    let code = format!("status_list_{}", error.code());
    json!({ "code": code, "detail": format!("the status list was refused: {error}") })
}

/// Says which list would be the right one: servers move, and tokens name the address of their time.
fn other_list<C>(license: &License<C>) -> Value {
    let (code, uri) = (StatusError::OtherList.code(), license.status().map(|status| status.uri.to_string()));
    let detail = match &uri {
        Some(uri) => format!(
            "{}: the token names {uri}; a server that has moved publishes that list as well, at status-list?uri={uri}",
            StatusError::OtherList
        ),
        None => StatusError::OtherList.to_string(),
    };
    json!({ "code": code, "detail": detail, "uri": uri })
}
