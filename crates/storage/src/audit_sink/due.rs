//! Which sinks have something to be sent, of whatever organization.

use keyward_domain::audit_sink::LONGEST_REST;
use keyward_domain::{AuditSink, AuditSinkId, OrganizationId, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait as _, EntityTrait, QueryFilter, QueryOrder, Statement, Value};
use uuid::Uuid;

use super::progress::health;
use super::{read, row};
use crate::connection::Connection;
use crate::{Result, due};

/// What of a chain a cursor has not reached; a sink without one has not begun.
const BEHIND: &str = "(o.audit_seq > COALESCE(c.seq, 0) OR o.audit_signed_seq > COALESCE(c.signed, 0))";

/// The organizations' sinks that have something to be sent, those that were left alone longest first.
pub(crate) async fn with_due(tx: &Connection, now: Timestamp, most: u64) -> Result<Vec<AuditSink>> {
    let sql = format!(
        "SELECT s.id FROM audit_sinks AS s
            JOIN audit_sink_health AS h ON h.sink_id = s.id
            JOIN organizations AS o ON o.id = s.organization_id
            LEFT JOIN audit_sink_cursors AS c ON c.sink_id = s.id AND c.organization_id = o.id
            WHERE s.state = 'enabled' AND o.suspended_at IS NULL AND {BEHIND}
            AND (h.rests_until <= $1 OR h.rests_until > $2)
            AND NOT EXISTS (SELECT 1 FROM deletions AS d WHERE d.organization_id = o.id AND d.begun_at IS NOT NULL)
            ORDER BY h.rests_until, s.id LIMIT {most}"
    );
    let latest = now.plus_seconds(LONGEST_REST + Timestamp::SKEW_SECONDS).unix();
    let values: [Value; 2] = [now.unix().into(), latest.into()];
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    let mut ids: Vec<Uuid> = Vec::new();
    for row in tx.query_all_raw(statement).await? {
        ids.push(row.try_get_by_index(0)?);
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = row::Entity::find().filter(row::Column::Id.is_in(ids)).order_by_asc(row::Column::Id);
    found.all(tx).await?.into_iter().map(read).collect()
}

/// The organizations of which a sink of the operator has something to be sent, after one in the order of ids.
pub(crate) async fn behind(
    tx: &Connection,
    sink: AuditSinkId,
    after: Option<OrganizationId>,
    most: u64,
) -> Result<Vec<OrganizationId>> {
    let sql = format!(
        "SELECT o.id FROM organizations AS o
            LEFT JOIN audit_sink_cursors AS c ON c.sink_id = $1 AND c.organization_id = o.id
            WHERE {BEHIND} AND o.id > $2
            AND NOT EXISTS (SELECT 1 FROM deletions AS d WHERE d.organization_id = o.id AND d.begun_at IS NOT NULL)
            ORDER BY o.id LIMIT {most}"
    );
    let after = after.map_or(Uuid::nil(), |after| after.uuid());
    let values: [Value; 2] = [sink.uuid().into(), after.into()];
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    let mut found: Vec<OrganizationId> = Vec::new();
    for row in tx.query_all_raw(statement).await? {
        found.push(row.try_get_by_index::<Uuid>(0)?.into());
    }
    Ok(found)
}

/// Holds a sink back from others until `until`; whether nobody else does.
pub(crate) async fn claim(
    tx: &Connection,
    id: AuditSinkId,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool> {
    let claimed = health::Entity::update_many()
        .col_expr(health::Column::RestsUntil, Expr::value(until.unix()))
        .filter(health::Column::SinkId.eq(id.uuid()))
        .filter(due::at(health::Column::RestsUntil, LONGEST_REST, now))
        .exec(tx)
        .await?;
    Ok(claimed.rows_affected == 1)
}
