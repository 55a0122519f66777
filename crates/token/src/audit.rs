//! Checkpoints of an audit log: where the chain of its events ended, signed.

use alloc::{string::String, string::ToString as _, vec::Vec};

use crate::{
    Defect, Keyring, Kid, Part, UnixSeconds, VerifyError, base64url,
    json::{self, Node, Text},
    jws::{self, Typ},
    mistaken::name_mistake,
};

/// The most bytes of a signed checkpoint.
pub const MAX_CHECKPOINT_BYTES: usize = 4_096;

/// A statement of a server about the audit log of one organization: at this instant its chain ended so. The format is that of
/// `docs/audit.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCheckpoint {
    /// The address of the server (`iss`).
    pub issuer: String,
    /// The id of the organization (`sub`).
    pub organization: String,
    /// When it was signed (`iat`).
    pub issued_at: UnixSeconds,
    /// The number of the first event that was still kept then (`first`).
    pub first: u64,
    /// The number of the last event (`seq`); one less than `first` where there was none.
    pub seq: u64,
    /// The hash of that event (`hash`).
    pub hash: [u8; 32],
}

impl AuditCheckpoint {
    /// Verifies a checkpoint, and says which key had signed it. It has no end: what was so stays so.
    ///
    /// # Errors
    /// Whatever is wrong with the signature, the key or the claims. A license or a status list is no checkpoint.
    pub fn verify(token: &str, keys: &Keyring) -> Result<(Self, Kid), VerifyError> {
        if token.len() > MAX_CHECKPOINT_BYTES {
            return Err(VerifyError::TooLarge { limit: MAX_CHECKPOINT_BYTES });
        }
        let mut buffer = Vec::new();
        let opened = jws::split(token).and_then(|parts| parts.open(Typ::AuditCheckpoint, keys, &mut buffer));
        let kid = opened.map_err(|error| name_mistake(error, token))?;
        let json =
            core::str::from_utf8(&buffer).map_err(|_| VerifyError::malformed(Part::Payload, Defect::Utf8))?;
        Ok((Claims::read(json)?, kid))
    }

    /// Signs it as `keyward-audit+jwt`.
    ///
    /// # Errors
    /// When the instant is not within the years 1970 to 9999.
    #[cfg(feature = "sign")]
    pub fn sign(&self, signer: &crate::Signer) -> Result<String, crate::ClaimsError> {
        use crate::issue;
        self.issued_at.to_rfc3339().ok_or(crate::ClaimsError::OutOfRange { claim: "iat" })?;
        let mut json = String::with_capacity(256);
        json.push_str("{\"iss\":");
        issue::string(&mut json, &self.issuer);
        issue::member(&mut json, "sub", |json| issue::string(json, &self.organization));
        issue::member(&mut json, "iat", |json| json.push_str(&self.issued_at.as_i64().to_string()));
        issue::member(&mut json, "first", |json| json.push_str(&self.first.to_string()));
        issue::member(&mut json, "seq", |json| json.push_str(&self.seq.to_string()));
        issue::member(&mut json, "hash", |json| {
            json.push('"');
            base64url::encode_to(&self.hash, json);
            json.push('"');
        });
        json.push('}');
        Ok(signer.sign_typed(Typ::AuditCheckpoint, &json))
    }
}

#[derive(Default)]
struct Claims<'a> {
    iss: Option<Text<'a>>,
    sub: Option<Text<'a>>,
    iat: Option<UnixSeconds>,
    first: Option<u64>,
    seq: Option<u64>,
    hash: Option<[u8; 32]>,
}

impl<'a> Claims<'a> {
    fn read(json: &'a str) -> Result<AuditCheckpoint, VerifyError> {
        let mut claims = Self::default();
        json::object(json, |name, value| claims.member(name, value))?;
        let missing = |claim| VerifyError::InvalidClaim { claim };
        let checkpoint = AuditCheckpoint {
            issuer: claims.iss.ok_or(missing("iss"))?.decode().into_owned(),
            organization: claims.sub.ok_or(missing("sub"))?.decode().into_owned(),
            issued_at: claims.iat.ok_or(missing("iat"))?,
            first: claims.first.ok_or(missing("first"))?,
            seq: claims.seq.ok_or(missing("seq"))?,
            hash: claims.hash.ok_or(missing("hash"))?,
        };
        if checkpoint.first == 0 || checkpoint.first > checkpoint.seq.saturating_add(1) {
            return Err(missing("first"));
        }
        Ok(checkpoint)
    }

    fn member(&mut self, name: Text<'a>, value: Node<'a>) -> Result<(), VerifyError> {
        let invalid = |claim| VerifyError::InvalidClaim { claim };
        if name.is("iss") {
            self.iss = Some(value.as_text().ok_or(invalid("iss"))?);
        } else if name.is("sub") {
            self.sub = Some(value.as_text().ok_or(invalid("sub"))?);
        } else if name.is("iat") {
            self.iat = Some(value.as_u64().and_then(UnixSeconds::from_claim).ok_or(invalid("iat"))?);
        } else if name.is("first") {
            self.first = Some(value.as_u64().ok_or(invalid("first"))?);
        } else if name.is("seq") {
            self.seq = Some(value.as_u64().ok_or(invalid("seq"))?);
        } else if name.is("hash") {
            let hash = value.as_text().and_then(|text| base64url::decode_array::<32, 33>(&text.decode()));
            self.hash = Some(hash.ok_or(invalid("hash"))?);
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    use super::*;
    use crate::{Format, LicenseClaims, SecretKey, Signer, Verifier};
    use alloc::borrow::ToOwned as _;

    fn checkpoint() -> AuditCheckpoint {
        AuditCheckpoint {
            issuer: "https://keys.example.com".to_owned(),
            organization: "0192f0c1-7a00-7000-8000-000000000001".to_owned(),
            issued_at: UnixSeconds::new(1_767_225_600),
            first: 1,
            seq: 41,
            hash: [7; 32],
        }
    }

    fn keys(signer: &Signer) -> Keyring {
        let mut keys = Keyring::new();
        let _ = keys.insert(signer.public_key().clone());
        keys
    }

    #[test]
    fn what_was_signed_is_read_again() {
        let signer = Signer::new(SecretKey::from_seed([7; 32]));
        let token = checkpoint().sign(&signer).unwrap();
        assert_eq!(AuditCheckpoint::verify(&token, &keys(&signer)), Ok((checkpoint(), signer.kid())));
        let other = Signer::new(SecretKey::from_seed([8; 32]));
        assert!(AuditCheckpoint::verify(&token, &keys(&other)).is_err());
        let empty = AuditCheckpoint { first: 9, seq: 8, ..checkpoint() };
        assert!(AuditCheckpoint::verify(&empty.sign(&signer).unwrap(), &keys(&signer)).is_ok());
        let beyond = AuditCheckpoint { first: 10, seq: 8, ..checkpoint() };
        assert!(AuditCheckpoint::verify(&beyond.sign(&signer).unwrap(), &keys(&signer)).is_err());
    }

    #[test]
    fn no_other_kind_is_a_checkpoint_and_it_is_no_other_kind() {
        let signer = Signer::new(SecretKey::from_seed([7; 32]));
        let claims = LicenseClaims { iss: "https://k", sub: "x", payload: "{}", ..LicenseClaims::default() };
        let license = signer.sign(Format::Jwt, &claims).unwrap();
        let wrong = AuditCheckpoint::verify(&license, &keys(&signer));
        assert_eq!(wrong, Err(VerifyError::WrongType { found: Some("JWT") }));
        let token = checkpoint().sign(&signer).unwrap();
        let verifier = Verifier::for_any_product().key(signer.public_key().clone()).build();
        let read = verifier.verify::<crate::NoClaims>(&token, UnixSeconds::new(1_767_225_600));
        assert_eq!(read.unwrap_err(), VerifyError::WrongType { found: Some("keyward-audit+jwt") });
    }
}
