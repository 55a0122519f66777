//! Texts of keys, and what a reader makes of them.

use super::{name, rules};
use crate::support::{encode, signer, signer_of};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyward_token::{KeyError, Keyring, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeyText {
    pub(super) name: String,
    pub(super) rules: Vec<String>,
    /// `public-pem`, `pem-bundle`, `public-jwk`, `jwks` or `paserk-public`; for signers, `private-pem`, `private-jwk` or
    /// `paserk-secret`.
    form: String,
    text: String,
    /// The ids of the keys that are read; of a text that must be refused, `error` is there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    kids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) fn check(vectors: &[KeyText]) {
    for vector in vectors {
        let read = read(&vector.form, &vector.text);
        let kids =
            read.as_ref().ok().map(|keys| keys.iter().map(|key| key.kid().to_string()).collect::<Vec<_>>());
        assert_eq!(kids, vector.kids, "{}", vector.name);
        assert_eq!(read.err().map(|error| error.code().to_owned()), vector.error, "{}", vector.name);
    }
}

fn read(form: &str, text: &str) -> Result<Keyring, KeyError> {
    let secret = |key: Result<SecretKey, KeyError>| key.map(|key| Keyring::from(key.public_key().clone()));
    match form {
        "public-pem" => PublicKey::from_pem(text).map(Keyring::from),
        "public-jwk" => PublicKey::from_jwk(text).map(Keyring::from),
        "paserk-public" => PublicKey::from_paserk(text).map(Keyring::from),
        "jwks" => Keyring::from_jwks(text),
        "pem-bundle" => Keyring::from_pem(text),
        "private-pem" => secret(SecretKey::from_pem(text)),
        "private-jwk" => secret(SecretKey::from_jwk(text)),
        "paserk-secret" => secret(SecretKey::from_paserk(text)),
        other => panic!("{other}"),
    }
}

impl KeyText {
    /// Whether it is for signers alone.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self.form.as_str(), "private-pem" | "private-jwk" | "paserk-secret")
    }
}

pub(super) fn all() -> Vec<KeyText> {
    let (signer, other) = (signer(), signer_of(8));
    let (public, secret) = (signer.public_key(), signer.secret_key());
    let jwk = public.to_jwk();
    let pem = public.to_pem();
    let set = |keys: &[&str]| format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    let changed = |from: &str, to: &str| jwk.replace(from, to);
    let ours = format!(r#""kid":"{}""#, public.kid());
    let x = format!(r#""x":"{}""#, encode(public.to_bytes()));
    let bare = changed(&format!(r#",{ours},"use":"sig","alg":"EdDSA""#), "");
    let with = |member: &str| bare.replace("\"kty\"", &format!("{member},\"kty\""));
    let of_bytes = |bytes: [u8; 32]| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, encode(bytes));
    let bytes = |low: u8, middle: u8, high: u8| {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (low, high);
        bytes
    };
    let pkcs8_v2 = |public: [u8; 32]| {
        let head = [0x30, 0x51, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        let der = [&head[..], &[7; 32], &[0x81, 0x21, 0], &public].concat();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
    };
    let foreign = [
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":1}"#,
        r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","use":["sig"]}"#,
        r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
        r#"{"kty":"OKP","crv":"Ed25519","x":"AA","use":"enc"}"#,
        r#"{"kty":"OKP","crv":"Ed25519","x":"AA","alg":"HS256"}"#,
    ];
    let good: Vec<(&str, &str, String)> = vec![
        ("PEM [K2]", "private-pem", secret.to_pem().to_string()),
        ("PKCS#8 version 2 [K2]", "private-pem", pkcs8_v2(public.to_bytes())),
        ("a JWK with x and d [K3]", "private-jwk", secret.to_jwk().to_string()),
        ("k4.secret [K3]", "paserk-secret", secret.to_paserk().to_string()),
        ("a JWK with kid, use and alg [K5]", "public-jwk", jwk.clone()),
        ("a JWK without them [K5]", "public-jwk", bare.clone()),
        ("a JWK for Ed25519 [K5]", "public-jwk", changed("EdDSA", "Ed25519")),
        ("a set with keys of other kinds [K7]", "jwks", set(&[&foreign[..], &[&jwk]].concat())),
        (
            "a PEM as a mail brings it [X2]",
            "public-pem",
            format!("\u{feff}Our key:\r\n\r\n  {}", pem.replace('\n', "\r\n  \u{200b}")),
        ),
        (
            "a JWK as a mail brings it [X2]",
            "public-jwk",
            format!("“{}”\u{a0}\n", jwk.replace(',', ",\n\t").replace("sY-", "sY-\r\n ")),
        ),
        ("a PASERK with a newline [X2]", "paserk-public", format!("{}\n", public.to_paserk())),
    ];
    let bad: Vec<(&str, &str, String, &str)> = vec![
        (
            "PKCS#8 version 2 with another public key [K2]",
            "private-pem",
            pkcs8_v2(other.public_key().to_bytes()),
            "key_mismatch",
        ),
        (
            "a JWK with another x [K3]",
            "private-jwk",
            secret
                .to_jwk()
                .replace(&x, &format!(r#""x":"{}""#, encode(other.public_key().to_bytes())))
                .replace(&format!(",{ours}"), ""),
            "key_mismatch",
        ),
        (
            "k4.secret with another public half [K3]",
            "paserk-secret",
            format!("k4.secret.{}", encode([[7; 32], other.public_key().to_bytes()].concat())),
            "key_mismatch",
        ),
        ("y of p + 1 [K4]", "public-jwk", of_bytes(bytes(0xee, 0xff, 0x7f)), "not_canonical"),
        ("not on the curve [K4]", "public-jwk", of_bytes(bytes(2, 0, 0)), "not_a_point"),
        ("the identity [K4]", "public-jwk", of_bytes(bytes(1, 0, 0)), "weak_key"),
        ("order four [K4]", "public-jwk", of_bytes(bytes(0, 0, 0x80)), "weak_key"),
        ("another kid [K5]", "public-jwk", changed(&ours, r#""kid":"mine""#), "wrong_kid"),
        ("kid a number [K5]", "public-jwk", with(r#""kid":1"#), "invalid_jwk"),
        ("use enc [K5]", "public-jwk", with(r#""use":"enc""#), "invalid_jwk"),
        ("use an array [K5]", "public-jwk", with(r#""use":["sig"]"#), "invalid_jwk"),
        ("alg HS256 [K5]", "public-jwk", with(r#""alg":"HS256""#), "invalid_jwk"),
        (
            "a secret JWK where a public one belongs [K8]",
            "public-jwk",
            secret.to_jwk().to_string(),
            "secret_key",
        ),
        ("keys an object [K6]", "jwks", r#"{"keys":{}}"#.into(), "invalid_jwks"),
        ("a key that is a number [K6]", "jwks", set(&[&jwk, "1"]), "invalid_jwks"),
        ("a set with kid a number [K9]", "jwks", set(&[&with(r#""kid":1"#)]), "invalid_jwk"),
        ("a set with another kid [K9]", "jwks", set(&[&with(r#""kid":"mine""#)]), "wrong_kid"),
        ("a set with use an array [K9]", "jwks", set(&[&with(r#""use":["sig"]"#)]), "invalid_jwk"),
        ("a set with x a number [K9]", "jwks", set(&[&bare.replace(&x, r#""x":1"#)]), "invalid_jwk"),
        ("a set with a short x [K9]", "jwks", set(&[&bare.replace(&x, r#""x":"AA""#)]), "invalid_jwk"),
        ("a set with d [K8]", "jwks", set(&[&with(r#""d":"AA""#)]), "secret_key"),
        ("a set with d a number [K8]", "jwks", set(&[&with(r#""d":1"#)]), "secret_key"),
        ("a set with d, escaped [K8]", "jwks", set(&[&with(r#""\u0064":"AA""#)]), "secret_key"),
        ("a set with d for another use [K8]", "jwks", set(&[&with(r#""use":"enc","d":"AA""#)]), "secret_key"),
        (
            "a set with a private EC key [K8]",
            "jwks",
            set(&[&jwk, r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}"#]),
            "secret_key",
        ),
        (
            "a set with a private RSA key [K8]",
            "jwks",
            set(&[&jwk, r#"{"kty":"RSA","n":"AA","e":"AQAB","d":"AA"}"#]),
            "secret_key",
        ),
        (
            "a set with factors of an RSA key [K8]",
            "jwks",
            set(&[&jwk, r#"{"kty":"RSA","n":"AA","e":"AQAB","p":"AA","q":"AA"}"#]),
            "secret_key",
        ),
        (
            "a set with a private X25519 key [K8]",
            "jwks",
            set(&[&jwk, r#"{"kty":"OKP","crv":"X25519","x":"AA","d":"AA"}"#]),
            "secret_key",
        ),
        ("a set with a symmetric key [K8]", "jwks", set(&[&jwk, r#"{"kty":"oct","k":"AA"}"#]), "secret_key"),
        ("the same key twice [K10]", "jwks", set(&[&jwk, &bare]), "duplicate_key"),
        ("two blocks [X2]", "public-pem", pem.repeat(2), "invalid_pem"),
        ("a PEM with dashes of a word processor [X2]", "public-pem", pem.replace("--", "—"), "invalid_pem"),
    ];
    let (more_good, more_bad) = bundles(&pem, &other.public_key().to_pem(), &jwk);
    let (good, bad) = (good.into_iter().chain(more_good), bad.into_iter().chain(more_bad));
    let kid = public.kid().to_string();
    let other_kid = other.public_key().kid().to_string();
    let good = good.into_iter().map(|(title, form, text)| {
        let kids =
            if title.starts_with("two ") { vec![kid.clone(), other_kid.clone()] } else { vec![kid.clone()] };
        (title, form, text, Ok(if title.starts_with("no key") { Vec::new() } else { kids }))
    });
    let bad = bad.into_iter().map(|(title, form, text, error)| (title, form, text, Err(error.to_owned())));
    good.chain(bad)
        .map(|(title, form, text, read)| KeyText {
            name: name(title),
            rules: rules(title),
            form: form.into(),
            text,
            kids: read.clone().ok(),
            error: read.err(),
        })
        .collect()
}

type Good = (&'static str, &'static str, String);
type Bad = (&'static str, &'static str, String, &'static str);

/// Several keys in one text, and texts that are nearly a key.
fn bundles(pem: &str, other: &str, jwk: &str) -> (Vec<Good>, Vec<Bad>) {
    let set = |keys: &str| format!(r#"{{"keys":[{keys}]}}"#);
    let of_y = |y: [u8; 32]| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, encode(y));
    let labelled = |label: &str| pem.replace("PUBLIC KEY", label);
    let der = |bytes: &[u8]| {
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(bytes))
    };
    let spki = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let whole = [&spki[..], &signer().public_key().to_bytes()].concat();
    let mut order_eight = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ];
    let order_eight_jwk = of_y(order_eight);
    order_eight[31] |= 0x80;
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    let mut signed_identity = [0; 32];
    (signed_identity[0], signed_identity[31]) = (1, 0x80);
    let good = vec![
        ("one block", "pem-bundle", pem.to_owned()),
        ("two blocks in a bundle", "pem-bundle", format!("{pem}{other}")),
        (
            "two blocks with text between them [X2]",
            "pem-bundle",
            format!("Of this year:\r\n{pem}\r\nand of the last:\n{other}\n"),
        ),
        ("no key in a set", "jwks", set("")),
        (
            "two keys in a set",
            "jwks",
            set(&format!("{jwk},{}", PublicKey::from_pem(other).unwrap().to_jwk())),
        ),
        ("one set with further members", "jwks", format!(r#"{{"x":[1],"keys":[{jwk}],"y":{{}}}}"#)),
        (
            "a set as a mail brings it [X2]",
            "jwks",
            format!("\u{feff}„{}“\n", set(jwk).replace(',', ",\r\n ")),
        ),
        ("a set whose name is escaped", "jwks", set(jwk).replace("\"keys\"", r#""\u006beys""#)),
        ("a JWK whose x is escaped", "public-jwk", jwk.replace("\"x\":\"6", r#""x":"\u0036"#)),
        ("a PASERK", "paserk-public", signer().public_key().to_paserk()),
        (
            "a JWK with a member of its own",
            "public-jwk",
            jwk.replacen('{', r#"{"x5t":1,"key_ops":["verify"],"#, 1),
        ),
    ];
    let bad = vec![
        ("no block", "pem-bundle", "text".to_owned(), "invalid_pem"),
        ("an empty bundle", "pem-bundle", String::new(), "invalid_pem"),
        ("the same block twice", "pem-bundle", pem.repeat(2), "duplicate_key"),
        (
            "a certificate behind a key",
            "pem-bundle",
            format!("{pem}{}", labelled("CERTIFICATE")),
            "invalid_pem",
        ),
        (
            "a private key behind a key [K8]",
            "pem-bundle",
            format!("{pem}{}", signer_of(8).secret_key().to_pem().as_str()),
            "secret_key",
        ),
        ("a block that is cut off", "pem-bundle", format!("{other}{}", &pem[..60]), "invalid_pem"),
        ("a block without its end", "public-pem", pem.replace("-----END", "-----end"), "invalid_pem"),
        ("labels that differ", "public-pem", pem.replacen("PUBLIC", "RSA PUBLIC", 1), "invalid_pem"),
        ("a label of an RSA key", "public-pem", labelled("RSA PUBLIC KEY"), "invalid_pem"),
        ("a secret key as PEM [K8]", "public-pem", signer().secret_key().to_pem().to_string(), "secret_key"),
        ("base64 without its padding", "public-pem", pem.replace("=\n", "\n"), "invalid_pem"),
        ("base64 of the URL alphabet", "public-pem", pem.replace('+', "-").replace('/', "_"), "invalid_pem"),
        ("a byte behind the key", "public-pem", der(&[&whole[..], &[0]].concat()), "invalid_der"),
        (
            "a key of another curve",
            "public-pem",
            der(&[&whole[..8], &[0x6e], &whole[9..]].concat()),
            "invalid_der",
        ),
        ("half a key", "public-pem", der(&whole[..28]), "invalid_der"),
        ("a PEM of order eight [K4]", "public-pem", der(&[&spki[..], &order_eight].concat()), "weak_key"),
        ("order eight [K4]", "public-jwk", order_eight_jwk, "weak_key"),
        (
            "order two [K4]",
            "public-jwk",
            of_y({
                minus_one[31] = 0x7f;
                minus_one
            }),
            "weak_key",
        ),
        (
            "y of p [K4]",
            "public-jwk",
            of_y({
                let mut p = [0xff; 32];
                (p[0], p[31]) = (0xed, 0x7f);
                p
            }),
            "not_canonical",
        ),
        ("the identity with a sign [K4]", "public-jwk", of_y(signed_identity), "weak_key"),
        ("a PASERK of another kind", "paserk-public", "k4.local.AAAA".into(), "invalid_paserk"),
        (
            "a PASERK of another version",
            "paserk-public",
            signer().public_key().to_paserk().replace("k4", "k3"),
            "invalid_paserk",
        ),
        ("a short PASERK", "paserk-public", "k4.public.AAAA".into(), "invalid_paserk"),
        (
            "a secret PASERK [K8]",
            "paserk-public",
            signer().secret_key().to_paserk().to_string(),
            "secret_key",
        ),
        ("a JWK that is no JSON", "public-jwk", format!("{jwk}x"), "invalid_jwk"),
        (
            "a JWK with a member twice [J1]",
            "public-jwk",
            jwk.replacen('{', r#"{"kty":"OKP","#, 1),
            "invalid_jwk",
        ),
        ("kty in other letters", "public-jwk", jwk.replace("OKP", "okp"), "invalid_jwk"),
        ("crv absent", "public-jwk", jwk.replace(r#""crv":"Ed25519","#, ""), "invalid_jwk"),
        ("x with bits behind its last byte", "public-jwk", jwk.replace("RG0iw", "RG0ix"), "invalid_jwk"),
        ("x with padding", "public-jwk", jwk.replace("RG0iw", "RG0iw="), "invalid_jwk"),
        (
            "x null",
            "public-jwk",
            jwk.replace(&format!("\"{}\"", encode(signer().public_key().to_bytes())), "null"),
            "invalid_jwk",
        ),
        ("use null [K5]", "public-jwk", jwk.replace("\"sig\"", "null"), "invalid_jwk"),
        (
            "kid in the name's other letters is no kid",
            "public-jwk",
            jwk.replace("\"kid\"", "\"x\""),
            "invalid_jwk",
        ),
        ("a set that is no JSON", "jwks", "{".into(), "invalid_jwks"),
        ("a set that is an array", "jwks", format!("[{jwk}]"), "invalid_jwks"),
        ("a set without keys", "jwks", "{}".into(), "invalid_jwks"),
        ("a JWK where a set belongs", "jwks", jwk.to_owned(), "invalid_jwks"),
        ("keys twice [J1]", "jwks", format!(r#"{{"keys":[],"keys":[{jwk}]}}"#), "invalid_jwks"),
        (
            "a key in a set with a member twice [J1]",
            "jwks",
            set(&jwk.replacen('{', r#"{"kty":"OKP","#, 1)),
            "invalid_jwks",
        ),
        ("a key in a set that is null [K6]", "jwks", set("null"), "invalid_jwks"),
        ("a set with a weak key [K9]", "jwks", set(&of_y(signed_identity)), "weak_key"),
        (
            "a broken key before a secret one",
            "jwks",
            set(r#"{"kty":"OKP","crv":"Ed25519","x":"AA"},{"kty":"oct","k":"AA"}"#),
            "invalid_jwk",
        ),
        (
            "a secret key before a broken one [K8]",
            "jwks",
            set(r#"{"kty":"oct","k":"AA"},{"kty":"OKP","crv":"Ed25519","x":"AA"}"#),
            "secret_key",
        ),
    ];
    (good, bad)
}
