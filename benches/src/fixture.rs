//! The token that all work is done to.

use keyward_token::{SecretKey, Signer};
use serde::{Deserialize, Serialize};

/// 330 bytes of claims: the registered ones and six of the vendor's, one of them an array.
pub const CLAIMS: &str = r#"{"iss":"https://licenses.vendor.example","sub":"0198c1d2-7b3a-7f00-8a11-52d3c4b5a697","aud":["license-key"],"iat":1780000000,"nbf":1780000000,"exp":4102444800,"edition":"enterprise","seats":250,"offline":true,"features":["sso","audit","export","clustering"],"customer":"Example Industries GmbH","support_until":"2027-12-31T00:00:00Z"}"#;

/// The issuer of the token.
pub const ISSUER: &str = "https://licenses.vendor.example";

/// An instant at which the token is valid.
pub const NOW: i64 = 1_790_000_000;

/// The claims as a program wants them, borrowed from the token's bytes.
#[derive(Deserialize)]
pub struct Borrowed<'a> {
    /// Text without an escape.
    #[serde(borrow)]
    pub edition: &'a str,
    /// A number.
    pub seats: u32,
    /// A flag.
    pub offline: bool,
}

/// The claims as a program wants them, in its own memory.
#[derive(Clone, Serialize, Deserialize)]
pub struct Owned {
    /// Text.
    pub edition: String,
    /// A number.
    pub seats: u32,
    /// A flag.
    pub offline: bool,
    /// An array.
    pub features: Vec<String>,
    /// Text.
    pub customer: String,
    /// Text.
    pub support_until: String,
}

/// The claims with the registered ones, for libraries that leave those to the caller.
#[derive(Clone, Serialize, Deserialize)]
pub struct Full {
    /// Issuer.
    pub iss: String,
    /// Subject.
    pub sub: String,
    /// Audience.
    pub aud: Vec<String>,
    /// Issued at.
    pub iat: u64,
    /// Not before.
    pub nbf: u64,
    /// End.
    pub exp: u64,
    /// The vendor's own.
    #[serde(flatten)]
    pub own: Owned,
}

/// The key of all candidates.
pub fn secret() -> SecretKey {
    SecretKey::from_seed([7; 32])
}

/// Signs with the key of all candidates.
pub fn signer() -> Signer {
    Signer::new(secret())
}

/// The token.
pub fn token() -> String {
    signer().sign_jwt(CLAIMS)
}

/// What of the token is signed, and its signature.
pub fn parts() -> (Vec<u8>, [u8; 64]) {
    let token = token();
    let signed = token.rsplit_once('.').expect("a token has dots").0.as_bytes().to_vec();
    let signature = secret().sign(&signed);
    (signed, signature)
}
