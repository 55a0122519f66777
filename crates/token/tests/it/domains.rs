//! Every kind of signed document, submitted to every verifier: only its own accepts it.

use crate::support::{ISSUED, LIST, NOW, signer, token};
use keyward_token::{Format, Keyring, NoClaims, StatusList, StatusTable, Verifier};

#[test]
fn no_verifier_accepts_another_kind() {
    let signer = signer();
    let keys = Keyring::from(signer.public_key().clone());
    let licenses = Verifier::for_any_product().keys(keys.clone()).any_audience().build();
    let list = StatusTable::new(8).sign(&signer, LIST, ISSUED, None, None).unwrap();
    let license =
        |token: &str| licenses.verify::<NoClaims>(token, NOW).map(drop).map_err(|error| error.code());
    let status = |token: &str| StatusList::verify(token, &keys, NOW).map(drop).map_err(|error| error.code());

    assert_eq!(license(&token(Format::Jwt)), Ok(()));
    assert_eq!(license(&token(Format::Paseto)), Ok(()));
    assert_eq!(license(&list), Err("wrong_type"));
    assert_eq!(status(&list), Ok(()));
    assert_eq!(status(&token(Format::Jwt)), Err("wrong_type"));
    assert_eq!(status(&token(Format::Paseto)), Err("malformed"));
    // A bare signature is over text with a domain of its own, which is not base64url of a header.
    let answer = b"keyward validation answer\0{}";
    let bare = crate::support::encode(signer.secret_key().sign(answer));
    let forged = format!(
        "{}.{}.{bare}",
        crate::support::encode(crate::support::header()),
        crate::support::encode(answer)
    );
    assert_eq!(license(&forged), Err("bad_signature"));
}

/// What one format signs is never what the other signs.
#[test]
fn a_signature_does_not_move_between_formats() {
    let keys = Keyring::from(signer().public_key().clone());
    let verifier = Verifier::for_any_product().keys(keys).any_audience().build();
    let jwt = token(Format::Jwt);
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let payload = crate::support::decode(signed.split_once('.').unwrap().1);
    let message = [payload, crate::support::decode(signature)].concat();
    let paseto = format!("v4.public.{}", crate::support::encode(message));
    assert_eq!(verifier.verify::<NoClaims>(&paseto, NOW).unwrap_err().code(), "bad_signature");
}
