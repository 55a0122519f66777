//! A clock that was set back.

use core::time::Duration;

use keyward_token::{Clock, ClockFloor, UnixSeconds};

use crate::boundary::{
    KeywardCode, KeywardText, borrow, borrow_mut, free, hand_over, judge, tell, write, write_made,
};

/// How late it is at least, by what was signed and by how long the application was used. One thread at a time may use it.
pub struct KeywardClockFloor {
    floor: ClockFloor,
}

/// A floor of which no more is known than when the program was built. Free with `keyward_clock_floor_free`.
///
/// # Safety
/// `floor` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_clock_floor_new(
    built: i64,
    tolerance_seconds: u32,
    floor: *mut *mut KeywardClockFloor,
) -> KeywardCode {
    let begun = ClockFloor::new(UnixSeconds::new(built)).tolerance_seconds(tolerance_seconds);
    // SAFETY: the caller's promise.
    judge(|| unsafe { hand_over(floor, KeywardClockFloor { floor: begun }) })
}

/// Reads the text that `keyward_clock_floor_seal` has made with this key: `malformed` or `altered` for others. A tolerance of 86,400 seconds
/// is usual. Free with `keyward_clock_floor_free`.
///
/// # Safety
/// `text` and `key` can be read, and `floor` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_clock_floor_open(
    text: KeywardText,
    key: KeywardText,
    built: i64,
    tolerance_seconds: u32,
    floor: *mut *mut KeywardClockFloor,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let (text, key) = unsafe { (text.text()?, key.bytes()?) };
        let opened = ClockFloor::open(text, key, UnixSeconds::new(built)).map_err(|error| error.code())?;
        // SAFETY: the caller's promise.
        unsafe { hand_over(floor, KeywardClockFloor { floor: opened.tolerance_seconds(tolerance_seconds) }) }
    })
}

/// The state as one line, to be freed with `keyward_text_free`. A key that differs from machine to machine ties it to the machine.
///
/// # Safety
/// `floor` is null or a handle that was not freed; `key` can be read, and `text` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_clock_floor_seal(
    floor: *const KeywardClockFloor,
    key: KeywardText,
    text: *mut KeywardText,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let (floor, key) = unsafe { (borrow(floor)?, key.bytes()?) };
        // SAFETY: the caller's promise.
        unsafe { write_made(text, floor.floor.seal(key)) }
    })
}

/// A time that was signed and verified: of a license, a list or an answer. Never the machine's clock.
///
/// # Safety
/// `floor` is null or a handle that was not freed and that nobody else uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_clock_floor_saw_signed(
    floor: *mut KeywardClockFloor,
    signed_at: i64,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        unsafe { borrow_mut(floor)? }.floor.saw_signed(UnixSeconds::new(signed_at));
        Ok(())
    })
}

/// Looks at the machine's clock. `ran_seconds` is how long ago it was last called, by a clock that only runs forward; 0 for the first call of
/// a process. `set_back_by` receives by how many seconds the clock was set back beyond the tolerance; 0 for a plausible clock.
///
/// # Safety
/// `floor` is null or a handle that was not freed and that nobody else uses now; `set_back_by` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_clock_floor_observe(
    floor: *mut KeywardClockFloor,
    now: i64,
    ran_seconds: u64,
    set_back_by: *mut u64,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let floor = unsafe { borrow_mut(floor)? };
        let clock = floor.floor.observe(UnixSeconds::new(now), Duration::from_secs(ran_seconds));
        let by = match clock {
            Clock::Plausible => 0,
            Clock::SetBack { by } => by,
        };
        // SAFETY: the caller's promise.
        unsafe { write(set_back_by, by) }
    })
}

/// How late it is at least.
///
/// # Safety
/// `floor` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_clock_floor_at(floor: *const KeywardClockFloor) -> i64 {
    // SAFETY: the caller's promise.
    tell(0, || unsafe { borrow(floor) }.ok().map(|floor| floor.floor.at().as_i64()))
}

/// Frees a floor; null, too.
///
/// # Safety
/// `floor` is null or a handle that was not freed, and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_clock_floor_free(floor: *mut KeywardClockFloor) {
    // SAFETY: the caller's promise.
    unsafe { free(floor) }
}
