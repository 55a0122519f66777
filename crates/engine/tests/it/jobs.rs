//! Jobs: each thing is done once by however many servers, goes on when one is killed, and how it goes can be seen.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use keyward_domain::job::JobFault;
use keyward_domain::{Ends, JobState, JobStatus};
use keyward_engine::jobs::{Job, LEASE_SECONDS, Runner, Schedule, Step, Stepping, Turn, Turns, all};
use keyward_engine::{Engine, Error, NoticesChange, Resource, Retention};
use keyward_testkit::database::Store;
use keyward_testkit::engine::{another_engine, engine, new_license};
use keyward_testkit::{TestClock, Vendor, database_test};
use tokio::task::LocalSet;

const DAY: i64 = 24 * 60 * 60;
const YEAR: i64 = 365 * DAY;
const PERIOD: i64 = 600;

/// Gives the servers turns at a job until `done`, and fails after a while.
pub async fn take_turns(engines: &[Arc<Engine>], job: &'static str, mut done: impl AsyncFnMut() -> bool) {
    let servers: Vec<_> = engines
        .iter()
        .map(|engine| Runner::new(Arc::clone(engine), all(engine, Retention::default())))
        .collect();
    let work = async {
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            for server in &servers {
                server.turn(job).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
            if done().await {
                return;
            }
        }
        panic!("{job} did not do it in time");
    };
    let local = LocalSet::new();
    local.run_until(work).await;
    // What is under way is noted, and what was claimed is given back.
    local.await;
}

/// What a step is to do.
enum Does {
    Step(Step),
    Fail,
    Panic,
    Hang,
}

/// A job that does what the test says, and then finds nothing more to do.
struct Scripted {
    turns: Turns,
    next: RefCell<VecDeque<Does>>,
    steps: Cell<u32>,
}

impl Scripted {
    fn new(turns: Turns, next: impl IntoIterator<Item = Does>) -> Rc<Self> {
        Rc::new(Self { turns, next: RefCell::new(next.into_iter().collect()), steps: Cell::new(0) })
    }

    fn will(&self, next: Does) {
        self.next.borrow_mut().push_back(next);
    }
}

impl Job for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn schedule(&self) -> Schedule {
        let period = Duration::from_secs(PERIOD.unsigned_abs());
        Schedule { period, turns: self.turns, breath: Duration::ZERO }
    }

    fn step<'a>(&'a self, _: &'a Engine) -> Stepping<'a> {
        Box::pin(async {
            self.steps.set(self.steps.get() + 1);
            let next = self.next.borrow_mut().pop_front();
            match next {
                None => Ok(Step::Done(0)),
                Some(Does::Step(step)) => Ok(step),
                Some(Does::Fail) => Err(Error::NotFound(Resource::Organization)),
                Some(Does::Panic) => panic!("as the test says"),
                Some(Does::Hang) => std::future::pending().await,
            }
        })
    }
}

/// A server that does one job.
fn server(engine: &Arc<Engine>, job: &Rc<Scripted>) -> Runner {
    Runner::new(Arc::clone(engine), vec![Rc::clone(job) as Rc<dyn Job>])
}

async fn turn(runner: &Runner) -> Turn {
    runner.turn("scripted").await.unwrap()
}

async fn status(engine: &Engine) -> JobStatus {
    let mut jobs = engine.job_statuses().await.unwrap();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    jobs.remove(0)
}

async fn state(engine: &Engine) -> JobState {
    status(engine).await.state(engine.now())
}

#[database_test]
async fn of_many_servers_one_does_what_is_due(store: Store) {
    let (engine, clock) = engine(store.clone());
    let job = Scripted::new(Turns::OneServer, []);
    let servers: Vec<_> = (0..12)
        .map(|seed| server(&another_engine(store.clone(), 100 + seed).0, &job))
        .chain([server(&engine, &job)])
        .collect();
    let all = async || {
        let turns = join_all(servers.iter().map(turn)).await;
        turns.into_iter().filter(|turn| turn.run.is_some()).count()
    };
    let work = async {
        assert_eq!((all().await, job.steps.get()), (1, 1));
        assert_eq!((all().await, job.steps.get()), (0, 1), "and then it is not due");
        // Their clocks stand still.
        let servers: Vec<_> = (0..12)
            .map(|seed| {
                let (engine, theirs) = another_engine(store.clone(), 200 + seed);
                theirs.advance(PERIOD);
                server(&engine, &job)
            })
            .collect();
        let turns = join_all(servers.iter().map(turn)).await;
        assert_eq!(turns.iter().filter(|turn| turn.run.is_some()).count(), 1, "in the next period");
        assert_eq!(job.steps.get(), 2);
        clock.advance(PERIOD);
    };
    LocalSet::new().run_until(work).await;
    assert_eq!(status(&engine).await.finished_at, Some(engine.now()));
}

#[database_test]
async fn a_turn_goes_on_until_nothing_is_left(store: Store) {
    let (engine, _) = engine(store);
    let job = Scripted::new(Turns::OneServer, [3, 2].map(|done| Does::Step(Step::More(done))));
    let runner = server(&engine, &job);
    let turn = LocalSet::new().run_until(turn(&runner)).await;
    assert_eq!((turn.run.unwrap().done, job.steps.get()), (5, 3));
    assert_eq!(turn.pause.as_secs(), PERIOD.unsigned_abs());
    let status = status(&engine).await;
    assert_eq!((status.done, status.claim, status.due_at), (5, None, engine.now().plus_seconds(PERIOD)));
    assert_eq!(status.health.succeeded_at, Some(engine.now()));
}

#[database_test]
async fn another_server_goes_on_for_one_that_was_killed(store: Store) {
    let (engine, clock) = engine(store.clone());
    let job = Scripted::new(Turns::OneServer, [Does::Hang]);
    let other = Scripted::new(Turns::OneServer, []);
    let (killed, survivor) = (server(&engine, &job), server(&engine, &other));
    let work = async {
        let begun = async {
            while job.steps.get() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = turn(&killed) => panic!("it hangs"),
            () = begun => {}
        }
        assert_eq!(state(&engine).await, JobState::Running);
        for _ in 0..3 {
            let elsewhere = turn(&survivor).await;
            assert_eq!(elsewhere.run, None, "a server has it");
            assert!(elsewhere.pause.as_secs() <= LEASE_SECONDS.unsigned_abs());
            clock.advance(LEASE_SECONDS / 3 - 1);
        }
        clock.advance(3);
        assert!(turn(&survivor).await.run.is_some());
        assert_eq!((other.steps.get(), state(&engine).await), (1, JobState::Ok));
    };
    LocalSet::new().run_until(work).await;
}

#[database_test]
async fn a_server_whose_claim_has_ended_writes_nothing_over_another_s(store: Store) {
    let (engine, clock) = engine(store.clone());
    let (slow, quick) = (Scripted::new(Turns::OneServer, []), Scripted::new(Turns::OneServer, []));
    slow.will(Does::Step(Step::More(7)));
    let (first, second) = (server(&engine, &slow), server(&engine, &quick));
    let work = async {
        // While the first is between two steps, the second takes the job over and ends it.
        let mut under_way = std::pin::pin!(turn(&first));
        while slow.steps.get() == 0 {
            tokio::select! {
                biased;
                _ = &mut under_way => panic!("it is not done"),
                () = tokio::task::yield_now() => {}
            }
        }
        clock.advance(LEASE_SECONDS + 1);
        assert!(turn(&second).await.run.is_some());
        let after = status(&engine).await;
        under_way.await;
        assert_eq!(status(&engine).await, after);
    };
    LocalSet::new().run_until(work).await;
}

#[database_test]
async fn a_job_that_fails_is_seen_waits_longer_and_longer_and_recovers(store: Store) {
    let (engine, clock) = engine(store);
    let job = Scripted::new(Turns::OneServer, []);
    let runner = server(&engine, &job);
    let work = async {
        turn(&runner).await;
        let well = engine.now();
        clock.advance(PERIOD);
        let mut waited = Vec::new();
        let began = engine.now();
        for failures in 1..=12 {
            job.will(Does::Fail);
            let failed = turn(&runner).await;
            assert!(matches!(failed.run.unwrap().fault, Some(JobFault::Failed(_))));
            assert_eq!(turn(&runner).await.run, None, "not at once again");
            let status = status(&engine).await;
            assert_eq!((status.health.failures, status.health.failing_since), (failures, Some(began)));
            assert_eq!(status.health.succeeded_at, Some(well));
            assert_eq!(status.health.last_error.as_deref(), Some("there is no such organization"));
            assert_eq!(status.state(engine.now()), JobState::Failing);
            let pause = status.due_at.unix() - engine.now().unix();
            assert_eq!(failed.pause.as_secs(), pause.unsigned_abs());
            waited.push(pause);
            clock.advance(pause);
        }
        assert!(waited.iter().all(|pause| (1..=PERIOD).contains(pause)), "{waited:?}");
        assert!(waited[0] <= 5 && waited[11] >= PERIOD / 2, "{waited:?}");
        assert!(turn(&runner).await.run.unwrap().fault.is_none());
        let status = status(&engine).await;
        assert_eq!((status.health.failures, status.health.succeeded_at), (0, Some(engine.now())));
        assert!(status.health.last_error.is_some(), "what it was can still be seen");
        assert_eq!(status.state(engine.now()), JobState::Ok);
    };
    LocalSet::new().run_until(work).await;
}

#[database_test]
async fn a_job_that_panics_has_failed_and_is_tried_again(store: Store) {
    let (engine, clock) = engine(store);
    for turns in [Turns::OneServer, Turns::EveryServer] {
        let job = Scripted::new(turns, [Does::Panic]);
        let runner = server(&engine, &job);
        let work = async {
            clock.advance(PERIOD);
            turn(&runner).await;
            let status = status(&engine).await;
            assert_eq!(
                (status.health.failures, status.health.last_error.as_deref()),
                (1, Some("it panicked"))
            );
            clock.advance(PERIOD);
            turn(&runner).await;
            assert_eq!(state(&engine).await, JobState::Ok);
        };
        LocalSet::new().run_until(work).await;
    }
}

#[database_test]
async fn no_clock_puts_a_job_off_by_more_than_a_period(store: Store) {
    let (engine, clock) = engine(store.clone());
    let job = Scripted::new(Turns::OneServer, []);
    let runner = server(&engine, &job);
    let work = async {
        turn(&runner).await;
        for shift in [YEAR, -YEAR, 30 * DAY, 2 * YEAR, -3_600] {
            clock.advance(shift);
            clock.advance(PERIOD);
            turn(&runner).await;
            clock.advance(-shift);
            let steps = job.steps.get();
            let mut passed = 0;
            loop {
                let pause = i64::try_from(turn(&runner).await.pause.as_secs()).unwrap();
                assert!(pause <= PERIOD, "however it looks");
                if job.steps.get() > steps {
                    break;
                }
                passed += pause;
                clock.advance(pause);
                assert!(passed <= PERIOD, "{shift}");
            }
        }
        // Neither is a claim kept by a server that was killed while its clock was ahead.
        let (ahead, theirs) = another_engine(store.clone(), 9);
        theirs.advance(YEAR);
        let hangs = Scripted::new(Turns::OneServer, [Does::Hang]);
        let killed = server(&ahead, &hangs);
        let begun = async {
            while hangs.steps.get() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = turn(&killed) => panic!("it hangs"),
            () = begun => {}
        }
        clock.advance(PERIOD);
        assert!(turn(&runner).await.run.is_some());
    };
    LocalSet::new().run_until(work).await;
}

#[database_test]
async fn a_job_of_every_server_is_written_down_when_there_is_news(store: Store) {
    let (engine, clock) = engine(store.clone());
    let job = Scripted::new(Turns::EveryServer, []);
    let servers = [server(&engine, &job), server(&engine, &job)];
    let work = async {
        for runner in &servers {
            assert!(turn(runner).await.run.is_some(), "each has its turn");
        }
        let first = status(&engine).await;
        assert_eq!(first.state(engine.now()), JobState::Ok);
        clock.advance(1);
        turn(&servers[0]).await;
        assert_eq!(status(&engine).await, first, "no news");

        job.will(Does::Step(Step::More(1)));
        job.will(Does::Step(Step::PutOff("450".to_owned())));
        let put_off = turn(&servers[0]).await;
        assert_eq!(put_off.pause.as_secs(), PERIOD.unsigned_abs(), "what was put off holds nothing else up");
        let failing = status(&engine).await;
        assert_eq!((failing.done, failing.health.failures), (1, 1));
        assert_eq!(failing.health.last_error.as_deref(), Some("450"));
        turn(&servers[0]).await;
        assert_eq!(state(&engine).await, JobState::Failing, "nothing was there to be done");
        job.will(Does::Step(Step::More(2)));
        turn(&servers[0]).await;
        assert_eq!((status(&engine).await.done, state(&engine).await), (3, JobState::Ok));
        clock.advance(3 * PERIOD);
        assert_eq!(state(&engine).await, JobState::Late, "nobody has done it since");
    };
    LocalSet::new().run_until(work).await;
}

#[database_test]
async fn a_job_that_hangs_holds_up_no_other(store: Store) {
    struct Other(tokio::sync::Notify);
    impl Job for Other {
        fn name(&self) -> &'static str {
            "other"
        }
        fn schedule(&self) -> Schedule {
            Schedule::every_server(Duration::from_millis(1))
        }
        fn step<'a>(&'a self, _: &'a Engine) -> Stepping<'a> {
            Box::pin(async {
                self.0.notify_one();
                Ok(Step::Done(0))
            })
        }
    }
    let (engine, _) = engine(store);
    let hangs = Scripted::new(Turns::EveryServer, [Does::Hang]);
    let other = Rc::new(Other(tokio::sync::Notify::new()));
    let jobs: Vec<Rc<dyn Job>> = vec![Rc::clone(&hangs) as _, Rc::clone(&other) as _];
    let runner = Runner::new(engine, jobs);
    let thrice = async {
        for _ in 0..3 {
            other.0.notified().await;
        }
    };
    let work = async {
        tokio::select! {
            () = runner.run_until(std::future::pending()) => panic!("it runs for ever"),
            () = thrice => {}
        }
    };
    LocalSet::new().run_until(work).await;
    assert_eq!(hangs.steps.get(), 1);
}

/// Servers as they are, each with all jobs that need nothing else.
fn whole_servers(store: &Store) -> Vec<(Runner, TestClock)> {
    let servers = (0..3).map(|seed| {
        let (engine, clock) = another_engine(store.clone(), 300 + seed);
        let jobs = keyward_engine::jobs::all(&engine, Retention::default());
        (Runner::new(engine, jobs), clock)
    });
    servers.collect()
}

#[database_test]
async fn several_servers_do_all_jobs_and_each_thing_once(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let change = NoticesChange { members: Some(true), ..NoticesChange::default() };
    engine.set_notices(&vendor.access(), change, None).await.unwrap();
    let expires_at = Some(Some(engine.now().plus_seconds(5 * DAY)));
    let new = keyward_engine::NewLicense {
        ends: Ends { expires_at, ..Ends::default() },
        ..new_license("Ending", "{}")
    };
    engine.create_license(&vendor.access(), new, None).await.unwrap();
    let servers = whole_servers(&store);
    let names = ["bucket_alerts", "deletions", "key_rotation", "notices", "retention"];
    let work = async {
        for _ in 0..4 {
            let turns = servers.iter().flat_map(|(runner, _)| names.map(|name| runner.turn(name)));
            assert!(join_all(turns).await.iter().all(Option::is_some));
            clock.advance(DAY / 2);
            servers.iter().for_each(|(_, clock)| clock.advance(DAY / 2));
        }
    };
    LocalSet::new().run_until(work).await;
    let mut mails = 0;
    while let Some(mail) = engine.claim_mail().await.unwrap() {
        engine.mail_sent(&mail).await.unwrap();
        mails += 1;
    }
    assert_eq!(mails, 1, "the members get one mail");
    let jobs = engine.job_statuses().await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), names);
    assert!(jobs.iter().all(|job| !job.health.is_failing()), "{jobs:#?}");
}

#[database_test]
async fn one_server_at_a_time_looks_at_a_registry(store: Store) {
    let (engine, clock) = engine(store.clone());
    let vendor = Vendor::found(&engine, "Acme").await;
    let registry = vendor.registry("Releases").await;
    let due = async || engine.unswept_registries(3_600).await.unwrap().len();
    let claimed = join_all((0..8).map(|_| engine.claim_sweep(&registry, 3_600))).await;
    assert_eq!(claimed.into_iter().filter(|claimed| *claimed.as_ref().unwrap()).count(), 1);
    assert_eq!(due().await, 0);
    clock.advance(60);
    engine.keep_sweep(&registry).await.unwrap();
    clock.advance(60);
    assert_eq!((due().await, engine.claim_sweep(&registry, 3_600).await.unwrap()), (0, false));
    clock.advance(60);
    assert_eq!(
        (due().await, engine.claim_sweep(&registry, 3_600).await.unwrap()),
        (1, true),
        "it was killed"
    );
    engine.registry_swept(&registry, engine.now(), None).await.unwrap();
    assert!(
        !engine.claim_sweep(&registry, 3_600).await.unwrap(),
        "it was due when another server had not looked yet"
    );
    clock.advance(3_600);
    assert_eq!((due().await, engine.claim_sweep(&registry, 3_600).await.unwrap()), (1, true));
    clock.advance(-YEAR);
    assert_eq!(
        (due().await, engine.claim_sweep(&registry, 3_600).await.unwrap()),
        (1, true),
        "the clock was ahead"
    );
}

#[database_test]
async fn a_server_that_stops_finishes_its_step_and_gives_the_job_back(store: Store) {
    struct Slow(tokio::sync::Notify);
    impl Job for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }
        fn schedule(&self) -> Schedule {
            Schedule::one_server(Duration::from_secs(60))
        }
        fn step<'a>(&'a self, _: &'a Engine) -> Stepping<'a> {
            Box::pin(async {
                self.0.notify_one();
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok(Step::More(1))
            })
        }
    }
    let (engine, _) = engine(store);
    let slow = Rc::new(Slow(tokio::sync::Notify::new()));
    let runner = Runner::new(Arc::clone(&engine), vec![Rc::clone(&slow) as _]);
    LocalSet::new().run_until(runner.run_until(slow.0.notified())).await;
    let status = status(&engine).await;
    assert_eq!((status.claim.is_none(), status.done), (true, 1), "{status:?}");
}
