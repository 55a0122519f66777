//! How the installation stands, for its operator.

use actix_web::{get, web};
use keyward_domain::permission::Operate;
use keyward_domain::{JobState, JobStatus, Timestamp};
use keyward_engine::Engine;
use keyward_engine::survey::stored::{Backlog, Health, PoolState, SilentUpstream, Waiting};
use keyward_engine::survey::{Disk, Finding, Load, Severity, Survey};
use keyward_web::{Answer, Caller, Problem};
use serde::Serialize;

use crate::routes::Routes;

pub(crate) fn routes(routes: &mut Routes<'_, '_>) {
    routes.service(show_system);
}

/// What is late, failing or full, and the state of the rest.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = System)]
pub(crate) struct SystemView {
    /// `ok`, `warning` or `error`: the worst of the findings.
    #[schema(value_type = SystemStatus)]
    status: &'static str,
    /// When it was looked at.
    at: Timestamp,
    /// The version of the server that was reached.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// What is not as it should be, the most urgent first.
    findings: Vec<FindingView>,
    database: DatabaseView,
    /// The jobs of all servers, by name.
    jobs: Vec<JobView>,
    /// What waits to be dealt with.
    queues: Vec<QueueView>,
    /// Webhook endpoints of all organizations.
    webhook_endpoints: EndpointsView,
    /// Registries of all organizations, by whether their upstream answered when it was last looked at.
    upstreams: UpstreamsView,
    signing_keys: SigningKeysView,
    /// The disks that the server writes to.
    disks: Vec<DiskView>,
    /// By how many milliseconds the clock of this server is ahead of the database's; absent where that has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_ahead_ms: Option<i64>,
}

/// How a system stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "of the document alone")]
pub(crate) enum SystemStatus {
    Ok,
    Warning,
    Error,
}

/// One thing that is not as it should be.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Finding)]
pub(crate) struct FindingView {
    /// What, for programs.
    #[schema(example = "job_failing")]
    code: &'static str,
    /// `warning`: everything works; `error`: something does not, or is about to stop.
    #[schema(example = "error")]
    severity: &'static str,
    /// Which of several: a job, a folder, the host of a registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "mail")]
    subject: Option<String>,
    /// What, in a sentence.
    #[schema(example = "The job mail has failed 3 times in a row: the mail server answers 450.")]
    message: String,
}

/// The database.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SystemDatabase)]
pub(crate) struct DatabaseView {
    /// `sqlite` or `postgresql`.
    #[schema(example = "postgresql")]
    kind: &'static str,
    /// `ready`, `read_only` or `unreachable`.
    #[schema(example = "ready")]
    state: &'static str,
    /// The connections of this server to it.
    pools: Vec<PoolView>,
    /// How many transactions wait for a connection.
    waiting_transactions: u64,
}

/// Connections to the database.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SystemPool)]
pub(crate) struct PoolView {
    /// `all`; on SQLite `readers` and `writer`.
    #[schema(example = "all")]
    name: &'static str,
    /// How many are open.
    open: u32,
    /// How many of those nobody uses.
    idle: u32,
    /// How many there may be.
    most: u32,
}

/// What the servers do by themselves.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SystemJob)]
pub(crate) struct JobView {
    #[schema(example = "mail")]
    name: String,
    /// `ok`, `running`, `failing` or `late`.
    #[schema(example = "ok")]
    state: &'static str,
    /// How often it is due, in seconds.
    period: i64,
    /// When it was last done.
    succeeded_at: Option<Timestamp>,
    /// How many runs have failed in a row.
    failures: u32,
    /// Since when.
    failing_since: Option<Timestamp>,
    /// Why the last one that failed did.
    last_error: Option<String>,
}

/// Things that wait.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SystemQueue)]
pub(crate) struct QueueView {
    /// `mail`, `webhooks`, `webhooks_failing`, `registry_hints` or `log`.
    #[schema(example = "mail")]
    name: &'static str,
    /// How many, counted up to 100,000.
    entries: u64,
    /// When the first of them was written.
    oldest_at: Option<Timestamp>,
}

/// Webhook endpoints.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SystemWebhookEndpoints)]
pub(crate) struct EndpointsView {
    working: u64,
    failing: u64,
    /// Given up.
    disabled: u64,
}

/// Upstreams of registries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SystemUpstreams)]
pub(crate) struct UpstreamsView {
    answering: u64,
    silent: u64,
    /// Not looked at yet.
    unseen: u64,
    /// Some of those that are silent, those first that are so for longest.
    named: Vec<SilentUpstreamView>,
}

/// An upstream that gave no answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SystemSilentUpstream)]
pub(crate) struct SilentUpstreamView {
    /// The registry's host.
    #[schema(example = "registry.acme.example")]
    host: String,
    /// Why.
    fault: String,
    /// When it was looked at.
    seen_at: Option<Timestamp>,
}

/// The signing keys of all organizations.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SystemSigningKeys)]
pub(crate) struct SigningKeysView {
    /// Organizations without an active one.
    organizations_without: u64,
    /// How many have been active for more than two years.
    due: u64,
    /// Since when the oldest is active.
    oldest_active_since: Option<Timestamp>,
}

/// A disk.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SystemDisk)]
pub(crate) struct DiskView {
    /// What of the server's is on it: `data`, `database`, `master_key`.
    #[schema(example = "data")]
    folder: &'static str,
    free_bytes: u64,
    size_bytes: u64,
}

/// Show what is late, failing or full
///
/// For the server's operator: needs the scope `operator`, which `bootstrap --operator` gives. It is about the whole
/// installation, but connections, the queue `log`, disks and the clock are those of the server that was reached. What is read from
/// the database is up to five seconds old.
#[utoipa::path(
    tag = "organizations",
    security(("management_token" = ["operator"])),
    responses((status = 200, body = SystemView)),
)]
#[get("/api/v1/system")]
pub(crate) async fn show_system(
    caller: Caller<Operate>,
    engine: web::Data<Engine>,
) -> Result<Answer<SystemView>, Problem> {
    let (survey, load, findings) = engine.system(&caller).await;
    Ok(Answer::ok(SystemView::of(&survey, &load, findings, engine.now())))
}

impl SystemView {
    fn of(survey: &Survey, load: &Load, findings: Vec<Finding>, now: Timestamp) -> Self {
        let backlog = survey.backlog.clone().unwrap_or_default();
        let worst = findings.iter().map(|finding| finding.severity).max();
        Self {
            status: worst.map_or("ok", Severity::as_str),
            at: survey.at,
            version: env!("CARGO_PKG_VERSION"),
            findings: findings.into_iter().map(FindingView::of).collect(),
            database: DatabaseView::of(survey, load),
            jobs: survey.jobs.iter().map(|job| JobView::of(job, now)).collect(),
            queues: queues(&backlog, load),
            webhook_endpoints: EndpointsView {
                working: backlog.endpoints_working,
                failing: backlog.endpoints_failing,
                disabled: backlog.endpoints_disabled,
            },
            signing_keys: SigningKeysView {
                organizations_without: backlog.organizations_without_key,
                due: backlog.old_keys,
                oldest_active_since: backlog.oldest_key_since,
            },
            upstreams: UpstreamsView {
                answering: backlog.upstreams_answering,
                silent: backlog.upstreams_silent,
                unseen: backlog.upstreams_unseen,
                named: backlog.silent.into_iter().map(SilentUpstreamView::of).collect(),
            },
            disks: survey.disks.iter().map(DiskView::of).collect(),
            clock_ahead_ms: survey.clock_ahead_ms,
        }
    }
}

impl FindingView {
    fn of(finding: Finding) -> Self {
        Self {
            code: finding.code.as_str(),
            severity: finding.severity.as_str(),
            subject: finding.subject,
            message: finding.message,
        }
    }
}

impl DatabaseView {
    fn of(survey: &Survey, load: &Load) -> Self {
        let state = match (load.database, &survey.fault) {
            (Health::Unreachable, _) | (_, Some(_)) => "unreachable",
            (Health::ReadOnly, None) => "read_only",
            (Health::Ready, None) => "ready",
        };
        let pool = |pool: &PoolState| PoolView {
            name: pool.name,
            open: pool.open,
            idle: pool.idle,
            most: pool.most,
        };
        Self {
            kind: load.database_kind,
            state,
            pools: load.pools.iter().map(pool).collect(),
            waiting_transactions: load.waiting_transactions,
        }
    }
}

impl JobView {
    fn of(job: &JobStatus, now: Timestamp) -> Self {
        let (state, health): (JobState, _) = (job.state(now), job.health.clone());
        Self {
            name: job.name.clone(),
            state: state.as_str(),
            period: job.period,
            succeeded_at: health.succeeded_at,
            failures: health.failures,
            failing_since: health.failing_since,
            last_error: health.last_error,
        }
    }
}

impl SilentUpstreamView {
    fn of(upstream: SilentUpstream) -> Self {
        Self { host: upstream.host, fault: upstream.fault, seen_at: upstream.seen_at }
    }
}

impl DiskView {
    fn of(disk: &Disk) -> Self {
        Self { folder: disk.folder, free_bytes: disk.free, size_bytes: disk.size }
    }
}

fn queues(backlog: &Backlog, load: &Load) -> Vec<QueueView> {
    let log = Waiting { entries: load.log.entries, oldest_at: load.log.oldest_at };
    let queues = [
        ("mail", backlog.mails),
        ("webhooks", backlog.deliveries),
        ("webhooks_failing", backlog.failing_deliveries),
        ("registry_hints", backlog.hints),
        ("log", log),
    ];
    let view = |(name, waiting): (_, Waiting)| QueueView {
        name,
        entries: waiting.entries,
        oldest_at: waiting.oldest_at,
    };
    queues.into_iter().map(view).collect()
}
