//! What the server has said, in memory and in a file, and how late it is at least.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use keyward_token::{Clock, ClockFloor, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::file;
use crate::kept::{CLOCK_TOLERANCE_SECONDS, fits};
use crate::question::canonical;
use crate::{Answer, Kept, KeptFileError, Lapsed, Machine, Question, Untrusted, Verifier};

/// The longest file that is read.
const MOST_BYTES: u64 = 512 * 1024;

/// Of how many licenses the last answer stays in memory.
const MOST_LICENSES: usize = 32;

/// How far the clock floor goes on in memory before the file follows.
const FLOOR_STEP_SECONDS: i64 = 300;

#[derive(Debug)]
pub(super) struct Store {
    file: Option<PathBuf>,
    /// Seals the clock floor. It differs from machine to machine, so that the file of one is none on another.
    key: [u8; 32],
    tolerance: u32,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    /// The last answer of each license, the latest asked for at the end.
    answers: Vec<(String, Answer, Kept)>,
    floor: ClockFloor,
    /// When the machine's clock was last looked at.
    looked: Option<Instant>,
    /// The floor in the file.
    written: UnixSeconds,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    kept: Kept,
    /// The clock floor, sealed.
    clock: String,
}

impl Store {
    pub(super) fn new(
        file: Option<PathBuf>,
        machine: Option<&Machine>,
        product_id: &str,
        clock_tolerance: u32,
    ) -> Self {
        let purpose = format!("keyward-client clock.1 {product_id}");
        let key = machine.map_or([0; 32], |machine| machine.derive(&purpose));
        let tolerance = clock_tolerance.max(CLOCK_TOLERANCE_SECONDS);
        let floor = ClockFloor::new(UnixSeconds::MIN).tolerance_seconds(tolerance);
        let memory = Memory { answers: Vec::new(), floor, looked: None, written: UnixSeconds::MIN };
        Self { file, key, tolerance, memory: Mutex::new(memory) }
    }

    /// Keeps what the server has said just now of a license.
    pub(super) fn keep(
        &self,
        answer: &Answer,
        body: String,
        verifier: &Verifier,
        now: UnixSeconds,
    ) -> Result<(), KeptFileError> {
        let license = canonical(answer.license_key()).into_owned();
        let kept = Kept::new(body);
        let mut memory = self.memory();
        memory.floor.saw_signed(answer.signed_at());
        let _ = memory.look(now);
        let known = memory.answers.iter().find(|(other, ..)| *other == license);
        if known.is_none_or(|(_, known, _)| replaces(answer, known)) {
            memory.answers.retain(|(other, ..)| *other != license);
            memory.answers.push((license.clone(), answer.clone(), kept.clone()));
        }
        if memory.answers.len() > MOST_LICENSES {
            memory.answers.remove(0);
        }
        let Some(path) = &self.file else { return Ok(()) };
        // What can't be read or verified is replaced. A refusal does not take the place of another license's answer.
        let there = self.stored().ok().flatten().and_then(|stored| stored.kept.answer(verifier).ok());
        let is_replaced = there.is_none_or(|there| {
            if canonical(there.license_key()) == license { replaces(answer, &there) } else { answer.valid() }
        });
        if !is_replaced {
            return Ok(());
        }
        self.write(&mut memory, kept, path)
    }

    /// A time that was signed, and verified.
    pub(super) fn saw_signed(&self, at: UnixSeconds) {
        self.memory().floor.saw_signed(at);
    }

    /// How late it is at least, if the machine's clock says `now`.
    pub(super) fn at_least(&self, now: UnixSeconds) -> UnixSeconds {
        let mut memory = self.memory();
        if let (None, Ok(Some(stored))) = (memory.looked, self.stored()) {
            let _ = self.adopt(&stored.clock, &mut memory);
        }
        let _ = memory.look(now);
        memory.floor.at_least(now)
    }

    /// The last answer of a license if it lets the application run, and until when; or why not, `None` if nothing is kept.
    pub(super) fn recall(
        &self,
        verifier: &Verifier,
        question: &Question,
        now: UnixSeconds,
        offline_seconds: u32,
    ) -> Result<(Answer, UnixSeconds), Option<Lapsed>> {
        let mut memory = self.memory();
        let license = canonical(&question.license_key);
        let remembered = memory.answers.iter().find(|(other, ..)| *other == license);
        let remembered = remembered.map(|(_, answer, kept)| (answer.clone(), kept.clone()));
        // Its key may have been revoked meanwhile. A refusal stays one.
        let remembered = remembered.filter(|(answer, kept)| !answer.valid() || kept.answer(verifier).is_ok());
        let stored = self.recall_stored(&mut memory, verifier);
        let in_file = stored.as_ref().ok().and_then(|stored| stored.as_ref().map(|(_, kept)| kept.clone()));
        let (answer, kept) = match (remembered, stored) {
            (Some(one), Ok(Some(other))) if canonical(other.0.license_key()) == license => later(one, other),
            (Some(one), _) => one,
            (None, Ok(Some(other))) => other,
            (None, Ok(None)) => return Err(None),
            (None, Err(lapsed)) => return Err(Some(lapsed)),
        };
        memory.floor.saw_signed(answer.signed_at());
        let clock = memory.look(now);
        let at = memory.floor.at_least(now);
        let until = fits(&answer, question, at, offline_seconds)?;
        if clock != Clock::Plausible {
            return Err(Some(Lapsed::ClockSetBack));
        }
        // Whatever else is there stays there.
        let is_in_file = in_file.is_some_and(|in_file| in_file == kept);
        let advanced = memory.floor.at().as_i64().saturating_sub(memory.written.as_i64());
        if let Some(path) = self.file.as_ref().filter(|_| is_in_file && advanced >= FLOOR_STEP_SECONDS) {
            // Without it the next process begins at what the file says now.
            let _ = self.write(&mut memory, kept, path);
        }
        Ok((answer, until))
    }

    /// The answer in the file. Its clock floor counts from now on.
    fn recall_stored(
        &self,
        memory: &mut Memory,
        verifier: &Verifier,
    ) -> Result<Option<(Answer, Kept)>, Lapsed> {
        let Some(stored) = self.stored()? else { return Ok(None) };
        let answer = stored.kept.answer(verifier).map_err(Lapsed::Untrusted)?;
        self.adopt(&stored.clock, memory)?;
        Ok(Some((answer, stored.kept)))
    }

    /// Lets the clock floor of the file count. It was sealed by this application on this machine, and is as good as signed.
    fn adopt(&self, clock: &str, memory: &mut Memory) -> Result<(), Lapsed> {
        let floor = ClockFloor::open(clock, &self.key, UnixSeconds::MIN).map_err(|_| Lapsed::Altered)?;
        memory.written = floor.at();
        if memory.looked.is_some() {
            memory.floor.saw_signed(floor.at());
            return Ok(());
        }
        // The process goes on where the last one has looked.
        let known = std::mem::replace(&mut memory.floor, floor.tolerance_seconds(self.tolerance));
        memory.floor.saw_signed(known.at());
        Ok(())
    }

    fn stored(&self) -> Result<Option<Stored>, Lapsed> {
        let Some(path) = &self.file else { return Ok(None) };
        let text = file::read(path, MOST_BYTES).map_err(|error| KeptFileError::reading(path, error))?;
        let stored = text.map(|text| serde_json::from_str(&text)).transpose();
        stored.map_err(|_| Lapsed::Untrusted(Untrusted::Malformed))
    }

    fn write(&self, memory: &mut Memory, kept: Kept, path: &Path) -> Result<(), KeptFileError> {
        let stored = Stored { kept, clock: memory.floor.seal(&self.key) };
        let text = serde_json::to_vec(&stored).map_err(std::io::Error::from);
        text.and_then(|text| file::replace(path, &text))
            .map_err(|error| KeptFileError::writing(path, error))?;
        memory.written = memory.floor.at();
        Ok(())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn look(&mut self, now: UnixSeconds) -> Clock {
        let ran = self.looked.map_or(Duration::ZERO, |at| at.elapsed());
        self.looked = Some(Instant::now());
        self.floor.observe(now, ran)
    }
}

/// Whether what the server has just said takes the place of what it said of the same license before. Another process or thread
/// may have been refused while this answer was under way.
fn replaces(new: &Answer, known: &Answer) -> bool {
    !new.valid() || known.valid() || new.signed_at() >= known.signed_at()
}

/// Of two answers the later one; of two of the same second the refusal.
fn later(one: (Answer, Kept), other: (Answer, Kept)) -> (Answer, Kept) {
    let rank = |answer: &Answer| (answer.signed_at(), !answer.valid());
    if rank(&other.0) > rank(&one.0) { other } else { one }
}

#[cfg(all(test, feature = "test-kit"))]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::Status;
    use crate::test_kit::Vendor;

    const NOW: i64 = 1_800_000_000;
    const DAY: u32 = 86_400;

    fn at(seconds: i64) -> UnixSeconds {
        UnixSeconds::new(NOW + seconds)
    }

    fn question() -> Question {
        Question::new("KEY", None, [1; 16])
    }

    struct Process {
        store: Store,
        verifier: Verifier,
    }

    impl Process {
        fn start(file: Option<PathBuf>) -> Self {
            Self {
                store: Store::new(file, None, "p", 300),
                verifier: Verifier::new(Vendor::new("p").keys(), "p"),
            }
        }

        /// The server says this at an instant of its clock and of the machine's.
        fn told(&self, status: &Status, signed: i64, now: i64) {
            let body = Vendor::new("p").answer(&question(), at(signed)).status(status).body();
            let answer = self.verifier.verify_signature(&body).unwrap();
            self.store.keep(&answer, body, &self.verifier, at(now)).unwrap();
        }

        fn recalls(&self, now: i64) -> Result<i64, Option<Lapsed>> {
            let recalled = self.store.recall(&self.verifier, &question(), at(now), 7 * DAY);
            recalled.map(|(_, until)| until.as_i64() - NOW)
        }
    }

    #[test]
    fn the_clock_floor_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = Some(folder.path().join("license.json"));
        Process::start(file.clone()).told(&Status::Active, 0, 0);
        let week = i64::from(7 * DAY);
        // Half an hour at a time, which counts as time of use.
        for now in (0..week).step_by(1_800) {
            assert_eq!(Process::start(file.clone()).recalls(now).unwrap(), week, "{now}");
        }
        assert!(matches!(Process::start(file.clone()).recalls(0), Err(Some(Lapsed::ClockSetBack))));
        let within = Process::start(file.clone());
        assert!(matches!(within.recalls(week), Err(Some(Lapsed::OfflinePeriod))));
        assert!(Process::start(file).recalls(week - 3_000).is_ok());
    }

    #[test]
    fn a_clock_that_stands_still_does_not_hold_time_up() {
        let process = Process::start(None);
        process.told(&Status::Active, 0, 0);
        process.store.saw_signed(at(i64::from(7 * DAY)));
        // Within the hour that a clock may be behind, what was signed counts.
        assert!(matches!(process.recalls(i64::from(7 * DAY) - 600), Err(Some(Lapsed::OfflinePeriod))));
    }

    #[test]
    fn what_one_process_was_refused_counts_for_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = Some(folder.path().join("license.json"));
        let (one, other) = (Process::start(file.clone()), Process::start(file.clone()));
        one.told(&Status::Active, 0, 0);
        other.told(&Status::Active, 5, 5);
        other.told(&Status::Revoked, 10, 10);
        assert!(matches!(one.recalls(11), Err(Some(Lapsed::Refused(Status::Revoked)))));
        // An answer that was under way meanwhile.
        one.told(&Status::Active, 9, 12);
        other.told(&Status::Active, 9, 12);
        assert!(
            one.recalls(13).is_err()
                && other.recalls(13).is_err()
                && Process::start(file).recalls(13).is_err()
        );
        // A server whose clock is behind refuses all the same, and one that resumes the license is believed.
        one.told(&Status::Active, 20, 20);
        one.told(&Status::Suspended, 18, 21);
        assert!(matches!(one.recalls(22), Err(Some(Lapsed::Refused(Status::Suspended)))));
        one.told(&Status::Active, 30, 30);
        assert!(one.recalls(31).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let process = Process::start(None);
        for license in 0..100 {
            let question = Question::new(format!("KEY{license}"), None, [1; 16]);
            let body = Vendor::new("p").answer(&question, at(0)).body();
            let answer = process.verifier.verify_signature(&body).unwrap();
            process.store.keep(&answer, body, &process.verifier, at(0)).unwrap();
        }
        assert_eq!(process.store.memory().answers.len(), MOST_LICENSES);
    }
}
