//! Keys that are trusted, and text as people paste it.

use keyward_token::{KeyError, Keyring, PublicKey, pasted};

use crate::boundary::{KeywardCode, KeywardText, borrow, free, hand_over, judge, tell, write_made};

/// The public keys that are trusted.
pub struct KeywardKeys {
    pub(crate) ring: Keyring,
    kids: Vec<String>,
}

impl KeywardKeys {
    fn of(ring: Keyring) -> Self {
        Self { kids: ring.iter().map(|key| key.kid().to_string()).collect(), ring }
    }
}

/// Reads with one of the readers below.
///
/// # Safety
/// That of the functions below.
unsafe fn read(
    text: KeywardText,
    keys: *mut *mut KeywardKeys,
    reader: impl FnOnce(&str) -> Result<Keyring, KeyError>,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let text = unsafe { text.text()? };
        let ring = reader(text).map_err(|error| error.code())?;
        // SAFETY: the caller's promise.
        unsafe { hand_over(keys, KeywardKeys::of(ring)) }
    })
}

/// Reads a JWK Set, `/o/{organization}/jwks.json`. Free with `keyward_keys_free`.
///
/// # Safety
/// `text` can be read, and `keys` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_keys_from_jwks(
    text: KeywardText,
    keys: *mut *mut KeywardKeys,
) -> KeywardCode {
    // SAFETY: the caller's promise.
    unsafe { read(text, keys, Keyring::from_jwks) }
}

/// Reads SPKI PEM, one block for each key, `/o/{organization}/public-keys.pem`.
///
/// # Safety
/// `text` can be read, and `keys` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_keys_from_pem(
    text: KeywardText,
    keys: *mut *mut KeywardKeys,
) -> KeywardCode {
    // SAFETY: the caller's promise.
    unsafe { read(text, keys, Keyring::from_pem) }
}

/// Reads one block of SPKI PEM.
///
/// # Safety
/// `text` can be read, and `keys` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_key_from_pem(text: KeywardText, keys: *mut *mut KeywardKeys) -> KeywardCode {
    // SAFETY: the caller's promise.
    unsafe { read(text, keys, |text| PublicKey::from_pem(text).map(Keyring::from)) }
}

/// Reads one public JWK.
///
/// # Safety
/// `text` can be read, and `keys` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_key_from_jwk(text: KeywardText, keys: *mut *mut KeywardKeys) -> KeywardCode {
    // SAFETY: the caller's promise.
    unsafe { read(text, keys, |text| PublicKey::from_jwk(text).map(Keyring::from)) }
}

/// Reads one PASERK `k4.public`.
///
/// # Safety
/// `text` can be read, and `keys` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_key_from_paserk(
    text: KeywardText,
    keys: *mut *mut KeywardKeys,
) -> KeywardCode {
    // SAFETY: the caller's promise.
    unsafe { read(text, keys, |text| PublicKey::from_paserk(text).map(Keyring::from)) }
}

/// How many keys there are.
///
/// # Safety
/// `keys` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_keys_count(keys: *const KeywardKeys) -> usize {
    // SAFETY: the caller's promise.
    tell(0, || unsafe { borrow(keys) }.ok().map(|keys| keys.kids.len()))
}

/// The id of the key at this place, its RFC 7638 thumbprint; no text beyond the last. It lives as long as the keys.
///
/// # Safety
/// `keys` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_keys_kid(keys: *const KeywardKeys, place: usize) -> KeywardText {
    tell(KeywardText::NONE, || {
        // SAFETY: the caller's promise.
        let keys = unsafe { borrow(keys) }.ok()?;
        keys.kids.get(place).map(|kid| KeywardText::of(kid))
    })
}

/// Frees keys; null, too. Verifiers that were made with them keep their own.
///
/// # Safety
/// `keys` is null or a handle that was not freed, and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_keys_free(keys: *mut KeywardKeys) {
    // SAFETY: the caller's promise.
    unsafe { free(keys) }
}

/// A token or key without what copying adds: white space and invisible characters anywhere, quotes around it. Free with
/// `keyward_text_free`.
///
/// # Safety
/// `text` can be read, and `cleaned` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_pasted(text: KeywardText, cleaned: *mut KeywardText) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let text = unsafe { text.text()? };
        // SAFETY: the caller's promise.
        unsafe { write_made(cleaned, pasted(text).into_owned()) }
    })
}
