//! How requests and answers are signed: a JWS (RFC 7515, EdDSA) beside the body, as RFC 9449 (DPoP) does it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_token::{Keyring, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The scheme of the header `Authorization`, followed by the JWS of a [`Request`].
pub const SCHEME: &str = "Keyward-Agent";

/// The header of answers with the JWS of an [`Answer`].
pub const SIGNATURE_HEADER: &str = "Keyward-Signature";

/// How many seconds a request's `iat` may be off the server's clock.
pub const MOST_SKEW: i64 = 60;

/// For how many seconds a server remembers a `jti`: as long as its request could be taken.
pub const JTI_SECONDS: i64 = 2 * MOST_SKEW;

/// The most keys that a request names.
pub const MOST_KEYS: usize = 32;

/// The most bytes of a signature.
pub const MOST_SIGNATURE: usize = 8 * 1024;

/// What is signed of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The agent's id; at enrolment, the thumbprint of its key (RFC 7638).
    pub iss: String,
    /// The address of the server.
    pub aud: String,
    /// The method.
    pub htm: String,
    /// The address without a query: `aud` and the path.
    pub htu: String,
    /// The [hash](body_hash) of the body; left out where there is none.
    #[serde(default = "of_nothing", skip_serializing_if = "is_of_nothing")]
    pub bh: String,
    /// When it was signed, in Unix seconds.
    pub iat: i64,
    /// Unique: at least 128 bits of randomness, in base64url.
    pub jti: String,
    /// The thumbprints of the vendor's keys that the agent knows; the answer is signed by one of them. Empty at enrolment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// What is signed of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The address of the server.
    pub iss: String,
    /// The `iss` of the request.
    pub aud: String,
    /// The `jti` of the request.
    pub jti: String,
    /// The HTTP status.
    pub status: u16,
    /// The [hash](body_hash) of the body; left out where there is none.
    #[serde(default = "of_nothing", skip_serializing_if = "is_of_nothing")]
    pub bh: String,
    /// When it was signed, in Unix seconds: the server's clock.
    pub iat: i64,
}

/// Which of the two is signed: each has a `typ` of its own, so that neither is taken for the other, nor for a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A [`Request`].
    Request,
    /// An [`Answer`].
    Answer,
}

impl Kind {
    fn typ(self) -> &'static str {
        match self {
            Self::Request => "keyward-agent+jwt",
            Self::Answer => "keyward-answer+jwt",
        }
    }
}

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is no JWS of this kind.
    #[error("is not a JWS as it is to be here")]
    Malformed,
    /// No key of that name is known.
    #[error("is by a key that is not known")]
    UnknownKey,
    /// It is another's, or was altered.
    #[error("does not verify")]
    Bad,
    /// It is of another request or answer.
    #[error("is of another request, answer, receiver or body")]
    Mismatch,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// The SHA-256 of a body in base64url: the `bh` of requests and answers. An absent body is an empty one.
pub fn body_hash(body: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(body))
}

/// The hash of an empty body. Most requests and answers have none, and an idle agent is to cost little.
fn of_nothing() -> String {
    body_hash(b"")
}

fn is_of_nothing(hash: &str) -> bool {
    hash == of_nothing()
}

impl Request {
    /// Signs it with the agent's key.
    pub fn sign(&self, key: &SecretKey) -> String {
        sign(Kind::Request, key.public_key().kid().as_str(), self, |text| key.sign(text))
    }

    /// Reads one without looking at its signature, to find the key of `iss`.
    ///
    /// # Errors
    /// If it is none.
    pub fn unverified(jws: &str) -> Result<Self, SignatureError> {
        Ok(Parts::read(Kind::Request, jws)?.claims)
    }

    /// Reads one that `key` has signed.
    ///
    /// # Errors
    /// If it is none, or another key's. What it is of, and when it was signed, is for the caller to look at.
    pub fn verify(jws: &str, key: &PublicKey) -> Result<Self, SignatureError> {
        let parts = Parts::read(Kind::Request, jws)?;
        if parts.kid != key.kid().as_str() {
            return Err(SignatureError::UnknownKey);
        }
        parts.verified_by(key)
    }

    /// Whether it is of this request.
    pub fn is_of(&self, server: &str, method: &str, path: &str, body: &[u8]) -> bool {
        self.aud == server
            && self.htm == method
            && self.htu.strip_prefix(server) == Some(path)
            && self.bh == body_hash(body)
    }
}

impl Answer {
    /// Signs it with a key of the organization, by whatever signs with it.
    pub fn sign<S: AsRef<[u8]>>(&self, kid: &str, by: impl FnOnce(&[u8]) -> S) -> String {
        sign(Kind::Answer, kid, self, by)
    }

    /// Reads one that one of `keys` has signed, and that answers `request` with this status and body.
    ///
    /// # Errors
    /// If it is none, or of something else.
    pub fn verify(
        jws: &str,
        keys: &Keyring,
        request: &Request,
        status: u16,
        body: &[u8],
    ) -> Result<Self, SignatureError> {
        let parts = Parts::<Self>::read(Kind::Answer, jws)?;
        let kid = parts.kid.parse().map_err(|_| SignatureError::Malformed)?;
        let key = keys.get(&kid).ok_or(SignatureError::UnknownKey)?;
        let answer = parts.verified_by(key)?;
        let fits = answer.aud == request.iss
            && answer.iss == request.aud
            && answer.jti == request.jti
            && answer.status == status
            && answer.bh == body_hash(body);
        if fits { Ok(answer) } else { Err(SignatureError::Mismatch) }
    }
}

fn sign<S: AsRef<[u8]>>(
    kind: Kind,
    kid: &str,
    claims: &impl Serialize,
    by: impl FnOnce(&[u8]) -> S,
) -> String {
    let header = Header { alg: "EdDSA", typ: kind.typ(), kid };
    let json = |value: serde_json::Result<String>| URL_SAFE_NO_PAD.encode(value.unwrap_or_default());
    let text = format!("{}.{}", json(serde_json::to_string(&header)), json(serde_json::to_string(claims)));
    let signature = URL_SAFE_NO_PAD.encode(by(text.as_bytes()));
    format!("{text}.{signature}")
}

/// A JWS that was read and not verified.
struct Parts<'a, C> {
    text: &'a str,
    kid: String,
    claims: C,
    signature: [u8; 64],
}

impl<'a, C: for<'de> Deserialize<'de>> Parts<'a, C> {
    fn read(kind: Kind, jws: &'a str) -> Result<Self, SignatureError> {
        let malformed = SignatureError::Malformed;
        if jws.len() > MOST_SIGNATURE {
            return Err(malformed);
        }
        let (text, signature) = jws.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = text.split_once('.').ok_or(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
        let header = decode(header)?;
        let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| malformed)?;
        if header.alg != "EdDSA" || header.typ != kind.typ() {
            return Err(malformed);
        }
        Ok(Self {
            text,
            kid: header.kid.to_owned(),
            claims: serde_json::from_slice(&decode(claims)?).map_err(|_| malformed)?,
            signature: decode(signature)?.try_into().map_err(|_| malformed)?,
        })
    }

    fn verified_by(self, key: &PublicKey) -> Result<C, SignatureError> {
        key.verify(self.text.as_bytes(), &self.signature).map_err(|_| SignatureError::Bad)?;
        Ok(self.claims)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SERVER: &str = "https://keys.example.com";

    fn request(body: &[u8]) -> Request {
        Request {
            iss: "0192f0c1-7a00-7000-8000-000000000001".into(),
            aud: SERVER.into(),
            htm: "POST".into(),
            htu: format!("{SERVER}{}", crate::path::REPORTS),
            bh: body_hash(body),
            iat: 1_767_225_600,
            jti: "AAAAAAAAAAAAAAAAAAAAAA".into(),
            keys: Vec::new(),
        }
    }

    fn answer(request: &Request, body: &[u8]) -> Answer {
        Answer {
            iss: SERVER.into(),
            aud: request.iss.clone(),
            jti: request.jti.clone(),
            status: 200,
            bh: body_hash(body),
            iat: 1_767_225_601,
        }
    }

    fn keys(key: &SecretKey) -> Keyring {
        let mut keys = Keyring::new();
        keys.insert(key.public_key().clone()).unwrap();
        keys
    }

    #[test]
    fn a_request_is_of_what_it_was_signed_for() {
        let key = SecretKey::from_seed([7; 32]);
        let (body, path) = (b"{}", crate::path::REPORTS);
        let read = Request::verify(&request(body).sign(&key), key.public_key()).unwrap();
        assert_eq!(read, request(body));
        assert!(read.is_of(SERVER, "POST", path, body));
        assert!(!read.is_of(SERVER, "GET", path, body));
        assert!(!read.is_of(SERVER, "POST", crate::path::KEY, body));
        assert!(!read.is_of(SERVER, "POST", path, b"{ }"));
        assert!(!read.is_of("https://keys.example.org", "POST", path, body));
        let other = SecretKey::from_seed([8; 32]);
        let jws = request(body).sign(&key);
        assert_eq!(Request::verify(&jws, other.public_key()), Err(SignatureError::UnknownKey));
    }

    #[test]
    fn what_has_no_body_says_nothing_of_it_and_is_of_no_other() {
        let key = SecretKey::from_seed([7; 32]);
        let path = crate::path::REPORTS;
        let read = Request::verify(&request(b"").sign(&key), key.public_key()).unwrap();
        assert!(!serde_json::to_string(&read).unwrap().contains("bh"));
        assert!(read.is_of(SERVER, "POST", path, b""));
        assert!(!read.is_of(SERVER, "POST", path, b"{}"));
        let jws = answer(&read, b"").sign(key.public_key().kid().as_str(), |text| key.sign(text));
        assert!(Answer::verify(&jws, &keys(&key), &read, 200, b"").is_ok());
        assert_eq!(Answer::verify(&jws, &keys(&key), &read, 200, b"{}"), Err(SignatureError::Mismatch));
    }

    #[test]
    fn an_answer_is_to_one_request() {
        let key = SecretKey::from_seed([9; 32]);
        let (asked, body) = (request(b""), b"[]");
        let jws = answer(&asked, body).sign(key.public_key().kid().as_str(), |text| key.sign(text));
        let verify =
            |asked: &Request, status, body: &[u8]| Answer::verify(&jws, &keys(&key), asked, status, body);
        assert_eq!(verify(&asked, 200, body).unwrap().iat, 1_767_225_601);
        let mismatch = Err(SignatureError::Mismatch);
        assert_eq!(verify(&asked, 304, body), mismatch);
        assert_eq!(verify(&asked, 200, b"[1]"), mismatch);
        assert_eq!(verify(&Request { jti: "BB".into(), ..asked.clone() }, 200, body), mismatch);
        assert_eq!(verify(&Request { iss: "other".into(), ..asked.clone() }, 200, body), mismatch);
        let stranger = keys(&SecretKey::from_seed([1; 32]));
        assert_eq!(Answer::verify(&jws, &stranger, &asked, 200, body), Err(SignatureError::UnknownKey));
    }

    #[test]
    fn neither_is_the_other_nor_a_license() {
        let key = SecretKey::from_seed([9; 32]);
        let asked = request(b"");
        let kid = key.public_key().kid();
        let jws = answer(&asked, b"").sign(kid.as_str(), |text| key.sign(text));
        assert_eq!(Request::verify(&jws, key.public_key()), Err(SignatureError::Malformed));
        let signed = asked.sign(&key);
        assert_eq!(Answer::verify(&signed, &keys(&key), &asked, 200, b""), Err(SignatureError::Malformed));
        let license = keyward_token::Signer::new(SecretKey::from_seed([9; 32])).sign_jwt("{}");
        assert_eq!(Request::verify(&license, key.public_key()), Err(SignatureError::Malformed));
        assert_eq!(Answer::verify(&license, &keys(&key), &asked, 200, b""), Err(SignatureError::Malformed));
    }

    proptest! {
        #[test]
        fn nothing_altered_verifies(position: usize, bit in 0_u8..8) {
            let key = SecretKey::from_seed([7; 32]);
            let mut jws = request(b"{}").sign(&key).into_bytes();
            let position = position % jws.len();
            jws[position] ^= 1 << bit;
            if let Ok(jws) = String::from_utf8(jws) {
                prop_assert!(Request::verify(&jws, key.public_key()).is_err());
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            prop_assert!(Request::unverified(&text).is_err());
        }
    }
}
