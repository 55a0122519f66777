//! Random and mutated tokens, with the verdicts of this crate: another language is compared on more than was thought of.
//!
//! They are the same in every run, and are written to the build's folder in the form of `docs/vectors`, where `cargo xtask test
//! interop` gives them to the other languages.

use super::{Corpus, TokenVector, corpus::Expected, generate, tokens};
use crate::support::{NOW, PRODUCT, bytes, encode, header, jws, sign_parts, signer};
use keyward_token::NoClaims;
use std::{fs, path::Path};

/// Of each kind.
const COUNT: u64 = 400;

#[test]
fn mutated_vectors_are_judged_and_written() {
    let mut corpus: Corpus = generate();
    let mut vectors = Vec::new();
    for number in 0..COUNT {
        vectors.extend(
            tokens_of(&mut Random::new(number)).map(|(kind, token)| (format!("{kind} {number}"), token)),
        );
    }
    let judged = vectors.into_iter().map(|(name, token)| {
        let expected = match Random::new(token.len() as u64).below(3) {
            0 => Expected::product(PRODUCT),
            1 => Expected { or_without_product: true, ..Expected::product(PRODUCT) },
            _ => Expected::default(),
        };
        let verdict = expected.verifier(&corpus.tokens.keys).verify::<NoClaims>(&token, NOW);
        let claims = verdict.as_ref().ok().map(|license| license.json().to_owned());
        let verdict = verdict.map_or_else(|error| error.code(), |_| "valid").to_owned();
        TokenVector {
            name,
            rules: Vec::new(),
            now: NOW.as_i64(),
            expected,
            keys: None,
            token,
            verdict,
            claims,
        }
    });
    let judged: Vec<_> = judged.collect();
    let valid = judged.iter().filter(|vector| vector.verdict == "valid").count();
    // Neither all refused nor all accepted: both sides are compared.
    assert!((100..judged.len() / 2).contains(&valid), "{valid} of {} are valid", judged.len());
    corpus.tokens.vectors = judged;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutated-vectors");
    fs::create_dir_all(&folder).unwrap();
    let text = serde_json::to_string_pretty(&corpus.tokens).unwrap();
    fs::write(folder.join("tokens.json"), text).unwrap();
}

/// Numbers that look random and are the same in every run.
struct Random {
    seed: u64,
    count: u64,
}

impl Random {
    fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.count += 1;
        let random = bytes("mutated", self.seed << 20 | self.count);
        let number = u64::from_le_bytes(random[..8].try_into().unwrap());
        usize::try_from(number % u64::try_from(limit).unwrap()).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

fn tokens_of(random: &mut Random) -> impl Iterator<Item = (&'static str, String)> + use<> {
    let claims = claims(random);
    let header = match random.below(4) {
        0 => headers(random),
        _ => header(),
    };
    let token = tokens::valid().swap_remove(random.below(12)).token;
    let payload = mutated(random, &claims);
    [
        ("claims", jws(&header, &claims)),
        (
            "claims of a paseto",
            signer().sign_paseto(&claims.replace(SECONDS, "\"2028-01-15T08:00:00Z\"")).unwrap(),
        ),
        ("mutated claims", jws(header, payload)),
        ("a mutated token", String::from_utf8_lossy(&mutated(random, &token)).into_owned()),
        ("parts", sign_parts(&mutated_header(random), &encode(&claims))),
    ]
    .into_iter()
}

/// A header's encoding, nearly.
fn mutated_header(random: &mut Random) -> String {
    String::from_utf8_lossy(&mutated(random, &encode(header()))).replace('.', "_")
}

/// The text with one byte changed, taken out, put in, or a piece repeated.
fn mutated(random: &mut Random, text: &str) -> Vec<u8> {
    let mut mutated = text.as_bytes().to_vec();
    let at = random.below(mutated.len());
    let byte = MUTATIONS[random.below(MUTATIONS.len())];
    match random.below(4) {
        0 => mutated[at] = byte,
        1 => drop(mutated.remove(at)),
        2 => mutated.insert(at, byte),
        _ => {
            let end = (at + 1 + random.below(12)).min(mutated.len());
            let piece = mutated[at..end].to_vec();
            mutated.splice(at..at, piece);
        }
    }
    mutated
}

const MUTATIONS: &[u8] = b"\"\\{}[]:,.0-eE+ \n\x00\x7f\xffAzu_=";

/// What a time claim has in a JWT, and a PASETO writes otherwise.
const SECONDS: &str = "1831536000";

/// An object of claims, most of them fit.
fn claims(random: &mut Random) -> String {
    let mut members = vec![r#""aud":"license-key""#.to_owned()];
    for _ in 0..random.below(6) {
        let name = random.one(&NAMES);
        let fit = FIT.iter().find(|(claim, _)| *claim == name).map(|(_, value)| *value);
        let value = match (fit, random.below(4)) {
            (Some(value), 1..) => value,
            _ => random.one(&VALUES),
        };
        let name = match random.below(6) {
            0 => format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]),
            _ => name.to_owned(),
        };
        members.push(format!("{}\"{name}\"{}:{value}", random.one(&SPACE), random.one(&SPACE)));
    }
    let first = random.below(members.len());
    members.swap(0, first);
    format!("{{{}}}", members.join(","))
}

fn headers(random: &mut Random) -> String {
    let mut members = vec![r#""alg":"EdDSA""#.to_owned(), r#""typ":"JWT""#.to_owned()];
    for _ in 0..random.below(3) {
        members.push(format!(
            "\"{}\":{}",
            random.one(&["kid", "alg", "x", "crit", "typ", "Kid", "b64", ""]),
            random.one(&VALUES)
        ));
    }
    let first = random.below(members.len());
    members.swap(0, first);
    format!("{}{{{}}}", random.one(&SPACE), members.join(","))
}

const SPACE: [&str; 4] = ["", "", " ", "\r\n\t"];

const NAMES: [&str; 12] =
    ["iss", "sub", "iat", "nbf", "exp", "jti", "status", "keyward", "seats", "EXP", "keyward ", "__proto__"];

const FIT: [(&str, &str); 8] = [
    ("iss", "\"https://keys.example.com\""),
    ("sub", "\"s\""),
    ("iat", SECONDS),
    ("nbf", "5"),
    ("exp", SECONDS),
    ("jti", "\"\""),
    ("status", r#"{"status_list":{"idx":7,"uri":"u"}}"#),
    ("keyward", r#"{"v":1,"org":"o","product":"0192f0c1-7a00-7000-8000-00000000000b","registry":["a"]}"#),
];

const VALUES: [&str; 44] = [
    "0",
    "-0",
    "1",
    "5",
    "1831536000",
    "253402300799",
    "253402300800",
    "1.0",
    "1e3",
    "1E400",
    "-1",
    "01",
    "1.",
    "9007199254740993",
    "18446744073709551616",
    "null",
    "true",
    "false",
    "\"\"",
    "\"x\"",
    "\"1831536000\"",
    "\"license-key\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "\"\t\"",
    "\"é\"",
    "[]",
    "{}",
    "[1,2]",
    "[\"a\",\"b\"]",
    "[1,]",
    "{\"a\":1,\"a\":2}",
    "{\"v\":1,\"org\":\"o\"}",
    "{\"v\":1,\"org\":\"o\",\"ends\":5}",
    "{\"v\":1,\"org\":\"o\",\"product\":null}",
    "{\"v\":1,\"org\":\"o\",\"product\":\"x\"}",
    "{\"v\":2,\"org\":\"o\"}",
    "{\"status_list\":{\"idx\":1}}",
    "{\"status_list\":[]}",
    "{\"status_list\":{\"uri\":\"u\",\"idx\":0}}",
    "NaN",
    "\"2028-01-15T08:00:00+00:00\"",
    "\"2028-02-30T08:00:00Z\"",
];
