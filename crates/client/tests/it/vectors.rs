//! `vectors/v1.json`: answers that an application may believe, and answers that it must not. Generated here: a run with
//! `KEYWARD_BLESS=1` writes them, every other run compares.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keyward_client::{Keyring, Question, Verifier};
use keyward_token::SecretKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{NOW, answer, at, keys};

#[derive(Serialize, Deserialize)]
struct Vectors {
    about: String,
    jwks: String,
    product_id: String,
    answers: Vec<Vector>,
}

#[derive(Serialize, Deserialize)]
struct Vector {
    name: String,
    /// The rules of docs/validation.md that it shows.
    rules: Vec<String>,
    now: i64,
    question: Question,
    /// The answer's body.
    body: String,
    /// Whether it may be believed.
    trusted: bool,
    /// Whether the application may run.
    may_run: bool,
}

const ABOUT: &str = "Answers of Keyward's validation API: `trusted` ones pass the checks of docs/validation.md at the second \
                     `now`, for an application of the product that brings these keys and has asked the question.";

#[test]
fn vectors_are_up_to_date() {
    let vectors =
        Vectors { about: ABOUT.into(), jwks: keys().to_jwks(), product_id: "p".into(), answers: all() };
    let expected = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
    let path = path("vectors/v1.json");
    if std::env::var_os("KEYWARD_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == expected,
        "vectors/v1.json is out of date: run with KEYWARD_BLESS=1 and read the difference"
    );
    check(&serde_json::from_str(&written).unwrap());
}

#[test]
fn every_must_has_a_vector() {
    let document = std::fs::read_to_string(path("../../docs/validation.md")).unwrap();
    let mut named = BTreeSet::new();
    for block in document.split("\n\n") {
        let marks = block.split('[').skip(1).filter_map(|text| text.split_once(']').map(|(mark, _)| mark));
        let marks: Vec<_> =
            marks.filter(|mark| mark.starts_with('V') && mark[1..].parse::<u8>().is_ok()).collect();
        assert!(marks.len() >= block.matches("MUST").count(), "{block}");
        named.extend(marks.into_iter().map(str::to_owned));
    }
    let shown: BTreeSet<_> = all().into_iter().flat_map(|vector| vector.rules).collect();
    assert_eq!(named, shown, "the rules of the document, and those that vectors show");
}

fn check(vectors: &Vectors) {
    let verifier = Verifier::new(Keyring::from_jwks(&vectors.jwks).unwrap(), vectors.product_id.as_str());
    for vector in &vectors.answers {
        let read = verifier.verify(&vector.body, &vector.question, at(vector.now - NOW));
        assert_eq!(read.is_ok(), vector.trusted, "{}", vector.name);
        assert_eq!(read.is_ok_and(|answer| answer.valid()), vector.may_run, "{}", vector.name);
    }
}

fn all() -> Vec<Vector> {
    let question = || Question::new("KEY", Some("2.1.0"), [1; 16]);
    let with = |change: fn(&mut Value)| answer(&question().nonce, change);
    let good = with(|_| {});
    let refusal = |answer: &mut Value| {
        answer["valid"] = false.into();
        answer["status"] = "revoked".into();
    };
    let vector = |name: &str, rule: &str, seconds: i64, body: String, trusted: bool, may_run: bool| Vector {
        name: name.into(),
        rules: vec![rule.into()],
        now: NOW + seconds,
        question: question(),
        body,
        trusted,
        may_run,
    };
    let bad = |name: &str, rule: &str, body: String| vector(name, rule, 0, body, false, false);
    let mut unsigned: Value = serde_json::from_str(&good).unwrap();
    unsigned["signature"] = Value::Null;
    let stranger = SecretKey::from_seed([8; 32]).public_key().kid();
    vec![
        vector("an answer", "V1", 0, good.clone(), true, true),
        vector("a refusal", "V5", 0, with(refusal), true, false),
        bad("no object", "V1", "[]".into()),
        bad("an error of the server", "V1", json!({"valid": false, "status": "invalid_api_key"}).to_string()),
        bad("not signed", "V1", unsigned.to_string()),
        bad("a refusal turned around", "V1", with(refusal).replace("\"valid\":false", "\"valid\":true")),
        bad("another key", "V1", with(|answer| answer["kid"] = "x".into())),
        bad(
            "a key of a stranger",
            "V1",
            good.replace(crate::secret().public_key().kid().as_str(), stranger.as_str()),
        ),
        bad("another product", "V2", with(|answer| answer["product_id"] = "q".into())),
        bad("no product", "V2", with(|answer| answer["product_id"] = Value::Null)),
        bad("another license", "V3", with(|answer| answer["license_key"] = "OTHER".into())),
        bad("another nonce", "V3", with(|answer| answer["nonce"] = "other".into())),
        bad("no nonce", "V3", with(|answer| answer["nonce"] = Value::Null)),
        vector("five minutes old", "V4", 300, good.clone(), true, true),
        vector("older than that", "V4", 301, good.clone(), false, false),
        vector("five minutes ahead", "V4", -300, good.clone(), true, true),
        vector("further ahead", "V4", -301, good, false, false),
        vector("a refusal, by a clock that is wrong", "V4", 301, with(refusal), true, false),
        vector("a refusal, by a clock that is far behind", "V4", -86_400, with(refusal), true, false),
    ]
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}
