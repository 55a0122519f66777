//! Clock floors: what they know after each look, and the text that is kept.

use super::{name, rules};
use crate::support::ISSUED;
use core::time::Duration;
use keyward_token::{Clock, ClockFloor, UnixSeconds};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ClockVector {
    name: String,
    pub(super) rules: Vec<String>,
    built: i64,
    key_hex: String,
    /// The text that was kept; absent for a floor that begins at the time of the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<String>,
    /// The code of the error of a text that is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tolerance_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
}

/// A signed time that is seen, or a look at the clock; and what is known after it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
struct Step {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    saw_signed: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    now: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ran_seconds: Option<u64>,
    /// By how many seconds the clock was set back; absent for a plausible one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set_back_by: Option<u64>,
    at: i64,
    sealed: String,
}

pub(super) fn check(vectors: &[ClockVector]) {
    for vector in vectors {
        let mut judged = vector.clone();
        judged.judge();
        assert_eq!((&judged.error, &judged.steps), (&vector.error, &vector.steps), "{}", vector.name);
    }
}

impl ClockVector {
    fn judge(&mut self) {
        let key: Vec<u8> = self
            .key_hex
            .as_bytes()
            .chunks(2)
            .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
            .collect();
        let built = UnixSeconds::new(self.built);
        let floor = match &self.open {
            Some(text) => ClockFloor::open(text, &key, built),
            None => Ok(ClockFloor::new(built)),
        };
        let mut floor = match floor {
            Ok(floor) => floor,
            Err(error) => return self.error = Some(error.code().into()),
        };
        if let Some(seconds) = self.tolerance_seconds {
            floor = floor.tolerance_seconds(seconds);
        }
        for step in &mut self.steps {
            if let Some(signed) = step.saw_signed {
                floor.saw_signed(UnixSeconds::new(signed));
            }
            if let Some(now) = step.now {
                let ran = Duration::from_secs(step.ran_seconds.unwrap_or_default());
                step.set_back_by = match floor.observe(UnixSeconds::new(now), ran) {
                    Clock::Plausible => None,
                    Clock::SetBack { by } => Some(by),
                };
            }
            (step.at, step.sealed) = (floor.at().as_i64(), floor.seal(&key));
        }
    }
}

const DAY: i64 = 86_400;
const T: i64 = ISSUED.as_i64();

pub(super) fn all() -> Vec<ClockVector> {
    let saw = |at: i64| Step { saw_signed: Some(at), ..Step::default() };
    let look = |now: i64, ran: u64| Step { now: Some(now), ran_seconds: Some(ran), ..Step::default() };
    let vector = |title: &str, steps: Vec<Step>| ClockVector {
        name: name(title),
        rules: rules(title),
        built: T,
        key_hex: "0b".repeat(20),
        open: None,
        error: None,
        tolerance_seconds: None,
        steps,
    };
    let sealed = |key: &[u8], at: i64, seen: Option<i64>| {
        let mut floor = ClockFloor::new(UnixSeconds::new(at));
        if let Some(seen) = seen {
            let _ = floor.observe(UnixSeconds::new(seen), Duration::ZERO);
        }
        floor.seal(key)
    };
    let key = [0x0b; 20];
    let kept = sealed(&key, T, Some(T + 60));
    let opened =
        |title: &str, open: String| ClockVector { open: Some(open), ..vector(title, vec![look(T + 120, 0)]) };
    let mac = |state: &str| {
        // The code of a state that no floor has: taken from a text whose state is written anew by the key's owner.
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        use hmac::{Hmac, KeyInit as _, Mac as _};
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        mac.update(state.as_bytes());
        format!("{state}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    };
    let mut vectors = vec![
        vector("begins at the build", vec![look(T, 0)]),
        vector(
            "goes on with the machine's clock",
            vec![look(T + 100, 0), look(T + 4_000, 0), look(T + 90_000, 0)],
        ),
        vector("a jump ahead by the tolerance counts", vec![look(T, 0), look(T + DAY, 0)]),
        vector("a jump ahead by more does not", vec![look(T, 0), look(T + DAY + 1, 0), look(T + 10, 0)]),
        vector("behind by the tolerance", vec![saw(T + DAY), look(T, 0)]),
        vector("behind by a second more", vec![saw(T + DAY + 1), look(T, 0)]),
        vector("time of use counts on", vec![look(T, 0), look(T, 50_000), look(T, 50_000)]),
        vector(
            "only signed times make it jump",
            vec![saw(T + 400 * DAY), look(T + 5, 0), saw(T), look(T + 401 * DAY, 0)],
        ),
        vector(
            "a clock before 1970 and after 9999",
            vec![look(-5, 0), look(i64::MAX, 0), saw(i64::MAX), look(0, u64::MAX)],
        ),
        ClockVector {
            tolerance_seconds: Some(0),
            ..vector("no tolerance", vec![look(T, 0), look(T + 1, 0), look(T - 1, 0), look(T, 1)])
        },
        ClockVector {
            tolerance_seconds: Some(3_600),
            ..vector("an hour's tolerance", vec![saw(T + 3_601), look(T, 0)])
        },
        ClockVector { key_hex: String::new(), ..vector("an empty key", vec![look(T, 0)]) },
        ClockVector { key_hex: "aa".repeat(64), ..vector("a key of a block", vec![look(T, 0)]) },
        ClockVector { key_hex: "aa".repeat(65), ..vector("a key longer than a block", vec![look(T, 0)]) },
        opened("goes on where it was", kept.clone()),
        ClockVector { built: T + 10 * DAY, ..opened("a program that is newer than the text", kept.clone()) },
        opened("a text without a look", sealed(&key, T, None)),
        opened("a text with a line end", format!("{kept} \t\r\n")),
        opened("a text with a line end before it", format!("\n{kept}")),
        opened("an empty text", String::new()),
        opened("a text of a later version", kept.replace(".1.", ".2.")),
        opened("a text without its code", kept.rsplit_once('.').unwrap().0.to_owned()),
        opened("a text with a short code", kept[..kept.len() - 1].to_owned()),
        opened("a text with padding", format!("{kept}=")),
        opened("a text of another floor", kept.replacen("18", "17", 1)),
        opened("a text of another key", sealed(&[0x0c; 20], T, Some(T))),
        opened("a key with a zero behind it is the same key", sealed(&[&key[..], &[0]].concat(), T, Some(T))),
        opened("a state that is no number, sealed", mac("keyward-clock-floor.1.x.")),
        opened("a negative state, sealed", mac("keyward-clock-floor.1.-1.")),
        opened("a state beyond 9999, sealed", mac("keyward-clock-floor.1.253402300800.")),
        opened("a state of one number, sealed", mac("keyward-clock-floor.1.1800000000")),
        opened("a state of three numbers, sealed", mac("keyward-clock-floor.1.1800000000.1.1")),
    ];
    for vector in &mut vectors {
        vector.judge();
        if vector.error.is_some() {
            vector.steps.clear();
        }
    }
    vectors
}
