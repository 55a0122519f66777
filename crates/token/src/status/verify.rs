use super::{
    StatusError, StatusList,
    inflate::{self, InflateError},
    table::{Bits, StatusTable},
};
use crate::{
    Defect, Keyring, License, Part, PublicKey, UnixSeconds, VerifyError, base64url,
    json::{self, Kind, Node, Text},
    jws::{self, Typ},
    mistaken::name_mistake,
};
use alloc::{string::String, vec::Vec};

/// The most bytes of a signed list, unless the verifier's builder says otherwise.
pub const DEFAULT_MAX_LIST_TOKEN_BYTES: usize = 4 * 1024 * 1024;

/// The most bytes of an inflated list, unless the verifier's builder says otherwise: 16 million licenses.
pub const DEFAULT_MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

impl StatusList {
    /// Verifies a list with the default bounds. See [`StatusListVerifier`] to expect an address, and to refuse a list
    /// that is older than one seen before.
    pub fn verify(token: &str, keys: &Keyring, now: UnixSeconds) -> Result<Self, VerifyError> {
        StatusListVerifier::builder().keys(keys.clone()).build().verify(token, now)
    }
}

/// Checks signed status lists. A license is never accepted as a list, nor a list as a license.
#[derive(Clone, Debug)]
pub struct StatusListVerifier {
    keys: Keyring,
    uri: Option<String>,
    seen: Option<UnixSeconds>,
    max_token_bytes: usize,
    max_list_bytes: usize,
}

impl StatusListVerifier {
    /// A verifier without keys.
    pub fn builder() -> StatusListVerifierBuilder {
        StatusListVerifierBuilder {
            verifier: Self {
                keys: Keyring::new(),
                uri: None,
                seen: None,
                max_token_bytes: DEFAULT_MAX_LIST_TOKEN_BYTES,
                max_list_bytes: DEFAULT_MAX_LIST_BYTES,
            },
        }
    }

    /// Verifies a list at an instant. The order of checks is that of [`Verifier`](crate::Verifier); the list is
    /// inflated last, and never beyond its bound.
    pub fn verify(&self, token: &str, now: UnixSeconds) -> Result<StatusList, VerifyError> {
        if token.len() > self.max_token_bytes {
            return Err(VerifyError::TooLarge { limit: self.max_token_bytes });
        }
        let mut buffer = Vec::new();
        let opened = jws::split(token).and_then(|parts| parts.open(Typ::StatusList, &self.keys, &mut buffer));
        opened.map_err(|error| name_mistake(error, token))?;
        let json =
            core::str::from_utf8(&buffer).map_err(|_| VerifyError::malformed(Part::Payload, Defect::Utf8))?;
        let claims = Claims::read(json)?;
        let uri = claims.sub.ok_or(VerifyError::InvalidClaim { claim: "sub" })?;
        let issued_at = claims.iat.ok_or(VerifyError::InvalidClaim { claim: "iat" })?;
        if self.uri.as_ref().is_some_and(|expected| !uri.is(expected)) {
            return Err(VerifyError::WrongSubject);
        }
        if let Some(nbf) = claims.nbf.filter(|nbf| now < *nbf) {
            return Err(VerifyError::NotYetValid { until: nbf });
        }
        if let Some(exp) = claims.exp.filter(|exp| now >= *exp) {
            return Err(VerifyError::Expired { since: exp });
        }
        if let Some(seen) = self.seen.filter(|seen| issued_at < *seen) {
            return Err(VerifyError::Outdated { seen });
        }
        let table = self.inflate(claims.bits, claims.lst)?;
        Ok(StatusList {
            uri: uri.decode().into_owned(),
            issued_at,
            expires_at: claims.exp,
            ttl: claims.ttl,
            table,
        })
    }

    /// Verifies lists at an instant and looks a license up in them. Gives the list that clears it, to remember its
    /// [`issued_at`](StatusList::issued_at).
    ///
    /// There is one list, `[text]`, or none, `None::<&str>`; or several of a server that has moved, of which the one counts
    /// that the license names. A list that is refused does not count, and one that revokes the license counts whatever
    /// else there is.
    ///
    /// # Errors
    /// Everything but "listed as valid" is one, so that `?` refuses whatever was not foreseen.
    pub fn check<C, T: AsRef<str>>(
        &self,
        lists: impl IntoIterator<Item: AsRef<str>>,
        license: &License<C, T>,
        now: UnixSeconds,
    ) -> Result<StatusList, StatusError> {
        let (mut cleared, mut why) = (None, StatusError::NoList);
        for list in lists {
            let list = self.verify(list.as_ref(), now).map_err(StatusError::List);
            match list.and_then(|list| list.check(license, now).map(|()| list)) {
                Ok(list) => {
                    let newer = cleared.filter(|other: &StatusList| other.issued_at() > list.issued_at());
                    cleared = newer.or(Some(list));
                }
                // What is wrong with one list says more than that another is not the one.
                Err(StatusError::OtherList) if why != StatusError::NoList => {}
                Err(error @ (StatusError::List(_) | StatusError::OtherList)) => why = error,
                Err(refusal) => return Err(refusal),
            }
        }
        cleared.ok_or(why)
    }

    fn inflate(&self, bits: Option<u64>, lst: Option<Text<'_>>) -> Result<StatusTable, VerifyError> {
        let bits = bits.and_then(Bits::from_claim).ok_or(INVALID_LIST)?;
        let mut packed = Vec::new();
        let lst = lst.ok_or(INVALID_LIST)?.decode();
        base64url::decode_into(&lst, &mut packed).ok_or(INVALID_LIST)?;
        let bytes = inflate::zlib(&packed, self.max_list_bytes).map_err(|error| match error {
            InflateError::TooLarge => VerifyError::TooLarge { limit: self.max_list_bytes },
            InflateError::Invalid => INVALID_LIST,
        })?;
        Ok(StatusTable::from_bytes(bytes, bits))
    }
}

/// Builds a [`StatusListVerifier`].
#[derive(Clone, Debug)]
#[must_use]
pub struct StatusListVerifierBuilder {
    verifier: StatusListVerifier,
}

impl StatusListVerifierBuilder {
    /// Trusts one more key.
    pub fn key(mut self, key: PublicKey) -> Self {
        let _ = self.verifier.keys.insert(key);
        self
    }

    /// Trusts all keys of a keyring besides those given before.
    pub fn keys(mut self, keys: Keyring) -> Self {
        for key in keys {
            self = self.key(key);
        }
        self
    }

    /// Expects the list of this address (`sub`).
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.verifier.uri = Some(uri.into());
        self
    }

    /// Refuses a list issued before this instant: that of the newest list seen so far.
    pub fn not_older_than(mut self, seen: UnixSeconds) -> Self {
        self.verifier.seen = Some(seen);
        self
    }

    /// The most bytes of a signed list; 4 MiB unless set.
    pub fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.verifier.max_token_bytes = bytes;
        self
    }

    /// The most bytes of an inflated list; 4 MiB unless set.
    pub fn max_list_bytes(mut self, bytes: usize) -> Self {
        self.verifier.max_list_bytes = bytes;
        self
    }

    /// The verifier. A verifier without keys refuses every list.
    pub fn build(self) -> StatusListVerifier {
        self.verifier
    }
}

const INVALID_LIST: VerifyError = VerifyError::InvalidClaim { claim: "status_list" };

#[derive(Default)]
struct Claims<'a> {
    sub: Option<Text<'a>>,
    iat: Option<UnixSeconds>,
    nbf: Option<UnixSeconds>,
    exp: Option<UnixSeconds>,
    ttl: Option<u64>,
    bits: Option<u64>,
    lst: Option<Text<'a>>,
}

impl<'a> Claims<'a> {
    fn read(json: &'a str) -> Result<Self, VerifyError> {
        let mut claims = Self::default();
        json::object(json, |name, value| claims.member(name, value))?;
        Ok(claims)
    }

    fn member(&mut self, name: Text<'a>, value: Node<'a>) -> Result<(), VerifyError> {
        let invalid = |claim| VerifyError::InvalidClaim { claim };
        let instant = |claim| value.as_u64().and_then(UnixSeconds::from_claim).ok_or(invalid(claim));
        if name.is("sub") {
            self.sub = Some(value.as_text().ok_or(invalid("sub"))?);
        } else if name.is("iat") {
            self.iat = Some(instant("iat")?);
        } else if name.is("nbf") {
            self.nbf = Some(instant("nbf")?);
        } else if name.is("exp") {
            self.exp = Some(instant("exp")?);
        } else if name.is("ttl") {
            self.ttl = Some(value.as_u64().filter(|ttl| *ttl > 0).ok_or(invalid("ttl"))?);
        } else if name.is("status_list") {
            if value.kind != Kind::Object {
                return Err(INVALID_LIST);
            }
            json::object(value.text, |name, value| {
                if name.is("bits") {
                    self.bits = Some(value.as_u64().ok_or(INVALID_LIST)?);
                } else if name.is("lst") {
                    self.lst = Some(value.as_text().ok_or(INVALID_LIST)?);
                }
                Ok::<(), VerifyError>(())
            })?;
        }
        Ok(())
    }
}
