//! A question, and whether an answer is the server's answer to it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_token::{Keyring, UnixSeconds, pasted};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is asked of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The license key, or the license's token.
    pub license_key: String,
    /// The version that wants to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Random text that no other question has.
    pub nonce: String,
}

impl Question {
    /// A question made unique by 16 random bytes. The license key or token is taken as it was pasted: white space and
    /// invisible characters in it and quotes around it don't count ([`pasted`]).
    pub fn new(license_key: impl AsRef<str>, version: Option<&str>, random: [u8; 16]) -> Self {
        Self {
            license_key: pasted(license_key.as_ref()).into_owned(),
            version: version.map(str::to_owned),
            nonce: URL_SAFE_NO_PAD.encode(random),
        }
    }

    /// The body of `POST /api/v1/validate`.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A verified answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Answer {
    /// Whether it may run.
    pub valid: bool,
    /// `active`, or why it may not.
    pub status: String,
    /// When the license ends (RFC 3339); `None` without end.
    pub expires: Option<String>,
    /// Whether this machine's address is registered; `None` where addresses don't count.
    pub ip_registered: Option<bool>,
    /// How many addresses are.
    pub ip_count: Option<u32>,
    /// How many may be; `None` for any number.
    pub max_ips: Option<u32>,
    /// The version that was judged.
    pub version: Option<String>,
    /// Whether that version may run; `None` where versions don't count.
    pub version_valid: Option<bool>,
    /// What the vendor has added.
    pub custom: Option<Map<String, Value>>,
    /// When it was signed (RFC 3339).
    pub signed_at: String,
    /// Of which product.
    pub product_id: Option<String>,
    license_key: String,
    pub(crate) nonce: Option<String>,
}

impl Answer {
    /// When it was signed.
    pub(crate) fn signed(&self) -> Option<UnixSeconds> {
        UnixSeconds::from_rfc3339(&self.signed_at)
    }

    /// The license it is about, as it was asked.
    pub fn license_key(&self) -> &str {
        &self.license_key
    }

    /// When the license ends.
    pub(crate) fn end(&self) -> Option<UnixSeconds> {
        self.expires.as_deref().and_then(UnixSeconds::from_rfc3339)
    }
}

/// Why what came back is no answer to the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It is not an answer of this API.
    #[error("the answer is not one of a validation")]
    Malformed,
    /// The product does not sign its answers.
    #[error("the answer is not signed: turn signed validation on for this product")]
    Unsigned,
    /// None of the keys has this id.
    #[error("the answer is signed by an unknown key")]
    UnknownKey,
    /// The signature is not of this text.
    #[error("the signature of the answer is wrong")]
    BadSignature,
    /// It answers another question.
    #[error("the answer is to another question")]
    WrongQuestion,
    /// It is of another product.
    #[error("the answer is of another product")]
    WrongProduct,
    /// It was signed too long ago, or in the future: one of the two clocks is wrong.
    #[error("the answer was not signed just now")]
    Stale,
}

/// Tells the server's answers from all else.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: Keyring,
    product: String,
    freshness: u32,
}

impl Verifier {
    /// For one product, by its id, with the public keys of the vendor's organization (`/o/{slug}/jwks.json`).
    ///
    /// The product must be told: all products of a vendor are signed for by the same keys, and a license of a
    /// cheap one should not open a dear one.
    pub fn new(keys: Keyring, product_id: impl Into<String>) -> Self {
        Self { keys, product: product_id.into(), freshness: 300 }
    }

    /// For how many seconds before and after its signing an answer is taken; 300 if not told.
    #[must_use]
    pub fn freshness_seconds(self, seconds: u32) -> Self {
        Self { freshness: seconds, ..self }
    }

    /// Verifies the server's answer to `question`, received at `now`.
    pub fn verify(&self, body: &str, question: &Question, now: UnixSeconds) -> Result<Answer, Untrusted> {
        let answer = self.verify_signature(body)?;
        let asked = (&question.license_key, Some(&question.nonce));
        if (&answer.license_key, answer.nonce.as_ref()) != asked {
            return Err(Untrusted::WrongQuestion);
        }
        let signed = answer.signed().ok_or(Untrusted::Malformed)?;
        if signed.as_i64().abs_diff(now.as_i64()) > u64::from(self.freshness) {
            return Err(Untrusted::Stale);
        }
        Ok(answer)
    }

    /// Everything that does not depend on when and why it was asked.
    pub(crate) fn verify_signature(&self, body: &str) -> Result<Answer, Untrusted> {
        let mut object: Map<String, Value> = serde_json::from_str(body).map_err(|_| Untrusted::Malformed)?;
        let signature = match object.remove("signature") {
            Some(Value::String(text)) => URL_SAFE_NO_PAD.decode(text).map_err(|_| Untrusted::BadSignature)?,
            Some(Value::Null) => return Err(Untrusted::Unsigned),
            Some(_) | None => return Err(Untrusted::Malformed),
        };
        let signature: [u8; 64] = signature.try_into().map_err(|_| Untrusted::BadSignature)?;
        let kid = object.get("kid").and_then(Value::as_str).and_then(|kid| kid.parse().ok());
        let key = kid.and_then(|kid| self.keys.get(&kid)).ok_or(Untrusted::UnknownKey)?;
        let message = serde_json_canonicalizer::to_vec(&object).map_err(|_| Untrusted::Malformed)?;
        key.verify(&message, &signature).map_err(|_| Untrusted::BadSignature)?;
        let answer: Answer =
            serde_json::from_value(Value::Object(object)).map_err(|_| Untrusted::Malformed)?;
        if answer.product_id.as_ref() == Some(&self.product) {
            Ok(answer)
        } else {
            Err(Untrusted::WrongProduct)
        }
    }
}
