//! What of deployments and their targets is to be told, and what of it is over, of whatever organizations: read along indexes.

use keyward_domain::{AlertId, AlertSubject, Finding, OrganizationId, Timestamp};
use sea_orm::{ConnectionTrait as _, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;
use crate::convert::Table;

const TABLE: Table = Table("deployments");

/// Whether the same was told of a thing and is open, or was told that day. Kind and day are `$2` and `$3`.
const UNTOLD: &str = "NOT EXISTS (SELECT 1 FROM subject_alerts AS a WHERE a.subject_id = t.id AND a.kind = $2
    AND (a.acknowledged_at IS NULL OR a.day = $3))";

/// What is to be told, and of what.
pub struct DueAlert {
    /// Whose.
    pub organization: OrganizationId,
    /// Of what.
    pub subject: AlertSubject,
    /// What.
    pub finding: Finding,
}

/// How long something lasts before it is told.
#[derive(Debug, Clone, Copy)]
pub struct AlertPatience {
    /// How many seconds an agent is silent.
    pub silent: i64,
    /// How many seconds a deployment is degraded.
    pub degraded: i64,
}

pub(crate) async fn due(
    tx: &Connection,
    now: Timestamp,
    patience: AlertPatience,
    most: u64,
) -> Result<Vec<DueAlert>> {
    let mut due = Vec::new();
    let silent = format!(
        "SELECT t.id, t.organization_id, t.seen_at FROM deployment_targets AS t
            WHERE t.state = 'connected' AND t.seen_at <= $1 AND {UNTOLD} LIMIT {most}"
    );
    for row in ask(tx, &silent, now.unix() - patience.silent, "target_silent", now).await? {
        let since = TABLE.time("seen_at", row.try_get_by_index(2)?)?;
        let id: Uuid = row.try_get_by_index(0)?;
        let subject = AlertSubject::DeploymentTarget(id.into());
        due.push(alert(&row, subject, Finding::TargetSilent { since })?);
    }
    let degraded = format!(
        "SELECT t.id, t.organization_id, t.reported_at FROM deployments AS t
            WHERE t.status = 'degraded' AND t.reported_at <= $1 AND {UNTOLD} LIMIT {most}"
    );
    for row in ask(tx, &degraded, now.unix() - patience.degraded, "deployment_degraded", now).await? {
        let since = TABLE.time("reported_at", row.try_get_by_index(2)?)?;
        let id: Uuid = row.try_get_by_index(0)?;
        let subject = AlertSubject::Deployment(id.into());
        due.push(alert(&row, subject, Finding::DeploymentDegraded { since })?);
    }
    let failed = format!(
        "SELECT t.id, t.organization_id, t.revision FROM deployments AS t
            WHERE t.status IN ('failed', 'rolled_back') AND t.reported_at <= $1
            AND NOT EXISTS (SELECT 1 FROM subject_alerts AS a WHERE a.subject_id = t.id AND a.kind = $2
                AND (a.acknowledged_at IS NULL OR a.day = $3) AND a.aspect = CAST(t.revision AS TEXT)) LIMIT {most}"
    );
    for row in ask(tx, &failed, now.unix(), "deployment_failed", now).await? {
        let number: i64 = row.try_get_by_index(2)?;
        let id: Uuid = row.try_get_by_index(0)?;
        let finding = Finding::DeploymentFailed { revision: TABLE.take("revision", number.try_into())? };
        due.push(alert(&row, AlertSubject::Deployment(id.into()), finding)?);
    }
    Ok(due)
}

/// The open alerts of what is well again.
pub(crate) async fn over(
    tx: &Connection,
    now: Timestamp,
    patience: AlertPatience,
    most: u64,
) -> Result<Vec<(OrganizationId, AlertId)>> {
    let sql = format!(
        "SELECT a.id, a.organization_id FROM subject_alerts AS a
            LEFT JOIN deployment_targets AS t ON t.id = a.subject_id
            LEFT JOIN deployments AS d ON d.id = a.subject_id
            WHERE a.acknowledged_at IS NULL AND (
                (a.kind = 'target_silent' AND (t.id IS NULL OR t.state <> 'connected' OR t.seen_at > $1))
                OR (a.kind = 'deployment_degraded' AND (d.id IS NULL OR d.status <> 'degraded'))
                OR (a.kind = 'deployment_failed' AND (d.id IS NULL OR d.status NOT IN ('failed', 'rolled_back')
                    OR a.aspect <> CAST(d.revision AS TEXT))))
            LIMIT {most}"
    );
    let cutoff: Value = (now.unix() - patience.silent).into();
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, [cutoff]);
    let rows = tx.query_all_raw(statement).await?;
    let read = |row: QueryResult| {
        let (id, organization): (Uuid, Uuid) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        Ok((organization.into(), id.into()))
    };
    rows.into_iter().map(read).collect()
}

fn alert(row: &QueryResult, subject: AlertSubject, finding: Finding) -> Result<DueAlert> {
    let organization: Uuid = row.try_get_by_index(1)?;
    Ok(DueAlert { organization: organization.into(), subject, finding })
}

async fn ask(
    tx: &Connection,
    sql: &str,
    cutoff: i64,
    kind: &str,
    now: Timestamp,
) -> Result<Vec<QueryResult>> {
    let values: [Value; 3] = [cutoff.into(), kind.into(), now.day().into()];
    Ok(tx.query_all_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?)
}
