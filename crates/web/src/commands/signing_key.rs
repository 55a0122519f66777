//! Signing keys.

use keyward_engine::NewSigningKey;

use crate::request;

request! {
    /// A key to be made or imported.
    "CreateSigningKey" for NewSigningKey {
        /// PKCS#8 PEM of an Ed25519 key to import; absent to make one.
        /// Example: "-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----\n"
        private_key_pem: optional,
        /// Whether it signs at once. Otherwise it is published first, and activated once verifiers know it.
        activate: or_default,
    }
}
