//! What the server answers, and what is no answer of it.

use super::*;

pub(super) fn all(part_keys: &str) -> Vec<AnswerVector> {
    let mut vectors = the_first();
    vectors.extend(more());
    for vector in &mut vectors {
        let meant = vector.verdict.clone();
        vector.judge(part_keys);
        assert_eq!(vector.verdict, meant, "{}", vector.name);
        if vector.verdict == "trusted" {
            let mut members: serde_json::Map<String, Value> = serde_json::from_str(&vector.body).unwrap();
            members.remove("signature");
            vector.signed = Some(serde_json_canonicalizer::to_string(&members).unwrap());
        }
    }
    vectors
}

fn with(change: impl FnOnce(&mut Value)) -> String {
    answer(&question().nonce, change)
}

fn vector(name: &str, rule: &str, seconds: i64, body: String, verdict: &str) -> AnswerVector {
    AnswerVector {
        name: name.into(),
        rules: vec![rule.into()],
        now: NOW + seconds,
        keys: None,
        product_id: "p".into(),
        clock_tolerance_seconds: None,
        question: question(),
        may_run: false,
        body,
        verdict: verdict.into(),
        signed: None,
    }
}

fn the_first() -> Vec<AnswerVector> {
    let good = with(|_| {});
    let bad = |name: &str, rule: &str, body: String, verdict: &str| vector(name, rule, 0, body, verdict);
    let mut unsigned: Value = serde_json::from_str(&good).unwrap();
    unsigned["signature"] = Value::Null;
    let stranger = SecretKey::from_seed([8; 32]).public_key().kid();
    vec![
        vector("an answer", "V1", 0, good.clone(), "trusted"),
        vector("a refusal", "V5", 0, with(refusal), "trusted"),
        bad("no object", "V1", "[]".into(), "malformed"),
        bad(
            "an error of the server",
            "V1",
            json!({"valid": false, "status": "invalid_api_key"}).to_string(),
            "malformed",
        ),
        bad("not signed", "V1", unsigned.to_string(), "unsigned"),
        bad(
            "a refusal turned around",
            "V1",
            with(refusal).replace("\"valid\":false", "\"valid\":true"),
            "bad_signature",
        ),
        bad("another key", "V1", with(|answer| answer["kid"] = "x".into()), "unknown_key"),
        bad(
            "a key of a stranger",
            "V1",
            good.replace(crate::secret().public_key().kid().as_str(), stranger.as_str()),
            "unknown_key",
        ),
        bad("another product", "V2", with(|answer| answer["product_id"] = "q".into()), "wrong_product"),
        bad("no product", "V2", with(|answer| answer["product_id"] = Value::Null), "wrong_product"),
        bad("another license", "V3", with(|answer| answer["license_key"] = "OTHER".into()), "wrong_question"),
        bad("another nonce", "V3", with(|answer| answer["nonce"] = "other".into()), "wrong_question"),
        bad("no nonce", "V3", with(|answer| answer["nonce"] = Value::Null), "wrong_question"),
        vector("five minutes old", "V4", 300, good.clone(), "trusted"),
        vector("older than that", "V4", 301, good.clone(), "stale"),
        vector("five minutes ahead", "V4", -300, good.clone(), "trusted"),
        vector("further ahead", "V4", -301, good, "stale"),
        vector("a refusal, by a clock that is wrong", "V4", 301, with(refusal), "trusted"),
        vector("a refusal, by a clock that is far behind", "V4", -86_400, with(refusal), "trusted"),
    ]
}

/// The body as a server sends it: in canonical form, `signature` at its end.
fn as_sent(body: &str) -> String {
    let mut members: serde_json::Map<String, Value> = serde_json::from_str(body).unwrap();
    let signature = members.remove("signature").unwrap();
    let signed = serde_json_canonicalizer::to_string(&members).unwrap();
    format!("{},\"signature\":{signature}}}", signed.strip_suffix('}').unwrap())
}

fn more() -> Vec<AnswerVector> {
    let good = with(|_| {});
    let sent = as_sent(&good);
    let v1 = |name: &str, body: String, verdict: &str| vector(name, "V1", 0, body, verdict);
    let member = |name: &'static str, value: Value| with(move |answer| answer[name] = value);
    let without = |name: &str| {
        with(|answer| {
            answer.as_object_mut().unwrap().remove(name);
        })
    };
    let signature = |to: &str| {
        let from = &good[good.find("\"signature\":\"").unwrap() + 13..][..86];
        good.replace(from, to)
    };
    let nested = |levels: usize| {
        let mut value = json!({});
        for _ in 0..levels {
            value = json!([value]);
        }
        json!({ "a": value })
    };
    let numbers = json!({
        "a": 1e21, "b": 1e20, "c": 1.5e-7, "d": 0.000001, "e": 5e-324, "f": 1.7976931348623157e308, "g": -0.0, "h": 123456789.125,
        "i": 9007199254740991_i64, "j": -1, "k": 0.1, "l": 100.0, "m": 2.2250738585072014e-308, "n": 1e-7, "o": 333333333.3333333,
    });
    let texts = json!({
        "é": "\u{1f600}\u{7f}\u{2028}\u{feff}", "\u{1f600}": "\"\\\u{8}\u{c}\n\r\t\u{0}\u{1f}/", "\u{fb33}": 1, "": [[], {}, null, true],
        "\u{20ac}": 2, "1": 3, "\r": 4, "\u{80}": 5, "__proto__": {"valid": false}, "10": 6, "2": 7,
    });
    let tolerant = |name: &str, seconds: i64, tolerance: u32, verdict: &str| AnswerVector {
        clock_tolerance_seconds: Some(tolerance),
        ..vector(name, "V4", seconds, with(|_| {}), verdict)
    };
    let mut two = Keyring::new();
    two.insert(SecretKey::from_seed([8; 32]).public_key().clone()).unwrap();
    let strangers = two.to_jwks();
    two.insert(crate::secret().public_key().clone()).unwrap();
    let small_order = format!("{}{}", "A".repeat(43), "A".repeat(43));
    vec![
        v1("an answer as a server sends it", sent.clone(), "trusted"),
        v1(
            "an answer with white space",
            sent.replace(",\"", " ,\r\n\t\"").replace(":", ": "),
            "bad_signature",
        ),
        v1(
            "an answer that was written anew",
            serde_json::to_string_pretty(&serde_json::from_str::<Value>(&good).unwrap()).unwrap(),
            "trusted",
        ),
        v1(
            "an answer with escapes",
            sent.replace("\"valid\"", "\"\\u0076alid\"").replace("active", "\\u0061ctive"),
            "trusted",
        ),
        v1("numbers in another form", sent.replace("\"ip_count\":1", "\"ip_count\":1e0"), "malformed"),
        v1("a fraction in another form", sent.replace(":1.5", ":15e-1"), "trusted"),
        v1("a member more", sent.replacen('{', r#"{"a":1,"#, 1), "bad_signature"),
        v1("a member less", sent.replace("\"max_ips\":3,", ""), "bad_signature"),
        v1("valid twice", sent.replacen('{', r#"{"valid":false,"#, 1), "malformed"),
        v1("valid twice, once with an escape", sent.replacen('{', r#"{"v\u0061lid":false,"#, 1), "malformed"),
        v1("a signature before the signature", sent.replacen('{', r#"{"signature":null,"#, 1), "malformed"),
        v1("text behind the answer", format!("{sent}x"), "malformed"),
        v1("a line end behind the answer", format!("{sent}\n"), "trusted"),
        v1("a byte order mark", format!("\u{feff}{sent}"), "malformed"),
        v1("nothing", String::new(), "malformed"),
        v1("a page", "<html>".into(), "malformed"),
        v1("NaN", sent.replace(":1.5", ":NaN"), "malformed"),
        v1("a number beyond a double", sent.replace(":1.5", ":1e999"), "malformed"),
        v1("a lone surrogate", sent.replace("active", "\\ud800"), "malformed"),
        v1("nested 64 deep", member("custom", nested(62)), "malformed"),
        v1("nested 63 deep", member("custom", nested(60)), "trusted"),
        v1("a signature that is a number", r#"{"signature":1}"#.into(), "malformed"),
        v1("no signature", without("kid").replace("\"signature\"", "\"x\""), "malformed"),
        v1(
            "a signature with padding",
            signature(&"A".repeat(86)).replace("AAAA\",\"signed_at", "AA==\",\"signed_at"),
            "bad_signature",
        ),
        v1("a signature of 63 bytes", signature(&"A".repeat(84)), "bad_signature"),
        v1("an empty signature", signature(""), "bad_signature"),
        v1("a signature of zeros", signature(&small_order), "bad_signature"),
        v1("kid a number", member("kid", json!(1)), "unknown_key"),
        v1("no kid", without("kid"), "unknown_key"),
        v1("valid a number", member("valid", json!(1)), "malformed"),
        v1("no valid", without("valid"), "malformed"),
        v1("no status", without("status"), "malformed"),
        v1("status null", member("status", Value::Null), "malformed"),
        v1("a status of a later server", member("status", json!("brand_new")), "trusted"),
        v1("expires null", member("expires", Value::Null), "trusted"),
        v1("expires absent", without("expires"), "trusted"),
        v1("expires with an offset", member("expires", json!("2026-01-20T00:00:00+01:00")), "malformed"),
        v1("expires with +00:00", member("expires", json!("2026-01-20T00:00:00+00:00")), "trusted"),
        v1("expires with a fraction", member("expires", json!("2026-01-20T00:00:00.5Z")), "malformed"),
        v1("signed_at null", member("signed_at", Value::Null), "malformed"),
        v1("signed_at that no calendar has", member("signed_at", json!("2026-02-30T00:00:00Z")), "malformed"),
        v1("license_key null", member("license_key", Value::Null), "malformed"),
        v1("product_id a number", member("product_id", json!(1)), "malformed"),
        v1("nonce a number", member("nonce", json!(1)), "malformed"),
        v1("ip_count negative", member("ip_count", json!(-1)), "malformed"),
        v1("ip_count a fraction", member("ip_count", json!(1.5)), "malformed"),
        v1("ip_count of 2^32 - 1", member("ip_count", json!(u32::MAX)), "trusted"),
        v1("ip_count of 2^32", member("ip_count", json!(1_u64 << 32)), "malformed"),
        v1("ip_registered as text", member("ip_registered", json!("true")), "malformed"),
        v1("custom an array", member("custom", json!([])), "malformed"),
        v1("custom null", member("custom", Value::Null), "trusted"),
        v1("version_valid null", member("version_valid", Value::Null), "trusted"),
        v1("with the end of the contract", member("ends", json!("2026-01-10T00:00:00Z")), "trusted"),
        v1("numbers of every size", member("custom", numbers), "trusted"),
        v1("texts of every kind", member("custom", texts), "trusted"),
        vector(
            "another product before another question",
            "V2",
            0,
            answer("other", |answer| answer["product_id"] = "q".into()),
            "wrong_product",
        ),
        vector("another question before an old answer", "V3", 900, answer("other", |_| {}), "wrong_question"),
        vector(
            "the license key in small letters",
            "V3",
            0,
            member("license_key", json!("key")),
            "wrong_question",
        ),
        vector(
            "another product's refusal",
            "V5",
            0,
            answer(&question().nonce, |answer| {
                refusal(answer);
                answer["product_id"] = "q".into();
            }),
            "wrong_product",
        ),
        vector("a refusal to another question", "V5", 0, answer("other", refusal), "wrong_question"),
        tolerant("within the tolerance", 3_600, 3_600, "trusted"),
        tolerant("beyond the tolerance", -3_601, 3_600, "stale"),
        tolerant("no tolerance", 1, 0, "stale"),
        AnswerVector { keys: Some(two.to_jwks()), ..v1("one of two keys", with(|_| {}), "trusted") },
        AnswerVector { keys: Some(strangers), ..v1("a key that is gone", with(|_| {}), "unknown_key") },
        AnswerVector {
            product_id: "q".into(),
            ..vector("the application of another product", "V2", 0, with(|_| {}), "wrong_product")
        },
    ]
}

/// Mutated bodies; most of them no longer what was signed.
pub(super) fn mutated(part_keys: &str) -> Vec<AnswerVector> {
    let bodies: Vec<_> = all(part_keys).into_iter().filter(|vector| vector.verdict == "trusted").collect();
    let mut state = 7_u64;
    let mut below = |limit: usize| {
        // xorshift64: the same in every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(limit).unwrap()).unwrap()
    };
    let mutations = [
        "\"", "\\", "{", "}", "[", "]", ":", ",", " ", "\n", "0", "1", "-", ".", "e", "null", "true", "é",
        "\u{0}", "\\u0061",
    ];
    (0..600)
        .map(|number| {
            let mut vector = bodies[below(bodies.len())].clone();
            let mut letters: Vec<String> = vector.body.chars().map(String::from).collect();
            for _ in 0..=below(2) {
                let (at, mutation) = (below(letters.len()), mutations[below(mutations.len())].to_owned());
                match below(4) {
                    0 => letters[at] = mutation,
                    1 => drop(letters.remove(at)),
                    2 => letters.insert(at, mutation),
                    _ => letters.insert(at, " ".into()),
                }
            }
            vector.name = format!("a mutated answer {number}");
            vector.body = letters.concat();
            vector.signed = None;
            vector.judge(part_keys);
            vector
        })
        .collect()
}
