use crate::{
    ClaimsError, DEFAULT_MAX_TOKEN_BYTES, Format, Kid, LicenseClaims, PublicKey, SecretKey, base64url,
    jws::{self, Typ},
};
use alloc::string::String;

/// Signs tokens with one key. Deterministic: the same claims give the same token, byte for byte.
///
/// ```
/// use keyward_token::{Format, LicenseClaims, SecretKey, Signer};
///
/// # let random_bytes = [7; 32];
/// let signer = Signer::new(SecretKey::from_seed(random_bytes));
/// let claims = LicenseClaims {
///     iss: "https://keys.example.com",
///     sub: "0192f0c1-7a00-7000-8000-000000000001",
///     payload: r#"{"seats":25}"#,
///     ..LicenseClaims::default()
/// };
/// let token = signer.sign(Format::Jwt, &claims)?;
/// # assert_eq!(token, signer.sign(Format::Jwt, &claims)?);
/// # Ok::<(), keyward_token::ClaimsError>(())
/// ```
#[derive(Debug)]
pub struct Signer {
    key: SecretKey,
}

impl Signer {
    /// A signer with this key.
    pub fn new(key: SecretKey) -> Self {
        Self { key }
    }

    /// The id of the key, which every token names.
    pub fn kid(&self) -> Kid {
        self.key.public_key().kid()
    }

    /// The key that verifies what this signer signs.
    pub fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// The secret key, to sign other kinds of messages.
    pub fn secret_key(&self) -> &SecretKey {
        &self.key
    }

    /// Signs the claims of a license in the given format.
    ///
    /// # Errors
    /// Those of [`LicenseClaims::to_json`], and a token that would be longer than a verifier reads.
    pub fn sign(&self, format: Format, claims: &LicenseClaims<'_>) -> Result<String, ClaimsError> {
        let json = claims.to_json(format)?;
        let token = match format {
            Format::Jwt => self.sign_jwt(&json),
            #[cfg(feature = "paseto")]
            Format::Paseto => self.sign_paseto(&json)?,
            #[cfg(not(feature = "paseto"))]
            Format::Paseto => return Err(ClaimsError::UnsupportedFormat),
        };
        if token.len() > DEFAULT_MAX_TOKEN_BYTES { Err(ClaimsError::TokenTooLarge) } else { Ok(token) }
    }

    /// Signs a text of claims as a JWT, unchanged and unchecked: numbers and order stay as they are written.
    ///
    /// What [`LicenseClaims::to_json`] returns may go in here; other text is the caller's responsibility.
    pub fn sign_jwt(&self, claims_json: &str) -> String {
        let header = core::str::from_utf8(self.public_key().jwt_header()).unwrap_or_default();
        let length = jws_len(header.len(), claims_json.len());
        let mut token = String::with_capacity(length);
        token.push_str(header);
        self.finish(token, claims_json)
    }

    /// Signs a text of claims as a PASETO `v4.public` with the footer `{"kid":"…"}`, unchanged and unchecked.
    ///
    /// # Errors
    /// PASETO cannot carry an empty text.
    #[cfg(feature = "paseto")]
    pub fn sign_paseto(&self, claims_json: &str) -> Result<String, ClaimsError> {
        crate::paseto::sign(&self.key, claims_json)
    }

    /// Signs another kind of document as JWS, with its own `typ`.
    #[cfg_attr(not(any(feature = "status-list", feature = "audit")), allow(dead_code))]
    pub(crate) fn sign_typed(&self, typ: Typ, claims_json: &str) -> String {
        let header = jws::header_json(typ, &self.kid());
        let mut token =
            String::with_capacity(jws_len(base64url::encoded_len(header.len()), claims_json.len()));
        base64url::encode_to(header.as_bytes(), &mut token);
        self.finish(token, claims_json)
    }

    fn finish(&self, mut token: String, claims_json: &str) -> String {
        token.push('.');
        base64url::encode_to(claims_json.as_bytes(), &mut token);
        let signature = self.key.sign(token.as_bytes());
        token.push('.');
        base64url::encode_to(&signature, &mut token);
        token
    }
}

impl From<SecretKey> for Signer {
    fn from(key: SecretKey) -> Self {
        Self::new(key)
    }
}

/// The length of a token by the length of its encoded header and of its payload.
fn jws_len(header: usize, payload: usize) -> usize {
    [header, 1, base64url::encoded_len(payload), 1, 86]
        .iter()
        .fold(0, |sum: usize, part| sum.saturating_add(*part))
}
