//! The parts `answers.json` and `kept.json` of `docs/vectors`: answers that an application may believe and answers that it must
//! not, now and when the server is out of reach. Generated here: a run with `KEYWARD_BLESS=1` writes them, every other run compares.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use keyward_client::{Kept, Keyring, Machine, Question, UnixSeconds, Verifier};
use keyward_token::SecretKey;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{NOW, answer, keys};

mod answers;
mod kept;

#[derive(Serialize, Deserialize)]
struct Part<V> {
    format: u32,
    about: String,
    keys: String,
    vectors: Vec<V>,
}

#[derive(Clone, Serialize, Deserialize)]
struct AnswerVector {
    name: String,
    /// The rules of docs/validation.md that it shows.
    rules: Vec<String>,
    now: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keys: Option<String>,
    product_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock_tolerance_seconds: Option<u32>,
    question: Question,
    /// The answer's body.
    body: String,
    /// `trusted`, or the code of the error.
    verdict: String,
    /// Whether the application may run.
    may_run: bool,
    /// The signed text of one whose signature is good: the body without `signature`, in its canonical form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed: Option<String>,
}

/// An answer that was kept, and what it is worth while the server is out of reach.
#[derive(Clone, Serialize, Deserialize)]
struct KeptVector {
    name: String,
    rules: Vec<String>,
    now: i64,
    product_id: String,
    /// What the application would ask now. Its nonce is new.
    question: Question,
    /// The id of the machine that asks, if the application ties answers to machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    machine_id: Option<String>,
    offline_seconds: u32,
    body: String,
    /// `valid`, or the code of the reason.
    verdict: String,
    /// Until when it counts, of a valid one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

impl AnswerVector {
    fn judge(&mut self, part_keys: &str) {
        let keys = Keyring::from_jwks(self.keys.as_deref().unwrap_or(part_keys)).unwrap();
        let mut verifier = Verifier::new(keys, self.product_id.as_str());
        if let Some(seconds) = self.clock_tolerance_seconds {
            verifier = verifier.clock_tolerance_seconds(seconds);
        }
        let read = verifier.verify(&self.body, &self.question, UnixSeconds::new(self.now));
        self.may_run = read.as_ref().is_ok_and(|answer| answer.valid());
        self.verdict = read.map_or_else(|untrusted| untrusted.code(), |_| "trusted").into();
    }
}

impl KeptVector {
    fn judge(&mut self, part_keys: &str) {
        let verifier = Verifier::new(Keyring::from_jwks(part_keys).unwrap(), self.product_id.as_str());
        let question = match &self.machine_id {
            Some(id) => self.question.clone().asked_by(Machine::from_id(id)),
            None => self.question.clone(),
        };
        let kept = Kept::new(self.body.as_str());
        match kept.recall(&verifier, &question, UnixSeconds::new(self.now), self.offline_seconds) {
            Ok((_, until)) => (self.verdict, self.until) = ("valid".into(), Some(until.as_i64())),
            Err(lapsed) => (self.verdict, self.until) = (lapsed.code().into(), None),
        }
    }
}

#[test]
fn vectors_are_up_to_date() {
    let (answers, kept) = generate();
    // A packed crate has no documentation beside it: there the vectors are judged as they are made.
    if !path("../../docs").exists() {
        return;
    }
    hold("answers.json", &answers);
    hold("kept.json", &kept);
    // The files must hold for whoever reads nothing else.
    let (answers, kept): (Part<AnswerVector>, Part<KeptVector>) = (read("answers.json"), read("kept.json"));
    for vector in answers.vectors {
        let mut judged = vector.clone();
        judged.judge(&answers.keys);
        assert_eq!((judged.verdict, judged.may_run), (vector.verdict, vector.may_run), "{}", vector.name);
    }
    for vector in kept.vectors {
        let mut judged = vector.clone();
        judged.judge(&kept.keys);
        assert_eq!((judged.verdict, judged.until), (vector.verdict, vector.until), "{}", vector.name);
    }
}

#[test]
fn every_must_has_a_vector() {
    let Ok(document) = fs::read_to_string(path("../../docs/validation.md")) else { return };
    let mut named = BTreeSet::new();
    for block in document.split("\n\n") {
        let marks = block.split('[').skip(1).filter_map(|text| text.split_once(']').map(|(mark, _)| mark));
        let marks: Vec<_> =
            marks.filter(|mark| mark.starts_with('V') && mark[1..].parse::<u8>().is_ok()).collect();
        assert!(marks.len() >= block.matches("MUST").count(), "{block}");
        named.extend(marks.into_iter().map(str::to_owned));
    }
    let (answers, kept) = generate();
    let shown: BTreeSet<_> = answers.vectors.into_iter().flat_map(|vector| vector.rules).collect();
    assert_eq!(named, shown, "the rules of the document, and those that vectors show");
    assert!(kept.vectors.into_iter().flat_map(|vector| vector.rules).all(|rule| named.contains(&rule)));
}

/// Mutated answers, for the other languages: `cargo xtask test interop` gives them to each.
#[test]
fn mutated_vectors_are_judged_and_written() {
    let (mut answers, _) = generate();
    answers.vectors = answers::mutated(&answers.keys);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutated-vectors");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("answers.json"), serde_json::to_string_pretty(&answers).unwrap()).unwrap();
}

fn generate() -> (Part<AnswerVector>, Part<KeptVector>) {
    let keys = keys().to_jwks();
    let answers = Part {
        format: 1,
        about: "Answers of the validation API: a `trusted` one passes the checks of docs/validation.md at the second `now`, for an \
                application of the product that brings these keys and has asked the question."
            .into(),
        vectors: answers::all(&keys),
        keys: keys.clone(),
    };
    let kept = Part {
        format: 1,
        about: "Answers that were kept: whether each lets the application run at the second `now`, while the server is out of reach."
            .into(),
        vectors: kept::all(&keys),
        keys,
    };
    (answers, kept)
}

fn hold(file: &str, part: &impl Serialize) {
    let path = path(FOLDER).join(file);
    let expected = serde_json::to_string_pretty(part).unwrap() + "\n";
    if std::env::var_os("KEYWARD_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &expected).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == expected, "{file} is out of date: run with KEYWARD_BLESS=1 and read the difference");
}

fn read<T: DeserializeOwned>(file: &str) -> T {
    serde_json::from_str(&fs::read_to_string(path(FOLDER).join(file)).unwrap()).unwrap()
}

const FOLDER: &str = "../../docs/vectors/v1";

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// The question that most vectors have asked.
fn question() -> Question {
    Question::new("KEY", Some("2.1.0"), [1; 16])
}

/// A server's refusal.
fn refusal(answer: &mut Value) {
    answer["valid"] = false.into();
    answer["status"] = "revoked".into();
}
