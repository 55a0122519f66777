//! Signing keys at rest: sealed with XChaCha20-Poly1305 under a data key of their own, which is sealed
//! under the master key. Changing the master key rewraps the data keys and touches no signing key.
//!
//! ```text
//! 1 | nonce 24 | data key 32 + tag 16 | nonce 24 | seed 32 + tag 16
//! ```
//! Both seals are bound to the row they are for, so that one copied elsewhere does not open. The secrets of
//! members' authenticators, those that other services know us by, and mails on their way are sealed in the same way.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use keyward_domain::{
    AuditSinkId, CustomerUserId, Kid, MailId, MemberId, OrganizationId, RegistryId, RegistryKeyId, SessionId,
    WebhookId,
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const NONCE: usize = 24;
const SEALED_KEY: usize = 32 + 16;

/// The key that guards all others. It lives in a file or a secret manager, never in the database.
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// From its 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A public fingerprint, by which a database knows its own master key.
    pub fn fingerprint(&self) -> String {
        self.derived("keyward master key fingerprint\0")
    }

    fn derived(&self, purpose: &str) -> String {
        use base64::Engine as _;
        let hash = Sha256::new().chain_update(purpose).chain_update(*self.0).finalize();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&hash[..16])
    }
}

/// The text is no master key.
#[derive(Debug, thiserror::Error)]
#[error("is not 32 bytes in base64, as `openssl rand -base64 32` gives")]
pub struct MasterKeyError;

/// From base64 in either alphabet, with or without padding, as it comes from a file or a secret manager.
impl std::str::FromStr for MasterKey {
    type Err = MasterKeyError;

    fn from_str(text: &str) -> Result<Self, MasterKeyError> {
        use base64::Engine as _;
        let text = crate::pasted(text).trim_end_matches('=').replace('+', "-").replace('/', "_");
        let text = Zeroizing::new(text);
        let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text.as_bytes());
        let decoded = Zeroizing::new(decoded.unwrap_or_default());
        let mut bytes = Zeroizing::new([0; 32]);
        if decoded.len() != bytes.len() {
            return Err(MasterKeyError);
        }
        bytes.copy_from_slice(&decoded);
        Ok(Self(bytes))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Randomness for one [`Vault::seal`].
pub struct SealEntropy {
    /// The data key.
    pub key: Zeroizing<[u8; 32]>,
    /// One nonce per seal.
    pub nonces: [[u8; NONCE]; 2],
}

/// Seals and opens with the master key.
pub struct Vault {
    master: XChaCha20Poly1305,
    installation: String,
    device: Zeroizing<[u8; 32]>,
}

/// A key can't be sealed, or its sealed bytes do not open: they were changed, moved, or sealed under another
/// master key.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The cipher refused.
    #[error("the key cannot be sealed")]
    Seal,
    /// Not the form this program writes.
    #[error("the sealed key has an unknown form")]
    Form,
    /// Wrong key, wrong place or changed bytes.
    #[error("the sealed key does not open with this master key")]
    Open,
    /// What was sealed is not the pair that the row names.
    #[error("the sealed key is not the one its row names")]
    Mismatch,
}

impl Vault {
    /// A vault behind `master`.
    pub fn new(master: &MasterKey) -> Self {
        let installation = format!("keyward-{}", master.derived("keyward installation\0"));
        let device = Sha256::new().chain_update("keyward device cookie\0").chain_update(*master.0).finalize();
        Self {
            master: XChaCha20Poly1305::new(&Key::from(*master.0)),
            installation,
            device: Zeroizing::new(device.into()),
        }
    }

    /// A name of the installation that has this master key, which tells nothing of the key.
    pub fn installation(&self) -> &str {
        &self.installation
    }

    /// The key by which the cookies of known devices are told from made-up ones.
    pub(crate) fn device_key(&self) -> &[u8; 32] {
        &self.device
    }

    /// Seals `seed` for one row.
    pub fn seal(&self, place: &Place, seed: &[u8; 32], entropy: &SealEntropy) -> Result<Vec<u8>, SealError> {
        self.seal_text(place, seed, entropy)
    }

    /// Seals a secret of any length for one row.
    pub fn seal_text(&self, place: &Place, text: &[u8], entropy: &SealEntropy) -> Result<Vec<u8>, SealError> {
        let aad = place.binding();
        let data = XChaCha20Poly1305::new(&Key::from(*entropy.key));
        let boxes =
            [(&self.master, entropy.nonces[0], entropy.key.as_slice()), (&data, entropy.nonces[1], text)];
        let mut sealed = vec![VERSION];
        for (cipher, nonce, clear) in boxes {
            let message = Payload { msg: clear, aad: &aad };
            sealed.extend(nonce);
            sealed.extend(cipher.encrypt(&XNonce::from(nonce), message).map_err(|_| SealError::Seal)?);
        }
        Ok(sealed)
    }

    /// Opens what [`seal`](Self::seal) made for the same row.
    pub fn open(&self, place: &Place, sealed: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealError> {
        fixed(&self.open_text(place, sealed)?)
    }

    /// Opens what [`seal_text`](Self::seal_text) made for the same row.
    pub fn open_text(&self, place: &Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let aad = place.binding();
        let boxes = match sealed.split_first() {
            Some((&VERSION, boxes)) => boxes,
            _ => return Err(SealError::Form),
        };
        let (wrapped, text) = boxes.split_at_checked(NONCE + SEALED_KEY).ok_or(SealError::Form)?;
        let key = fixed(&open(&self.master, wrapped, &aad)?)?;
        open(&XChaCha20Poly1305::new(&Key::from(*key)), text, &aad)
    }
}

fn open(cipher: &XChaCha20Poly1305, sealed: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, message) = sealed.split_first_chunk::<NONCE>().ok_or(SealError::Form)?;
    let message = Payload { msg: message, aad };
    cipher.decrypt(&XNonce::from(*nonce), message).map(Zeroizing::new).map_err(|_| SealError::Open)
}

fn fixed(clear: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealError> {
    let mut bytes = Zeroizing::new([0; 32]);
    if clear.len() != bytes.len() {
        return Err(SealError::Form);
    }
    bytes.copy_from_slice(clear);
    Ok(bytes)
}

/// The row that something is sealed for.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// A signing key.
    SigningKey(OrganizationId, Kid),
    /// The secret of a member's authenticator.
    Authenticator(OrganizationId, MemberId),
    /// That of a customer's user.
    CustomerAuthenticator(OrganizationId, CustomerUserId),
    /// The key that a registry's gateway signs with.
    RegistryKey(OrganizationId, RegistryId),
    /// The password that a registry's upstream knows the gateway by.
    UpstreamPassword(OrganizationId, RegistryId),
    /// The new secret of a registry key, until it was collected.
    RotatedSecret(OrganizationId, RegistryKeyId),
    /// The secret by which an organization's sign-in provider knows us.
    ClientSecret(OrganizationId),
    /// The text of a mail that waits to be handed over.
    Mail(OrganizationId, MailId),
    /// A secret that waits to be shown once in a session.
    ShownOnce(OrganizationId, SessionId),
    /// The secret that a webhook endpoint shares.
    WebhookSecret(OrganizationId, WebhookId),
    /// What the server shows to an audit sink.
    AuditSinkCredential(OrganizationId, AuditSinkId),
}

impl Place {
    /// The id of the row, as people read it.
    pub(crate) fn row(&self) -> String {
        match self {
            Self::SigningKey(_, kid) => kid.to_string(),
            Self::Authenticator(_, id) => id.to_string(),
            Self::CustomerAuthenticator(_, id) => id.to_string(),
            Self::RegistryKey(_, id) | Self::UpstreamPassword(_, id) => id.to_string(),
            Self::RotatedSecret(_, id) => id.to_string(),
            Self::ClientSecret(id) => id.to_string(),
            Self::Mail(_, id) => id.to_string(),
            Self::ShownOnce(_, id) => id.to_string(),
            Self::WebhookSecret(_, id) => id.to_string(),
            Self::AuditSinkCredential(_, id) => id.to_string(),
        }
    }

    fn binding(&self) -> Vec<u8> {
        let (kind, organization, row) = match self {
            Self::SigningKey(organization, kid) => {
                (b"keyward signing key\0".as_slice(), organization, kid.as_bytes().to_vec())
            }
            Self::Authenticator(organization, member) => {
                (b"keyward authenticator\0".as_slice(), organization, member.uuid().as_bytes().to_vec())
            }
            Self::CustomerAuthenticator(organization, user) => (
                b"keyward customer authenticator\0".as_slice(),
                organization,
                user.uuid().as_bytes().to_vec(),
            ),
            Self::RegistryKey(organization, registry) => {
                (b"keyward registry key\0".as_slice(), organization, registry.uuid().as_bytes().to_vec())
            }
            Self::UpstreamPassword(organization, registry) => {
                (b"keyward upstream password\0".as_slice(), organization, registry.uuid().as_bytes().to_vec())
            }
            Self::RotatedSecret(organization, key) => {
                (b"keyward rotated secret\0".as_slice(), organization, key.uuid().as_bytes().to_vec())
            }
            Self::ClientSecret(organization) => {
                (b"keyward client secret\0".as_slice(), organization, Vec::new())
            }
            Self::Mail(organization, mail) => {
                (b"keyward mail\0".as_slice(), organization, mail.uuid().as_bytes().to_vec())
            }
            Self::ShownOnce(organization, session) => {
                (b"keyward shown once\0".as_slice(), organization, session.uuid().as_bytes().to_vec())
            }
            Self::WebhookSecret(organization, webhook) => {
                (b"keyward webhook secret\0".as_slice(), organization, webhook.uuid().as_bytes().to_vec())
            }
            Self::AuditSinkCredential(organization, sink) => {
                (b"keyward audit sink\0".as_slice(), organization, sink.uuid().as_bytes().to_vec())
            }
        };
        [kind, organization.uuid().as_bytes(), &row].concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entropy(byte: u8) -> SealEntropy {
        SealEntropy { key: Zeroizing::new([byte; 32]), nonces: [[byte; 24], [!byte; 24]] }
    }

    fn vault(byte: u8) -> Vault {
        Vault::new(&MasterKey::from_bytes([byte; 32]))
    }

    #[test]
    fn opens_only_in_its_own_row_with_its_own_master_key() {
        let (org, kid) = (OrganizationId::new(1, [1; 10]), Kid::from_bytes([2; 32]));
        let sealed = vault(1).seal(&Place::SigningKey(org, kid), &[42; 32], &entropy(9)).unwrap();
        assert_eq!(*vault(1).open(&Place::SigningKey(org, kid), &sealed).unwrap(), [42; 32]);
        assert!(vault(2).open(&Place::SigningKey(org, kid), &sealed).is_err());
        assert!(vault(1).open(&Place::SigningKey(OrganizationId::new(1, [3; 10]), kid), &sealed).is_err());
        assert!(vault(1).open(&Place::SigningKey(org, Kid::from_bytes([4; 32])), &sealed).is_err());
        assert!(!sealed.windows(8).any(|window| window == [42; 8]), "the seed shows");
    }

    #[test]
    fn a_master_key_does_not_show_itself() {
        let key = MasterKey::from_bytes([7; 32]);
        assert_eq!(format!("{key:?}"), "MasterKey(…)");
        assert_ne!(key.fingerprint(), MasterKey::from_bytes([8; 32]).fingerprint());
    }

    #[test]
    fn both_alphabets_of_base64_are_read() {
        let parse = |text: &str| text.parse::<MasterKey>();
        let standard = "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=";
        let url_safe = "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s\n";
        assert_eq!(parse(standard).unwrap().fingerprint(), parse(url_safe).unwrap().fingerprint());
        for bad in ["", "AAAA", "not base64!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_byte_does_not_open(at in 0_usize..145, with in 1_u8..) {
            let (org, kid) = (OrganizationId::new(1, [1; 10]), Kid::from_bytes([2; 32]));
            let mut sealed = vault(1).seal(&Place::SigningKey(org, kid), &[42; 32], &entropy(9)).unwrap();
            prop_assert_eq!(sealed.len(), 145);
            sealed[at] ^= with;
            prop_assert!(vault(1).open(&Place::SigningKey(org, kid), &sealed).is_err());
        }

        #[test]
        fn no_bytes_panic(sealed in prop::collection::vec(any::<u8>(), 0..200)) {
            let (org, kid) = (OrganizationId::new(1, [1; 10]), Kid::from_bytes([2; 32]));
            prop_assert!(vault(1).open(&Place::SigningKey(org, kid), &sealed).is_err());
        }
    }
}
