//! Texts of keys, and what a reader makes of them.

use super::{name, rules};
use crate::support::{encode, signer, signer_of};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyward_token::{KeyError, Keyring, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeyText {
    name: String,
    pub(super) rules: Vec<String>,
    /// `public-pem`, `private-pem`, `public-jwk`, `private-jwk`, `jwks`, `paserk-public` or `paserk-secret`.
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
        "private-pem" => secret(SecretKey::from_pem(text)),
        "private-jwk" => secret(SecretKey::from_jwk(text)),
        "paserk-secret" => secret(SecretKey::from_paserk(text)),
        other => panic!("{other}"),
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
    let kid = public.kid().to_string();
    let good = good.into_iter().map(|(title, form, text)| (title, form, text, Ok(vec![kid.clone()])));
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
