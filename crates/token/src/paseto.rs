//! PASETO `v4.public`: framing by pasetors, the signature by the one strict check of this crate.

use crate::{
    Defect, Keyring, Kid, Part, VerifyError,
    json::{self, Text},
    jws::KeyName,
};
use alloc::vec::Vec;
use pasetors::{Public, token::UntrustedToken, version4::V4};

/// A token that is framed well, and no more than that.
pub(crate) struct Untrusted {
    token: UntrustedToken<Public, V4>,
}

impl Untrusted {
    pub(crate) fn parse(token: &str) -> Result<Self, VerifyError> {
        let body = token.strip_prefix(HEADER).ok_or(VerifyError::UnsupportedFormat)?;
        let (message, footer) = match body.split_once('.') {
            Some((message, footer)) => (message, Some(footer)),
            None => (body, None),
        };
        if message.is_empty() || footer.is_some_and(|footer| footer.is_empty() || footer.contains('.')) {
            return Err(VerifyError::malformed(Part::Token, Defect::Shape));
        }
        if footer.is_some_and(|footer| footer.len() > MAX_FOOTER) {
            return Err(VerifyError::malformed(Part::Footer, Defect::Length));
        }
        let token = UntrustedToken::try_from(token)
            .map_err(|_| VerifyError::malformed(Part::Token, Defect::Encoding))?;
        Ok(Self { token })
    }

    /// Which key the footer names: `{"kid":"…"}`, or no footer at all.
    pub(crate) fn key_name(&self) -> Result<KeyName, VerifyError> {
        let footer = self.token.untrusted_footer();
        if footer.is_empty() {
            return Ok(KeyName::Absent);
        }
        let footer =
            core::str::from_utf8(footer).map_err(|_| VerifyError::malformed(Part::Footer, Defect::Utf8))?;
        let mut name = KeyName::Absent;
        json::object(footer, |member: Text<'_>, value| {
            if member.is("kid") {
                let kid = value.as_text().ok_or(VerifyError::malformed(Part::Footer, Defect::Type))?;
                name = KeyName::read(&kid);
            }
            Ok(())
        })
        .map_err(|error: VerifyError| error.within(Part::Footer))?;
        Ok(name)
    }

    /// Finds the key, checks the signature and leaves the payload in the buffer.
    pub(crate) fn open(&self, keys: &Keyring, buffer: &mut Vec<u8>) -> Result<Kid, VerifyError> {
        let key = self.key_name()?.find(keys)?;
        self.check(key, b"")?;
        buffer.clear();
        buffer.extend_from_slice(self.token.untrusted_payload());
        Ok(key.kid())
    }

    fn check(&self, key: &crate::PublicKey, implicit: &[u8]) -> Result<(), VerifyError> {
        let message = self.token.untrusted_payload();
        let (_, signature) =
            self.token.untrusted_message().split_last_chunk().ok_or(VerifyError::BadSignature)?;
        // pasetors would check with ed25519-compact, whose verdict differs on crafted signatures.
        let signed = encode(&[HEADER.as_bytes(), message, self.token.untrusted_footer(), implicit]);
        key.verify(&signed, signature).map_err(|_| VerifyError::BadSignature)
    }
}

/// Signs a text with the footer `{"kid":"…"}`.
#[cfg(feature = "sign")]
pub(crate) fn sign(key: &crate::SecretKey, text: &str) -> Result<alloc::string::String, crate::ClaimsError> {
    use pasetors::{keys::AsymmetricSecretKey, version4::PublicToken};

    let seed = key.to_seed();
    let mut pair = zeroize::Zeroizing::new([0; 64]);
    for (slot, byte) in pair.iter_mut().zip(seed.iter().copied().chain(key.public_key().to_bytes())) {
        *slot = byte;
    }
    let footer = alloc::format!(r#"{{"kid":"{}"}}"#, key.public_key().kid());
    // The pair is consistent, hence the only error left is an empty text.
    AsymmetricSecretKey::<V4>::from(&*pair)
        .and_then(|pair| PublicToken::sign(&pair, text.as_bytes(), Some(footer.as_bytes()), None))
        .map_err(|_| crate::ClaimsError::NotJson)
}

const HEADER: &str = "v4.public.";

/// The most characters of an encoded footer. Ours has 70.
const MAX_FOOTER: usize = 1024;

/// Pre-Authentication Encoding (PASETO §2.2): the count of the pieces, then each piece after its length.
fn encode(pieces: &[&[u8]]) -> Vec<u8> {
    let length = |length: usize| (u64::try_from(length).unwrap_or(u64::MAX) & (u64::MAX >> 1)).to_le_bytes();
    let mut signed = Vec::with_capacity(
        pieces.iter().fold(8, |sum: usize, piece| sum.saturating_add(piece.len()).saturating_add(8)),
    );
    signed.extend_from_slice(&length(pieces.len()));
    for piece in pieces {
        signed.extend_from_slice(&length(piece.len()));
        signed.extend_from_slice(piece);
    }
    signed
}

#[cfg(all(test, feature = "sign"))]
mod tests {
    use super::*;
    use crate::{Format, Signer, UnixSeconds, UnverifiedToken, Verifier};
    use alloc::format;

    const KEY: &str =
        "k4.secret.tMv7Q99M4hByfZU-SnEzB_oZu32fhQQUONnhG5QqN3Qeudu7vAR8A_1wYE4AcfCYfhayi3VyJcEfAEFdDiCxog";
    const PAYLOAD: &str = r#"{"data":"this is a signed message","exp":"2022-01-01T00:00:00+00:00"}"#;
    const BODY: &str = "v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCswMDowMCJ9";
    const FOOTER: &str = ".eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9";

    /// The vectors 4-S-1 to 4-S-3 of the PASETO standard.
    #[test]
    fn the_vectors_of_the_standard_verify() {
        let key = crate::SecretKey::from_paserk(KEY).unwrap();
        for (signature, footer, implicit) in [
            (
                "bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQEDA",
                "",
                "",
            ),
            (
                "v3Jt8mx_TdM2ceTGoqwrh4yDFn0XsHvvV_D0DtwQxVrJEBMl0F2caAdgnpKlt4p7xBnx1HcO-SPo8FPp214HDw",
                FOOTER,
                "",
            ),
            (
                "NPWciuD3d0o5eXJXG5pJy-DiVEoyPYWs1YSTwWHNJq6DZD3je5gf-0M4JR9ipdUSJbIovzmBECeaWmaqcaP0DQ",
                FOOTER,
                r#"{"test-vector":"4-S-3"}"#,
            ),
        ] {
            let token = format!("{BODY}{signature}{footer}");
            let untrusted = Untrusted::parse(&token).unwrap();
            assert_eq!(untrusted.token.untrusted_payload(), PAYLOAD.as_bytes());
            untrusted.check(key.public_key(), implicit.as_bytes()).unwrap();
            assert_eq!(untrusted.check(key.public_key(), b"other"), Err(VerifyError::BadSignature));
            // Their footer names a key by another scheme than ours.
            let name = if footer.is_empty() { KeyName::Absent } else { KeyName::Foreign };
            assert_eq!(untrusted.key_name(), Ok(name));
        }
        let first = format!(
            "{BODY}bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQEDA"
        );
        let verifier = Verifier::for_any_product().key(key.public_key().clone()).any_audience().build();
        let license = verifier.verify::<crate::NoClaims>(&first, UnixSeconds::new(1_640_995_199)).unwrap();
        assert_eq!(license.json(), PAYLOAD);
    }

    /// The failures of the standard that concern v4: 4-F-1 is a v4.local token, others are of foreign versions.
    #[test]
    fn the_failures_of_the_standard_fail() {
        for token in [
            "v4.local.vngXfCISbnKgiP6VWGuOSlYrFYU300fy9ijW33rznDYgxHNPwWluAY2Bgb0z54CUs6aYYkIJ-bOOOmJHPuX_34Agt_IPlNdGDpRdGNnBz2MpWJvB3cttheEc1uyCEYltj7wBQQYX.YXJiaXRyYXJ5LXN0cmluZy10aGF0LWlzbid0LWpzb24",
            "v1.public.AAAA",
            "v2.public.AAAA",
            "v3.public.AAAA",
            "v9.public.AAAA",
        ] {
            assert_eq!(UnverifiedToken::parse(token), Err(VerifyError::UnsupportedFormat), "{token}");
        }
    }

    #[test]
    fn the_footer_names_the_key() {
        let signer = Signer::new(crate::SecretKey::from_paserk(KEY).unwrap());
        let token = signer.sign_paseto("{}").unwrap();
        let unverified = UnverifiedToken::parse(&token).unwrap();
        assert_eq!((unverified.format(), unverified.kid()), (Format::Paseto, Some(signer.kid())));
        assert!(signer.sign_paseto("").is_err());
    }
}
