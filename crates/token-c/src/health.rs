//! How a license stands.

use core::ffi::c_char;

use keyward_token::{HealthCheck, HealthState, UnixSeconds};

use crate::KEYWARD_NEVER;
use crate::boundary::{INVALID_ARGUMENT, KeywardCode, KeywardText, borrow, judge, write};
use crate::codes;
use crate::lists::KeywardStatusList;
use crate::verifier::KeywardVerifier;

/// By what the health of a license is judged.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct KeywardHealthCheck {
    /// The second of the Unix clock.
    pub now: i64,
    /// How many days before its end by the contract a license is `ending`; 30 is usual.
    pub warning_days: u32,
    /// The verifier's leeway counts unless this is longer.
    pub leeway_seconds: u32,
    /// Whether lists are looked at. With no list, the status is unknown then.
    pub looks_at_lists: bool,
    /// Lists that were verified before.
    pub lists: *const *const KeywardStatusList,
    /// How many.
    pub list_count: usize,
    /// How old a list may be that says that a license is not revoked; `UINT64_MAX` for any age.
    pub max_list_age_seconds: u64,
}

/// How a license stands. It decides nothing. Its texts end with a zero and are valid for ever.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct KeywardHealth {
    /// `fine`, `ending`, `in_grace`, `ended`, `not_yet`, `revoked`, `suspended` or `unknown`.
    pub state: *const c_char,
    /// The state without regard to lists.
    pub state_by_times: *const c_char,
    /// Why the state is `unknown`; null if it is not.
    pub unknown: *const c_char,
    /// Whether the license is valid.
    pub valid: bool,
    /// The first second of validity; `KEYWARD_NEVER` if there is none, as below.
    pub begins_at: i64,
    /// When the license ends by its contract.
    pub ends_at: i64,
    /// When it is valid no longer, its grace included.
    pub expires_at: i64,
    /// The first second at which the state is another, if nothing but time passes.
    pub changes_at: i64,
    /// How old the list is that counts; -1 if there is none.
    pub list_age_seconds: i64,
}

/// Verifies all of a token but the times, and says how the license stands, also one that has ended or not begun.
///
/// # Safety
/// `verifier` is null or a handle that was not freed; `token` and `check` can be read, and so can the lists it points to; `health` can be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_health(
    verifier: *const KeywardVerifier,
    token: KeywardText,
    check: *const KeywardHealthCheck,
    health: *mut KeywardHealth,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let (verifier, token, check) = unsafe { (borrow(verifier)?, token.text()?, borrow(check)?) };
        if check.lists.is_null() && check.list_count > 0 {
            return Err(INVALID_ARGUMENT);
        }
        let lists = (0..check.list_count).map(|place| {
            // SAFETY: the caller vouches for so many handles.
            unsafe { borrow(check.lists.add(place).read()) }.map(|list| list.list.clone())
        });
        let lists = lists.collect::<Result<Vec<_>, _>>()?;
        let license = verifier.verifier.authenticate(token).map_err(|error| error.code())?;
        let mut asked = HealthCheck::at(UnixSeconds::new(check.now))
            .warning_days(check.warning_days)
            .leeway_seconds(check.leeway_seconds);
        if check.looks_at_lists {
            asked = asked.status_lists(&lists);
        }
        if check.max_list_age_seconds < u64::MAX {
            asked = asked.max_list_age_seconds(check.max_list_age_seconds);
        }
        let found = license.health(asked);
        let instant = |at: Option<UnixSeconds>| at.map_or(KEYWARD_NEVER, UnixSeconds::as_i64);
        let unknown = match found.state() {
            HealthState::Unknown(why) => codes::of(why.code()).as_ptr(),
            HealthState::Fine
            | HealthState::Ending
            | HealthState::InGrace
            | HealthState::Ended
            | HealthState::NotYet
            | HealthState::Revoked
            | HealthState::Suspended => core::ptr::null(),
        };
        let told = KeywardHealth {
            state: codes::of(found.state().code()).as_ptr(),
            state_by_times: codes::of(found.state_by_times().code()).as_ptr(),
            unknown,
            valid: found.is_valid(),
            begins_at: instant(found.begins_at()),
            ends_at: instant(found.ends_at()),
            expires_at: instant(found.expires_at()),
            changes_at: instant(found.changes_at()),
            list_age_seconds: found
                .list_age_seconds()
                .map_or(-1, |age| i64::try_from(age).unwrap_or(i64::MAX)),
        };
        // SAFETY: the caller's promise.
        unsafe { write(health, told) }
    })
}
