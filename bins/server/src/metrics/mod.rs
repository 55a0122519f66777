//! What the server tells of itself to Prometheus: collected here, written by [`exposition`], served by [`listener`].

mod exposition;
mod families;
mod listener;
mod process;

use std::sync::Arc;

use keyward_domain::{JobState, Timestamp};
use keyward_engine::Engine;
use keyward_engine::Health;
use keyward_engine::metrics::ByLabel;
use keyward_engine::metrics::Label;
use keyward_engine::survey::{Load, Survey};
use keyward_web::http_metrics::HttpMetrics;

use crate::tls::Tls;
use exposition::{Exposition, Family, Format, Scale};
use families as f;
use process::Process;

pub(crate) use listener::Listener;

/// Where the numbers come from.
pub(crate) struct Sources {
    pub engine: Arc<Engine>,
    pub http: HttpMetrics,
    pub tls: Option<Arc<Tls>>,
}

impl Sources {
    /// All metrics as they are now. It takes as long as the database is waited for: a second at most.
    async fn collect(&self, format: Format) -> String {
        let (survey, load) = (self.engine.survey().await, self.engine.load());
        let process = tokio::task::spawn_blocking(Process::read).await.unwrap_or_default();
        let mut text = Exposition::new(format);
        let labels = [("version", env!("CARGO_PKG_VERSION")), ("database", load.database_kind)];
        text.family(&f::BUILD_INFO).value(&labels, 1);
        self.http(&mut text);
        self.validations(&mut text);
        database(&mut text, &survey, &load);
        self.queues(&mut text, &survey, &load);
        self.jobs(&mut text, &survey);
        self.others(&mut text, &survey);
        self.people(&mut text, &load);
        installation(&mut text, &survey);
        if let Some(tls) = &self.tls {
            text.family(&f::CERTIFICATE_END).value(&[], tls.ends_at());
        }
        of_process(&mut text, &process);
        text.finish()
    }

    fn http(&self, text: &mut Exposition) {
        let routes = self.http.routes();
        let mut requests = text.family(&f::HTTP_REQUESTS);
        for route in &routes {
            for (code, count) in route.codes() {
                let labels = [
                    ("front_end", route.front_end.as_str()),
                    ("method", route.method),
                    ("route", route.route.as_str()),
                    ("code", &code.to_string()),
                ];
                requests.value(&labels, count);
            }
        }
        let mut durations = text.family(&f::HTTP_DURATIONS);
        for route in &routes {
            let labels = [
                ("front_end", route.front_end.as_str()),
                ("method", route.method),
                ("route", route.route.as_str()),
            ];
            durations.histogram(&labels, &route.durations, Scale::Micros);
        }
        text.family(&f::HTTP_IN_FLIGHT).value(&[], self.http.in_flight());
    }

    fn validations(&self, text: &mut Exposition) {
        let metrics = self.engine.metrics();
        each(text, &f::VALIDATIONS, "status", &metrics.validations);
        each(text, &f::VALIDATIONS_REFUSED, "reason", &metrics.refused_validations);
        text.family(&f::VALIDATION_BATCHES).histogram(&[], &metrics.batches.sizes, Scale::Things);
        text.family(&f::VALIDATION_WAITS).histogram(&[], &metrics.batches.waits, Scale::Micros);
        text.family(&f::VALIDATIONS_STALE).value(&[], metrics.batches.stale.value());
        let mut caches = text.family(&f::CACHE_REQUESTS);
        for (name, cache) in metrics.caches.all() {
            caches.value(&[("cache", name), ("result", "hit")], cache.hits.value());
            caches.value(&[("cache", name), ("result", "miss")], cache.misses.value());
        }
    }

    fn queues(&self, text: &mut Exposition, survey: &Survey, load: &Load) {
        let now = self.engine.now();
        let stored = survey.backlog.as_ref().map(|backlog| {
            [
                ("mail", backlog.mails),
                ("webhooks", backlog.deliveries),
                ("webhooks_failing", backlog.failing_deliveries),
                ("registry_hints", backlog.hints),
            ]
        });
        let log = ("log", load.log.entries, load.log.oldest_at);
        let stored = stored.into_iter().flatten().map(|(name, queue)| (name, queue.entries, queue.oldest_at));
        let queues: Vec<_> = stored.chain([log]).collect();
        let mut entries = text.family(&f::QUEUE_ENTRIES);
        for (name, count, _) in &queues {
            entries.value(&[("queue", name)], count);
        }
        let mut ages = text.family(&f::QUEUE_AGE);
        for (name, _, oldest) in &queues {
            ages.value(&[("queue", name)], oldest.map_or(0, |oldest| age(oldest, now)));
        }
        text.family(&f::LOG_BYTES).value(&[], load.log.bytes);
        text.family(&f::LOG_BYTES_MAX).value(&[], load.log.most_bytes);
        text.family(&f::LOG_WRITTEN).value(&[], self.engine.metrics().log_written.value());
        text.family(&f::LOG_SHED).value(&[], self.engine.metrics().log_shed.value());
    }

    fn jobs(&self, text: &mut Exposition, survey: &Survey) {
        let (now, jobs) = (self.engine.now(), &survey.jobs);
        let mut family = text.family(&f::JOB_SUCCEEDED);
        for job in jobs {
            // Absent for one that was never done: 0 would be 1970.
            if let Some(at) = job.health.succeeded_at {
                family.value(&[("job_name", &job.name)], at.unix());
            }
        }
        let mut family = text.family(&f::JOB_FAILURES);
        for job in jobs {
            family.value(&[("job_name", &job.name)], job.health.failures);
        }
        let mut family = text.family(&f::JOB_PERIOD);
        for job in jobs {
            family.value(&[("job_name", &job.name)], job.period);
        }
        let mut family = text.family(&f::JOB_LATE);
        for job in jobs {
            family.value(&[("job_name", &job.name)], u8::from(job.state(now) == JobState::Late));
        }
        let mine = self.engine.metrics().jobs();
        let mut family = text.family(&f::JOB_TURNS);
        for (name, job) in &mine {
            for (outcome, count) in job.turns.all() {
                family.value(&[("job_name", name), ("outcome", outcome)], count.value());
            }
        }
        let mut family = text.family(&f::JOB_DURATIONS);
        for (name, job) in &mine {
            family.histogram(&[("job_name", name)], &job.durations, Scale::Micros);
        }
        let mut family = text.family(&f::JOB_DONE);
        for (name, job) in &mine {
            family.value(&[("job_name", name)], job.done.value());
        }
    }

    /// What the server has to do with others: mail servers, endpoints, upstreams.
    fn others(&self, text: &mut Exposition, survey: &Survey) {
        let metrics = self.engine.metrics();
        each(text, &f::MAILS, "outcome", &metrics.mails);
        each(text, &f::WEBHOOK_ATTEMPTS, "outcome", &metrics.webhook_attempts);
        text.family(&f::WEBHOOK_DURATIONS).histogram(&[], &metrics.webhook_durations.0, Scale::Micros);
        if let Some(backlog) = &survey.backlog {
            text.family(&f::WEBHOOK_ENDPOINTS)
                .value(&[("state", "working")], backlog.endpoints_working)
                .value(&[("state", "failing")], backlog.endpoints_failing)
                .value(&[("state", "disabled")], backlog.endpoints_disabled);
            text.family(&f::UPSTREAMS)
                .value(&[("state", "answering")], backlog.upstreams_answering)
                .value(&[("state", "silent")], backlog.upstreams_silent)
                .value(&[("state", "unseen")], backlog.upstreams_unseen);
        }
        each(text, &f::UPSTREAM_REQUESTS, "outcome", &metrics.upstream_requests);
        text.family(&f::UPSTREAM_DURATIONS).histogram(&[], &metrics.upstream_durations.0, Scale::Micros);
        each(text, &f::GATEWAY_BYTES, "direction", &metrics.gateway_bytes);
    }

    /// Who signs in.
    fn people(&self, text: &mut Exposition, load: &Load) {
        text.family(&f::HASHES).value(&[], load.hashing.done);
        text.family(&f::HASHES_REFUSED).value(&[], load.hashing.refused);
        text.family(&f::HASHES_RUNNING).value(&[], load.hashing.running);
        text.family(&f::HASHES_WAITING).value(&[], load.hashing.waiting);
        each(text, &f::THROTTLED, "throttle", &self.engine.metrics().throttled);
    }
}

fn each<L: Label>(text: &mut Exposition, family: &'static Family, label: &str, numbers: &ByLabel<L>) {
    let mut samples = text.family(family);
    for (name, number) in numbers.all() {
        samples.value(&[(label, name)], number.value());
    }
}

fn database(text: &mut Exposition, survey: &Survey, load: &Load) {
    let (up, writable) = match load.database {
        // One that has not answered just now is gone, whatever was found out before.
        Health::Ready => (survey.fault.is_none(), survey.fault.is_none()),
        Health::ReadOnly => (survey.fault.is_none(), false),
        Health::Unreachable => (false, false),
    };
    text.family(&f::DATABASE_UP).value(&[], u8::from(up));
    text.family(&f::DATABASE_WRITABLE).value(&[], u8::from(writable));
    if let Some(at) = survey.read_at {
        text.family(&f::DATABASE_READ).value(&[], at.unix());
    }
    let mut connections = text.family(&f::DATABASE_CONNECTIONS);
    for pool in &load.pools {
        let used = pool.open.saturating_sub(pool.idle);
        connections.value(&[("pool", pool.name), ("state", "used")], used);
        connections.value(&[("pool", pool.name), ("state", "idle")], pool.idle);
    }
    let mut most = text.family(&f::DATABASE_CONNECTIONS_MAX);
    for pool in &load.pools {
        most.value(&[("pool", pool.name)], pool.most);
    }
    text.family(&f::DATABASE_WAITING).value(&[], load.waiting_transactions);
    text.family(&f::DATABASE_REFUSED).value(&[], load.refused_transactions);
}

/// Disks, keys and clocks.
fn installation(text: &mut Exposition, survey: &Survey) {
    if !survey.disks.is_empty() {
        let mut family = text.family(&f::DISK_FREE);
        for disk in &survey.disks {
            family.value(&[("folder", disk.folder)], disk.free);
        }
        let mut family = text.family(&f::DISK_SIZE);
        for disk in &survey.disks {
            family.value(&[("folder", disk.folder)], disk.size);
        }
    }
    let files: Vec<_> =
        survey.disks.iter().filter_map(|disk| Some((disk.folder, disk.free_files?))).collect();
    if !files.is_empty() {
        let mut family = text.family(&f::DISK_FREE_FILES);
        for (folder, free) in files {
            family.value(&[("folder", folder)], free);
        }
    }
    if let Some(backlog) = &survey.backlog {
        if let Some(since) = backlog.oldest_key_since {
            text.family(&f::SIGNING_KEY_SINCE).value(&[], since.unix());
        }
        text.family(&f::SIGNING_KEY_MISSING).value(&[], backlog.organizations_without_key);
    }
    if let Some(ahead) = survey.clock_ahead_ms {
        text.family(&f::CLOCK_AHEAD).value(&[], ahead as f64 / 1e3);
    }
}

fn of_process(text: &mut Exposition, process: &Process) {
    let mut tell = |family, value: Option<f64>| {
        if let Some(value) = value {
            text.family(family).value(&[], value);
        }
    };
    let number = |number: Option<u64>| number.map(|number| number as f64);
    tell(&f::PROCESS_CPU, process.cpu_seconds);
    tell(&f::PROCESS_RESIDENT, number(process.resident_bytes));
    tell(&f::PROCESS_VIRTUAL, number(process.virtual_bytes));
    tell(&f::PROCESS_THREADS, number(process.threads));
    tell(&f::PROCESS_FILES, number(process.open_files));
    tell(&f::PROCESS_FILES_MAX, number(process.most_files));
    tell(&f::PROCESS_STARTED, process.started_at);
}

fn age(then: Timestamp, now: Timestamp) -> i64 {
    (now.unix() - then.unix()).max(0)
}
