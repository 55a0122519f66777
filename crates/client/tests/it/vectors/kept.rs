//! What a kept answer is worth.

use super::*;

const DAY: u32 = 86_400;

pub(super) fn all(part_keys: &str) -> Vec<KeptVector> {
    let kept = |change: fn(&mut Value)| answer("an older nonce", change);
    let asked = |key: &str, version: Option<&str>| Question::new(key, version, [2; 16]);
    let vector = |name: &str, seconds: i64, body: String, verdict: &str| KeptVector {
        name: name.into(),
        rules: Vec::new(),
        now: NOW + seconds,
        product_id: "p".into(),
        question: asked("KEY", Some("2.1.0")),
        machine_id: None,
        offline_seconds: 7 * DAY,
        body,
        verdict: verdict.into(),
        until: None,
    };
    let good = kept(|_| {});
    let week = i64::from(7 * DAY);
    let key = "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC";
    let keyed =
        || answer("an older nonce", |answer| answer["license_key"] = "7zzq20x4kmv9tbdhn3ga51rwc".into());
    let spelled = |name: &str, key: &str, verdict: &str| KeptVector {
        question: asked(key, Some("2.1.0")),
        ..vector(name, 60, keyed(), verdict)
    };
    let by_machine =
        |id: &str| answer(&Question::new("KEY", None, [3; 16]).asked_by(Machine::from_id(id)).nonce, |_| {});
    let of_machine = |name: &str, asking: Option<&str>, body: String, verdict: &str| KeptVector {
        machine_id: asking.map(str::to_owned),
        ..vector(name, 60, body, verdict)
    };
    let versioned = |name: &str, asked_for: Option<&str>, body: String, verdict: &str| KeptVector {
        question: asked("KEY", asked_for),
        ..vector(name, 60, body, verdict)
    };
    let lasting = |name: &str, days: u32, seconds: i64, verdict: &str| KeptVector {
        offline_seconds: days * DAY,
        ..vector(name, seconds, good.clone(), verdict)
    };
    let refused =
        KeptVector { rules: vec!["V5".into()], ..vector("a refusal", 60, kept(refusal), "refused") };
    let mut vectors = vec![
        vector("the second after it was signed", 1, good.clone(), "valid"),
        vector("the last second of the offline period", week - 1, good.clone(), "valid"),
        vector("the second at which the offline period is over", week, good.clone(), "offline_period"),
        lasting("no offline period", 0, 0, "offline_period"),
        lasting("longer than the license", 30, 19 * i64::from(DAY) - 1, "valid"),
        lasting("the second at which the license ends", 30, 19 * i64::from(DAY), "expired"),
        vector("an hour before it was signed", -3_600, good.clone(), "valid"),
        vector("more than an hour before it was signed", -3_601, good.clone(), "clock_set_back"),
        vector("without end", week - 1, kept(|answer| answer["expires"] = Value::Null), "valid"),
        vector(
            "valid after its end, which does not count then",
            60,
            kept(|answer| answer["expires"] = "2025-12-31T00:00:00Z".into()),
            "valid",
        ),
        vector(
            "its end is when it was signed",
            60,
            kept(|answer| answer["expires"] = "2026-01-01T00:00:00Z".into()),
            "valid",
        ),
        refused,
        KeptVector {
            rules: vec!["V5".into()],
            ..vector("a refusal, long after", 100 * week, kept(refusal), "refused")
        },
        vector(
            "a refusal turned around",
            60,
            kept(refusal).replace("\"valid\":false", "\"valid\":true"),
            "bad_signature",
        ),
        vector("another product's", 60, kept(|answer| answer["product_id"] = "q".into()), "wrong_product"),
        vector("without nonce", 60, kept(|answer| answer["nonce"] = Value::Null), "wrong_question"),
        vector(
            "another license's",
            60,
            kept(|answer| answer["license_key"] = "OTHER".into()),
            "wrong_question",
        ),
        vector("no JSON", 60, "x".into(), "malformed"),
        vector("not signed", 60, r#"{"signature":null}"#.into(), "unsigned"),
        spelled("the license key as it was typed", key, "valid"),
        spelled("the license key with spaces and other letters", "7zzq2 ox4km v9tbd hn3ga 5lrwc", "valid"),
        spelled("the license key in full width", "７ＺＺＱ２0X4KMV9TBDHN3GA51RWC", "valid"),
        spelled("another license key", "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWD", "wrong_question"),
        spelled("a license key that is cut off", "7ZZQ2-0X4KM-V9TBD-HN3GA-51RW", "wrong_question"),
        of_machine("the machine that asked", Some("one"), by_machine("one"), "valid"),
        of_machine("another machine", Some("other"), by_machine("one"), "other_machine"),
        of_machine(
            "a machine's, for an application that ties to none",
            None,
            by_machine("one"),
            "other_machine",
        ),
        of_machine(
            "no machine's, for an application that ties to one",
            Some("one"),
            good.clone(),
            "other_machine",
        ),
        of_machine(
            "a machine's with another tag",
            Some("one"),
            answer("AwMDAwMDAwMDAwMDAwMDAw.AAAA", |_| {}),
            "other_machine",
        ),
        versioned("another version", Some("2.2.0"), good.clone(), "wrong_question"),
        versioned("no version is named", None, good.clone(), "valid"),
        versioned(
            "no version was named before, and versions count",
            Some("2.1.0"),
            kept(|answer| answer["version"] = Value::Null),
            "wrong_question",
        ),
        versioned(
            "versions do not count",
            Some("9"),
            kept(|answer| (answer["version"], answer["version_valid"]) = (Value::Null, Value::Null)),
            "valid",
        ),
    ];
    for vector in &mut vectors {
        let meant = vector.verdict.clone();
        vector.judge(part_keys);
        assert_eq!(vector.verdict, meant, "{}", vector.name);
    }
    vectors
}
