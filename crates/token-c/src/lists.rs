//! Status lists.

use keyward_token::{StatusList, StatusListVerifier, UnixSeconds};

use crate::KEYWARD_NEVER;
use crate::boundary::{INVALID_ARGUMENT, KeywardCode, KeywardText, borrow, free, hand_over, judge, tell};
use crate::keys::KeywardKeys;
use crate::license::KeywardLicense;

/// A verified status list.
pub struct KeywardStatusList {
    pub(crate) list: StatusList,
}

/// What a list must be besides. Zero in every member is what is usual.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct KeywardListOptions {
    /// The address that the list must be of; any if this is no text.
    pub uri: KeywardText,
    /// Whether `not_older_than` counts.
    pub refuses_older: bool,
    /// When the newest list seen before was issued.
    pub not_older_than: i64,
    /// The most bytes of a signed list; 0 for 4 MiB.
    pub max_token_bytes: usize,
    /// The most bytes of what is in it; 0 for 4 MiB.
    pub max_list_bytes: usize,
}

/// # Safety
/// `keys` is null or a handle that was not freed; `options` is null or can be read, and so can its text.
unsafe fn verifier(
    keys: *const KeywardKeys,
    options: *const KeywardListOptions,
) -> Result<StatusListVerifier, &'static str> {
    // SAFETY: the caller's promise.
    let (keys, options) = unsafe { (borrow(keys)?, options.as_ref()) };
    let mut builder = StatusListVerifier::builder().keys(keys.ring.clone());
    if let Some(options) = options {
        if !options.uri.data.is_null() {
            // SAFETY: the caller's promise.
            builder = builder.uri(unsafe { options.uri.text()? });
        }
        if options.refuses_older {
            builder = builder.not_older_than(UnixSeconds::new(options.not_older_than));
        }
        if options.max_token_bytes > 0 {
            builder = builder.max_token_bytes(options.max_token_bytes);
        }
        if options.max_list_bytes > 0 {
            builder = builder.max_list_bytes(options.max_list_bytes);
        }
    }
    Ok(builder.build())
}

/// Verifies a list at a second of the Unix clock. `options` may be null. Free with `keyward_status_list_free`.
///
/// # Safety
/// `keys` is null or a handle that was not freed; `options` is null or can be read; `token` can be read, and `list` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_status_list_verify(
    keys: *const KeywardKeys,
    options: *const KeywardListOptions,
    token: KeywardText,
    now: i64,
    list: *mut *mut KeywardStatusList,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let (verifier, token) = unsafe { (verifier(keys, options)?, token.text()?) };
        let verified = verifier.verify(token, UnixSeconds::new(now)).map_err(|error| error.code())?;
        // SAFETY: the caller's promise.
        unsafe { hand_over(list, KeywardStatusList { list: verified }) }
    })
}

/// Verifies `count` lists at a second of the Unix clock, and looks a license up in them: one, or none, or several of a server that has
/// moved. Everything but "listed as valid" is a code. `cleared` is null, or receives when the list was issued that clears the license.
///
/// # Safety
/// `keys` and `license` are null or handles that were not freed; `options` is null or can be read; `lists` points to `count` texts that can
/// be read; `cleared` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_status_lists_check(
    keys: *const KeywardKeys,
    options: *const KeywardListOptions,
    lists: *const KeywardText,
    count: usize,
    license: *const KeywardLicense,
    now: i64,
    cleared: *mut i64,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let (verifier, license) = unsafe { (verifier(keys, options)?, borrow(license)?) };
        if lists.is_null() && count > 0 {
            return Err(INVALID_ARGUMENT);
        }
        let texts = (0..count).map(|place| {
            // SAFETY: the caller vouches for so many texts, and for what each points to.
            unsafe { lists.add(place).read().text() }
        });
        // What is not UTF-8 is a list that is refused, as one of the wrong letters is.
        let texts: Vec<&str> = texts.map(|text| text.unwrap_or(" ")).collect();
        let found = verifier.check(texts, &license.license, UnixSeconds::new(now));
        let found = found.map_err(|error| error.code())?;
        if !cleared.is_null() {
            // SAFETY: the caller's promise.
            unsafe { cleared.write(found.issued_at().as_i64()) };
        }
        Ok(())
    })
}

/// Looks a license up in a list that was verified before.
///
/// # Safety
/// `list` and `license` are null or handles that were not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_status_list_check(
    list: *const KeywardStatusList,
    license: *const KeywardLicense,
    now: i64,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let (list, license) = unsafe { (borrow(list)?, borrow(license)?) };
        list.list.check(&license.license, UnixSeconds::new(now)).map_err(|error| error.code())
    })
}

/// The list's address. It lives as long as the list.
///
/// # Safety
/// `list` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_status_list_uri(list: *const KeywardStatusList) -> KeywardText {
    // SAFETY: the caller's promise.
    tell(KeywardText::NONE, || unsafe { borrow(list) }.ok().map(|list| KeywardText::of(list.list.uri())))
}

/// When the list was issued.
///
/// # Safety
/// `list` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_status_list_issued_at(list: *const KeywardStatusList) -> i64 {
    // SAFETY: the caller's promise.
    tell(KEYWARD_NEVER, || unsafe { borrow(list) }.ok().map(|list| list.list.issued_at().as_i64()))
}

/// When the list counts no longer; `KEYWARD_NEVER` if it has no end.
///
/// # Safety
/// `list` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_status_list_expires_at(list: *const KeywardStatusList) -> i64 {
    // SAFETY: the caller's promise.
    tell(KEYWARD_NEVER, || unsafe { borrow(list) }.ok()?.list.expires_at().map(UnixSeconds::as_i64))
}

/// Whether a newer list should be fetched. A stale list is still valid.
///
/// # Safety
/// `list` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_status_list_is_stale(list: *const KeywardStatusList, now: i64) -> bool {
    // SAFETY: the caller's promise.
    tell(true, || unsafe { borrow(list) }.ok().map(|list| list.list.is_stale(UnixSeconds::new(now))))
}

/// How many entries there are.
///
/// # Safety
/// `list` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_status_list_length(list: *const KeywardStatusList) -> u64 {
    // SAFETY: the caller's promise.
    tell(0, || unsafe { borrow(list) }.ok().map(|list| list.list.table().len()))
}

/// The status at an index: 0 valid, 1 revoked, 2 suspended, others not to be accepted; -1 beyond the last.
///
/// # Safety
/// `list` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_status_list_status(list: *const KeywardStatusList, index: u64) -> i32 {
    tell(-1, || {
        // SAFETY: the caller's promise.
        let list = unsafe { borrow(list) }.ok()?;
        list.list.table().status(index).ok().map(|status| i32::from(u8::from(status)))
    })
}

/// Frees a list; null, too.
///
/// # Safety
/// `list` is null or a handle that was not freed, and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_status_list_free(list: *mut KeywardStatusList) {
    // SAFETY: the caller's promise.
    unsafe { free(list) }
}
