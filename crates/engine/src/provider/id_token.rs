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
    /// Whether the provider has verified the address, if it says anything of it.
    pub email_verified: Option<bool>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    nonce: Option<String>,
    iat: NumericDate,
    exp: NumericDate,
    auth_time: Option<NumericDate>,
    email: Option<String>,
}

/// Seconds since 1970, with or without a fraction (RFC 7519, section 2).
#[derive(Deserialize)]
#[serde(untagged)]
enum NumericDate {
    Whole(i64),
    Fraction(f64),
}

impl NumericDate {
    fn seconds(self) -> i64 {
        match self {
            Self::Whole(seconds) => seconds,
            #[expect(clippy::cast_possible_truncation, reason = "what is too large becomes the end of time")]
            Self::Fraction(seconds) => seconds.floor() as i64,
        }
    }
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
    let email_verified = email_verified(&claims);
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
            issued_at: claims.iat.seconds(),
            expires_at: claims.exp.seconds(),
            authenticated_at: claims.auth_time.map(NumericDate::seconds),
        },
        email: claims.email,
        email_verified,
    })
}

/// What the provider says of an address: in the standard claim, or in that of Entra ID, by which the owner of the
/// address's domain is verified. What is neither yes nor no is no.
pub(super) fn email_verified(claims: &Value) -> Option<bool> {
    let said = |name: &str| claims.get(name).filter(|value| !value.is_null());
    // Some providers write booleans as text, and Entra ID as a number.
    let standard = said("email_verified").map(|value| *value == true || value == "true");
    let entra =
        || said("xms_edov").map(|value| *value == true || value == "true" || *value == 1 || value == "1");
    standard.or_else(entra)
}
