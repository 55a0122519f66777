//! The last good answer, which lets the application run while the server is out of reach.

use keyward_token::UnixSeconds;
use serde::{Deserialize, Serialize};

use crate::{Answer, Question, Untrusted, Verifier};

/// A good answer as the server signed it, kept for later. Whoever changes it breaks its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    body: String,
}

/// Why a kept answer no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lapsed {
    /// It was changed, or is of another license or version.
    #[error("the kept answer does not fit: {0}")]
    Untrusted(#[from] Untrusted),
    /// The grace period is over.
    #[error("the grace period is over")]
    Grace,
    /// The license has ended meanwhile.
    #[error("the license has ended")]
    Expired,
    /// It was signed in the future: this machine's clock was set back.
    #[error("the clock was set back")]
    ClockSetBack,
}

impl Kept {
    /// Keeps the body of an answer that was good.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into() }
    }

    /// Whether it is about this license; also when it no longer counts.
    pub(crate) fn is_about(&self, license_key: &str) -> bool {
        let answer = serde_json::from_str::<serde_json::Value>(&self.body);
        answer.is_ok_and(|answer| answer["license_key"] == license_key)
    }

    /// The answer again, if it still counts `grace_seconds` long from its signing; and until when it does.
    pub fn recall(
        &self,
        verifier: &Verifier,
        question: &Question,
        now: UnixSeconds,
        grace_seconds: u32,
    ) -> Result<(Answer, UnixSeconds), Lapsed> {
        let answer = verifier.verify_signature(&self.body)?;
        let same_version = match (&question.version, &answer.version) {
            (Some(asked), Some(judged)) => asked == judged,
            // Not named, so the latest was judged.
            (None, _) => true,
            // Versions don't count. Where they do and none was named, another may have been asked for.
            (Some(_), None) => answer.version_valid.is_none(),
        };
        // Without a nonce it answered nobody's question, but was asked for by hand.
        if !answer.valid
            || answer.nonce.is_none()
            || answer.license_key() != question.license_key
            || !same_version
        {
            return Err(Untrusted::WrongQuestion.into());
        }
        let signed = answer.signed().ok_or(Untrusted::Malformed)?.as_i64();
        let now = now.as_i64();
        // An hour for clocks that were put right since.
        if now.saturating_add(3_600) < signed {
            return Err(Lapsed::ClockSetBack);
        }
        let grace = signed.saturating_add(i64::from(grace_seconds));
        // An answer that was good after the end says that the end does not count.
        let end = answer.end().map(UnixSeconds::as_i64).filter(|end| *end > signed);
        let end = end.map_or(grace, |end| end.min(grace));
        if now < end {
            Ok((answer, UnixSeconds::new(end)))
        } else if end < grace {
            Err(Lapsed::Expired)
        } else {
            Err(Lapsed::Grace)
        }
    }
}
