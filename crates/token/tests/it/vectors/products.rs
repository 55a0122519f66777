//! Licenses of a product, of another and of none, in an application that says which product it is.

use super::{TokenVector, corpus::Expected, name, rules};
use crate::support::{NOW, PAYLOAD, PRODUCT, claims, claims_of, header, jws, signer};
use keyward_token::Format;

pub(super) fn all() -> Vec<TokenVector> {
    let sign = |format, product| signer().sign(format, &claims_of(product)).unwrap();
    let bare = |members: &str| jws(header(), format!(r#"{{"aud":"license-key"{members}}}"#));
    let keyward = |members: &str| bare(&format!(r#","keyward":{{"v":1,"org":"o"{members}}}"#));
    let escaped = PRODUCT.replace('-', "\\u002d");
    let mut vectors = Vec::new();
    for (format, form) in [(Format::Jwt, "jwt"), (Format::Paseto, "paseto")] {
        let (this, other) = (sign(format, Some(PRODUCT)), sign(format, Some(OTHER)));
        let none = signer().sign(format, &claims(PAYLOAD)).unwrap();
        vectors.extend([
            (format!("{form}: the product [V1]"), Some(PRODUCT), this, "valid"),
            (format!("{form}: another product [V1]"), Some(PRODUCT), other.clone(), "wrong_product"),
            (format!("{form}: no product [V2]"), Some(PRODUCT), none.clone(), "wrong_product"),
            (format!("{form}: whatever product"), None, other, "valid"),
            (format!("{form}: whatever product, and none"), None, none, "valid"),
        ]);
    }
    vectors.extend([
        (
            "jwt: the product, with escapes [V1]".to_owned(),
            Some(PRODUCT),
            keyward(&format!(r#","product":"{escaped}""#)),
            "valid",
        ),
        (
            "jwt: the product in other letters [V1]".to_owned(),
            Some(PRODUCT),
            sign(Format::Jwt, Some(&PRODUCT.to_uppercase())),
            "wrong_product",
        ),
        (
            "jwt: an empty product [V1]".to_owned(),
            Some(PRODUCT),
            sign(Format::Jwt, Some("")),
            "wrong_product",
        ),
        ("jwt: a claim keyward without product [V2]".to_owned(), Some(PRODUCT), keyward(""), "wrong_product"),
        ("jwt: no claim keyward [V2]".to_owned(), Some(PRODUCT), bare(""), "wrong_product"),
        (
            "jwt: a product of the vendor's own making [V2]".to_owned(),
            Some(PRODUCT),
            bare(&format!(r#","product":"{PRODUCT}""#)),
            "wrong_product",
        ),
        (
            "jwt: a product that is a number [C2]".to_owned(),
            None,
            keyward(r#","product":1"#),
            "invalid_claim",
        ),
    ]);
    let vector = |(title, product, token, verdict): (String, Option<&str>, String, &str)| TokenVector {
        name: name(&title),
        rules: rules(&title),
        now: NOW.as_i64(),
        expected: Expected { product: product.map(str::to_owned), ..Expected::default() },
        keys: None,
        token,
        verdict: verdict.into(),
        claims: None,
    };
    vectors.into_iter().map(vector).collect()
}

const OTHER: &str = "0192f0c1-7a00-7000-8000-00000000000c";
