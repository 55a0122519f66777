//! The last answer, which lets the application run while the server is out of reach.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyward_token::UnixSeconds;
use serde::{Deserialize, Serialize};

use crate::question::is_same_license;
use crate::{Answer, Question, Status, Untrusted, Verifier};

/// An answer as the server signed it, kept for later. Whoever changes it breaks its signature, and that signature covers the
/// machine that asked ([`Question::asked_by`]).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    body: String,
}

/// Without the license key that the answer is about.
impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept(…)")
    }
}

/// Why the kept answer does not let the application run.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Lapsed {
    /// It was changed, or is of another license or version.
    #[error("the kept answer does not fit: {0}")]
    Untrusted(#[source] Untrusted),
    /// It is the answer to a question of another machine.
    #[error("the kept answer is another machine's")]
    OtherMachine,
    /// What was kept beside it of the time was changed, or comes from another machine.
    #[error("what was kept was changed")]
    Altered,
    /// The last that the server has said of this license is that it may not run.
    #[error("the server has refused the license before: {0}")]
    Refused(Status),
    /// The offline period is over.
    #[error("the offline period is over")]
    OfflinePeriod,
    /// The license has ended meanwhile.
    #[error("the license has ended")]
    Expired,
    /// It is later than this machine's clock says: that was set back.
    #[error("the clock was set back")]
    ClockSetBack,
    /// The file could not be read.
    #[error(transparent)]
    Unreadable(#[from] KeptFileError),
}

impl Lapsed {
    /// A stable name of the reason for programs. That of [`Untrusted`](Self::Untrusted) is the code of what is wrong with the
    /// answer.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Untrusted(untrusted) => untrusted.code(),
            Self::OtherMachine => "other_machine",
            Self::Altered => "altered",
            Self::Refused(_) => "refused",
            Self::OfflinePeriod => "offline_period",
            Self::Expired => "expired",
            Self::ClockSetBack => "clock_set_back",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

/// What was kept could not be read, or an answer could not be kept.
#[derive(Debug, Clone, thiserror::Error)]
#[error("can't {} {}: {source}", intent(.write), .path.display())]
pub struct KeptFileError {
    path: PathBuf,
    write: bool,
    source: Arc<io::Error>,
}

fn intent(write: &bool) -> &'static str {
    if *write { "keep the answer in" } else { "read the answer kept in" }
}

impl KeptFileError {
    #[cfg(feature = "http")]
    pub(crate) fn reading(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), write: false, source: Arc::new(source) }
    }

    #[cfg(feature = "http")]
    pub(crate) fn writing(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), write: true, source: Arc::new(source) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the system said.
    pub fn io_error(&self) -> &io::Error {
        &self.source
    }
}

/// For how much a clock may have been put right since the answer was signed.
pub(crate) const CLOCK_TOLERANCE_SECONDS: u32 = 3_600;

impl Kept {
    /// Keeps the body of an answer.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into() }
    }

    /// The answer again, if it still counts `offline_seconds` long from its signing; and until when it does.
    pub fn recall(
        &self,
        verifier: &Verifier,
        question: &Question,
        now: UnixSeconds,
        offline_seconds: u32,
    ) -> Result<(Answer, UnixSeconds), Lapsed> {
        let answer = verifier.verify_signature(&self.body).map_err(Lapsed::Untrusted)?;
        let until = fits(&answer, question, now, offline_seconds)?;
        Ok((answer, until))
    }

    #[cfg(feature = "http")]
    pub(crate) fn answer(&self, verifier: &Verifier) -> Result<Answer, Untrusted> {
        verifier.verify_signature(&self.body)
    }
}

/// Until when a verified answer lets the application run.
pub(crate) fn fits(
    answer: &Answer,
    question: &Question,
    now: UnixSeconds,
    offline_seconds: u32,
) -> Result<UnixSeconds, Lapsed> {
    // Without a nonce it answered nobody's question, but was asked for by hand.
    let nonce = answer.nonce().ok_or(Lapsed::Untrusted(Untrusted::WrongQuestion))?;
    if !is_same_license(answer.license_key(), &question.license_key) {
        return Err(Lapsed::Untrusted(Untrusted::WrongQuestion));
    }
    if !question.is_by_machine_of(nonce) {
        return Err(Lapsed::OtherMachine);
    }
    if !answer.valid() {
        return Err(Lapsed::Refused(answer.status().clone()));
    }
    let same_version = match (&question.version, answer.version()) {
        (Some(asked), Some(judged)) => asked == judged,
        // Not named, so the latest was judged.
        (None, _) => true,
        // Versions don't count. Where they do and none was named, another may have been asked for.
        (Some(_), None) => answer.version_valid().is_none(),
    };
    if !same_version {
        return Err(Lapsed::Untrusted(Untrusted::WrongQuestion));
    }
    let signed = answer.signed_at().as_i64();
    let now = now.as_i64();
    if now.saturating_add(i64::from(CLOCK_TOLERANCE_SECONDS)) < signed {
        return Err(Lapsed::ClockSetBack);
    }
    let offline = signed.saturating_add(i64::from(offline_seconds));
    // An answer that was good after the end says that the end does not count.
    let end = answer.expires_at().map(UnixSeconds::as_i64).filter(|end| *end > signed);
    let end = end.map_or(offline, |end| end.min(offline));
    if now < end {
        Ok(UnixSeconds::new(end))
    } else if end < offline {
        Err(Lapsed::Expired)
    } else {
        Err(Lapsed::OfflinePeriod)
    }
}
