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

/// `not_before <= now < expires_at`. By its contract the license may end before: in its grace, from `ends_at` on, it is as
/// valid as before, but who looks is warned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    not_before: Timestamp,
    ends_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl Validity {
    /// From `not_before` until just before `expires_at`, or without end; without grace.
    pub fn new(not_before: Timestamp, expires_at: Option<Timestamp>) -> Result<Self, Invalid> {
        if expires_at.is_some_and(|end| end <= not_before) {
            return Err(Invalid::new("expires_before_start", "must be later than not_before"));
        }
        Ok(Self { not_before, ends_at: expires_at, expires_at })
    }

    /// The same with a grace: by its contract it ends at `ends_at`.
    pub fn ending_at(self, ends_at: Timestamp) -> Result<Self, Invalid> {
        match self.expires_at {
            _ if ends_at <= self.not_before => {
                Err(Invalid::new("ends_before_start", "must be later than not_before"))
            }
            Some(end) if ends_at <= end => Ok(Self { ends_at: Some(ends_at), ..self }),
            _ => Err(Invalid::new("ends_after_expiry", "must not be later than expires_at")),
        }
    }

    /// This stretch as far as a document that names other ends lies within it: from the later start to the earlier end.
    /// It may be empty: then it is over, or has not begun, at every moment.
    #[must_use]
    pub fn narrowed(self, not_before: Option<Timestamp>, expires_at: Option<Timestamp>) -> Self {
        let earlier = |end: Option<Timestamp>| end.into_iter().chain(expires_at).min();
        Self {
            not_before: not_before.map_or(self.not_before, |start| start.max(self.not_before)),
            ends_at: earlier(self.ends_at),
            expires_at: earlier(self.expires_at),
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

    /// When it ends by its contract; `None` without end.
    pub fn ends_at(self) -> Option<Timestamp> {
        self.ends_at
    }

    /// The first second no longer valid, the grace included; `None` without end.
    pub fn expires_at(self) -> Option<Timestamp> {
        self.expires_at
    }

    /// When it ends by its contract, if there is a grace after that.
    pub fn grace_begins_at(self) -> Option<Timestamp> {
        self.ends_at.filter(|ends| Some(*ends) != self.expires_at)
    }

    /// The length of the grace in seconds; 0 for none.
    pub fn grace_seconds(self) -> i64 {
        self.ends_at.zip(self.expires_at).map_or(0, |(ends, expires)| expires.unix() - ends.unix())
    }
}

/// When a license is to end, as far as that was said; `Some(None)` is without end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ends {
    /// When it ends by its contract; the grace comes after it.
    pub ends_at: Option<Option<Timestamp>>,
    /// The first second no longer valid. Said alone, there is no grace before it.
    pub expires_at: Option<Option<Timestamp>>,
}

/// Why a license can't end so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {invalid}")]
pub struct InvalidEnd {
    /// Which of the ends: `ends_at` or `expires_at`.
    pub field: &'static str,
    /// Why.
    pub invalid: Invalid,
}

impl Ends {
    /// By its contract at `ends_at`.
    pub fn at(ends_at: Option<Timestamp>) -> Self {
        Self { ends_at: Some(ends_at), expires_at: None }
    }

    /// The validity from `not_before` on. Where neither end was said, it ends at `otherwise`; where a grace is not said, it
    /// has `grace` seconds.
    pub fn validity(
        self,
        not_before: Timestamp,
        otherwise: Option<Timestamp>,
        grace: i64,
    ) -> Result<Validity, InvalidEnd> {
        let graced = |end: Option<Timestamp>| (end, end.map(|end| end.plus_seconds(grace)));
        let (ends_at, expires_at) = match (self.ends_at, self.expires_at) {
            (None, None) => graced(otherwise),
            (Some(ends), None) => graced(ends),
            (None, Some(expires)) => (expires, expires),
            (Some(ends), Some(expires)) => (ends, expires),
        };
        let named = |field| move |invalid| InvalidEnd { field, invalid };
        let expiry =
            if self.expires_at.is_none() && self.ends_at.is_some() { "ends_at" } else { "expires_at" };
        let validity = Validity::new(not_before, expires_at).map_err(named(expiry))?;
        match (ends_at, expires_at) {
            (Some(ends), _) => validity.ending_at(ends).map_err(named("ends_at")),
            (None, None) => Ok(validity),
            (None, Some(_)) => {
                let invalid = Invalid::new("ends_after_expiry", "must not be later than expires_at");
                Err(InvalidEnd { field: "ends_at", invalid })
            }
        }
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
    use proptest::prelude::*;

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

    proptest! {
        /// Whatever was said of the ends, they are in order, and what was said is what they are.
        #[test]
        fn ends_are_as_they_were_said(
            ends in prop::option::of(prop::option::of(0_i64..100)),
            expires in prop::option::of(prop::option::of(0_i64..100)),
            otherwise in prop::option::of(1_i64..100),
            grace in 0_i64..20,
        ) {
            let at = |unix| Timestamp::from_unix(unix).unwrap();
            let said = Ends { ends_at: ends.map(|end| end.map(at)), expires_at: expires.map(|end| end.map(at)) };
            match said.validity(at(10), otherwise.map(at), grace) {
                Ok(validity) => {
                    prop_assert_eq!(validity.ends_at().is_some(), validity.expires_at().is_some());
                    prop_assert!(validity.ends_at() <= validity.expires_at());
                    prop_assert!(validity.ends_at().is_none_or(|end| end > at(10)));
                    prop_assert!(said.ends_at.is_none_or(|said| said == validity.ends_at()));
                    prop_assert!(said.expires_at.is_none_or(|said| said == validity.expires_at()));
                    let expected = match (validity.ends_at(), said.expires_at, said.ends_at) {
                        (None, _, _) | (_, Some(_), None) => Some(0),
                        (Some(_), None, _) => Some(grace),
                        (Some(_), Some(_), Some(_)) => None,
                    };
                    prop_assert!(expected.is_none_or(|grace| validity.grace_seconds() == grace));
                }
                Err(InvalidEnd { field, .. }) => {
                    prop_assert!(["ends_at", "expires_at"].contains(&field));
                    let end = said.ends_at.or(said.expires_at).unwrap_or(otherwise.map(at));
                    let early = [end, said.expires_at.flatten()].into_iter().flatten().any(|end| end <= at(10));
                    let crossed = matches!(
                        (said.ends_at, said.expires_at),
                        (Some(None), Some(Some(_))) | (Some(Some(_)), Some(None))
                    ) || said.ends_at.flatten().zip(said.expires_at.flatten()).is_some_and(|(e, x)| e > x);
                    prop_assert!(early || crossed);
                }
            }
        }
    }

    #[test]
    fn a_stretch_of_no_length_is_refused() {
        let at = |unix| Timestamp::from_unix(unix).unwrap();
        assert_eq!(Validity::new(at(5), Some(at(5))).unwrap_err().code, "expires_before_start");
        assert!(Validity::new(at(5), Some(at(6))).is_ok());
        assert!(Validity::new(at(5), None).is_ok());
    }
}
