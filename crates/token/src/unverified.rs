use crate::{
    DEFAULT_MAX_TOKEN_BYTES, Format, Kid, VerifyError,
    jws::{self, KeyName, Typ},
    mistaken::name_mistake,
    verifier::paseto_version,
};

/// What may be known of a token before its key is: its format and the key it names. No claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnverifiedToken {
    format: Format,
    name: KeyName,
}

impl UnverifiedToken {
    /// Reads a license token of at most 64 KiB; header rules are those of [`Verifier`](crate::Verifier).
    pub fn parse(token: &str) -> Result<Self, VerifyError> {
        if token.len() > DEFAULT_MAX_TOKEN_BYTES {
            return Err(VerifyError::TooLarge { limit: DEFAULT_MAX_TOKEN_BYTES });
        }
        Self::parse_format(token).map_err(|error| name_mistake(error, token))
    }

    fn parse_format(token: &str) -> Result<Self, VerifyError> {
        if paseto_version(token) {
            #[cfg(feature = "paseto")]
            return Ok(Self {
                format: Format::Paseto,
                name: crate::paseto::Untrusted::parse(token)?.key_name()?,
            });
            #[cfg(not(feature = "paseto"))]
            return Err(VerifyError::UnsupportedFormat);
        }
        Ok(Self { format: Format::Jwt, name: jws::split(token)?.key_name(Typ::License)? })
    }

    /// How the token is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The id of the key that the token names; `None` if it names none, or one that is no RFC 7638 thumbprint.
    pub fn kid(&self) -> Option<Kid> {
        self.name.kid()
    }
}
