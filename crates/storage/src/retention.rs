//! Removes what is old enough, a bounded number of rows at a time, and keeps what was seen of the clock.

use keyward_domain::product::ApiKey;
use keyward_domain::{SteadyClock, Timestamp};
use sea_orm::sea_query::{Expr, LockBehavior};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, DbBackend, EntityTrait, QueryFilter, QuerySelect, Statement, Value,
};
use uuid::{Builder, Uuid};

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "clock_record")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub seen_at: i64,
        pub steady_since: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("clock_record");

/// What can be removed once it is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aged {
    /// Sessions, by their end.
    Sessions,
    /// Secrets that waited to be shown once, by their end.
    ShownOnce,
    /// People on their way to a sign-in provider, by when they were no longer waited for.
    Departures,
    /// Failed sign-ins, by the beginning of the window they were counted in.
    SignInAttempts,
    /// Counts of mails, by the beginning of the window.
    MailCounts,
    /// Named requests, by when they were carried out.
    IdempotencyKeys,
    /// Links that were used or have run out, by when they were made.
    Links,
    /// Users of customers who were invited and have not accepted, by when they were last invited.
    CustomerInvitations,
    /// What was tried to deliver, by when its message was written.
    WebhookAttempts,
    /// Messages on their way to endpoints, once nothing is kept of what was tried.
    WebhookDeliveries,
    /// Endpoints that were deleted, once nothing is on its way to them.
    Webhooks,
    /// Messages, once none is on its way.
    Outbox,
    /// The audit log.
    AuditEvents,
    /// What happened at registries.
    RegistryEvents,
    /// Alerts that someone has acknowledged, by when they were raised.
    Alerts,
    /// The same of what is no registry.
    SubjectAlerts,
    /// What partitions took of products' buckets, by the day.
    UsageShares,
    /// How often licenses were validated, by the day.
    LicenseUsage,
    /// How much was pulled with them, by the day.
    LicensePulls,
    /// Which versions have validated them, by when they were last seen.
    LicenseVersions,
    /// What was told of products' buckets, by when it was.
    BucketAlerts,
    /// How often registry keys and licenses did something, by the hour.
    RegistryHours,
    /// Where registry keys were used, by when they last were. The latest place of a key stays, or whoever finds a key that
    /// rests would be where it is used for the first time.
    RegistryNetworks,
}

/// How old a row is.
enum Age {
    /// This column says it, in seconds.
    Seconds(&'static str),
    /// This column says it, in hours.
    Hours(&'static str),
    /// The instant in this id does.
    Id(&'static str),
    /// This column says it, in days.
    Days(&'static str),
}

impl Aged {
    /// Table, age, and what else must hold; the instant is `$1`.
    fn parts(self) -> (&'static str, Age, &'static str) {
        match self {
            Self::Sessions => ("sessions", Age::Seconds("expires_at"), ""),
            Self::ShownOnce => ("shown_once", Age::Seconds("expires_at"), ""),
            Self::Departures => ("departures", Age::Seconds("expires_at"), ""),
            Self::SignInAttempts => ("sign_in_attempts", Age::Seconds("since"), ""),
            Self::MailCounts => ("mail_counts", Age::Seconds("since"), ""),
            Self::IdempotencyKeys => ("idempotency_keys", Age::Seconds("created_at"), ""),
            Self::Links => ("links", Age::Id("id"), ""),
            Self::CustomerInvitations => (
                "customer_users",
                Age::Seconds("updated_at"),
                " AND joined_at IS NULL",
            ),
            Self::WebhookAttempts => ("webhook_attempts", Age::Id("delivery_id"), ""),
            Self::WebhookDeliveries => (
                "webhook_deliveries",
                Age::Id("id"),
                " AND NOT EXISTS (SELECT 1 FROM webhook_attempts AS a WHERE a.delivery_id = webhook_deliveries.id)",
            ),
            Self::Webhooks => (
                "webhooks",
                Age::Seconds("deleted_at"),
                " AND NOT EXISTS (SELECT 1 FROM webhook_deliveries AS d WHERE d.webhook_id = webhooks.id)",
            ),
            Self::Outbox => (
                "outbox",
                Age::Id("id"),
                " AND NOT EXISTS (SELECT 1 FROM webhook_deliveries AS d WHERE d.message_id = outbox.id)",
            ),
            // What is in the chain goes up to where it was cut (`Tx::cut_chains`), so that what is left begins at a checkpoint.
            Self::AuditEvents => (
                "audit_events",
                Age::Id("id"),
                " AND (seq IS NULL OR seq <= (SELECT audit_cut_seq FROM organizations
                    WHERE organizations.id = audit_events.organization_id))",
            ),
            Self::RegistryEvents => ("registry_events", Age::Id("id"), ""),
            Self::Alerts => ("alerts", Age::Id("id"), " AND acknowledged_at IS NOT NULL"),
            Self::SubjectAlerts => ("subject_alerts", Age::Id("id"), " AND acknowledged_at IS NOT NULL"),
            Self::UsageShares => ("usage_shares", Age::Days("day"), ""),
            Self::LicenseUsage => ("license_usage", Age::Days("day"), ""),
            Self::LicensePulls => ("license_pulls", Age::Days("day"), ""),
            Self::LicenseVersions => ("license_versions", Age::Seconds("last_seen_at"), ""),
            Self::BucketAlerts => ("bucket_alerts", Age::Id("id"), ""),
            Self::RegistryHours => ("registry_hours", Age::Hours("hour"), ""),
            Self::RegistryNetworks => (
                "registry_networks",
                Age::Seconds("last_at"),
                " AND EXISTS (SELECT 1 FROM registry_networks AS later WHERE later.key_id = registry_networks.key_id
                    AND later.last_at > registry_networks.last_at)",
            ),
        }
    }
}

/// Removes the oldest rows from before `before`, at most `most`. Gives how many.
pub(crate) async fn remove(tx: &Connection, what: Aged, before: Timestamp, most: u64) -> Result<u64> {
    let (table, age, besides) = what.parts();
    let (column, before): (_, Value) = match age {
        Age::Seconds(column) => (column, before.unix().into()),
        Age::Hours(column) => (column, (before.unix() / 3_600).into()),
        Age::Id(column) => (column, first_id(before).into()),
        Age::Days(column) => (column, before.day().into()),
    };
    let condition = format!("{column} < $1{besides}");
    remove_rows(tx, table, (&condition, column), vec![before], most).await
}

/// Removes rows of a table that fit a condition, in an order if it is not empty, at most `most`. Rows that others hold are passed over. Gives
/// how many.
pub(crate) async fn remove_rows(
    tx: &Connection,
    table: &str,
    (condition, order): (&str, &str),
    values: Vec<Value>,
    most: u64,
) -> Result<u64> {
    let backend = tx.get_database_backend();
    let order = if order.is_empty() { String::new() } else { format!("ORDER BY {order} ") };
    let sql = match backend {
        // Where a row lies says which it is, whatever its key is made of.
        DbBackend::Postgres => format!(
            "DELETE FROM {table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {table} WHERE {condition} {order}\
             LIMIT {most} FOR UPDATE SKIP LOCKED))"
        ),
        _ => format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {condition} {order}LIMIT {most})"
        ),
    };
    Ok(tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?.rows_affected())
}

/// Brings keys back to `now` that a clock has made which was ahead. Each registry key is then looked at anew.
pub(crate) async fn bring_keys_back(tx: &Connection, now: Timestamp) -> Result<()> {
    let backend = tx.get_database_backend();
    let (day, now, ahead) = (24 * 60 * 60, now.unix(), now.unix() + Timestamp::SKEW_SECONDS);
    let longest = i64::from(ApiKey::MOST_OVERLAP_SECONDS);
    for sql in [
        format!(
            "UPDATE registry_keys SET secret_created_at = $1, next_step_at = $1,
                previous_until = CASE WHEN previous_until > $1 + COALESCE(overlap_days * {day}, {longest})
                    THEN $1 + COALESCE(overlap_days * {day}, {longest}) ELSE previous_until END,
                collected_at = CASE WHEN collected_at > $1 THEN $1 ELSE collected_at END
            WHERE secret_created_at > $2"
        ),
        "UPDATE products SET key_created_at = $1 WHERE key_created_at > $2".to_owned(),
        format!("UPDATE products SET previous_until = $1 + {longest} WHERE previous_until > $2 + {longest}"),
    ] {
        let values = [now.into(), ahead.into()];
        tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
    Ok(())
}

/// The first id that could be made at an instant.
pub(crate) fn first_id(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.unix()).unwrap_or_default() * 1_000;
    Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

/// What was seen of the clock by whichever server looked last.
pub struct ClockRecord<'a> {
    pub(crate) tx: &'a Connection,
}

impl ClockRecord<'_> {
    /// What was seen, locked until the end of the transaction; `None` while another server holds it.
    pub async fn lock(&self) -> Result<Option<SteadyClock>> {
        let found = row::Entity::find_by_id(1).lock_with_behavior(ROW, LockBehavior::SkipLocked);
        found.one(self.tx).await?.map(read).transpose()
    }

    /// What was seen.
    pub async fn find(&self) -> Result<SteadyClock> {
        let found = row::Entity::find_by_id(1).one(self.tx).await?;
        read(found.ok_or_else(|| TABLE.corrupt("id"))?)
    }

    /// Keeps what was seen.
    pub async fn save(&self, clock: SteadyClock) -> Result<()> {
        let saved = row::Entity::update_many()
            .col_expr(row::Column::SeenAt, Expr::value(clock.seen_at.unix()))
            .col_expr(row::Column::SteadySince, Expr::value(clock.steady_since.unix()))
            .filter(row::Column::Id.eq(1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }
}

fn read(row: row::Model) -> Result<SteadyClock> {
    let (seen_at, steady_since) =
        (TABLE.time("seen_at", row.seen_at)?, TABLE.time("steady_since", row.steady_since)?);
    Ok(SteadyClock { seen_at, steady_since })
}
