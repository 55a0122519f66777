//! What one server counts of its work, for its operator: [`Metrics`], which an [`Engine`](crate::Engine) has and front ends add to.
//!
//! Every number is an atomic of its own. What is told apart by a label is an enum here, so the number of series is fixed and no request
//! looks anything up. How they are called and written is decided by whoever shows them; nothing here is global, so that a program
//! with two engines has two sets.

mod number;

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyward_domain::JobRun;
use keyward_domain::job::JobFault;
use keyward_domain::share::PartitionKind;
use keyward_domain::validation::Status;

pub use crate::metric_labels as labels;
pub use number::{Counted, Counter, Entered, Gauge, Histogram};

use crate::validation::Quota;

/// One number for each of a fixed set.
#[derive(Debug)]
pub struct ByLabel<L: Label, N = Counter> {
    numbers: Vec<N>,
    label: PhantomData<L>,
}

/// By what numbers are told apart: one of a fixed set.
pub trait Label: Copy + Sized + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// As it is written.
    fn as_str(self) -> &'static str;

    /// Its place in [`ALL`](Self::ALL).
    fn place(self) -> usize;
}

impl<L: Label, N: Default> Default for ByLabel<L, N> {
    fn default() -> Self {
        Self { numbers: L::ALL.iter().map(|_| N::default()).collect(), label: PhantomData }
    }
}

impl<L: Label, N> ByLabel<L, N> {
    /// The number of one.
    pub fn of(&self, label: L) -> &N {
        &self.numbers[label.place()]
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &N)> {
        L::ALL.iter().map(|label| label.as_str()).zip(&self.numbers)
    }
}

/// A set of labels, with what each stands for.
#[doc(hidden)]
#[macro_export]
macro_rules! metric_labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $label:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$each])* $label,)+ }

        impl $crate::metrics::Label for $name {
            const ALL: &'static [Self] = &[$(Self::$label,)+];

            fn as_str(self) -> &'static str {
                match self { $(Self::$label => $text,)+ }
            }

            fn place(self) -> usize {
                self as usize
            }
        }
    };
}

labels! {
    /// Why a validation had no answer.
    RefusedValidation {
        /// No product has the API key.
        UnknownKey = "unknown_api_key",
        /// The request could not be read.
        Malformed = "invalid_request",
        /// The product's bucket of the day is used up.
        Bucket = "bucket",
        /// The share of an address is.
        Address = "address",
        /// The share of a license is.
        License = "license",
        /// The share of requests that name no license is.
        UnknownLicense = "unknown_key",
        /// It could not be decided or counted.
        Failed = "failed",
    }
}

labels! {
    /// What is held in memory so that it need not be read or made again.
    CacheName {
        /// Products, for validation.
        Products = "products",
        /// Licenses, for validation.
        Licenses = "licenses",
        /// Signed status lists.
        StatusLists = "status_lists",
        /// Tokens for upstreams.
        UpstreamTokens = "upstream_tokens",
    }
}

labels! {
    /// What came of handing a mail over.
    MailOutcome {
        /// It was taken.
        Sent = "sent",
        /// It was not, and is tried again.
        Failed = "failed",
        /// It is not tried again.
        GivenUp = "given_up",
    }
}

labels! {
    /// What came of a try to deliver a message.
    WebhookOutcome {
        /// The endpoint has taken it.
        Delivered = "delivered",
        /// It has not.
        Failed = "failed",
        /// It says that it is gone for good.
        Gone = "gone",
    }
}

labels! {
    /// What came of a request to an upstream.
    UpstreamOutcome {
        /// It gave an answer that could be passed on.
        Answered = "answered",
        /// It was not reached, or gave no answer in time.
        Unreached = "unreached",
        /// It answered with an error of its own.
        Error = "error",
        /// It was not asked: too many requests to it were under way.
        Busy = "busy",
    }
}

labels! {
    /// Which way bytes went through the gateway.
    Direction {
        /// From an upstream to a client.
        Pull = "pull",
        /// From a client to an upstream.
        Push = "push",
    }
}

labels! {
    /// What refuses whoever tries too often.
    ThrottleName {
        /// Passwords and codes of one account, counted for all servers.
        Account = "account",
        /// Sign-ins to one account from one place, on this server.
        SignIn = "sign_in",
        /// Whatever is tried from one network.
        Network = "network",
        /// Wrong credentials at registries from one network.
        RegistryCredentials = "registry_credentials",
        /// Requests at registries of who was refused too often.
        RegistryRefusals = "registry_refusals",
    }
}

labels! {
    /// How a turn of a job ended.
    TurnOutcome {
        /// All of it went well.
        Ok = "ok",
        /// One thing or more could not be done and waits by itself.
        PutOff = "put_off",
        /// The job could not go on.
        Failed = "failed",
    }
}

impl Label for Status {
    const ALL: &'static [Self] = &Self::ALL;

    fn as_str(self) -> &'static str {
        Self::as_str(self)
    }

    fn place(self) -> usize {
        self as usize
    }
}

impl From<Quota> for RefusedValidation {
    fn from(quota: Quota) -> Self {
        match quota {
            Quota::Bucket => Self::Bucket,
            Quota::Share(PartitionKind::Address) => Self::Address,
            Quota::Share(PartitionKind::License) => Self::License,
            Quota::Share(PartitionKind::UnknownKey) => Self::UnknownLicense,
        }
    }
}

/// How often a cache had what was asked for.
#[derive(Debug, Default)]
pub struct CacheUse {
    /// It had it.
    pub hits: Counter,
    /// It had to be read or made.
    pub misses: Counter,
}

/// How the validations of one server are counted together.
#[derive(Debug)]
pub struct BatchMetrics {
    /// How many validations were settled at once.
    pub sizes: Histogram,
    /// How long a validation has waited until it was settled.
    pub waits: Histogram,
    /// Prepared answers that were thrown away since what they rested on was changed.
    pub stale: Counter,
}

impl Default for BatchMetrics {
    fn default() -> Self {
        Self {
            sizes: Histogram::new(&Histogram::SIZES),
            waits: Histogram::of_durations(),
            stale: Counter::default(),
        }
    }
}

/// The turns of one job at this server.
#[derive(Debug)]
pub struct JobMetrics {
    /// By how they ended.
    pub turns: ByLabel<TurnOutcome>,
    /// How long they took.
    pub durations: Histogram,
    /// How many things were done.
    pub done: Counter,
}

impl Default for JobMetrics {
    fn default() -> Self {
        Self { turns: ByLabel::default(), durations: Histogram::of_durations(), done: Counter::default() }
    }
}

/// A histogram of durations.
#[derive(Debug)]
pub struct Durations(pub Histogram);

impl Default for Durations {
    fn default() -> Self {
        Self(Histogram::of_durations())
    }
}

/// The most kinds of jobs that are told apart.
const MOST_JOBS: usize = 64;

/// All that one server counts, since its start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Validations that were answered, by their status.
    pub validations: ByLabel<Status>,
    /// Those that were not.
    pub refused_validations: ByLabel<RefusedValidation>,
    /// How they were counted.
    pub batches: Arc<BatchMetrics>,
    /// What was at hand.
    pub caches: ByLabel<CacheName, CacheUse>,
    /// Mails that were handed over, or not.
    pub mails: ByLabel<MailOutcome>,
    /// Tries to deliver messages.
    pub webhook_attempts: ByLabel<WebhookOutcome>,
    /// How long those took.
    pub webhook_durations: Durations,
    /// Requests to upstreams.
    pub upstream_requests: ByLabel<UpstreamOutcome>,
    /// How long it took until an upstream began to answer.
    pub upstream_durations: Durations,
    /// Bytes that went through the gateway.
    pub gateway_bytes: ByLabel<Direction>,
    /// Who tried too often.
    pub throttled: ByLabel<ThrottleName>,
    /// Entries of the log that were written.
    pub log_written: Counter,
    /// Entries of the log that found no room, or could not be written.
    pub log_shed: Counter,
    jobs: Mutex<Vec<(&'static str, Arc<JobMetrics>)>>,
}

impl Metrics {
    /// Counts whether a cache had what was asked for.
    pub fn looked_up(&self, cache: CacheName, found: bool) {
        let cache = self.caches.of(cache);
        if found { cache.hits.add_one() } else { cache.misses.add_one() }
    }

    /// The turns of a job. Names come from the program, so there are few.
    pub fn job(&self, name: &'static str) -> Arc<JobMetrics> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, job)) = jobs.iter().find(|(known, _)| *known == name) {
            return Arc::clone(job);
        }
        let job = Arc::<JobMetrics>::default();
        if jobs.len() < MOST_JOBS {
            jobs.push((name, Arc::clone(&job)));
        }
        job
    }

    /// The jobs that had a turn at this server, in the order of their first.
    pub fn jobs(&self) -> Vec<(&'static str, Arc<JobMetrics>)> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a turn of a job.
    pub(crate) fn turn(&self, name: &'static str, run: &JobRun, took: Duration) {
        let job = self.job(name);
        let outcome = match &run.fault {
            None => TurnOutcome::Ok,
            Some(JobFault::PutOff(_)) => TurnOutcome::PutOff,
            Some(JobFault::Failed(_)) => TurnOutcome::Failed,
        };
        job.turns.of(outcome).add_one();
        job.durations.observe_duration(took);
        job.done.add(run.done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_order<L: Label + PartialEq + std::fmt::Debug>() {
        for (place, label) in L::ALL.iter().enumerate() {
            assert_eq!(label.place(), place, "{label:?}");
        }
    }

    #[test]
    fn each_label_has_its_own_place() {
        in_order::<Status>();
        in_order::<RefusedValidation>();
        in_order::<TurnOutcome>();
    }

    #[test]
    fn a_job_is_one_however_often_it_is_asked_for() {
        let metrics = Metrics::default();
        metrics.job("mail").done.add(2);
        metrics.job("mail").done.add(3);
        let jobs = metrics.jobs();
        assert_eq!((jobs.len(), jobs[0].0, jobs[0].1.done.value()), (1, "mail", 5));
    }
}
