//! Credentials: recognisable, checked for typing errors, shown once, kept as hashes.
//!
//! `kw_mgmt_` + 33 characters of base62 (192 random bits) + 6 characters of CRC-32 over all before them.
//! A scanner finds them by `kw_[a-z]{3,5}_[0-9A-Za-z]{39}`.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const BODY: usize = 33;
const CHECK: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// A management token.
    Management,
    /// A product API key.
    Product,
    /// A registry key.
    Registry,
    /// What the upstream of a registry sends notifications with.
    Notification,
    /// What a browser's cookie holds.
    Session,
    /// What a mailed link holds.
    Link,
    /// What an onboarding link holds.
    Onboarding,
    /// What opens a deployment target to a host.
    Join,
    /// What the link to a new server's first page holds.
    Setup,
    /// What comes back with someone from a provider.
    State,
    /// What a browser keeps while someone is at a provider.
    Away,
}

impl SecretKind {
    /// What its text starts with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Management => "kw_mgmt_",
            Self::Product => "kw_prod_",
            Self::Registry => "kw_reg_",
            Self::Notification => "kw_hook_",
            Self::Session => "kw_sess_",
            Self::Link => "kw_link_",
            Self::Onboarding => "kw_onb_",
            Self::Join => "kw_join_",
            Self::Setup => "kw_setup_",
            Self::State => "kw_state_",
            Self::Away => "kw_away_",
        }
    }
}

/// A credential in clear. It goes to its owner once; what stays is its [`hash`](Self::hash).
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A new credential from 24 random bytes.
    pub fn new(kind: SecretKind, random: [u8; 24]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(kind.prefix().len() + BODY + CHECK));
        text.push_str(kind.prefix());
        push_base62(&mut text, &random, BODY);
        let check = crc32fast::hash(text.as_bytes()).to_be_bytes();
        push_base62(&mut text, &check, CHECK);
        Self(text)
    }

    /// A credential as its bearer sent it; `None` for what can't be one, told without a look-up.
    pub fn parse(kind: SecretKind, text: &str) -> Option<Self> {
        let body = text.strip_prefix(kind.prefix())?;
        if body.len() != BODY + CHECK || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (checked, check) = text.split_at(text.len() - CHECK);
        let mut expected = String::with_capacity(CHECK);
        push_base62(&mut expected, &crc32fast::hash(checked.as_bytes()).to_be_bytes(), CHECK);
        (check == expected).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The text, for its owner's eyes.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What storage keeps and finds it by. 192 random bits need no slow hash.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// How many characters of it are kept to be shown.
    pub const HINT: usize = 12;

    /// The first characters, by which people tell their credentials apart.
    pub fn hint(&self) -> String {
        self.0.chars().take(Self::HINT).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a [`Secret`]; compared in constant time.
#[derive(Clone, Copy, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// A hash as storage kept it.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For storage.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::hash::Hash for SecretHash {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// Appends `bytes`, a big-endian number, as exactly `width` digits of base 62.
fn push_base62(text: &mut String, bytes: &[u8], width: usize) {
    let mut number = Zeroizing::new(bytes.to_vec());
    let mut digits = Zeroizing::new(vec![b'0'; width]);
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in number.iter_mut() {
            let value = remainder << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *digit = DIGITS[remainder as usize];
    }
    text.extend(digits.iter().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_form_is_fixed() {
        let secret = Secret::new(SecretKind::Management, [0xff; 24]);
        assert_eq!(secret.expose(), "kw_mgmt_2lFA6LboL2xx0ldQH2K1TdSrwuqMMiME310ScMn");
        assert_eq!(secret.hint(), "kw_mgmt_2lFA");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    proptest! {
        #[test]
        fn a_secret_parses_and_a_changed_one_does_not(random: [u8; 24], at in 8_usize..47, with in "[0-9A-Za-z]") {
            let secret = Secret::new(SecretKind::Management, random);
            let text = secret.expose().to_owned();
            prop_assert_eq!(text.len(), 47);
            prop_assert!(Secret::parse(SecretKind::Management, &text).unwrap().hash() == secret.hash());
            let mut changed = text.clone();
            changed.replace_range(at..=at, &with);
            prop_assert_eq!(Secret::parse(SecretKind::Management, &changed).is_some(), changed == text);
        }

        #[test]
        fn any_text_is_refused_without_panic(text in ".*") {
            prop_assert!(Secret::parse(SecretKind::Management, &text).is_none());
        }
    }
}
