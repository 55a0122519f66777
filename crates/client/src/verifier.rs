//! Whether an answer is the server's answer to a question.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_token::{Keyring, UnixSeconds};
use serde_json::{Map, Value};

use crate::json::is_unambiguous;
use crate::{Answer, Question};

/// Why what came back is no answer to the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
    /// It says "valid", and by the machine's clock it was signed too long ago or in the future: one of the two clocks is
    /// wrong.
    #[error("the clocks of this machine and of the server differ too much: the server's says {signed_at}")]
    Stale {
        /// What the server's clock said.
        signed_at: UnixSeconds,
    },
}

impl Untrusted {
    /// A stable name of the reason for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsigned => "unsigned",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::WrongQuestion => "wrong_question",
            Self::WrongProduct => "wrong_product",
            Self::Stale { .. } => "stale",
        }
    }
}

/// Tells the server's answers from all else.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: Keyring,
    product: String,
    tolerance: u32,
}

impl Verifier {
    /// For one product, by its id, with the public keys of the vendor's organization (`/o/{slug}/jwks.json`).
    ///
    /// The product must be told: all products of a vendor are signed for by the same keys, and a license of a
    /// cheap one should not open a dear one.
    pub fn new(keys: Keyring, product_id: impl Into<String>) -> Self {
        Self { keys, product: product_id.into(), tolerance: 300 }
    }

    /// By how many seconds the clocks of machine and server may differ for an answer that says "valid"; 300 unless set.
    #[must_use]
    pub fn clock_tolerance_seconds(self, seconds: u32) -> Self {
        Self { tolerance: seconds, ..self }
    }

    #[cfg(feature = "http")]
    pub(crate) fn clock_tolerance(&self) -> u32 {
        self.tolerance
    }

    /// The same with other keys.
    #[must_use]
    pub fn with_keys(&self, keys: Keyring) -> Self {
        Self { keys, product: self.product.clone(), tolerance: self.tolerance }
    }

    /// The keys whose signatures count.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// The product whose answers count.
    pub fn product_id(&self) -> &str {
        &self.product
    }

    /// Verifies the server's answer to `question`, received at `now`.
    ///
    /// The nonce shows that the answer was signed after the question was asked, so a refusal counts whatever the machine's clock
    /// says. The clock is compared for "valid" alone, since the license's end is judged by it later.
    pub fn verify(&self, body: &str, question: &Question, now: UnixSeconds) -> Result<Answer, Untrusted> {
        let answer = self.verify_signature(body)?;
        if (answer.license_key(), answer.nonce()) != (&question.license_key, Some(&question.nonce)) {
            return Err(Untrusted::WrongQuestion);
        }
        let signed_at = answer.signed_at();
        let differ = signed_at.as_i64().abs_diff(now.as_i64());
        if answer.valid() && differ > u64::from(self.tolerance) {
            return Err(Untrusted::Stale { signed_at });
        }
        Ok(answer)
    }

    /// Everything that does not depend on when and why it was asked.
    pub(crate) fn verify_signature(&self, body: &str) -> Result<Answer, Untrusted> {
        if !is_unambiguous(body) {
            return Err(Untrusted::Malformed);
        }
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
        let answer = Answer::from_signed(object).ok_or(Untrusted::Malformed)?;
        if answer.product_id() == Some(self.product.as_str()) {
            Ok(answer)
        } else {
            Err(Untrusted::WrongProduct)
        }
    }
}
