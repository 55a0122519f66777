use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_767_225_600 + seconds).unwrap()
}

fn network(number: u8) -> Source {
    Source::at(&format!("192.0.2.{number}"))
}

fn device(number: u8) -> Source {
    Source::Device(DeviceId([number; 16]))
}

#[test]
fn strangers_do_not_lock_anyone_out() {
    let mut attempts = Attempts::none(at(0));
    for number in 1..=11 {
        let verdict = attempts.begin(&network(number), at(0));
        assert!(matches!(verdict, Verdict::Admitted { .. }), "{number}: {verdict:?}");
    }
    assert_eq!(attempts.begin(&network(12), at(1)), Verdict::Admitted { wait: 3 }, "two of two seconds each");
    assert_eq!(
        attempts.begin(&device(1), at(1)),
        Verdict::Admitted { wait: 0 },
        "a known device never waits"
    );
}

#[test]
fn one_source_has_ten_tries_and_then_waits_for_the_window_to_end() {
    let mut attempts = Attempts::none(at(0));
    for source in [network(1), device(1)] {
        for _ in 0..10 {
            assert_eq!(attempts.begin(&source, at(0)), Verdict::Admitted { wait: 0 });
        }
        let before = attempts.clone();
        assert_eq!(attempts.begin(&source, at(100)), Verdict::Refused { retry_after: 800 });
        assert_eq!(attempts, before, "what is refused changes nothing");
    }
    assert_eq!(attempts.begin(&network(1), at(900)), Verdict::Admitted { wait: 0 });
}

#[test]
fn a_household_of_ipv6_is_one_source() {
    assert_eq!(Source::at("2001:db8::1"), Source::at("2001:db8::ffff"));
    assert_ne!(Source::at("2001:db8::1"), Source::at("2001:db8:0:1::1"));
    assert_eq!(Source::at("::ffff:192.0.2.1"), network(1));
    assert_eq!(Source::at(""), Source::Network(None));
}

#[test]
fn what_is_kept_of_an_attacked_account_is_bounded() {
    let mut attempts = Attempts::none(at(0));
    for number in 0..100_000_u32 {
        let source = Source::at(&std::net::Ipv4Addr::from(number).to_string());
        attempts.begin(&source, at(i64::from(number) / 112));
    }
    assert_eq!(attempts.sources.len(), MOST_SOURCES);
    assert!(attempts.waiting_until <= at(WINDOW_SECONDS + MOST_WAIT_SECONDS));
}

#[test]
fn codes_are_refused_for_strangers_and_not_for_known_devices() {
    let mut attempts = Attempts::none(at(0));
    for number in 0..10 {
        assert_eq!(attempts.begin_code(&network(number), at(0)), Verdict::Admitted { wait: 0 });
    }
    assert_eq!(attempts.begin_code(&network(99), at(5)), Verdict::Refused { retry_after: 895 });
    assert_eq!(attempts.begin_code(&device(1), at(5)), Verdict::Admitted { wait: 0 });
}

/// What happens to an account.
#[derive(Debug, Clone)]
enum Step {
    Fail(Source),
    Succeed(Source),
    TakeBack(Source),
    Wait(i64),
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![(0_u8..20).prop_map(network), (0_u8..3).prop_map(device), Just(Source::Network(None))]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => source().prop_map(Step::Fail),
        1 => source().prop_map(Step::Succeed),
        1 => source().prop_map(Step::TakeBack),
        2 => (0_i64..400).prop_map(Step::Wait),
    ]
}

/// The rule, told naively: a list of all that failed in this window, and the turn that was given out last.
#[derive(Default)]
struct Model {
    began: Option<i64>,
    failed: Vec<Source>,
    last_turn: i64,
}

impl Model {
    fn begin(&mut self, source: Source, now: i64) -> Verdict {
        self.forget_old(now);
        let began = *self.began.get_or_insert(now);
        let own = self.failed.iter().filter(|failed| **failed == source).count();
        if own >= 10 {
            return Verdict::Refused { retry_after: began + 900 - now };
        }
        let is_network = |source: &Source| matches!(source, Source::Network(_));
        let elsewhere = self.failed.iter().filter(|failed| is_network(failed) && **failed != source).count();
        let pause = [(40, 8), (20, 4), (10, 2)].into_iter().find(|(least, _)| elsewhere >= *least);
        let mut wait = 0;
        if let (true, Some((_, pause))) = (is_network(&source), pause) {
            wait = self.last_turn.max(now) + pause - now;
            if wait > 20 {
                return Verdict::Refused { retry_after: wait };
            }
            self.last_turn = now + wait;
        }
        self.failed.push(source);
        Verdict::Admitted { wait }
    }

    fn forget_old(&mut self, now: i64) {
        if self.began.is_some_and(|began| now >= began + 900) {
            *self = Self { began: Some(now), ..Self::default() };
        }
    }
}

proptest! {
    #[test]
    fn it_does_what_a_list_of_all_failures_would(steps in prop::collection::vec(step(), 1..200)) {
        let (mut attempts, mut model, mut now) = (Attempts::none(at(0)), Model::default(), 0);
        model.began = Some(0);
        for step in steps {
            match step {
                Step::Fail(source) => {
                    prop_assert_eq!(attempts.begin(&source, at(now)), model.begin(source, now));
                }
                Step::Succeed(source) => {
                    attempts.succeed(&source, false, at(now));
                    model.forget_old(now);
                    model.failed.retain(|failed| *failed != source);
                }
                Step::TakeBack(source) => {
                    attempts.take_back(&source, at(now));
                    model.forget_old(now);
                    if let Some(place) = model.failed.iter().position(|failed| *failed == source) {
                        model.failed.remove(place);
                    }
                }
                Step::Wait(seconds) => now += seconds,
            }
        }
    }

    #[test]
    fn a_source_is_read_as_it_is_written(source in source()) {
        prop_assert_eq!(source.to_string().parse::<Source>().unwrap(), source);
    }

    #[test]
    fn no_text_panics(text in ".{0,50}") {
        let _ = text.parse::<Source>();
        let _ = format!("device:{text}").parse::<Source>();
    }
}
