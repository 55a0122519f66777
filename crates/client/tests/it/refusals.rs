//! A signed refusal ends the offline period, whatever the clock, the folder and the spelling.

use std::path::Path;

use proptest::prelude::*;

use keyward_client::{Client, Decision, Fault, Lapsed, Machine, Status, Untrusted};

use crate::{GONE, KEY, asking, mock};

fn keeping(url: &str, file: &Path) -> Client {
    asking(url).keep_in(file).build().unwrap()
}

#[test]
fn refused_is_told_from_unreachable_and_ends_the_offline_period() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("license.json");
    let server = mock();
    assert!(matches!(
        keeping(GONE, &file).check(KEY, None),
        Decision::Unknown { fault: Fault::Unreachable { .. }, lapsed: None, .. }
    ));
    assert!(matches!(
        keeping(&server.url(), &file).check(KEY, None),
        Decision::Licensed { not_kept: None, .. }
    ));
    // Another process, later, with the server out of reach.
    let offline = keeping(GONE, &file).check(KEY, None);
    assert!(offline.may_run() && matches!(offline, Decision::Offline { .. }), "{offline:?}");
    assert!(!keeping(GONE, &file).check("OTHER", None).may_run());

    server.say(KEY, Status::Revoked);
    let refused = keeping(&server.url(), &file).check(KEY, None);
    assert!(
        matches!(&refused, Decision::Refused { answer, .. } if *answer.status() == Status::Revoked),
        "{refused}"
    );
    let later = keeping(GONE, &file).check(KEY, None);
    assert!(
        matches!(&later, Decision::Unknown { lapsed: Some(Lapsed::Refused(Status::Revoked)), .. }),
        "a refusal is remembered: {later:?}"
    );

    assert_eq!((refused.refusal(), later.refusal()), (Some(&Status::Revoked), Some(&Status::Revoked)));

    server.say(KEY, Status::Active);
    assert!(keeping(&server.url(), &file).check(KEY, None).may_run());
    server.say("MISTYPED", Status::LicenseNotFound);
    assert!(matches!(keeping(&server.url(), &file).check("MISTYPED", None), Decision::Refused { .. }));
    assert!(
        keeping(GONE, &file).check(KEY, None).may_run(),
        "another license's refusal is another license's"
    );
}

#[test]
fn a_refusal_counts_whatever_the_clock_says() {
    for ahead in [-360, 360, -86_400 * 400, 86_400 * 400] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("license.json");
        let server = mock();
        let client = keeping(&server.url(), &file);
        assert!(client.check(KEY, None).may_run());
        let kept = std::fs::read(&file).unwrap();
        server.say(KEY, Status::Revoked);
        server.clock_ahead_seconds(ahead);
        // A new process with the file as it was, and with it this one.
        for client in [keeping(&server.url(), &file), client] {
            std::fs::write(&file, &kept).unwrap();
            assert!(matches!(client.check(KEY, None), Decision::Refused { .. }), "{ahead}");
        }
    }
}

#[test]
fn clocks_that_differ_are_told_and_can_be_allowed() {
    let server = mock();
    server.clock_ahead_seconds(3_000);
    let first = asking(&server.url()).build().unwrap().check(KEY, None);
    assert!(
        matches!(&first, Decision::Unknown { fault: Fault::Untrusted(Untrusted::Stale { .. }), .. }),
        "{first}"
    );
    let tolerant = asking(&server.url()).clock_tolerance_seconds(3_600).build().unwrap();
    assert!(tolerant.check(KEY, None).may_run());
    server.fail(Some(keyward_client::test_kit::Failure::HangUp));
    assert!(tolerant.check(KEY, None).may_run(), "and what is kept counts by that clock, too");
}

#[test]
fn a_refusal_is_remembered_where_nothing_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("license.json");
    let server = mock();
    let client = keeping(&server.url(), &file);
    assert!(client.check(KEY, None).may_run());
    let kept = std::fs::read(&file).unwrap();
    server.say(KEY, Status::Suspended);
    // Root writes into every folder, so here the folder is gone.
    let away = folder.path().with_extension("away");
    std::fs::rename(folder.path(), &away).unwrap();
    let refused = client.check(KEY, None);
    assert!(matches!(&refused, Decision::Refused { not_kept: Some(_), .. }), "{refused}");
    std::fs::rename(&away, folder.path()).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), kept);
    server.fail(Some(keyward_client::test_kit::Failure::HangUp));
    assert!(!client.check(KEY, None).may_run() && !client.clone().check(KEY, None).may_run());
}

#[test]
fn another_spelling_is_the_same_license() {
    let spellings = [
        KEY.to_lowercase(),
        KEY.replace('-', ""),
        KEY.replace('-', " "),
        KEY.replace('0', "o"),
        format!("“{KEY}”\n"),
    ];
    for spelling in spellings {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("license.json");
        let server = mock();
        assert!(keeping(&server.url(), &file).check(KEY, None).may_run());
        assert!(keeping(GONE, &file).check(&spelling, None).may_run(), "{spelling}");
        server.say(KEY, Status::Revoked);
        assert!(!keeping(&server.url(), &file).check(&spelling, None).may_run());
        assert!(!keeping(GONE, &file).check(KEY, None).may_run(), "{spelling}");
    }
}

proptest! {
    #[test]
    fn no_text_in_the_file_lets_it_run(text in ".{0,300}", body in ".{0,300}", clock in "[!-~]{0,60}") {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("license.json");
        for text in [text, serde_json::json!({"body": body, "clock": clock}).to_string()] {
            std::fs::write(&file, text).unwrap();
            prop_assert!(!keeping(GONE, &file).check(KEY, None).may_run());
        }
    }
}

#[test]
fn a_kept_answer_is_not_edited_and_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("license.json");
    let server = mock();
    assert!(keeping(&server.url(), &file).check(KEY, None).may_run());
    let kept = std::fs::read_to_string(&file).unwrap();

    let other = |machine| asking(GONE).machine(machine).keep_in(&file).build().unwrap().check(KEY, None);
    for machine in [Some(Machine::from_id("another")), None] {
        assert!(matches!(
            other(machine),
            Decision::Unknown { lapsed: Some(Lapsed::OtherMachine | Lapsed::Altered), .. }
        ));
    }
    let (body, clock) = kept.split_once("\"clock\":").unwrap();
    for edited in [
        kept.replace("active", "superb"),
        format!("{body}\"clock\":\"\"}}"),
        format!("{body}\"clock\":{}", clock.replacen("floor.1.1", "floor.1.2", 1)),
        body.trim_end_matches(',').to_owned() + "}",
        String::new(),
        "[]".into(),
    ] {
        assert_ne!(edited, kept);
        std::fs::write(&file, &edited).unwrap();
        let decision = keeping(GONE, &file).check(KEY, None);
        assert!(matches!(decision, Decision::Unknown { lapsed: Some(_), .. }), "{edited}");
    }
    std::fs::write(&file, kept).unwrap();
    assert!(keeping(GONE, &file).check(KEY, None).may_run());
}
