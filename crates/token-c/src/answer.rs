//! The server's signed answer.

use keyward_client::{Answer, Kept, Machine, Question, Verifier};
use keyward_token::UnixSeconds;

use crate::KEYWARD_NEVER;
use crate::boundary::{KeywardCode, KeywardText, borrow, free, hand_over, judge, tell, write, write_made};
use crate::keys::KeywardKeys;

/// What was asked of the server: the members of the body of `POST /api/v1/validate`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct KeywardQuestion {
    /// The license key or token, as `keyward_pasted` cleans it.
    pub license_key: KeywardText,
    /// The version that wants to run; no text if none is named.
    pub version: KeywardText,
    /// Random text that no other question has; where answers are tied to machines, as `keyward_machine_nonce` makes it.
    pub nonce: KeywardText,
    /// What ties the answer to a machine, an installation or a volume; no text if nothing does. It is not sent.
    pub machine_id: KeywardText,
}

/// A verified answer.
pub struct KeywardAnswer {
    answer: Answer,
}

/// # Safety
/// `question` is null or can be read, and so can its texts.
unsafe fn question(question: *const KeywardQuestion) -> Result<Question, &'static str> {
    // SAFETY: the caller's promise.
    let asked = unsafe { borrow(question)? };
    // SAFETY: the caller's promise, for all of them.
    let texts = unsafe { (asked.license_key.text()?, asked.version.text()?, asked.nonce.text()?) };
    let version = (!asked.version.data.is_null()).then_some(texts.1);
    let mut question = Question::new(texts.0, version, [0; 16]);
    if !asked.machine_id.data.is_null() {
        // SAFETY: the caller's promise.
        question = question.asked_by(Machine::from_id(unsafe { asked.machine_id.bytes()? }));
    }
    texts.2.clone_into(&mut question.nonce);
    Ok(question)
}

/// The nonce of a question by a machine, to be freed with `keyward_text_free`. `random` has 16 bytes that no other question has.
///
/// # Safety
/// `machine_id` can be read, and 16 bytes of `random`; `nonce` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_machine_nonce(
    machine_id: KeywardText,
    random: *const [u8; 16],
    nonce: *mut KeywardText,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let (id, random) = unsafe { (machine_id.bytes()?, borrow(random)?) };
        let question = Question::new("", None, *random).asked_by(Machine::from_id(id));
        // SAFETY: the caller's promise.
        unsafe { write_made(nonce, question.nonce) }
    })
}

/// Verifies the server's answer to a question. What it says is not yet looked at: see `keyward_answer_valid`. A tolerance of 300 seconds is
/// usual. Free with `keyward_answer_free`.
///
/// # Safety
/// `keys` is null or a handle that was not freed; `product_id`, `body` and `asked` can be read, and `answer` written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_answer_verify(
    keys: *const KeywardKeys,
    product_id: KeywardText,
    clock_tolerance_seconds: u32,
    body: KeywardText,
    asked: *const KeywardQuestion,
    now: i64,
    answer: *mut *mut KeywardAnswer,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let (keys, product, body, asked) =
            unsafe { (borrow(keys)?, product_id.text()?, body.text()?, question(asked)?) };
        let verifier =
            Verifier::new(keys.ring.clone(), product).clock_tolerance_seconds(clock_tolerance_seconds);
        let verified =
            verifier.verify(body, &asked, UnixSeconds::new(now)).map_err(|untrusted| untrusted.code())?;
        // SAFETY: the caller's promise.
        unsafe { hand_over(answer, KeywardAnswer { answer: verified }) }
    })
}

/// The same for a body that was kept, while the server is out of reach: `until` receives until when it lets the application run.
///
/// # Safety
/// `keys` is null or a handle that was not freed; `product_id`, `kept` and `asked` can be read; `until` and `answer` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_answer_recall(
    keys: *const KeywardKeys,
    product_id: KeywardText,
    kept: KeywardText,
    asked: *const KeywardQuestion,
    now: i64,
    offline_seconds: u32,
    until: *mut i64,
    answer: *mut *mut KeywardAnswer,
) -> KeywardCode {
    judge(|| {
        // SAFETY: the caller's promise.
        let (keys, product, kept, asked) =
            unsafe { (borrow(keys)?, product_id.text()?, kept.text()?, question(asked)?) };
        let verifier = Verifier::new(keys.ring.clone(), product);
        let recalled = Kept::new(kept).recall(&verifier, &asked, UnixSeconds::new(now), offline_seconds);
        let (recalled, end) = recalled.map_err(|lapsed| lapsed.code())?;
        // SAFETY: the caller's promise.
        unsafe { write(until, end.as_i64()) }?;
        // SAFETY: the caller's promise.
        unsafe { hand_over(answer, KeywardAnswer { answer: recalled }) }
    })
}

/// Whether the license may run; not, for null.
///
/// # Safety
/// `answer` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_answer_valid(answer: *const KeywardAnswer) -> bool {
    // SAFETY: the caller's promise.
    tell(false, || unsafe { borrow(answer) }.ok().map(|answer| answer.answer.valid()))
}

/// `active`, or why it may not run. It lives as long as the answer.
///
/// # Safety
/// `answer` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_answer_status(answer: *const KeywardAnswer) -> KeywardText {
    tell(KeywardText::NONE, || {
        // SAFETY: the caller's promise.
        let answer = unsafe { borrow(answer) }.ok()?;
        Some(KeywardText::of(answer.answer.status().as_str()))
    })
}

/// When the server has signed it, by its clock.
///
/// # Safety
/// `answer` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_answer_signed_at(answer: *const KeywardAnswer) -> i64 {
    // SAFETY: the caller's promise.
    tell(0, || unsafe { borrow(answer) }.ok().map(|answer| answer.answer.signed_at().as_i64()))
}

/// When the license ends; `KEYWARD_NEVER` without end.
///
/// # Safety
/// `answer` is null or a handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_answer_expires_at(answer: *const KeywardAnswer) -> i64 {
    // SAFETY: the caller's promise.
    tell(KEYWARD_NEVER, || unsafe { borrow(answer) }.ok()?.answer.expires_at().map(UnixSeconds::as_i64))
}

/// Frees an answer; null, too.
///
/// # Safety
/// `answer` is null or a handle that was not freed, and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyward_answer_free(answer: *mut KeywardAnswer) {
    // SAFETY: the caller's promise.
    unsafe { free(answer) }
}
