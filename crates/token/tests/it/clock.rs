//! The clock floor against a model that knows what time it is.

use crate::support::{ISSUED, NOW, token, verifier};
use core::time::Duration;
use keyward_token::{Clock, ClockFloor, ClockFloorError, Format, NoClaims, UnixSeconds};
use proptest::prelude::*;

const KEY: &[u8] = b"a machine";
const DAY: i64 = 86_400;
const START: i64 = 1_800_000_000;

fn at(seconds: i64) -> UnixSeconds {
    UnixSeconds::new(seconds)
}

fn look(floor: &mut ClockFloor, now: i64, ran: i64) -> Clock {
    floor.observe(at(now), Duration::from_secs(u64::try_from(ran).unwrap()))
}

/// As a process that ends and another that begins.
fn restarted(floor: &ClockFloor) -> ClockFloor {
    ClockFloor::open(&floor.seal(KEY), KEY, at(0)).unwrap()
}

#[test]
fn a_clock_that_was_set_back_is_seen() {
    let mut floor = ClockFloor::new(at(START));
    assert_eq!(look(&mut floor, START + 10, 0), Clock::Plausible);
    assert_eq!(look(&mut floor, START + 10 - DAY, 0), Clock::Plausible, "within the tolerance");
    assert_eq!(look(&mut floor, START - DAY - 1, 0), Clock::SetBack { by: 86_401 });
    assert_eq!(floor.at_least(at(START - DAY - 1)), at(START));
    assert_eq!(look(&mut floor, START + 20, 0), Clock::Plausible, "nothing is held against it for ever");
    let mut strict = floor.clone().tolerance_seconds(60);
    assert_eq!(look(&mut strict, START - 61, 0), Clock::SetBack { by: 61 });
}

#[test]
fn signed_times_raise_it_and_clocks_that_jump_do_not() {
    let license = verifier().verify::<NoClaims>(&token(Format::Jwt), NOW).unwrap();
    let mut floor = ClockFloor::new(at(0));
    floor.saw_license(&license);
    assert_eq!(floor.at(), ISSUED);
    floor.saw_signed(at(START + 50));
    floor.saw_signed(at(START + 40));
    assert_eq!(floor.at(), at(START + 50));
    // An empty battery: the clock says 2099.
    assert_eq!(look(&mut floor, START + 60, 0), Clock::Plausible);
    assert_eq!(look(&mut floor, 4_080_000_000, 5), Clock::Plausible);
    assert_eq!(floor.at(), at(START + 55), "the program ran for five seconds");
    assert_eq!(look(&mut floor, START + 100, 40), Clock::Plausible);
    assert_eq!(floor.at(), at(START + 95));
    for extreme in [i64::MIN, -1, i64::MAX] {
        let _ = look(&mut floor, extreme, 0);
        assert_eq!(floor.at(), at(START + 95));
        assert_eq!(restarted(&floor), floor);
    }
    floor.saw_signed(at(i64::MAX));
    let _ = floor.observe(at(0), Duration::MAX);
    assert_eq!(floor.at(), UnixSeconds::MAX);
    assert_eq!(restarted(&floor), floor);
}

/// Setting it back each day by less than the tolerance makes no day longer.
#[test]
fn time_of_use_counts_whatever_the_clock_says() {
    let mut floor = ClockFloor::new(at(START));
    let mut days = 0;
    loop {
        // Every morning the clock says the same.
        let morning = look(&mut floor, START, 0);
        let _ = look(&mut floor, START + 8 * 3_600, 8 * 3_600);
        floor = restarted(&floor);
        days += 1;
        if morning != Clock::Plausible {
            break;
        }
    }
    assert_eq!(days, 5, "eight hours a day, and a tolerance of three such days");
}

/// Two systems on one machine, one of which takes local time for UTC.
#[test]
fn a_clock_between_two_systems_is_no_fault() {
    let mut floor = ClockFloor::new(at(START));
    for day in 0..1_000 {
        let now = START + day * DAY + if day % 2 == 0 { 0 } else { 8 * 3_600 };
        assert_eq!(look(&mut floor, now, 0), Clock::Plausible);
        assert_eq!(look(&mut floor, now + 3_600, 3_600), Clock::Plausible);
        floor = restarted(&floor);
    }
}

#[test]
fn the_text_is_its_own() {
    let mut floor = ClockFloor::new(at(START));
    let fresh = floor.seal(KEY);
    assert_eq!(ClockFloor::open(&fresh, KEY, at(0)), Ok(floor.clone()));
    let newer = ClockFloor::open(&fresh, KEY, at(START + 9)).unwrap();
    assert_eq!(newer.at(), at(START + 9), "of a program that was built later");
    let _ = look(&mut floor, START + 5, 0);
    let text = floor.seal(KEY);
    assert_eq!(
        text, "keyward-clock-floor.1.1800000000.1800000005.evi6LiZLeQMxU7ACFEJ3RPg2ioP-FJuJutr-LYHa4sU",
        "the form is fixed: programs of two versions read each other's"
    );
    assert_eq!(
        ClockFloor::open(&format!("{text}\r\n"), KEY, at(0)),
        Ok(floor.clone()),
        "a file ends with a line end"
    );
    for key in [&b""[..], b"another machine", b"a machine\x01"] {
        assert_eq!(ClockFloor::open(&text, key, at(0)), Err(ClockFloorError::Altered));
        assert_eq!(ClockFloor::open(&floor.seal(key), key, at(0)), Ok(floor.clone()));
    }
    for text in
        ["", ".", "keyward-clock-floor.1.", "keyward-clock-floor.1.1.2.", &text.replacen(".1.", ".2.", 1)]
    {
        assert!(ClockFloor::open(text, KEY, at(0)).is_err(), "{text}");
    }
    for bit in 0..text.len() * 8 {
        let mut bytes = text.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(altered) = String::from_utf8(bytes) {
            assert!(ClockFloor::open(&altered, KEY, at(0)).is_err(), "{altered}");
        }
    }
}

/// What happens next on a machine.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The program runs and looks at the clock.
    Runs(i64),
    /// The program ends, time passes, and it begins again.
    Off(i64),
    /// Somebody sets the clock, so many seconds ahead of the truth.
    Clock(i64),
    /// Something arrives that was signed so many seconds ago.
    Signed(i64),
}

fn steps(errors: impl Strategy<Value = i64> + 'static) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..20 * DAY).prop_map(Step::Runs),
        3 => (0..3 * DAY).prop_map(Step::Off),
        1 => (0..500 * DAY).prop_map(Step::Off),
        2 => errors.prop_map(Step::Clock),
        1 => (0..400 * DAY).prop_map(Step::Signed),
    ];
    prop::collection::vec(step, 0..60)
}

/// Everything that was told to a floor, and what is true.
struct Machine {
    floor: ClockFloor,
    truth: i64,
    error: i64,
    /// Looks and signed times in their order: what the clock said, and for how long the program ran.
    told: Vec<Told>,
}

#[derive(Clone, Copy)]
enum Told {
    Look { now: i64, ran: i64 },
    Signed(i64),
}

impl Machine {
    fn new() -> Self {
        Self { floor: ClockFloor::new(at(START)), truth: START, error: 0, told: vec![Told::Signed(START)] }
    }

    fn take(&mut self, step: Step) -> Clock {
        let mut ran = 0;
        match step {
            Step::Runs(seconds) => {
                self.truth += seconds;
                ran = seconds;
            }
            Step::Off(seconds) => {
                self.floor = restarted(&self.floor);
                self.truth += seconds;
            }
            Step::Clock(error) => self.error = error,
            Step::Signed(ago) => {
                self.floor.saw_signed(at(self.truth - ago));
                self.told.push(Told::Signed(self.truth - ago));
            }
        }
        let now = self.truth + self.error;
        self.told.push(Told::Look { now, ran });
        look(&mut self.floor, now, ran)
    }

    /// Where the floor is by its definition, from all that was told.
    fn expected(&self) -> i64 {
        let (mut floor, mut seen) = (0, None);
        for told in &self.told {
            floor = match *told {
                Told::Signed(signed) => floor.max(signed),
                Told::Look { now, ran } => {
                    let gone = seen.map_or(0, |seen| now - seen);
                    seen = Some(now);
                    let by_clock = if (0..=DAY).contains(&gone) { now.min(floor + gone) } else { 0 };
                    (floor + ran).max(by_clock)
                }
            };
        }
        floor
    }
}

proptest! {
    /// Whatever happens: the definition, never down, and no verdict but by the tolerance.
    #[test]
    fn it_does_as_the_model(steps in steps(-4_000 * DAY..4_000 * DAY)) {
        let mut machine = Machine::new();
        for step in steps {
            let before = machine.floor.at();
            let verdict = machine.take(step);
            let floor = machine.floor.at().as_i64();
            prop_assert_eq!(floor, machine.expected());
            prop_assert!(machine.floor.at() >= before);
            if let Step::Runs(ran) = step {
                prop_assert!(floor >= before.as_i64() + ran);
            }
            let behind = floor - (machine.truth + machine.error);
            let expected = if behind > DAY { Clock::SetBack { by: behind as u64 } } else { Clock::Plausible };
            prop_assert_eq!(verdict, expected);
        }
    }

    /// A clock that is right, or ahead by more than a tolerance for a while, or behind: the floor is never later than it is, and
    /// once the clock is right, nothing is held against it.
    #[test]
    fn a_wrong_clock_is_forgiven(steps in steps(prop_oneof![Just(0), DAY + 1..40_000 * DAY, -20_000 * DAY..0])) {
        let mut machine = Machine::new();
        for step in steps {
            // Setting it right by less than the tolerance is a step ahead like any other.
            let set_by = if let Step::Clock(error) = step { error - machine.error } else { 0 };
            if (1..=DAY).contains(&set_by) {
                continue;
            }
            let verdict = machine.take(step);
            prop_assert!(machine.floor.at() <= at(machine.truth), "{:?}", machine.floor);
            if machine.error >= 0 {
                prop_assert_eq!(verdict, Clock::Plausible);
            }
        }
    }

    /// A clock that is never wrong by more than the tolerance is never at fault.
    #[test]
    fn within_the_tolerance_nothing_is_wrong(steps in steps(0..=DAY)) {
        let mut machine = Machine::new();
        for step in steps {
            prop_assert_eq!(machine.take(step), Clock::Plausible);
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>(), place in any::<prop::sample::Index>(), patch in "[ -~]{0,8}") {
        let _ = ClockFloor::open(&text, KEY, at(0));
        let good = ClockFloor::new(at(0)).seal(KEY);
        let place = place.index(good.len());
        let mangled = format!("{}{patch}{}", &good[..place], &good[place..]);
        prop_assert!(ClockFloor::open(&mangled, KEY, at(0)).is_err() || mangled.trim_ascii_end() == good);
    }
}
