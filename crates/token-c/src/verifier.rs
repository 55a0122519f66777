//! Verifiers of tokens.

use keyward_token::{Verifier, VerifierBuilder};

use crate::boundary::{
    INVALID_ARGUMENT, KeywardCode, KeywardText, borrow, borrow_mut, free, hand_over, judge,
};
use crate::keys::KeywardKeys;

/// What a verifier shall expect.
pub struct KeywardVerifierBuilder {
    /// None while a method has it.
    builder: Option<VerifierBuilder>,
}

/// Checks tokens against keys and expectations.
pub struct KeywardVerifier {
    pub(crate) verifier: Verifier,
}

/// Begins a verifier for the licenses of one product, by its id: all products of a vendor have the same keys and the same audience.
///
/// # Safety
/// `product` can be read, and `builder` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_verifier_for_product(
    product: KeywardText,
    builder: *mut *mut KeywardVerifierBuilder,
) -> KeywardCode {
    judge(|| {
        // Silence is no product.
        if product.data.is_null() {
            return Err(INVALID_ARGUMENT);
        }
        // SAFETY: the caller's promise.
        let begun = Verifier::for_product(unsafe { product.text()? });
        // SAFETY: the caller's promise.
        unsafe { hand_over(builder, KeywardVerifierBuilder { builder: Some(begun) }) }
    })
}

/// Begins a verifier for licenses of whatever product, and of none: for tools, and for a vendor of one application.
///
/// # Safety
/// `builder` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_verifier_for_any_product(
    builder: *mut *mut KeywardVerifierBuilder,
) -> KeywardCode {
    // SAFETY: the caller's promise.
    judge(|| unsafe {
        hand_over(builder, KeywardVerifierBuilder { builder: Some(Verifier::for_any_product()) })
    })
}

/// Changes a builder.
///
/// # Safety
/// That of the functions below.
unsafe fn change(
    builder: *mut KeywardVerifierBuilder,
    change: impl FnOnce(VerifierBuilder) -> Result<VerifierBuilder, &'static str>,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let builder = unsafe { borrow_mut(builder)? };
        let changed = change(builder.builder.clone().ok_or(INVALID_ARGUMENT)?)?;
        builder.builder = Some(changed);
        Ok(())
    })
}

/// Declares the methods of a builder that take a text.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $method:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// `builder` is null or a handle that was not freed and that nobody else uses now; `text` can be read.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(builder: *mut KeywardVerifierBuilder, text: KeywardText) -> KeywardCode {
            // SAFETY: the caller's promise.
            unsafe { change(builder, |builder| Ok(builder.$method(text.text()?))) }
        }
    )*};
}

texts! {
    /// Accepts licenses of this product, too.
    keyward_verifier_or_product = or_product;
    /// Expects this issuer, or one of those given before.
    keyward_verifier_issuer = issuer;
    /// Expects this audience in place of `license-key`.
    keyward_verifier_audience = audience;
    /// Expects this organization.
    keyward_verifier_organization = organization;
    /// Expects this license, by its id.
    keyward_verifier_subject = subject;
}

/// Accepts licenses of no product, too.
///
/// # Safety
/// `builder` is null or a handle that was not freed and that nobody else uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_verifier_or_without_product(
    builder: *mut KeywardVerifierBuilder,
) -> KeywardCode {
    // SAFETY: the caller's promise.
    unsafe { change(builder, |builder| Ok(builder.or_without_product())) }
}

/// Accepts any audience, and none.
///
/// # Safety
/// `builder` is null or a handle that was not freed and that nobody else uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_verifier_any_audience(builder: *mut KeywardVerifierBuilder) -> KeywardCode {
    // SAFETY: the caller's promise.
    unsafe { change(builder, |builder| Ok(builder.any_audience())) }
}

/// Accepts a token so many seconds before its `nbf`. There is no leeway for `exp`.
///
/// # Safety
/// `builder` is null or a handle that was not freed and that nobody else uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_verifier_leeway(
    builder: *mut KeywardVerifierBuilder,
    seconds: u32,
) -> KeywardCode {
    // SAFETY: the caller's promise.
    unsafe { change(builder, |builder| Ok(builder.leeway_seconds(seconds))) }
}

/// The most bytes of a token, 65,536 unless set.
///
/// # Safety
/// `builder` is null or a handle that was not freed and that nobody else uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_verifier_max_token_bytes(
    builder: *mut KeywardVerifierBuilder,
    bytes: usize,
) -> KeywardCode {
    // SAFETY: the caller's promise.
    unsafe { change(builder, |builder| Ok(builder.max_token_bytes(bytes))) }
}

/// Makes the verifier, which trusts these keys. The builder is freed, whatever is returned. Free with `keyward_verifier_free`.
///
/// # Safety
/// `builder` is null or a handle that was not freed, and is used no more; `keys` is null or a handle that was not freed; `verifier` can
/// be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_verifier_build(
    builder: *mut KeywardVerifierBuilder,
    keys: *const KeywardKeys,
    verifier: *mut *mut KeywardVerifier,
) -> KeywardCode {
    let code = judge(|| {
        // SAFETY: the caller's promise.
        let (begun, keys) = unsafe { (borrow(builder)?, borrow(keys)?) };
        let begun = begun.builder.clone().ok_or(INVALID_ARGUMENT)?;
        // SAFETY: the caller's promise.
        unsafe { hand_over(verifier, KeywardVerifier { verifier: begun.keys(keys.ring.clone()).build() }) }
    });
    // SAFETY: the caller's promise.
    unsafe { free(builder) };
    code
}

/// Frees a verifier; null, too.
///
/// # Safety
/// `verifier` is null or a handle that was not freed, and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_verifier_free(verifier: *mut KeywardVerifier) {
    // SAFETY: the caller's promise.
    unsafe { free(verifier) }
}
