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
    if lists.is_empty() {
        return None;
    }
    let verifier = StatusListVerifier::builder().keys(keys.clone()).build();
    match verifier.check(lists, license, now) {
        Ok(_) => None,
        Err(StatusError::List(error)) => Some(refused_list(&error)),
        Err(StatusError::OtherList) => Some(other_list(license)),
        Err(error) => Some(json!({ "code": error.code(), "detail": error.to_string() })),
    }
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

#[cfg(test)]
mod tests {
    use keyward_token::{
        Format, LicenseClaims, NoClaims, SecretKey, Signer, Status, StatusRef, StatusTable, Verifier,
    };

    use super::*;

    const OLD: &str = "http://127.0.0.1:8080/o/acme/status-list";
    const NEW: &str = "https://licenses.example/o/acme/status-list";

    fn list(signer: &Signer, uri: &str, status: Status) -> String {
        let mut table = StatusTable::new(64);
        table.set(7, status).unwrap();
        table.sign(signer, uri, UnixSeconds::new(1_000), None, None).unwrap()
    }

    #[test]
    fn of_several_lists_the_one_that_the_license_names_decides() {
        let signer = Signer::new(SecretKey::from_seed([1; 32]));
        let keys = Keyring::from(signer.public_key().clone());
        let status = Some(StatusRef { index: 7, uri: OLD.into() });
        let claims = LicenseClaims { iss: "i", sub: "s", status, payload: "{}", ..LicenseClaims::default() };
        let token = signer.sign(Format::Jwt, &claims).unwrap();
        let now = UnixSeconds::new(2_000);
        let license =
            Verifier::for_any_product().keys(keys.clone()).build().verify::<NoClaims>(&token, now).unwrap();
        let [good, revoked] = [Status::Valid, Status::Invalid].map(|status| list(&signer, OLD, status));
        let other = list(&signer, NEW, Status::Valid);
        let forged = list(&Signer::new(SecretKey::from_seed([2; 32])), OLD, Status::Valid);
        let code = |lists: &[&String]| {
            let lists: Vec<String> = lists.iter().map(|list| (*list).clone()).collect();
            refusal(&lists, &keys, &license, now)
                .map(|why| why["code"].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(code(&[]), None);
        assert_eq!(code(&[&other, &good]), None);
        assert_eq!(code(&[&other]).as_deref(), Some("other_status_list"));
        for lists in [[&other, &revoked], [&revoked, &good], [&good, &revoked]] {
            assert_eq!(code(&lists).as_deref(), Some(StatusError::Revoked.code()), "the strictest decides");
        }
        assert_eq!(code(&[&forged]).as_deref(), Some("status_list_unknown_key"));
        assert_eq!(code(&[&forged, &good]), None, "what a forged one says does not count");
        let why = refusal(&[other], &keys, &license, now).unwrap();
        assert_eq!(why["uri"], OLD);
    }
}
