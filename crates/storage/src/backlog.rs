//! What waits and what stands badly in the whole database, whatever the organization: for the operator of the servers.
//!
//! Each question is answered along an index, or counts no further than [`MOST_COUNTED`].

use keyward_domain::Timestamp;
use sea_orm::{ConnectionTrait as _, DbBackend, QueryResult, Statement};

use crate::connection::Connection;
use crate::convert::Table;
use crate::{Result, Tx};

/// How many entries of one queue are counted at most: beyond that it makes no difference.
pub const MOST_COUNTED: u64 = 100_000;

/// How many upstreams that give no answer are named.
const MOST_NAMED: u64 = 20;

/// Entries that wait to be dealt with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many there are, counted up to [`MOST_COUNTED`].
    pub entries: u64,
    /// When the first of them was written.
    pub oldest_at: Option<Timestamp>,
}

/// A registry whose upstream gave no answer when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilentUpstream {
    /// The registry's host.
    pub host: String,
    /// Why.
    pub fault: String,
    /// When it was looked at.
    pub seen_at: Option<Timestamp>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Mails that are not handed over yet.
    pub mails: Waiting,
    /// Messages for endpoints that take what they are sent, and the time at which the first of them was due.
    pub deliveries: Waiting,
    /// Messages for endpoints that have failed last, which wait for them.
    pub failing_deliveries: Waiting,
    /// Places in registries that are to be looked at.
    pub hints: Waiting,
    /// Webhook endpoints that take what they are sent.
    pub endpoints_working: u64,
    /// Those that have failed last.
    pub endpoints_failing: u64,
    /// Those that were given up.
    pub endpoints_disabled: u64,
    /// Registries whose upstream answered when it was last looked at.
    pub upstreams_answering: u64,
    /// Those whose upstream did not.
    pub upstreams_silent: u64,
    /// Those that were not looked at yet.
    pub upstreams_unseen: u64,
    /// Some of those that did not answer, those first that are silent for longest.
    pub silent: Vec<SilentUpstream>,
    /// Organizations that have no active signing key, so that nothing can be issued.
    pub organizations_without_key: u64,
    /// Since when the oldest active signing key signs.
    pub oldest_key_since: Option<Timestamp>,
    /// How many active signing keys have signed since before the time that was asked for.
    pub old_keys: u64,
    /// What the clock of the database shows, in milliseconds since 1970; `None` if it is the machine's own.
    pub database_clock_ms: Option<i64>,
}

const TABLE: Table = Table("backlog");

impl Tx {
    /// What waits and what stands badly. Signing keys are counted as old that are active since before `old`.
    pub async fn backlog(&self, old: Timestamp) -> Result<Backlog> {
        let tx = &self.inner;
        let mails = waiting(tx, &counted("created_at", "FROM mails"), OLDEST_MAIL).await?;
        let working = format!("{DELIVERIES} AND w.failures = 0");
        let first_due = format!(
            "SELECT MIN(due_at) AS n0 FROM (SELECT d.due_at {working} LIMIT {MOST_COUNTED}) AS counted"
        );
        let deliveries = waiting(tx, &counted("d.id", &working), &first_due).await?;
        let failing = format!("{DELIVERIES} AND w.failures > 0");
        let failing_deliveries = waiting(tx, &counted("d.id", &failing), OLDEST_DELIVERY).await?;
        let hints = waiting(tx, &counted("noted_at", "FROM registry_hints"), OLDEST_HINT).await?;
        let [endpoints_working, endpoints_failing, endpoints_disabled] = numbers(tx, ENDPOINTS).await?;
        let [upstreams_answering, upstreams_silent, upstreams_unseen] = numbers(tx, UPSTREAMS).await?;
        let keys = KEYS.replace("$old", &old.unix().to_string());
        let [oldest_key, old_keys, organizations_without_key] = integers(tx, &keys).await?;
        Ok(Backlog {
            mails,
            deliveries,
            failing_deliveries,
            hints,
            endpoints_working,
            endpoints_failing,
            endpoints_disabled,
            upstreams_answering,
            upstreams_silent,
            upstreams_unseen,
            silent: if upstreams_silent > 0 { silent(tx).await? } else { Vec::new() },
            organizations_without_key: count(organizations_without_key)?,
            oldest_key_since: TABLE.optional_time("since", oldest_key)?,
            old_keys: count(old_keys)?,
            database_clock_ms: match tx.get_database_backend() {
                DbBackend::Postgres => integers::<1>(tx, CLOCK).await?[0],
                _ => None,
            },
        })
    }
}

/// How many rows there are, as far as it is counted.
fn counted(column: &str, from: &str) -> String {
    format!("SELECT COUNT(*) AS n0 FROM (SELECT {column} {from} LIMIT {MOST_COUNTED}) AS counted")
}

/// A mail's id begins with the time it was written at, so the first by id is the oldest.
const OLDEST_MAIL: &str = "SELECT (SELECT created_at FROM mails ORDER BY id LIMIT 1) AS n0";

const OLDEST_HINT: &str = "SELECT MIN(noted_at) AS n0 FROM registry_hints";

const DELIVERIES: &str = "FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id \
    WHERE d.state = 'pending' AND w.state = 'enabled' AND w.deleted_at IS NULL";

/// The first message of each endpoint is the oldest of it.
const OLDEST_DELIVERY: &str = "SELECT MIN((SELECT d.created_at FROM webhook_deliveries d \
    WHERE d.webhook_id = w.id AND d.state = 'pending' ORDER BY d.sequence LIMIT 1)) AS n0 \
    FROM webhooks w WHERE w.state = 'enabled' AND w.failures > 0 AND w.deleted_at IS NULL";

const ENDPOINTS: &str = "SELECT COALESCE(SUM(CASE WHEN state = 'enabled' AND failures = 0 THEN 1 ELSE 0 END), 0) AS n0, \
    COALESCE(SUM(CASE WHEN state = 'enabled' AND failures > 0 THEN 1 ELSE 0 END), 0) AS n1, \
    COALESCE(SUM(CASE WHEN state = 'disabled' THEN 1 ELSE 0 END), 0) AS n2 FROM webhooks WHERE deleted_at IS NULL";

const UPSTREAMS: &str = "SELECT COALESCE(SUM(CASE WHEN swept_at IS NOT NULL AND sweep_fault IS NULL THEN 1 ELSE 0 END), 0) AS n0, \
    COALESCE(SUM(CASE WHEN sweep_fault IS NOT NULL THEN 1 ELSE 0 END), 0) AS n1, \
    COALESCE(SUM(CASE WHEN swept_at IS NULL AND sweep_fault IS NULL THEN 1 ELSE 0 END), 0) AS n2 \
    FROM registries WHERE deleted_at IS NULL";

const KEYS: &str = "SELECT (SELECT MIN(COALESCE(state_since, created_at)) FROM signing_keys WHERE state = 'active') AS n0, \
    (SELECT COUNT(*) FROM signing_keys WHERE state = 'active' AND COALESCE(state_since, created_at) < $old) AS n1, \
    (SELECT COUNT(*) FROM organizations o WHERE o.suspended_at IS NULL AND NOT EXISTS \
        (SELECT 1 FROM signing_keys k WHERE k.organization_id = o.id AND k.state = 'active')) AS n2";

const CLOCK: &str = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS n0";

async fn waiting(tx: &Connection, number: &str, oldest: &str) -> Result<Waiting> {
    let [entries] = numbers(tx, number).await?;
    let [oldest_at] = integers(tx, oldest).await?;
    Ok(Waiting { entries, oldest_at: TABLE.optional_time("oldest_at", oldest_at)? })
}

async fn silent(tx: &Connection) -> Result<Vec<SilentUpstream>> {
    let sql = format!(
        "SELECT host, sweep_fault, swept_at FROM registries WHERE deleted_at IS NULL AND sweep_fault IS NOT NULL \
         ORDER BY swept_at LIMIT {MOST_NAMED}"
    );
    let rows = tx.query_all_raw(Statement::from_string(tx.get_database_backend(), sql)).await?;
    let read = |row: QueryResult| {
        Ok(SilentUpstream {
            host: row.try_get("", "host")?,
            fault: row.try_get("", "sweep_fault")?,
            seen_at: TABLE.optional_time("swept_at", row.try_get("", "swept_at")?)?,
        })
    };
    rows.into_iter().map(read).collect()
}

async fn numbers<const N: usize>(tx: &Connection, sql: &str) -> Result<[u64; N]> {
    let mut numbers = [0; N];
    for (number, found) in numbers.iter_mut().zip(integers::<N>(tx, sql).await?) {
        *number = count(found)?;
    }
    Ok(numbers)
}

fn count(found: Option<i64>) -> Result<u64> {
    TABLE.take("count", u64::try_from(found.unwrap_or_default()))
}

/// The columns `n0`, `n1` … of one row.
async fn integers<const N: usize>(tx: &Connection, sql: &str) -> Result<[Option<i64>; N]> {
    let mut integers = [None; N];
    let query = Statement::from_string(tx.get_database_backend(), sql.to_owned());
    if let Some(row) = tx.query_one_raw(query).await? {
        for (place, integer) in integers.iter_mut().enumerate() {
            *integer = row.try_get("", &format!("n{place}"))?;
        }
    }
    Ok(integers)
}
