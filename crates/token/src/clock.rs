//! A lower bound of the present, which notices that the machine's clock was set back.

use crate::{License, UnixSeconds, base64url};
use alloc::{
    format,
    string::{String, ToString as _},
};
use core::{fmt, time::Duration};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// How late it is at least, by what was signed and by how long the application was used. An application that never asks a
/// server keeps it from start to start, as a text, and sees that the machine's clock was set back.
///
/// It jumps to signed times only: to the time of the build, and to the `iat` of a verified license, of a status list or of a
/// signed answer. Otherwise it goes on as time passes: by as long as the program ran, by a clock that nobody can set, or by
/// as far as the machine's clock went on from one look to the next, up to what that shows. A step of the machine's clock by
/// more than the tolerance counts for nothing: an empty battery or a mistyped year does not raise the floor, and once the
/// clock is right again, nothing is wrong.
///
/// A clock further below the floor than the tolerance, 24 hours unless set, is [`Clock::SetBack`]. That is something to tell
/// people and to ask for a newer signed time; no license has ended by it. An application that wants to be strict
/// verifies as of [`at_least`](Self::at_least).
///
/// ```
/// use core::time::Duration;
/// use keyward_token::{Clock, ClockFloor, UnixSeconds};
///
/// # fn log(_: &str) {}
/// /// When this program was built: it is later than that.
/// const BUILT: UnixSeconds = UnixSeconds::new(1_800_000_000);
///
/// fn begin(kept: Option<&str>, key: &[u8]) -> ClockFloor {
///     // A text that is not its own is as good as none.
///     let kept = kept.and_then(|text| ClockFloor::open(text, key, BUILT).ok());
///     kept.unwrap_or_else(|| ClockFloor::new(BUILT))
/// }
///
/// let key = b"derived from this machine's id and a value in the program";
/// let mut floor = begin(None, key);
/// let now = UnixSeconds::new(1_800_000_100);
/// // Once a minute or less often, with the time since the last call by `std::time::Instant`; zero at the start.
/// match floor.observe(now, Duration::ZERO) {
///     Clock::Plausible => {}
///     Clock::SetBack { by } => log("the clock of this machine is wrong"),
/// }
/// let kept = floor.seal(key); // to a file, after each look
///
/// // At the next start the clock says that it is two days before the build.
/// let set_back = UnixSeconds::new(1_800_000_000 - 2 * 86_400);
/// assert_eq!(begin(Some(&kept), key).observe(set_back, Duration::ZERO), Clock::SetBack { by: 2 * 86_400 });
/// ```
///
/// # What it stops, and what it does not
///
/// Each step of the clock back by more than the tolerance is seen, and so is an edited text. Within the tolerance the time for
/// which the program runs goes on counting, so that a program that runs for hours sees in the end that the same day comes
/// again and again: by setting the clock back, it cannot be used for longer than it was sold for, counted in time of use.
///
/// It does **not** stop whoever puts an older copy of the text back, deletes it, restores an image of the machine or installs
/// it anew: then the floor is where the build and the tokens at hand put it. It does not count time in which the program
/// did not run, where two looks are more than a tolerance apart. A program that runs for seconds at a time does not see that the
/// clock is set back by less than the tolerance each day; it should have a smaller one. And the key is in the program, or the program can derive
/// it: who takes the program apart can make any text.
///
/// Open the text once, at the start of a process, and keep the value. Processes that share one file may overwrite each
/// other's text: each of them is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockFloor {
    at: UnixSeconds,
    /// What the machine's clock said last.
    seen: Option<UnixSeconds>,
    tolerance: u32,
}

/// What the machine's clock is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a clock that was set back makes an ended license valid"]
pub enum Clock {
    /// Nothing speaks against it.
    Plausible,
    /// It is earlier than it can be, by more than the tolerance.
    SetBack {
        /// How many seconds it is behind the floor.
        by: u64,
    },
}

impl ClockFloor {
    /// A floor of which no more is known than when the program was built.
    pub fn new(built: UnixSeconds) -> Self {
        let mut floor = Self { at: UnixSeconds::MIN, seen: None, tolerance: DAY };
        floor.raise(built);
        floor
    }

    /// Reads the text that [`seal`](Self::seal) has made with this key, in a program that may be newer than the text.
    ///
    /// # Errors
    /// A text of something else, one that was changed, and one made with another key.
    pub fn open(text: &str, key: &[u8], built: UnixSeconds) -> Result<Self, ClockFloorError> {
        let (state, mac) = text.trim_ascii_end().rsplit_once('.').ok_or(ClockFloorError::Malformed)?;
        let numbers = state.strip_prefix(PREFIX).ok_or(ClockFloorError::Malformed)?;
        let mac = base64url::decode_array::<32, 33>(mac).ok_or(ClockFloorError::Malformed)?;
        mac_of(state, key).verify_slice(&mac).map_err(|_| ClockFloorError::Altered)?;
        let (at, seen) = numbers.split_once('.').ok_or(ClockFloorError::Malformed)?;
        let instant = |text: &str| text.parse().ok().and_then(UnixSeconds::from_claim);
        let seen = match seen {
            "" => None,
            seen => Some(instant(seen).ok_or(ClockFloorError::Malformed)?),
        };
        let mut floor = Self { seen, ..Self::new(built) };
        floor.raise(instant(at).ok_or(ClockFloorError::Malformed)?);
        Ok(floor)
    }

    /// The state as one line of ASCII, with a code by HMAC-SHA-256 (RFC 2104) under the application's key. A key of 16
    /// bytes or more that differs from machine to machine ties the text to the machine.
    pub fn seal(&self, key: &[u8]) -> String {
        let seen = self.seen.map(|seen| seen.as_i64().to_string()).unwrap_or_default();
        let mut text = format!("{PREFIX}{}.{seen}", self.at.as_i64());
        let mac = mac_of(&text, key).finalize().into_bytes();
        text.push('.');
        base64url::encode_to(&mac, &mut text);
        text
    }

    /// How far the clock may be behind, and by how much it may jump ahead and still be believed. 24 hours unless set.
    #[must_use]
    pub fn tolerance_seconds(mut self, seconds: u32) -> Self {
        self.tolerance = seconds;
        self
    }

    /// Raises the floor to a time that was signed, and whose signature was verified: the `iat` of a status list, the time of a
    /// server's signed answer. Never give it what the machine's clock says.
    pub fn saw_signed(&mut self, signed: UnixSeconds) {
        self.raise(signed);
    }

    /// Raises the floor to when a license was issued (`iat`).
    pub fn saw_license<C, T>(&mut self, license: &License<C, T>) {
        if let Some(issued) = license.issued_at() {
            self.raise(issued);
        }
    }

    /// Looks at the machine's clock. `ran` is how long ago this value was last called so, by a clock that only runs forward
    /// (`std::time::Instant`), and zero for the first call of a process. Whole seconds of it count.
    pub fn observe(&mut self, now: UnixSeconds, ran: Duration) -> Clock {
        let now = now.clamp(UnixSeconds::MIN, UnixSeconds::MAX);
        let before = self.at;
        self.raise(before.saturating_add(ran.as_secs()));
        let gone = self.seen.map_or(0, |seen| now.seconds_since(seen));
        if gone <= u64::from(self.tolerance) {
            self.raise(before.saturating_add(gone).min(now));
        }
        self.seen = Some(now);
        match self.at.seconds_since(now) {
            by if by > u64::from(self.tolerance) => Clock::SetBack { by },
            _ => Clock::Plausible,
        }
    }

    /// How late it is at least.
    pub fn at(&self) -> UnixSeconds {
        self.at
    }

    /// The machine's clock, or the floor if that is later.
    pub fn at_least(&self, now: UnixSeconds) -> UnixSeconds {
        now.max(self.at)
    }

    fn raise(&mut self, to: UnixSeconds) {
        self.at = self.at.max(to).min(UnixSeconds::MAX);
    }
}

/// Why a text is not a floor that this application has kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClockFloorError {
    /// It is not such a text, or one of a later version.
    Malformed,
    /// It was changed, or made with another key: on another machine, if keys differ by machine.
    Altered,
}

impl ClockFloorError {
    /// A stable name of the error for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Altered => "altered",
        }
    }
}

impl fmt::Display for ClockFloorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the text is not the state of a clock floor",
            Self::Altered => "the state of the clock floor was changed, or made with another key",
        })
    }
}

impl core::error::Error for ClockFloorError {}

const DAY: u32 = 86_400;

/// What the text begins with: its kind and its version, so that the code of nothing else fits.
const PREFIX: &str = "keyward-clock-floor.1.";

fn mac_of(state: &str, key: &[u8]) -> Hmac<Sha256> {
    // RFC 2104, section 2: a key longer than a block is hashed, a shorter one is followed by zeros.
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    let hash = Sha256::digest(key);
    let short = if key.len() > block.len() { hash.as_slice() } else { key };
    for (slot, byte) in block.iter_mut().zip(short) {
        *slot = *byte;
    }
    let mut mac = Hmac::<Sha256>::new(&block);
    mac.update(state.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 2 and 6: a short key, and one longer than a block.
    #[test]
    fn the_code_is_that_of_the_standard() {
        for (key, text, code) in [
            (&b"Jefe"[..], "what do ya want for nothing?", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM"),
            (
                &[0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "YOQxWR7gtn8Niiaqy_W3f44LxiE3KMUUBUYEDw7jf1Q",
            ),
        ] {
            let mut found = String::new();
            base64url::encode_to(&mac_of(text, key).finalize().into_bytes(), &mut found);
            assert_eq!(found, code);
        }
    }
}
