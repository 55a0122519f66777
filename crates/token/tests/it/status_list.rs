use crate::support::{ISSUED, LIST, NOW, PAYLOAD, claims, encode, signer, signer_of, token};
use keyward_token::{
    Format, Keyring, NoClaims, Status, StatusError, StatusList, StatusListVerifier, StatusRef, StatusTable,
    UnixSeconds, VerifyError,
};

fn keys() -> Keyring {
    Keyring::from(signer().public_key().clone())
}

fn list(statuses: &[(u64, Status)]) -> String {
    let mut table = StatusTable::new(2_000);
    for (index, status) in statuses {
        table.set(*index, *status).unwrap();
    }
    table.sign(&signer(), LIST, ISSUED, Some(UnixSeconds::new(NOW.as_i64() + 10)), Some(3_600)).unwrap()
}

fn jws(payload: impl AsRef<[u8]>) -> String {
    crate::support::jws(
        format!(r#"{{"alg":"EdDSA","typ":"statuslist+jwt","kid":"{}"}}"#, signer().kid()),
        payload,
    )
}

fn body(list: &str) -> String {
    jws(format!(r#"{{"sub":"{LIST}","iat":1800000000,"status_list":{list}}}"#))
}

#[test]
fn a_license_is_checked_against_its_list() {
    for format in [Format::Jwt, Format::Paseto] {
        let license = crate::support::verifier().verify::<NoClaims>(&token(format), NOW).unwrap();
        for (status, expected) in [
            (Status::Valid, Ok(())),
            (Status::Invalid, Err(StatusError::Revoked)),
            (Status::Suspended, Err(StatusError::Suspended)),
            (Status::Other(3), Err(StatusError::Revoked)),
        ] {
            let list =
                StatusList::verify(&list(&[(1234, status), (1233, Status::Invalid)]), &keys(), NOW).unwrap();
            assert_eq!(list.check(&license, NOW), expected);
            assert_eq!(list.uri(), LIST);
            assert_eq!(list.table().status(1233), Ok(Status::Invalid));
        }
    }
}

fn cleared(lists: &[&str], now: UnixSeconds) -> Result<UnixSeconds, StatusError> {
    let license = crate::support::verifier().verify::<NoClaims>(&token(Format::Jwt), NOW).unwrap();
    let verifier = StatusListVerifier::builder().keys(keys()).build();
    verifier.check(lists, &license, now).map(|list| list.issued_at())
}

/// Whatever is not a clear yes is a refusal.
#[test]
fn a_check_that_fails_keeps_the_door_closed() {
    let [good, revoked, suspended] =
        [Status::Valid, Status::Invalid, Status::Suspended].map(|status| list(&[(1234, status)]));
    let good = good.as_str();
    assert_eq!(cleared(&[good], NOW), Ok(ISSUED));
    assert_eq!(cleared(&[&revoked], NOW), Err(StatusError::Revoked));
    assert_eq!(cleared(&[&suspended], NOW), Err(StatusError::Suspended));
    assert_eq!(cleared(&[], NOW), Err(StatusError::NoList));
    let end = UnixSeconds::new(NOW.as_i64() + 10);
    assert_eq!(cleared(&[good], end), Err(StatusError::List(VerifyError::Expired { since: end })));
    for (list, code) in
        [("", "malformed"), (token(Format::Jwt).as_str(), "wrong_type"), (&format!("{good}\n"), "malformed")]
    {
        let error = cleared(&[list], NOW).unwrap_err();
        assert!(matches!(error, StatusError::List(_)) && error.code() == code, "{error:?}");
    }
    let kept = StatusList::verify(good, &keys(), NOW).unwrap();
    let license = crate::support::verifier().verify::<NoClaims>(&token(Format::Jwt), NOW).unwrap();
    let expired = StatusError::List(VerifyError::Expired { since: end });
    assert_eq!(kept.check(&license, end), Err(expired), "also a list that was verified in time");
}

#[test]
fn of_several_lists_the_one_that_the_license_names_decides() {
    let signed = |uri: &str, issued: i64, status: Status| {
        let mut table = StatusTable::new(2_000);
        table.set(1234, status).unwrap();
        table.sign(&signer(), uri, UnixSeconds::new(issued), None, None).unwrap()
    };
    let (good, newer) = (signed(LIST, 1_000, Status::Valid), signed(LIST, 2_000, Status::Valid));
    let revoked = signed(LIST, 1_000, Status::Invalid);
    let other = signed("https://other.example/list", 1_000, Status::Valid);
    let forged = StatusTable::new(2_000).sign(&signer_of(8), LIST, ISSUED, None, None).unwrap();
    for (lists, expected) in [
        ([&other, &good], Ok(UnixSeconds::new(1_000))),
        ([&newer, &good], Ok(UnixSeconds::new(2_000))),
        ([&good, &newer], Ok(UnixSeconds::new(2_000))),
        ([&forged, &good], Ok(UnixSeconds::new(1_000))),
        ([&other, &other], Err("other_status_list")),
        ([&revoked, &good], Err("revoked")),
        ([&good, &revoked], Err("revoked")),
        ([&forged, &other], Err("unknown_key")),
        ([&other, &forged], Err("unknown_key")),
    ] {
        let found = cleared(&lists.map(String::as_str), NOW);
        assert_eq!(found.as_ref().map_err(StatusError::code), expected.as_ref().map_err(|code| *code));
    }
}

#[test]
fn a_list_says_nothing_of_other_licenses() {
    let list = StatusList::verify(&list(&[]), &keys(), NOW).unwrap();
    let reference = |index, uri: &'static str| StatusRef { index, uri: uri.into() };
    assert_eq!(list.status(&reference(1_999, LIST)), Ok(Status::Valid));
    assert_eq!(list.status(&reference(2_000, LIST)), Err(StatusError::OutOfRange));
    assert_eq!(list.status(&reference(u64::MAX, LIST)), Err(StatusError::OutOfRange));
    assert_eq!(
        list.status(&reference(0, "https://keys.example.com/o/other/status-list")),
        Err(StatusError::OtherList)
    );
    let mut bare = claims(PAYLOAD);
    bare.status = None;
    let token = signer().sign(Format::Jwt, &bare).unwrap();
    let license = crate::support::verifier().verify::<NoClaims>(&token, NOW).unwrap();
    assert_eq!(list.check(&license, NOW), Err(StatusError::NoReference));
}

#[test]
fn lists_age() {
    let token = list(&[]);
    let end = UnixSeconds::new(NOW.as_i64() + 10);
    assert_eq!(StatusList::verify(&token, &keys(), end), Err(VerifyError::Expired { since: end }));
    let list = StatusList::verify(&token, &keys(), NOW).unwrap();
    let body = format!(
        r#"{{"sub":"{LIST}","iat":1,"nbf":{},"status_list":{{"bits":1,"lst":"eNrbuRgAAhcBXQ"}}}}"#,
        NOW.as_i64()
    );
    let early = UnixSeconds::new(NOW.as_i64() - 1);
    assert_eq!(StatusList::verify(&jws(&body), &keys(), early), Err(VerifyError::NotYetValid { until: NOW }));
    assert!(StatusList::verify(&jws(&body), &keys(), NOW).is_ok());
    assert!(!list.is_stale(UnixSeconds::new(ISSUED.as_i64() + 3_599)));
    assert!(list.is_stale(UnixSeconds::new(ISSUED.as_i64() + 3_600)));
    let verifier = |seen: i64| {
        StatusListVerifier::builder().keys(keys()).uri(LIST).not_older_than(UnixSeconds::new(seen)).build()
    };
    assert!(verifier(ISSUED.as_i64()).verify(&token, NOW).is_ok());
    let newer = ISSUED.as_i64() + 1;
    assert_eq!(
        verifier(newer).verify(&token, NOW),
        Err(VerifyError::Outdated { seen: UnixSeconds::new(newer) })
    );
}

#[test]
fn foreign_lists_are_refused() {
    let token = list(&[]);
    let other = Keyring::from(signer_of(8).public_key().clone());
    assert_eq!(StatusList::verify(&token, &other, NOW).unwrap_err().code(), "unknown_key");
    let verifier = StatusListVerifier::builder().keys(keys()).uri("https://other.example").build();
    assert_eq!(verifier.verify(&token, NOW), Err(VerifyError::WrongSubject));
    let small = StatusListVerifier::builder().keys(keys()).max_token_bytes(100).build();
    assert_eq!(small.verify(&token, NOW), Err(VerifyError::TooLarge { limit: 100 }));
}

/// A token of some kilobytes that inflates to a gigabyte is stopped at the bound.
#[test]
fn inflation_is_bounded() {
    let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 64 << 20], 9);
    let token = body(&format!(r#"{{"bits":2,"lst":"{}"}}"#, encode(&bomb)));
    assert!(token.len() < 200_000);
    assert_eq!(StatusList::verify(&token, &keys(), NOW), Err(VerifyError::TooLarge { limit: 4 << 20 }));
    let tight = |limit| {
        StatusListVerifier::builder().keys(keys()).max_list_bytes(limit).build().verify(&list(&[]), NOW)
    };
    assert!(tight(500).is_ok());
    assert_eq!(tight(499), Err(VerifyError::TooLarge { limit: 499 }));
}

/// The example of the draft "Token Status List", section on the JSON format: one bit, sixteen entries.
#[test]
fn the_example_of_the_draft() {
    let list = StatusList::verify(&body(r#"{"bits":1,"lst":"eNrbuRgAAhcBXQ"}"#), &keys(), NOW).unwrap();
    let statuses: Vec<u8> = (0..16).map(|index| list.table().status(index).unwrap().into()).collect();
    assert_eq!(statuses, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
    assert_eq!(list.table().status(16), Err(StatusError::OutOfRange));
}

#[test]
fn broken_lists_are_refused() {
    let zlib = || miniz_oxide::deflate::compress_to_vec_zlib(&[0; 8], 9);
    let good = encode(zlib());
    assert!(StatusList::verify(&body(&format!(r#"{{"bits":8,"lst":"{good}"}}"#)), &keys(), NOW).is_ok());
    for list in [
        "1".to_owned(),
        "{}".to_owned(),
        format!(r#"{{"bits":3,"lst":"{good}"}}"#),
        format!(r#"{{"bits":"2","lst":"{good}"}}"#),
        format!(r#"{{"lst":"{good}"}}"#),
        r#"{"bits":2}"#.to_owned(),
        r#"{"bits":2,"lst":1}"#.to_owned(),
        r#"{"bits":2,"lst":""}"#.to_owned(),
        format!(r#"{{"bits":2,"lst":"{good}="}}"#),
        format!(r#"{{"bits":2,"lst":"{}"}}"#, encode([0; 8])),
        format!(r#"{{"bits":2,"lst":"{}"}}"#, &good[..good.len() - 4]),
        format!(r#"{{"bits":2,"lst":"{}"}}"#, encode([zlib(), vec![0]].concat())),
        format!(r#"{{"bits":2,"lst":"{}"}}"#, encode([zlib(), zlib()].concat())),
        format!(
            r#"{{"bits":2,"lst":"{}"}}"#,
            encode({
                let mut wrong = zlib();
                *wrong.last_mut().unwrap() ^= 1;
                wrong
            })
        ),
    ] {
        assert_eq!(
            StatusList::verify(&body(&list), &keys(), NOW).unwrap_err().code(),
            "invalid_claim",
            "{list}"
        );
    }
    for (payload, claim) in [
        (r#"{"iat":1,"status_list":{}}"#, "sub"),
        (r#"{"sub":"u","status_list":{}}"#, "iat"),
        (r#"{"sub":"u","iat":"1"}"#, "iat"),
        (r#"{"sub":"u","iat":1,"ttl":0}"#, "ttl"),
        (r#"{"sub":"u","iat":1,"exp":1.5}"#, "exp"),
        (r#"{"sub":"u","iat":1,"nbf":"1"}"#, "nbf"),
    ] {
        assert_eq!(
            StatusList::verify(&jws(payload), &keys(), NOW),
            Err(VerifyError::InvalidClaim { claim }),
            "{payload}"
        );
    }
}
