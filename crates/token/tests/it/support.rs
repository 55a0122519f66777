//! One organization's key, and tokens that no signer would write.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_token::{
    Format, KeywardClaim, LicenseClaims, SecretKey, Signer, StatusRef, UnixSeconds, Verifier,
};

pub(crate) const ISSUER: &str = "https://keys.example.com";
pub(crate) const ORGANIZATION: &str = "0192f0c1-7a00-7000-8000-00000000000a";
pub(crate) const PRODUCT: &str = "0192f0c1-7a00-7000-8000-00000000000b";
pub(crate) const LICENSE: &str = "0192f0c1-7a00-7000-8000-000000000001";
pub(crate) const LIST: &str = "https://keys.example.com/o/acme/status-list";

pub(crate) const ISSUED: UnixSeconds = UnixSeconds::new(1_800_000_000);
pub(crate) const NOW: UnixSeconds = UnixSeconds::new(1_810_000_000);
pub(crate) const EXPIRES: UnixSeconds = UnixSeconds::new(1_831_536_000);

/// The signer of the tests; other seeds are other organizations.
pub(crate) fn signer() -> Signer {
    signer_of(7)
}

pub(crate) fn signer_of(seed: u8) -> Signer {
    Signer::new(SecretKey::from_seed([seed; 32]))
}

pub(crate) fn verifier() -> Verifier {
    Verifier::for_any_product().key(signer().public_key().clone()).issuer(ISSUER).build()
}

pub(crate) fn claims(payload: &str) -> LicenseClaims<'_> {
    LicenseClaims {
        iss: ISSUER,
        sub: LICENSE,
        iat: Some(ISSUED),
        nbf: Some(ISSUED),
        exp: Some(EXPIRES),
        jti: Some("0192f0c1-7a00-7000-8000-000000000002"),
        status: Some(StatusRef { index: 1234, uri: LIST.into() }),
        keyward: Some(KeywardClaim {
            org: ORGANIZATION,
            customer: Some("0192f0c1-7a00-7000-8000-000000000003"),
            product: None,
            registry: &["base", "pro"],
            ends: None,
        }),
        payload,
        ..LicenseClaims::default()
    }
}

/// The claims of a license of a product, or of none.
pub(crate) fn claims_of(product: Option<&str>) -> LicenseClaims<'_> {
    let mut claims = claims(PAYLOAD);
    if let Some(keyward) = &mut claims.keyward {
        keyward.product = product;
    }
    claims
}

pub(crate) fn token(format: Format) -> String {
    signer().sign(format, &claims(PAYLOAD)).unwrap()
}

pub(crate) const PAYLOAD: &str =
    r#"{"seats":25,"plan":"pro","modules":["analytics","reporting"],"big":12345678901234567890}"#;

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A JWS of whatever header and payload, signed as if both were good.
pub(crate) fn jws(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    sign_parts(&encode(header), &encode(payload))
}

pub(crate) fn sign_parts(header: &str, payload: &str) -> String {
    let signed = format!("{header}.{payload}");
    let signature = encode(signer().secret_key().sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The header that the signer writes.
pub(crate) fn header() -> String {
    format!(r#"{{"alg":"EdDSA","typ":"JWT","kid":"{}"}}"#, signer().kid())
}

/// Bytes that look random and are the same in every run.
pub(crate) fn bytes(label: &str, count: u64) -> [u8; 64] {
    use sha2::{Digest as _, Sha512};
    Sha512::new().chain_update(label).chain_update(count.to_le_bytes()).finalize().into()
}
