//! Tokens that a reader may take for others: escapes in names, white space, numbers at their bounds, forms of two faults.

mod paseto;

use super::{TokenVector, corpus::Expected, name, rules};
use crate::support::{NOW, PRODUCT, encode, header, jws, sign_parts, signer, token};
use keyward_token::Format;

pub(super) fn all() -> Vec<TokenVector> {
    let mut vectors = Vec::new();
    let mut any = |cases: Vec<(&str, String, &str)>| {
        vectors.extend(cases.into_iter().map(|case| vector(case, Expected::default())));
    };
    any(shapes());
    any(headers());
    any(texts());
    any(claims());
    any(paseto::all());
    vectors.extend(products().into_iter().map(|case| vector(case, Expected::product(PRODUCT))));
    vectors
}

fn vector((title, token, verdict): (&str, String, &str), expected: Expected) -> TokenVector {
    TokenVector {
        name: name(title),
        rules: rules(title),
        now: NOW.as_i64(),
        expected,
        keys: None,
        token,
        verdict: verdict.into(),
        claims: None,
    }
}

/// A token of the usual header, with an audience before these members.
fn with(members: &str) -> String {
    jws(header(), format!(r#"{{"aud":"license-key",{members}}}"#))
}

fn shapes() -> Vec<(&'static str, String, &'static str)> {
    let good = token(Format::Jwt);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    let tail = |text: &str| {
        let (kept, last) = text.split_at(text.len() - 1);
        // The next letter has another of the bits that no byte takes.
        let next = (last.as_bytes()[0] + 1) as char;
        format!("{kept}{next}")
    };
    vec![
        ("an empty text [H2]", String::new(), "malformed"),
        ("two dots [H2]", "..".into(), "malformed"),
        ("no header [H2]", format!(".{payload}.{signature}"), "malformed"),
        ("no payload [H2]", format!("{head}..{signature}"), "malformed"),
        ("no signature [H2]", format!("{signed}."), "malformed"),
        (
            "five parts, as an encrypted token [H2]",
            format!("{head}.{head}.{payload}.{signature}.{signature}"),
            "malformed",
        ),
        ("a signature of 65 bytes [H2]", format!("{signed}.{}", encode([1; 65])), "malformed"),
        (
            "a signature with bits behind its last byte [H2]",
            format!("{signed}.{}", tail(signature)),
            "malformed",
        ),
        ("a signature in the alphabet of base64 [H2]", format!("{signed}.{}", "+/".repeat(43)), "malformed"),
        ("a payload of one letter [H2]", sign_parts(&encode(header()), "e"), "malformed"),
        ("a payload with bits behind its last byte [H2]", sign_parts(&encode(header()), "e31"), "malformed"),
        ("a payload with a line end [H2]", good.replacen(".eyJ", ".eyJ\n", 1), "malformed"),
        (
            "a payload that is empty but for its encoding [H2]",
            sign_parts(&encode(header()), "="),
            "malformed",
        ),
        ("a full-width letter in the payload [H2]", good.replacen(".e", ".ｅ", 1), "malformed"),
        ("a NUL at the end [H2]", format!("{good}\0"), "malformed"),
        ("a license key", "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC".into(), "malformed"),
        (
            "a signature over another payload [S1]",
            format!("{}.{signature}", encode_pair(&header(), "{}")),
            "bad_signature",
        ),
    ]
}

fn encode_pair(header: &str, payload: &str) -> String {
    format!("{}.{}", encode(header), encode(payload))
}

fn headers() -> Vec<(&'static str, String, &'static str)> {
    const CLAIMS: &str = r#"{"aud":"license-key"}"#;
    let kid = signer().kid().to_string();
    let of = |header: &str| jws(header, CLAIMS);
    let with = |more: &str| of(&format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}"{more}}}"#));
    let padded = |bytes: usize| {
        let bare = format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{kid}","x":""}}"#).len();
        with(&format!(r#","x":"{}""#, "x".repeat(bytes - bare)))
    };
    vec![
        ("a header of 768 bytes [H3]", padded(768), "valid"),
        ("a header of 769 bytes [H3]", padded(769), "malformed"),
        ("a header that is an array [H3]", of("[]"), "malformed"),
        ("a header that is no JSON [H3]", of("alg"), "malformed"),
        ("a header that is not UTF-8 [H3]", jws(b"{\"alg\":\"EdDSA\",\"\xff\":1}", CLAIMS), "malformed"),
        ("a header with a byte order mark [H3 J5]", of(&format!("\u{feff}{}", header())), "malformed"),
        ("a header with white space around it [H3]", of(&format!(" \t\r\n{}\n", header())), "valid"),
        ("alg with an escape [H4]", of(&header().replace("EdDSA", "Ed\\u0044SA")), "valid"),
        ("the name alg with an escape [H4]", of(&header().replace("\"alg\"", "\"\\u0061lg\"")), "valid"),
        ("alg in other letters [H4]", of(&header().replace("EdDSA", "eddsa")), "unsupported_algorithm"),
        ("alg a number [H4]", of(&header().replace("\"EdDSA\"", "1")), "malformed"),
        ("alg null [H4]", of(&header().replace("\"EdDSA\"", "null")), "malformed"),
        ("alg absent [H4]", of(&format!(r#"{{"typ":"JWT","kid":"{kid}"}}"#)), "unsupported_algorithm"),
        (
            "alg ES256 of a key that is known [H4]",
            of(&header().replace("EdDSA", "ES256")),
            "unsupported_algorithm",
        ),
        ("typ in other letters [H5]", of(&header().replace("JWT", "jwt")), "wrong_type"),
        ("typ at+jwt [H5]", of(&header().replace("JWT", "at+jwt")), "wrong_type"),
        (
            "typ with the prefix of a media type [H5]",
            of(&header().replace("JWT", "application/jwt")),
            "wrong_type",
        ),
        ("typ an array [H5]", of(&header().replace("\"JWT\"", "[\"JWT\"]")), "malformed"),
        ("algorithm before type [H4 H5]", of(r#"{"alg":"none","typ":"other"}"#), "unsupported_algorithm"),
        ("crit null [H6]", with(r#","crit":null"#), "refused_header"),
        ("enc false [H6]", with(r#","enc":false"#), "refused_header"),
        ("x5u [H6]", with(r#","x5u":"""#), "refused_header"),
        ("the name crit with an escape [H6]", with(r#","\u0063rit":[]"#), "refused_header"),
        ("the name Crit [H6]", with(r#","Crit":["b64"]"#), "valid"),
        ("a refused member before a text that is no JSON [J3]", of(r#"{"crit":[],"alg":NaN}"#), "malformed"),
        (
            "a refused member before a name that stands twice [J1]",
            of(r#"{"jwk":1,"a":1,"a":1}"#),
            "malformed",
        ),
        ("a refused member, then alg a number [H6]", of(r#"{"crit":1,"alg":1}"#), "refused_header"),
        ("alg a number, then a refused member [H4]", of(r#"{"alg":1,"crit":1}"#), "malformed"),
        ("kid with an escape [H7]", of(&header().replacen("\"--6", "\"\\u002d-6", 1)), "valid"),
        ("kid null [H7]", of(r#"{"alg":"EdDSA","typ":"JWT","kid":null}"#), "malformed"),
        ("kid empty [H7]", of(r#"{"alg":"EdDSA","typ":"JWT","kid":""}"#), "unknown_key"),
        ("kid with white space [H7]", of(&header().replace("\"--6", "\" --6")), "unknown_key"),
        (
            "kid of an object's own names [H7]",
            of(r#"{"alg":"EdDSA","typ":"JWT","kid":"__proto__"}"#),
            "unknown_key",
        ),
        ("a member named __proto__", with(r#","__proto__":{"crit":1}"#), "valid"),
        ("a member named constructor, twice [J1]", with(r#","constructor":1,"constructor":1"#), "malformed"),
        (
            "nested 32 deep in a header [J2]",
            with(&format!(r#","x":{}{}"#, "[".repeat(31), "]".repeat(31))),
            "valid",
        ),
        (
            "nested 33 deep in a header [J2]",
            with(&format!(r#","x":{}{}"#, "[".repeat(32), "]".repeat(32))),
            "malformed",
        ),
        (
            "unknown key before a broken signature [H7]",
            format!("{}.{}.AA", encode(r#"{"alg":"EdDSA","typ":"JWT","kid":"x"}"#), encode(CLAIMS)),
            "unknown_key",
        ),
    ]
}

fn texts() -> Vec<(&'static str, String, &'static str)> {
    let deep = |levels: usize| format!(r#""x":{}{}"#, "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!(r#""x":{}1{}"#, r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let many: Vec<_> = (0..200).map(|number| format!(r#""n{number}":{number}"#)).collect();
    vec![
        ("arrays 32 deep [J2]", with(&deep(31)), "valid"),
        ("objects 32 deep [J2]", with(&objects(31)), "valid"),
        ("objects 33 deep [J2]", with(&objects(32)), "malformed"),
        ("nested 20000 deep [J2]", with(&deep(20_000)), "malformed"),
        ("200 names", with(&many.join(",")), "valid"),
        ("200 names and one again [J1]", with(&format!("{},\"n7\":0", many.join(","))), "malformed"),
        ("an empty name twice [J1]", with(r#""":1,"":2"#), "malformed"),
        ("a name and the same with a surrogate pair [J1]", with(r#""😀":1,"\ud83d\ude00":2"#), "malformed"),
        ("names in NFC and NFD are two", with("\"\u{e9}\":1,\"e\u{301}\":2"), "valid"),
        ("a name twice inside of an array [J1]", with(r#""x":[[{"b":1,"a":1,"b":1}]]"#), "malformed"),
        ("a name twice under a claim [J1]", with(r#""keyward":{"v":1,"org":"o","org":"o"}"#), "malformed"),
        ("a low surrogate alone [J3]", with(r#""x":"\udc00""#), "malformed"),
        ("two high surrogates [J3]", with(r#""x":"\ud800\ud800""#), "malformed"),
        ("surrogates in the wrong order [J3]", with(r#""x":"\udc00\ud800""#), "malformed"),
        ("a lone surrogate in a name [J3]", with(r#""\ud800":1"#), "malformed"),
        ("a backslash before what looks like a surrogate", with(r#""x":"\\ud800""#), "valid"),
        ("a surrogate pair in capitals", with(r#""x":"\uD83D\uDE00""#), "valid"),
        ("U+0000 by an escape", with(r#""x":"\u0000""#), "valid"),
        ("noncharacters", with("\"x\":\"\u{ffff}\\ufffe\u{10ffff}\""), "valid"),
        ("a tab in a string [J3]", with("\"x\":\"\t\""), "malformed"),
        ("U+001F in a string [J3]", with("\"x\":\"\u{1f}\""), "malformed"),
        ("U+007F and U+2028 in a string", with("\"x\":\"\u{7f}\u{2028}\""), "valid"),
        ("an escape that is none [J3]", with(r#""x":"\x41""#), "malformed"),
        ("an escape of an apostrophe [J3]", with(r#""x":"\'""#), "malformed"),
        ("an escape of three digits [J3]", with(r#""x":"\u041""#), "malformed"),
        ("an escape with full-width digits [J3]", with("\"x\":\"\\u００４１\""), "malformed"),
        ("an escape with a sign [J3]", with(r#""x":"\u+041""#), "malformed"),
        ("strings in apostrophes [J3]", with("'x':1"), "malformed"),
        ("a comment [J3]", with(r#""x":1/* */"#), "malformed"),
        ("a trailing comma [J3]", with(r#""x":1,"#), "malformed"),
        ("a trailing comma in an array [J3]", with(r#""x":[1,]"#), "malformed"),
        ("two commas [J3]", with(r#""x":[1,,2]"#), "malformed"),
        ("no colon [J3]", with(r#""x" 1"#), "malformed"),
        ("a name that is a number [J3]", with("1:1"), "malformed"),
        ("brackets that do not match [J3]", with(r#""x":[1}"#), "malformed"),
        ("True [J3]", with(r#""x":True"#), "malformed"),
        ("a word that goes on [J3]", with(r#""x":nullx"#), "malformed"),
        ("undefined [J3]", with(r#""x":undefined"#), "malformed"),
        ("Infinity [J3]", with(r#""x":-Infinity"#), "malformed"),
        ("a number with a leading zero [J3]", with(r#""x":01"#), "malformed"),
        ("a number with a plus [J3]", with(r#""x":+1"#), "malformed"),
        ("a number without its fraction [J3]", with(r#""x":1."#), "malformed"),
        ("a number without its whole [J3]", with(r#""x":.5"#), "malformed"),
        ("a number without its exponent [J3]", with(r#""x":1e"#), "malformed"),
        ("a minus alone [J3]", with(r#""x":-"#), "malformed"),
        ("a hexadecimal number [J3]", with(r#""x":0x10"#), "malformed"),
        ("a number with underscores [J3]", with(r#""x":1_000"#), "malformed"),
        ("a number in Arabic digits [J3]", with("\"x\":١"), "malformed"),
        ("minus zero", with(r#""x":-0,"y":-0.0e-0"#), "valid"),
        ("the greatest double [J4]", with(r#""x":1.7976931348623157e308"#), "valid"),
        ("the greatest that is read as a double [J4]", with(r#""x":1.797693134862315807e308"#), "valid"),
        ("beyond the greatest double [J4]", with(r#""x":1.7976931348623159e308"#), "malformed"),
        ("beyond the least double [J4]", with(r#""x":-2e308"#), "malformed"),
        ("400 digits [J4]", with(&format!(r#""x":{}"#, "9".repeat(400))), "malformed"),
        ("5000 digits behind the point [J6]", with(&format!(r#""x":0.{}"#, "1".repeat(5_000))), "valid"),
        ("5000 zeros and an exponent [J6]", with(&format!(r#""x":1{}e-5000"#, "0".repeat(5_000))), "valid"),
        ("an exponent beyond any integer [J4]", with(r#""x":1e99999999999999999999"#), "malformed"),
        ("a small exponent beyond any integer [J4]", with(r#""x":1e-99999999999999999999"#), "valid"),
        ("zero with any exponent [J4]", with(r#""x":0e99999999999999999999"#), "valid"),
        ("a vertical tab between members [J3]", with("\u{b}\"x\":1"), "malformed"),
        ("a no-break space between members [J3]", with("\u{a0}\"x\":1"), "malformed"),
        (
            "white space everywhere",
            jws(header(), "\r\n{\t\"aud\" :\n[ \"license-key\" ] , \"x\" : [ ] }\n"),
            "valid",
        ),
        ("two objects [J5]", jws(header(), r#"{"aud":"license-key"}{}"#), "malformed"),
        ("a text alone [J5]", jws(header(), r#""license-key""#), "malformed"),
        ("null [J5]", jws(header(), "null"), "malformed"),
        ("white space alone [J5]", jws(header(), " "), "malformed"),
        ("a NUL behind the object [J5]", jws(header(), "{\"aud\":\"license-key\"}\0"), "malformed"),
        ("UTF-16 [J5]", jws(header(), "\0{\0}"), "malformed"),
        (
            "a surrogate in CESU-8 [J5]",
            jws(header(), b"{\"aud\":\"license-key\",\"x\":\"\xed\xa0\x80\"}"),
            "malformed",
        ),
        (
            "an overlong encoding [J5]",
            jws(header(), b"{\"aud\":\"license-key\",\"x\":\"\xc0\x80\"}"),
            "malformed",
        ),
        (
            "beyond U+10FFFF [J5]",
            jws(header(), b"{\"aud\":\"license-key\",\"x\":\"\xf4\x90\x80\x80\"}"),
            "malformed",
        ),
    ]
}

fn claims() -> Vec<(&'static str, String, &'static str)> {
    let status = |list: &str| with(&format!(r#""status":{list}"#));
    let keyward = |members: &str| with(&format!(r#""keyward":{members}"#));
    vec![
        ("a wrong claim before a text that is no JSON [J3]", with(r#""exp":"x","y":NaN"#), "malformed"),
        (
            "a wrong claim before another audience [C2]",
            jws(header(), r#"{"aud":"other","iat":"x"}"#),
            "invalid_claim",
        ),
        ("exp with an escaped name [C2]", with(r#""\u0065xp":"x""#), "invalid_claim"),
        ("exp of the past, its name escaped", with(r#""e\u0078p":5"#), "expired"),
        ("EXP is another claim", with(r#""EXP":5"#), "valid"),
        ("exp zero", with(r#""exp":0"#), "expired"),
        ("exp minus zero [C2]", with(r#""exp":-0"#), "invalid_claim"),
        ("exp with a fraction of zero [C2]", with(r#""exp":1900000000.0"#), "invalid_claim"),
        ("exp at the end of 9999", with(r#""exp":253402300799"#), "valid"),
        ("exp beyond 2^64 [C2]", with(r#""exp":18446744073709551616"#), "invalid_claim"),
        ("exp an array [C2]", with(r#""exp":[1900000000]"#), "invalid_claim"),
        ("nbf of the future and exp of the past", with(r#""nbf":1900000000,"exp":5"#), "not_yet_valid"),
        ("iat of the future", with(r#""iat":1900000000"#), "valid"),
        ("sub null [C2]", with(r#""sub":null"#), "invalid_claim"),
        ("jti an object [C2]", with(r#""jti":{}"#), "invalid_claim"),
        ("aud a number in an array [C2]", jws(header(), r#"{"aud":["license-key",1]}"#), "invalid_claim"),
        ("aud an object [C2]", jws(header(), r#"{"aud":{"license-key":1}}"#), "invalid_claim"),
        ("aud null [C2]", jws(header(), r#"{"aud":null}"#), "invalid_claim"),
        ("aud nested [C2]", jws(header(), r#"{"aud":[["license-key"]]}"#), "invalid_claim"),
        ("status a number [C2]", status("1"), "invalid_claim"),
        ("status without a list", status(r#"{"other":1}"#), "valid"),
        ("status_list an array [C2]", status(r#"{"status_list":[]}"#), "invalid_claim"),
        ("status_list null [C2]", status(r#"{"status_list":null}"#), "invalid_claim"),
        ("idx absent [C2]", status(r#"{"status_list":{"uri":"u"}}"#), "invalid_claim"),
        ("uri absent [C2]", status(r#"{"status_list":{"idx":1}}"#), "invalid_claim"),
        ("idx of 2^64 - 1", status(r#"{"status_list":{"idx":18446744073709551615,"uri":"u"}}"#), "valid"),
        (
            "idx of 2^64 [C2]",
            status(r#"{"status_list":{"idx":18446744073709551616,"uri":"u"}}"#),
            "invalid_claim",
        ),
        ("idx with an exponent [C2]", status(r#"{"status_list":{"idx":1e0,"uri":"u"}}"#), "invalid_claim"),
        ("idx true [C2]", status(r#"{"status_list":{"idx":true,"uri":"u"}}"#), "invalid_claim"),
        (
            "members beside idx and uri",
            status(r#"{"x":1,"status_list":{"idx":1,"x":[],"uri":"u"}}"#),
            "valid",
        ),
        ("keyward null [C2]", keyward("null"), "invalid_claim"),
        ("keyward an array [C2]", keyward("[]"), "invalid_claim"),
        ("keyward without v [C3]", keyward(r#"{"org":"o"}"#), "invalid_claim"),
        ("keyward without org [C2]", keyward(r#"{"v":1}"#), "invalid_claim"),
        ("keyward with v 1.0 [C3]", keyward(r#"{"v":1.0,"org":"o"}"#), "invalid_claim"),
        ("keyward with v true [C3]", keyward(r#"{"v":true,"org":"o"}"#), "invalid_claim"),
        ("keyward with v as text [C3]", keyward(r#"{"v":"1","org":"o"}"#), "invalid_claim"),
        ("keyward with escaped names", keyward(r#"{"\u0076":1,"\u006frg":"o"}"#), "valid"),
        ("keyward with org null [C2]", keyward(r#"{"v":1,"org":null}"#), "invalid_claim"),
        (
            "keyward with a customer that is a number [C2]",
            keyward(r#"{"v":1,"org":"o","customer":1}"#),
            "invalid_claim",
        ),
        ("keyward with registry null [C2]", keyward(r#"{"v":1,"org":"o","registry":null}"#), "invalid_claim"),
        (
            "keyward with a role that is a number [C2]",
            keyward(r#"{"v":1,"org":"o","registry":[1]}"#),
            "invalid_claim",
        ),
        ("keyward with further members", keyward(r#"{"x":{},"v":1,"org":"o"}"#), "valid"),
        (
            "keyward.ends equal to exp [E1]",
            with(r#""exp":1900000000,"keyward":{"v":1,"org":"o","ends":1900000000}"#),
            "valid",
        ),
        (
            "keyward.ends before exp is read [E1]",
            with(r#""keyward":{"v":1,"org":"o","ends":1900000001},"exp":1900000000"#),
            "invalid_claim",
        ),
        (
            "keyward.ends with an escaped name [E1]",
            with(r#""exp":1900000000,"keyward":{"v":1,"org":"o","end\u0073":1900000001}"#),
            "invalid_claim",
        ),
    ]
}

fn products() -> Vec<(&'static str, String, &'static str)> {
    let keyward = |members: &str| with(&format!(r#""keyward":{{"v":1,"org":"o",{members}}}"#));
    let other = "0192f0c1-7a00-7000-8000-00000000000c";
    vec![
        (
            "the product, under an escaped name [V1]",
            keyward(&format!(r#""pro\u0064uct":"{PRODUCT}""#)),
            "valid",
        ),
        (
            "another product, under an escaped name [V1]",
            keyward(&format!(r#""\u0070roduct":"{other}""#)),
            "wrong_product",
        ),
        (
            "the product with white space [V1]",
            keyward(&format!(r#""product":"{PRODUCT} ""#)),
            "wrong_product",
        ),
        (
            "the product with an invisible character [V1]",
            keyward(&format!("\"product\":\"{PRODUCT}\u{200b}\"")),
            "wrong_product",
        ),
        ("an array with the product [C2]", keyward(&format!(r#""product":["{PRODUCT}"]"#)), "invalid_claim"),
        (
            "the product twice, in two spellings [J1]",
            keyward(&format!(r#""product":"{other}","\u0070roduct":"{PRODUCT}""#)),
            "malformed",
        ),
        ("Product is another member [V2]", keyward(&format!(r#""Product":"{PRODUCT}""#)), "wrong_product"),
        (
            "the product in a prototype [V2]",
            keyward(&format!(r#""__proto__":{{"product":"{PRODUCT}"}}"#)),
            "wrong_product",
        ),
    ]
}
