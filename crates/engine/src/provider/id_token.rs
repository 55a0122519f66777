//! Whose signature counts: a key that the provider publishes, by an algorithm with two different keys.

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use keyward_domain::Distrust;
use keyward_domain::provider::Statement;
use serde::Deserialize;
use serde_json::Value;

/// No `none`, and nothing that the client secret could sign.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// An ID token whose signature is right: the statement that is to be judged, and what it tells of the person.
#[derive(Debug)]
pub(super) struct Verified {
    pub statement: Statement,
    pub email: Option<String>,
    pub email_verified: bool,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    nonce: Option<String>,
    iat: i64,
    exp: i64,
    auth_time: Option<i64>,
    email: Option<String>,
    email_verified: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Checks the signature by the provider's published keys.
pub(super) fn verify(token: &str, keys: &[Value]) -> Result<Verified, Distrust> {
    // A program that has both of the library's backends in it must say which to use; that one was named before is fine.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let header = decode_header(token).map_err(|_| Distrust::Form)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Distrust::Signature);
    }
    let mut validation = Validation::new(header.alg);
    // The domain judges these, by the engine's clock.
    (validation.validate_exp, validation.validate_aud) = (false, false);
    validation.required_spec_claims.clear();
    // A key in a form that is not known here is no reason to refuse the others.
    let fitting =
        keys.iter().filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok()).filter(|key| {
            let to_sign = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
            to_sign && (header.kid.is_none() || key.common.key_id == header.kid)
        });
    for key in fitting {
        let Ok(key) = DecodingKey::from_jwk(&key) else { continue };
        if let Ok(read) = decode::<Value>(token, &key, &validation) {
            return claims(read.claims);
        }
    }
    Err(Distrust::Signature)
}

fn claims(claims: Value) -> Result<Verified, Distrust> {
    let claims: Claims = serde_json::from_value(claims).map_err(|_| Distrust::Form)?;
    Ok(Verified {
        statement: Statement {
            issuer: claims.iss,
            subject: claims.sub,
            audience: match claims.aud {
                Audience::One(one) => vec![one],
                Audience::Several(several) => several,
            },
            authorized_party: claims.azp,
            nonce: claims.nonce,
            issued_at: claims.iat,
            expires_at: claims.exp,
            authenticated_at: claims.auth_time,
        },
        email: claims.email,
        email_verified: is_true(claims.email_verified.as_ref()),
    })
}

/// Some providers write booleans as text.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}
