//! Verified tokens.

use std::borrow::Cow;

use keyward_token::{License, NoClaims, UnixSeconds};

use crate::KEYWARD_NEVER;
use crate::boundary::{KeywardCode, KeywardText, borrow, free, hand_over, judge, tell};
use crate::verifier::KeywardVerifier;

/// A verified token.
pub struct KeywardLicense {
    pub(crate) license: License<NoClaims>,
    subject: Option<String>,
    product: Option<String>,
    customer: Option<String>,
    uri: Option<String>,
}

/// Verifies a token at a second of the Unix clock. Free with `keyward_license_free`.
///
/// # Safety
/// `verifier` is null or a handle that was not freed; `token` can be read, and `license` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_verify(
    verifier: *const KeywardVerifier,
    token: KeywardText,
    now: i64,
    license: *mut *mut KeywardLicense,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let (verifier, token) = unsafe { (borrow(verifier)?, token.text()?) };
        let verified: License<NoClaims> =
            verifier.verifier.verify(token, UnixSeconds::new(now)).map_err(|error| error.code())?;
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        let (subject, product, customer) =
            (owned(verified.subject()), owned(verified.product()), owned(verified.customer()));
        let uri = verified.status().map(|status| status.uri.into_owned());
        let verified = KeywardLicense { subject, product, customer, uri, license: verified };
        // SAFETY: the caller's promise.
        unsafe { hand_over(license, verified) }
    })
}

/// Gives a text of a license.
///
/// # Safety
/// That of the functions below.
unsafe fn text(
    license: *const KeywardLicense,
    text: impl FnOnce(&KeywardLicense) -> Option<&str>,
) -> KeywardText {
    // SAFETY: the caller's promise.
    tell(KeywardText::NONE, || unsafe { borrow(license) }.ok().and_then(text).map(KeywardText::of))
}

/// Gives an instant of a license.
///
/// # Safety
/// That of the functions below.
unsafe fn instant(
    license: *const KeywardLicense,
    instant: impl FnOnce(&License<NoClaims>) -> Option<UnixSeconds>,
) -> i64 {
    tell(KEYWARD_NEVER, || {
        // SAFETY: the caller's promise.
        let license = unsafe { borrow(license) }.ok()?;
        instant(&license.license).map(UnixSeconds::as_i64)
    })
}

/// The claims as JSON, exactly as they were signed. It lives as long as the license.
///
/// # Safety
/// `license` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_license_json(license: *const KeywardLicense) -> KeywardText {
    // SAFETY: the caller's promise.
    unsafe { text(license, |license| Some(license.license.json())) }
}

/// The JSON text of one claim, exactly as it was signed; no text if there is none. It lives as long as the license.
///
/// # Safety
/// `license` is null or a handle that was not freed; `name` can be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_license_claim(
    license: *const KeywardLicense,
    name: KeywardText,
) -> KeywardText {
    // SAFETY: the caller's promise.
    unsafe { text(license, |license| license.license.claim(name.text().ok()?)) }
}

/// The license's id (`sub`); no text if there is none.
///
/// # Safety
/// `license` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_license_subject(license: *const KeywardLicense) -> KeywardText {
    // SAFETY: the caller's promise.
    unsafe { text(license, |license| license.subject.as_deref()) }
}

/// The id of the product; no text for a license of no product.
///
/// # Safety
/// `license` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_license_product(license: *const KeywardLicense) -> KeywardText {
    // SAFETY: the caller's promise.
    unsafe { text(license, |license| license.product.as_deref()) }
}

/// The id of the customer; no text if there is none.
///
/// # Safety
/// `license` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_license_customer(license: *const KeywardLicense) -> KeywardText {
    // SAFETY: the caller's promise.
    unsafe { text(license, |license| license.customer.as_deref()) }
}

/// The address of the status list; no text if the license names none.
///
/// # Safety
/// `license` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_license_status_list(license: *const KeywardLicense) -> KeywardText {
    // SAFETY: the caller's promise.
    unsafe { text(license, |license| license.uri.as_deref()) }
}

/// When the license was issued; `KEYWARD_NEVER` if the token does not say.
///
/// # Safety
/// `license` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_license_issued_at(license: *const KeywardLicense) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { instant(license, License::issued_at) }
}

/// When the license ends by its contract; `KEYWARD_NEVER` for one without end.
///
/// # Safety
/// `license` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_license_ends_at(license: *const KeywardLicense) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { instant(license, License::ends_at) }
}

/// When the license is valid no longer, its grace included; `KEYWARD_NEVER` for one without end.
///
/// # Safety
/// `license` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_license_expires_at(license: *const KeywardLicense) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { instant(license, License::expires_at) }
}

/// Frees a license; null, too. Its texts are freed with it.
///
/// # Safety
/// `license` is null or a handle that was not freed, and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_license_free(license: *mut KeywardLicense) {
    // SAFETY: the caller's promise.
    unsafe { free(license) }
}
