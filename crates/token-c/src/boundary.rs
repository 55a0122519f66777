//! What crosses the boundary: texts, handles and codes.

use core::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::codes;

/// A text of UTF-8: so many bytes, without a zero at the end. Of what a function returns, the handle it was asked of is the owner;
/// a null pointer is no text.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct KeywardText {
    /// The first byte; may be null if there is none.
    pub data: *const c_char,
    /// How many bytes.
    pub length: usize,
}

/// What a function that may refuse returns: null, or a code that ends with a zero and is valid for ever.
pub type KeywardCode = *const c_char;

/// Why a call itself is wrong.
pub(crate) const INVALID_ARGUMENT: &str = "invalid_argument";

impl KeywardText {
    pub(crate) const NONE: Self = Self { data: core::ptr::null(), length: 0 };

    pub(crate) fn of(text: &str) -> Self {
        Self { data: text.as_ptr().cast(), length: text.len() }
    }

    /// # Safety
    /// `data` is null, or points to `length` bytes that nobody writes to while the borrow lasts.
    pub(crate) unsafe fn bytes<'a>(self) -> Result<&'a [u8], &'static str> {
        if self.length == 0 {
            return Ok(&[]);
        }
        if self.data.is_null() || isize::try_from(self.length).is_err() {
            return Err(INVALID_ARGUMENT);
        }
        // SAFETY: not null, not longer than an object may be, and the caller vouches for the bytes.
        Ok(unsafe { core::slice::from_raw_parts(self.data.cast(), self.length) })
    }

    /// The same as text; what is not UTF-8 is malformed, whatever it should be.
    ///
    /// # Safety
    /// That of [`bytes`](Self::bytes).
    pub(crate) unsafe fn text<'a>(self) -> Result<&'a str, &'static str> {
        // SAFETY: the caller's promise.
        core::str::from_utf8(unsafe { self.bytes()? }).map_err(|_| "malformed")
    }
}

/// Runs a function's body, and gives its code.
pub(crate) fn judge(body: impl FnOnce() -> Result<(), &'static str>) -> KeywardCode {
    // Nothing of what is borrowed is looked at after a panic but by its owner.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => core::ptr::null(),
        Ok(Err(code)) => codes::of(code).as_ptr(),
        Err(_) => codes::of("internal_error").as_ptr(),
    }
}

/// Runs a function's body that refuses nothing, and gives what it returns or, after a panic, this.
pub(crate) fn tell<T>(otherwise: T, body: impl FnOnce() -> Option<T>) -> T {
    catch_unwind(AssertUnwindSafe(body)).ok().flatten().unwrap_or(otherwise)
}

/// # Safety
/// The handle is null, or one that a function of this crate has given and that was not freed.
pub(crate) unsafe fn borrow<'a, T>(handle: *const T) -> Result<&'a T, &'static str> {
    // SAFETY: the caller's promise; such a handle is aligned and initialized.
    unsafe { handle.as_ref() }.ok_or(INVALID_ARGUMENT)
}

/// # Safety
/// As of [`borrow`], and nobody else uses the handle meanwhile.
pub(crate) unsafe fn borrow_mut<'a, T>(handle: *mut T) -> Result<&'a mut T, &'static str> {
    // SAFETY: the caller's promise.
    unsafe { handle.as_mut() }.ok_or(INVALID_ARGUMENT)
}

/// Hands a new handle over.
///
/// # Safety
/// `to` is null or may be written to.
pub(crate) unsafe fn hand_over<T>(to: *mut *mut T, value: T) -> Result<(), &'static str> {
    // Before there is a handle that nobody would free.
    if to.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    // SAFETY: not null, and the caller vouches that it may be written to. It need not be initialized.
    unsafe { to.write(Box::into_raw(Box::new(value))) };
    Ok(())
}

/// # Safety
/// `to` is null or may be written to.
pub(crate) unsafe fn write<T>(to: *mut T, value: T) -> Result<(), &'static str> {
    if to.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { to.write(value) };
    Ok(())
}

/// # Safety
/// As of [`borrow`], and nobody uses the handle any more. Null is freed, too.
pub(crate) unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: it comes from `hand_over`, and the caller vouches that it is freed once.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// Frees a text that was made for the caller: that of `keyward_pasted` and of `keyward_clock_floor_seal`.
///
/// # Safety
/// `text` was returned by one of these functions, and was not freed before; or it is without data.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_text_free(text: KeywardText) {
    let data = text.data.cast_mut().cast::<u8>();
    if !data.cast::<c_void>().is_null() {
        // SAFETY: such a text comes from `made`, a boxed slice of this length.
        drop(unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(data, text.length)) });
    }
}

/// Writes a text that is the caller's to free.
///
/// # Safety
/// `to` is null or may be written to.
pub(crate) unsafe fn write_made(to: *mut KeywardText, text: String) -> Result<(), &'static str> {
    if to.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    // SAFETY: the caller's promise.
    unsafe { write(to, made(text)) }
}

fn made(text: String) -> KeywardText {
    if text.is_empty() {
        return KeywardText::NONE;
    }
    let bytes = Box::leak(text.into_bytes().into_boxed_slice());
    KeywardText { data: bytes.as_ptr().cast(), length: bytes.len() }
}
