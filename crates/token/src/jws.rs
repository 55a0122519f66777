//! JWS compact serialization (RFC 7515), EdDSA only (RFC 8037, RFC 9864).

use crate::{
    Defect, InvalidKid, Keyring, Kid, Part, PublicKey, VerifyError, base64url,
    json::{self, Text},
};
use alloc::{format, vec::Vec};

/// The encoded header of our own tokens: `{"alg":"EdDSA","typ":"JWT","kid":"…"}`.
pub(crate) type Header = [u8; 106];

/// The kinds of documents that are signed as JWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typ {
    License,
    #[cfg(feature = "status-list")]
    StatusList,
    #[cfg(feature = "audit")]
    AuditCheckpoint,
}

impl Typ {
    fn as_str(self) -> &'static str {
        match self {
            Self::License => "JWT",
            #[cfg(feature = "status-list")]
            Self::StatusList => "statuslist+jwt",
            #[cfg(feature = "audit")]
            Self::AuditCheckpoint => "keyward-audit+jwt",
        }
    }
}

/// Which key a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyName {
    Absent,
    Kid(Kid),
    /// A text that is no thumbprint, hence the name of none of our keys.
    Foreign,
}

impl KeyName {
    pub(crate) fn read(text: &Text<'_>) -> Self {
        match text.decode().parse() {
            Ok(kid) => Self::Kid(kid),
            Err(InvalidKid) => Self::Foreign,
        }
    }

    pub(crate) fn kid(self) -> Option<Kid> {
        match self {
            Self::Kid(kid) => Some(kid),
            Self::Absent | Self::Foreign => None,
        }
    }

    /// The named key, or the only one if none is named.
    pub(crate) fn find(self, keys: &Keyring) -> Result<&PublicKey, VerifyError> {
        let key = match self {
            Self::Kid(kid) => keys.get(&kid),
            Self::Absent => keys.only(),
            Self::Foreign => None,
        };
        key.ok_or(VerifyError::UnknownKey { kid: self.kid() })
    }
}

/// A token cut at its dots; nothing is decoded yet.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    signed: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

pub(crate) fn split(token: &str) -> Result<Parts<'_>, VerifyError> {
    let parts = || {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let whole =
            !header.is_empty() && !payload.is_empty() && !signature.is_empty() && !payload.contains('.');
        whole.then_some(Parts { signed, header, payload, signature })
    };
    parts().ok_or(VerifyError::malformed(Part::Token, Defect::Shape))
}

impl Parts<'_> {
    /// Checks the header and reads which key it names.
    pub(crate) fn key_name(&self, typ: Typ) -> Result<KeyName, VerifyError> {
        read_header(self.header, typ)
    }

    /// Finds the key, checks the signature and leaves the payload in the buffer.
    pub(crate) fn open(&self, typ: Typ, keys: &Keyring, buffer: &mut Vec<u8>) -> Result<Kid, VerifyError> {
        let key = self.key(typ, keys)?;
        let signature = base64url::decode_array::<64, 66>(self.signature)
            .ok_or(VerifyError::malformed(Part::Signature, Defect::Encoding))?;
        base64url::decode_into(self.payload, buffer)
            .ok_or(VerifyError::malformed(Part::Payload, Defect::Encoding))?;
        key.verify(self.signed.as_bytes(), &signature).map_err(|_| VerifyError::BadSignature)?;
        Ok(key.kid())
    }

    fn key<'k>(&self, typ: Typ, keys: &'k Keyring) -> Result<&'k PublicKey, VerifyError> {
        // Nearly every token carries the one header that its key would write: then there is nothing to parse.
        if typ == Typ::License {
            if let Some(key) = keys.iter().find(|key| self.header.as_bytes() == key.jwt_header()) {
                return Ok(key);
            }
        }
        self.key_name(typ)?.find(keys)
    }
}

/// The encoded header of a license signed by the key.
pub(crate) fn header(kid: &Kid) -> Header {
    base64url::encode_array(header_json(Typ::License, kid).as_bytes())
}

pub(crate) fn header_json(typ: Typ, kid: &Kid) -> alloc::string::String {
    format!(r#"{{"alg":"EdDSA","typ":"{}","kid":"{kid}"}}"#, typ.as_str())
}

/// The most bytes of a header's JSON. Ours has 79.
const MAX_HEADER: usize = 768;

/// Members that bring a key along or change what is signed or encoded. RFC 7515 lets a verifier ignore members that it
/// does not know; these are known, and refused.
const REFUSED: [&str; 8] = ["crit", "jwk", "jku", "x5u", "x5c", "zip", "b64", "enc"];

/// Kinds of documents that are worth naming where another one was expected.
const KNOWN_TYPES: [&str; 4] = ["JWT", "statuslist+jwt", "keyward-audit+jwt", "at+jwt"];

fn read_header(encoded: &str, typ: Typ) -> Result<KeyName, VerifyError> {
    let mut buffer = [0; MAX_HEADER];
    if encoded.len() > base64url::encoded_len(MAX_HEADER) {
        return Err(VerifyError::malformed(Part::Header, Defect::Length));
    }
    let bytes = base64url::decode_slice(encoded, &mut buffer)
        .ok_or(VerifyError::malformed(Part::Header, Defect::Encoding))?;
    let text = core::str::from_utf8(bytes).map_err(|_| VerifyError::malformed(Part::Header, Defect::Utf8))?;

    let (mut algorithm, mut kind, mut name) = (None, None, KeyName::Absent);
    json::object(text, |member, value| {
        if let Some(name) = REFUSED.into_iter().find(|refused| member.is(refused)) {
            return Err(VerifyError::RefusedHeader { name });
        }
        let value = || value.as_text().ok_or(VerifyError::malformed(Part::Header, Defect::Type));
        if member.is("alg") {
            algorithm = Some(value()?);
        } else if member.is("typ") {
            kind = Some(value()?);
        } else if member.is("kid") {
            name = KeyName::read(&value()?);
        }
        Ok(())
    })
    .map_err(|error: VerifyError| error.within(Part::Header))?;

    if !algorithm.is_some_and(|algorithm: Text<'_>| algorithm.is("EdDSA") || algorithm.is("Ed25519")) {
        return Err(VerifyError::UnsupportedAlgorithm);
    }
    if !kind.is_some_and(|kind: Text<'_>| kind.is(typ.as_str())) {
        let known = |known: &&str| kind.is_some_and(|kind| kind.is(known));
        return Err(VerifyError::WrongType { found: KNOWN_TYPES.into_iter().find(known) });
    }
    Ok(name)
}
