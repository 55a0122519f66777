//! The terms of a license: append-only revisions, each valid for a stretch of time.

use crate::{Invalid, Kid, LicenseId, Payload, RevisionId, Timestamp};

/// The terms of a license from one moment on. Never changed; renewal appends the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its id; the `jti` of its tokens.
    pub id: RevisionId,
    /// The license.
    pub license: LicenseId,
    /// 1 for the first.
    pub number: u32,
    /// From when to when.
    pub validity: Validity,
    /// The custom claims.
    pub payload: Payload,
    /// The pull roles that the product had then, by name.
    pub registry: Vec<String>,
    /// The `iss` of its tokens, kept so that they stay the same when the server moves.
    pub issuer: String,
    /// The signing key of its tokens.
    pub kid: Kid,
    /// Its place in the organization's status list.
    pub status_index: u32,
    /// Its place in life.
    pub state: RevisionState,
    /// When it was created; the `iat` of its tokens.
    pub created_at: Timestamp,
}

/// Whether a revision is the license's last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisionState {
    /// The terms in force.
    Current,
    /// Renewed; its tokens run out by themselves.
    Superseded {
        /// When.
        at: Timestamp,
    },
    /// Renewed, and its tokens withdrawn.
    Revoked {
        /// When.
        at: Timestamp,
    },
}

impl RevisionState {
    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Superseded { .. } => "superseded",
            Self::Revoked { .. } => "revoked",
        }
    }
}

/// `not_before <= now < expires_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    not_before: Timestamp,
    expires_at: Option<Timestamp>,
}

impl Validity {
    /// From `not_before` until just before `expires_at`, or without end.
    pub fn new(not_before: Timestamp, expires_at: Option<Timestamp>) -> Result<Self, Invalid> {
        if expires_at.is_some_and(|end| end <= not_before) {
            return Err(Invalid::new("expires_before_start", "must be later than not_before"));
        }
        Ok(Self { not_before, expires_at })
    }

    /// This stretch as far as a document that names other ends lies within it: from the later start to the earlier end.
    /// It may be empty: then it is over, or has not begun, at every moment.
    #[must_use]
    pub fn narrowed(self, not_before: Option<Timestamp>, expires_at: Option<Timestamp>) -> Self {
        Self {
            not_before: not_before.map_or(self.not_before, |start| start.max(self.not_before)),
            expires_at: self.expires_at.into_iter().chain(expires_at).min(),
        }
    }

    /// The first valid second.
    pub fn not_before(self) -> Timestamp {
        self.not_before
    }

    /// Whether it has begun at `now`, or begins so soon that the clock may only be slow: what one server issues from now on,
    /// another one whose clock is a little behind takes too. The end has no such leeway.
    pub fn has_begun(self, now: Timestamp) -> bool {
        !self.not_before.is_ahead_of(now)
    }

    /// The first second no longer valid; `None` without end.
    pub fn expires_at(self) -> Option<Timestamp> {
        self.expires_at
    }
}

/// What a new revision gets from its surroundings.
#[derive(Debug, Clone)]
pub struct Issue {
    /// The revision's id.
    pub id: RevisionId,
    /// The product's pull roles, by name.
    pub registry: Vec<String>,
    /// The server's public URL.
    pub issuer: String,
    /// The organization's active signing key.
    pub kid: Kid,
    /// A free place in the status list.
    pub status_index: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrower_ends_count() {
        let at = |unix| Timestamp::from_unix(unix).unwrap();
        let terms = Validity::new(at(10), Some(at(20))).unwrap();
        let ends =
            |validity: Validity| (validity.not_before().unix(), validity.expires_at().map(Timestamp::unix));
        assert_eq!(ends(terms.narrowed(None, None)), (10, Some(20)));
        assert_eq!(ends(terms.narrowed(Some(at(5)), Some(at(25)))), (10, Some(20)));
        assert_eq!(ends(terms.narrowed(Some(at(12)), Some(at(18)))), (12, Some(18)));
        let endless = Validity::new(at(10), None).unwrap();
        assert_eq!(ends(endless.narrowed(None, Some(at(18)))), (10, Some(18)));
        assert_eq!(ends(terms.narrowed(Some(at(30)), None)), (30, Some(20)));
    }

    #[test]
    fn a_stretch_of_no_length_is_refused() {
        let at = |unix| Timestamp::from_unix(unix).unwrap();
        assert_eq!(Validity::new(at(5), Some(at(5))).unwrap_err().code, "expires_before_start");
        assert!(Validity::new(at(5), Some(at(6))).is_ok());
        assert!(Validity::new(at(5), None).is_ok());
    }
}
