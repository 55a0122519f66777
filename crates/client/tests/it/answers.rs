use std::time::Duration;

use keyward_client::{HealthState, Kept, Lapsed, Machine, Question, Status, Untrusted, Verifier};
use keyward_token::SecretKey;
use proptest::prelude::*;

use crate::{answer, at, keys, secret};

fn question() -> Question {
    Question::new("KEY", Some("2.1.0"), [1; 16])
}

#[test]
fn the_answer_to_the_question_is_taken() {
    let body = answer(&question().nonce, |_| {});
    let answer = Verifier::new(keys(), "p").verify(&body, &question(), at(10)).unwrap();
    assert!(answer.valid());
    assert_eq!((answer.status(), answer.max_ips()), (&Status::Active, Some(3)));
    assert_eq!(answer.remaining(at(0)), Some(Duration::from_secs(19 * 86_400)));
    assert_eq!((answer.age(at(10)), answer.age(at(-10))), (Duration::from_secs(10), Duration::ZERO));
    assert_eq!(answer.health(at(0), 7), Some(HealthState::Fine));
    assert_eq!(answer.health(at(0), 30), Some(HealthState::Ending));
    assert_eq!(answer.health(at(19 * 86_400), 30), Some(HealthState::Ended));
    assert!(!format!("{answer:?} {:?}", question()).contains("KEY"));
}

#[test]
fn a_license_is_asked_for_as_it_was_pasted() {
    for pasted in ["KEY\n", "\u{feff}KEY\r\n", "“KEY”", " K\u{200b}E\u{a0}Y "] {
        let question = Question::new(pasted, Some("2.1.0"), [1; 16]);
        assert_eq!(question.license_key, "KEY", "{pasted:?}");
        let body = answer(&question.nonce, |_| {});
        assert!(Verifier::new(keys(), "p").verify(&body, &question, at(0)).is_ok());
    }
}

#[test]
fn nothing_else_is() {
    let nonce = question().nonce;
    let good = answer(&nonce, |_| {});
    let verify = |body: &str| Verifier::new(keys(), "p").verify(body, &question(), at(0)).unwrap_err();
    assert_eq!(verify(&good.replace("\"valid\":true", "\"valid\":false")), Untrusted::BadSignature);
    assert_eq!(verify(&answer("other", |_| {})), Untrusted::WrongQuestion);
    assert_eq!(
        verify(&answer(&nonce, |answer| answer["license_key"] = "OTHER".into())),
        Untrusted::WrongQuestion
    );
    assert_eq!(verify(&answer(&nonce, |answer| answer["kid"] = "x".into())), Untrusted::UnknownKey);
    assert_eq!(verify(r#"{"valid":true,"signature":null}"#), Untrusted::Unsigned);
    for text in ["", "[]", "<html>", r#"{"valid":true}"#, r#"{"valid":true,"signature":7}"#] {
        assert_eq!(verify(text), Untrusted::Malformed, "{text}");
    }
    assert_eq!(verify(&answer(&nonce, |answer| answer["valid"] = 1.into())), Untrusted::Malformed);

    let other = Verifier::new(keys(), "other");
    assert_eq!(other.verify(&good, &question(), at(0)).unwrap_err(), Untrusted::WrongProduct);
    for late in [-301, 301, i64::from(u32::MAX)] {
        let verdict = Verifier::new(keys(), "p").verify(&good, &question(), at(late));
        assert_eq!(verdict.unwrap_err(), Untrusted::Stale { signed_at: at(0) });
        let tolerant = Verifier::new(keys(), "p").clock_tolerance_seconds(u32::MAX);
        assert!(tolerant.verify(&good, &question(), at(late)).is_ok());
        // It is an answer to the question, so it is of now, whatever the machine's clock says.
        let refusal = answer(&nonce, |answer| answer["valid"] = false.into());
        assert!(!Verifier::new(keys(), "p").verify(&refusal, &question(), at(late)).unwrap().valid());
    }
    let mut strangers = keyward_client::Keyring::new();
    strangers.insert(SecretKey::from_seed([8; 32]).public_key().clone()).unwrap();
    assert_eq!(
        Verifier::new(strangers, "p").verify(&good, &question(), at(0)).unwrap_err(),
        Untrusted::UnknownKey
    );
    assert_ne!(SecretKey::from_seed([8; 32]).public_key().kid(), secret().public_key().kid());
}

#[test]
fn a_kept_answer_counts_for_its_time() {
    let verifier = Verifier::new(keys(), "p");
    let kept = Kept::new(answer("long ago", |_| {}));
    let day = 24 * 60 * 60;
    let recall = |question: &Question, late: i64, days: u32| {
        kept.recall(&verifier, question, at(late), days * 86_400).map(|(_, until)| until)
    };
    assert_eq!(recall(&question(), 0, 7).unwrap(), at(7 * day));
    assert_eq!(recall(&question(), 7 * day - 1, 7).unwrap(), at(7 * day));
    assert!(matches!(recall(&question(), 7 * day, 7), Err(Lapsed::OfflinePeriod)));
    assert_eq!(recall(&question(), 19 * day - 1, 90).unwrap(), at(19 * day), "not beyond the license's end");
    assert!(matches!(recall(&question(), 19 * day, 90), Err(Lapsed::Expired)));
    assert!(matches!(recall(&question(), -3_601, 7), Err(Lapsed::ClockSetBack)));
    assert!(recall(&question(), -3_600, 7).is_ok());
    let other = Question::new("OTHER", Some("2.1.0"), [1; 16]);
    assert!(matches!(recall(&other, 0, 7), Err(Lapsed::Untrusted(Untrusted::WrongQuestion))));
    let newer = Question::new("KEY", Some("3.0.0"), [1; 16]);
    assert!(matches!(recall(&newer, 0, 7), Err(Lapsed::Untrusted(Untrusted::WrongQuestion))));
    let unjudged = Kept::new(answer("n", |answer| answer["version"] = serde_json::Value::Null));
    assert!(unjudged.recall(&verifier, &question(), at(0), 86_400).is_err(), "asked for without a version");
    let by_hand = Kept::new(answer("n", |answer| answer["nonce"] = serde_json::Value::Null));
    assert!(by_hand.recall(&verifier, &question(), at(0), 86_400).is_err());
    let refusal = Kept::new(answer("n", |answer| answer["valid"] = false.into()));
    let refused = refusal.recall(&verifier, &question(), at(0), 86_400);
    assert!(matches!(refused, Err(Lapsed::Refused(Status::Active))));
    let unenforced = Kept::new(answer("n", |answer| answer["expires"] = "2025-01-01T00:00:00Z".into()));
    assert!(unenforced.recall(&verifier, &question(), at(0), 86_400).is_ok(), "its end did not count then");
}

#[test]
fn a_kept_answer_is_one_machines() {
    let verifier = Verifier::new(keys(), "p");
    let asked = |machine: Option<&str>| {
        let question = Question::new("KEY", Some("2.1.0"), [1; 16]);
        machine.into_iter().fold(question, |question, id| question.asked_by(Machine::from_id(id)))
    };
    for here in [Some("here"), None] {
        let kept = Kept::new(answer(&asked(here).nonce, |_| {}));
        for there in [Some("here"), Some("there"), None] {
            let recalled = kept.recall(&verifier, &asked(there), at(0), 86_400);
            assert_eq!(recalled.is_ok(), here == there, "{here:?} {there:?}");
            assert!(here == there || matches!(recalled, Err(Lapsed::OtherMachine)));
        }
    }
}

proptest! {
    #[test]
    fn no_time_panics(now: i64, offline: u32, tolerance: u32, expires in 0_i64..253_402_300_799) {
        let now = keyward_client::UnixSeconds::new(now);
        let verifier = Verifier::new(keys(), "p").clock_tolerance_seconds(tolerance);
        let body = answer(&question().nonce, |answer| {
            answer["expires"] = keyward_client::UnixSeconds::new(expires).to_rfc3339().unwrap().into();
        });
        if let Ok(answer) = verifier.verify(&body, &question(), now) {
            let _ = (answer.age(now), answer.remaining(now), answer.health(now, offline));
        }
        if let Ok((answer, until)) = Kept::new(body).recall(&verifier, &question(), now, offline) {
            prop_assert!(now < until && until.as_i64() <= answer.signed_at().as_i64() + i64::from(offline));
        }
    }

    #[test]
    fn no_text_is_taken_and_none_panics(text in ".{0,200}") {
        prop_assert!(Verifier::new(keys(), "p").verify(&text, &question(), at(0)).is_err());
    }

    #[test]
    fn no_change_is_taken(place in 0_usize..600, with in 0x20_u8..0x7f) {
        let good = answer(&question().nonce, |_| {});
        let mut changed = good.clone().into_bytes();
        let place = place % changed.len();
        changed[place] = with;
        if let Ok(changed) = String::from_utf8(changed) {
            let meaning = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            let taken = Verifier::new(keys(), "p").verify(&changed, &question(), at(0)).is_ok();
            // White space and the form of a number are not part of the meaning that is signed.
            prop_assert!(!taken || meaning(&changed) == meaning(&good), "{}", changed);
        }
    }
}
