use crate::support::{EXPIRES, ISSUED, LIST, NOW, PAYLOAD, claims, signer, signer_of, verifier};
use keyward_token::{
    Format, Health, HealthCheck, HealthState, Keyring, KeywardClaim, LicenseClaims, NoClaims, Status,
    StatusList, StatusListVerifier, StatusTable, UnixSeconds, UnknownStatus, Verifier,
};
use proptest::prelude::*;

const DAY: i64 = 86_400;

fn at(seconds: i64) -> UnixSeconds {
    UnixSeconds::new(seconds)
}

/// Times of whatever order, near enough to one another to meet.
#[derive(Debug, Clone)]
struct Span {
    nbf: Option<i64>,
    ends: Option<i64>,
    exp: Option<i64>,
}

fn span() -> impl Strategy<Value = Span> {
    let instant = || prop_oneof![0..40 * DAY, Just(0), Just(UnixSeconds::MAX.as_i64())];
    let span = (prop::option::of(instant()), prop::option::of(instant()), prop::option::of(instant()));
    span.prop_map(|(nbf, ends, exp)| Span {
        nbf,
        ends: ends.and_then(|ends| exp.map(|exp| ends.min(exp))),
        exp,
    })
}

fn token(span: &Span, format: Format) -> String {
    let claims = LicenseClaims {
        nbf: span.nbf.map(at),
        exp: span.exp.map(at),
        keyward: Some(KeywardClaim { org: "o", ends: span.ends.map(at), ..KeywardClaim::default() }),
        status: claims(PAYLOAD).status,
        ..claims("{}")
    };
    signer().sign(format, &claims).unwrap()
}

fn now() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => -3 * DAY..45 * DAY,
        1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => Just(UnixSeconds::MAX.as_i64()),
    ]
}

fn list(uri: &str, issued: i64, expires: Option<i64>, status: Status) -> StatusList {
    let mut table = StatusTable::new(2_000);
    table.set(1234, status).unwrap();
    let token = table.sign(&signer(), uri, at(issued), expires.map(at), None).unwrap();
    StatusList::verify(&token, &keys(), at(issued)).unwrap()
}

fn lists() -> impl Strategy<Value = Vec<StatusList>> {
    let uri = prop_oneof![3 => Just(LIST), 1 => Just("https://other.example/list")];
    let status = prop_oneof![
        6 => Just(Status::Valid), 1 => Just(Status::Invalid), 1 => Just(Status::Suspended), 1 => Just(Status::Other(3))
    ];
    let one = (uri, 0..40 * DAY, prop::option::of(1..20 * DAY), status);
    prop::collection::vec(
        one.prop_map(|(uri, issued, lives, status)| {
            list(uri, issued, lives.map(|lives| issued + lives), status)
        }),
        0..3,
    )
}

fn keys() -> Keyring {
    Keyring::from(signer().public_key().clone())
}

/// The place in the life of a license.
fn rank(state: HealthState) -> u8 {
    match state {
        HealthState::NotYet => 0,
        HealthState::Fine => 1,
        HealthState::Ending => 2,
        HealthState::InGrace => 3,
        HealthState::Ended => 4,
        HealthState::Revoked | HealthState::Suspended | HealthState::Unknown(_) => {
            panic!("not by its times: {state:?}")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Health and verification say the same, before and after.
    #[test]
    fn valid_is_what_verifies(span in span(), now in now(), leeway in 0u32..100_000) {
        let verifier = Verifier::for_any_product().keys(keys()).leeway_seconds(leeway).build();
        for format in [Format::Jwt, Format::Paseto] {
            let token = token(&span, format);
            let verdict = verifier.verify::<NoClaims>(&token, at(now));
            let health = verifier.authenticate(&token).unwrap().health(at(now));
            prop_assert_eq!(verdict.is_ok(), health.is_valid(), "{:?} {:?}", &verdict, health);
            if let Ok(license) = verdict {
                prop_assert_eq!(license.ends_at(), span.ends.or(span.exp).map(at));
                prop_assert_eq!(license.health(HealthCheck::at(at(now)).leeway_seconds(leeway)), health);
            }
        }
    }

    /// By its times a license goes forward only, and the next change is told to the second.
    #[test]
    fn time_goes_one_way(span in span(), mut times in prop::collection::vec(now(), 2..8), warning in 0u32..60) {
        let license = verifier().authenticate(&token(&span, Format::Jwt)).unwrap();
        times.sort_unstable();
        let health = |now: UnixSeconds| license.health(HealthCheck::at(now).warning_days(warning));
        for pair in times.windows(2) {
            prop_assert!(rank(health(at(pair[0])).state()) <= rank(health(at(pair[1])).state()));
        }
        for now in times {
            changes_exactly(&health(at(now)), at(now), health)?;
        }
    }

    #[test]
    fn with_lists_the_next_change_is_exact(
        span in span(), lists in lists(), now in now(), oldest in prop::option::of(0..30 * DAY as u64),
    ) {
        let license = verifier().authenticate(&token(&span, Format::Jwt)).unwrap();
        let health = |now: UnixSeconds| {
            let check = HealthCheck::at(now).status_lists(&lists);
            license.health(oldest.map_or(check, |oldest| check.max_list_age_seconds(oldest)))
        };
        changes_exactly(&health(at(now)), at(now), health)?;
        if health(at(now)).state() == HealthState::Revoked {
            prop_assert!(!health(at(now)).is_valid());
        }
    }

    /// Without a greatest age of its own, health is what a check against the lists says.
    #[test]
    fn status_is_what_a_check_says(lists in prop::collection::vec((0..40 * DAY, prop::option::of(1..20 * DAY), 0u8..4), 0..3), now in 0..45 * DAY) {
        let span = Span { nbf: None, ends: None, exp: None };
        let license = verifier().verify::<NoClaims>(&token(&span, Format::Jwt), at(now)).unwrap();
        let tokens: Vec<_> = lists.iter().map(|(issued, lives, status)| {
            let mut table = StatusTable::new(2_000);
            table.set(1234, Status::from(*status)).unwrap();
            table.sign(&signer(), LIST, at(*issued), lives.map(|lives| at(issued + lives)), None).unwrap()
        }).collect();
        let verdict = StatusListVerifier::builder().keys(keys()).build().check(&tokens, &license, at(now));
        let lists: Vec<_> = tokens.iter().filter_map(|token| StatusList::verify(token, &keys(), at(now)).ok()).collect();
        let health = license.health(HealthCheck::at(at(now)).status_lists(&lists));
        prop_assert_eq!(verdict.is_ok(), health.is_valid(), "{:?} {:?}", &verdict, health);
        if let Ok(list) = verdict {
            prop_assert_eq!(health.list_age_seconds(), Some(u64::try_from(now - list.issued_at().as_i64()).unwrap_or(0)));
        }
    }
}

fn changes_exactly(
    health: &Health,
    now: UnixSeconds,
    health_at: impl Fn(UnixSeconds) -> Health,
) -> Result<(), TestCaseError> {
    match health.changes_at() {
        Some(change) => {
            prop_assert!(change > now);
            let seconds = u64::try_from(change.as_i64().saturating_sub(now.as_i64())).unwrap();
            prop_assert_eq!(health.seconds_to_change(), Some(seconds));
            prop_assert_eq!(health_at(at(change.as_i64() - 1)).state(), health.state());
            prop_assert_ne!(health_at(change).state(), health.state());
        }
        None => prop_assert_eq!(health_at(at(i64::MAX)).state(), health.state()),
    }
    Ok(())
}

#[test]
fn a_license_of_unknown_status_still_tells_its_times() {
    let ends = EXPIRES.as_i64();
    let span = Span { nbf: Some(ISSUED.as_i64()), ends: None, exp: Some(ends) };
    let license = verifier().authenticate(&token(&span, Format::Jwt)).unwrap();
    let said = |check: HealthCheck<'_>| {
        let health = license.health(check);
        (health.state(), health.state_by_times(), health.list_age_seconds())
    };
    let soon = at(ends - DAY);
    let (fresh, other) = (list(LIST, ends - 2 * DAY, None, Status::Valid), list("x", 0, None, Status::Valid));
    let unknown = |why, age| (HealthState::Unknown(why), HealthState::Ending, age);
    let check = || HealthCheck::at(soon);
    assert_eq!(said(check()), (HealthState::Ending, HealthState::Ending, None));
    assert_eq!(said(check().status_list(&fresh)), (HealthState::Ending, HealthState::Ending, Some(86_400)));
    assert_eq!(said(check().status_lists(&[])), unknown(UnknownStatus::NoList, None));
    assert_eq!(said(check().status_list(&other)), unknown(UnknownStatus::OtherList, None));
    let old = unknown(UnknownStatus::ListTooOld, Some(86_400));
    assert_eq!(said(check().status_list(&fresh).max_list_age_seconds(86_399)), old);
    assert_eq!(said(check().status_list(&fresh).max_list_age_seconds(86_400)).0, HealthState::Ending);
    let expired = list(LIST, ends - 2 * DAY, Some(ends - DAY), Status::Invalid);
    assert_eq!(said(check().status_list(&expired)), unknown(UnknownStatus::ListExpired, Some(86_400)));
    let small = StatusTable::new(4).sign(&signer(), LIST, at(0), None, None).unwrap();
    let small = StatusList::verify(&small, &keys(), soon).unwrap();
    assert_eq!(said(check().status_list(&small)).0, HealthState::Unknown(UnknownStatus::OutOfRange));
    let revoked = list(LIST, 0, None, Status::Invalid);
    assert_eq!(said(HealthCheck::at(EXPIRES).status_list(&revoked)).0, HealthState::Revoked);
    let suspended = list(LIST, 0, None, Status::Suspended);
    assert_eq!(said(check().status_list(&suspended)).0, HealthState::Suspended);
    assert_eq!(said(HealthCheck::at(EXPIRES).status_list(&suspended)).0, HealthState::Ended);
    assert_eq!(said(HealthCheck::at(EXPIRES).status_lists(&[])).0, HealthState::Ended, "whatever its status");
}

#[test]
fn only_what_is_signed_for_this_application_has_a_health() {
    let graced = Span { nbf: None, ends: Some(5), exp: Some(10) };
    let token = token(&graced, Format::Jwt);
    let code = |verifier: Verifier| verifier.authenticate(&token).map(drop).map_err(|error| error.code());
    let any = || Verifier::for_any_product().keys(keys());
    assert_eq!(code(any().build()), Ok(()), "though it has ended long ago");
    assert_eq!(code(Verifier::for_product("p").keys(keys()).build()), Err("wrong_product"));
    assert_eq!(code(any().issuer("https://other.example").build()), Err("wrong_issuer"));
    assert_eq!(code(any().audience("other").build()), Err("wrong_audience"));
    assert_eq!(code(any().organization("other").build()), Err("wrong_organization"));
    let stranger = Verifier::for_any_product().key(signer_of(8).public_key().clone()).build();
    assert_eq!(code(stranger), Err("unknown_key"));
}

#[test]
fn a_sentence_and_a_code_say_the_state() {
    let (ends, exp) = (1_830_326_400, 1_831_536_000);
    let license = |span: Span| verifier().authenticate(&token(&span, Format::Jwt)).unwrap();
    let said = |span: &Span, now: i64| {
        let health = license(span.clone()).health(at(now));
        (health.state().code(), health.to_string())
    };
    let graced = Span { nbf: Some(1_800_000_000), ends: Some(ends), exp: Some(exp) };
    let plain = Span { ends: None, ..graced.clone() };
    let (end, last) = ("2028-01-01T08:00:00+00:00", "2028-01-15T08:00:00+00:00");
    for (span, now, code, sentence) in [
        (&graced, 0, "not_yet", "the license begins at 2027-01-15T08:00:00+00:00".to_owned()),
        (&graced, 1_800_000_000, "fine", format!("the license is valid and ends at {end}")),
        (&graced, ends - 1, "ending", format!("the license ends at {end}, and its grace at {last}")),
        (
            &graced,
            ends,
            "in_grace",
            format!("the license ended at {end}, and is valid until its grace ends at {last}"),
        ),
        (&graced, exp, "ended", format!("the license ended at {end}, and its grace at {last}")),
        (&plain, exp - 1, "ending", format!("the license ends at {last}")),
        (&plain, exp, "ended", format!("the license ended at {last}")),
        (&Span { exp: None, ..plain.clone() }, exp, "fine", "the license is valid and has no end".into()),
    ] {
        assert_eq!(said(span, now), (code, sentence));
    }
    let unknown = license(plain).health(HealthCheck::at(NOW).status_lists(&[]));
    let sentence = "whether the license is revoked is unknown: there is no status list";
    assert_eq!((unknown.state().code(), unknown.to_string().as_str()), ("unknown", sentence));
}

/// From a PASETO, too, the end is a number for the program's type.
#[test]
fn the_end_is_a_number_in_both_formats() {
    #[derive(serde::Deserialize)]
    struct Terms {
        keyward: Keyward,
    }
    #[derive(serde::Deserialize)]
    struct Keyward {
        ends: i64,
    }
    for format in [Format::Jwt, Format::Paseto] {
        let token = token(&Span { nbf: None, ends: Some(5), exp: Some(10) }, format);
        let license = verifier().verify::<Terms>(&token, at(7)).unwrap();
        assert_eq!((license.claims().keyward.ends, license.ends_at()), (5, Some(at(5))));
        let mut buffer = Vec::new();
        let license = verifier().verify_into::<Terms>(&mut buffer, &token, at(7)).unwrap();
        assert_eq!((license.claims().keyward.ends, license.health(at(7)).state()), (5, HealthState::InGrace));
    }
}
