//! Organizations that are to be deleted, and the deletion of all they have, a bounded number of rows at a time.

use keyward_domain::{Deletion, DeletionState, OrganizationId, OrganizationScope, Slug, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait as _, DbBackend, EntityTrait, PaginatorTrait as _,
    QueryFilter, QuerySelect, Statement,
};

use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::retention::remove_rows;
use crate::{Result, due, organization, product, signing_key};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "deletions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        pub slug: String,
        pub requested_at: i64,
        pub due_at: i64,
        pub begun_at: Option<i64>,
        pub finished_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("deletions");

/// Which rows of a table are an organization's; its id is `$1`.
const OWN: &str = "organization_id = $1";
const OF_REGISTRY: &str = "registry_id IN (SELECT id FROM registries WHERE organization_id = $1)";
const OF_ARTIFACT: &str = "artifact_id IN (SELECT id FROM artifacts WHERE organization_id = $1)";
const OF_VERSION: &str = "version_id IN (SELECT id FROM application_versions WHERE organization_id = $1)";
const OF_PRODUCT: &str = "product_id IN (SELECT id FROM products WHERE organization_id = $1)";
const OF_LICENSE: &str = "license_id IN (SELECT id FROM licenses WHERE organization_id = $1)";
const OF_ENTITLEMENT: &str =
    "entitlement_id IN (SELECT id FROM application_entitlements WHERE organization_id = $1)";
const OF_DELIVERY: &str = "delivery_id IN (SELECT id FROM webhook_deliveries WHERE organization_id = $1)";
/// Of a registry key, a license or a deployment.
const OF_HOLDER: &str = "holder_id IN (SELECT id FROM registry_keys WHERE organization_id = $1
    UNION ALL SELECT id FROM licenses WHERE organization_id = $1
    UNION ALL SELECT id FROM deployments WHERE organization_id = $1)";
const OF_KEY: &str = "key_id IN (SELECT id FROM registry_keys WHERE organization_id = $1
    UNION ALL SELECT id FROM licenses WHERE organization_id = $1)";

/// Every table with rows of organizations, in the order in which they go: first what lets people and programs in, and
/// what refers to others before the others.
pub(crate) const TABLES: &[(&str, &str)] = &[
    ("management_tokens", OWN),
    ("sessions", OWN),
    ("shown_once", OWN),
    ("departures", OWN),
    ("links", OWN),
    ("sign_in_providers", OWN),
    ("members", OWN),
    ("mails", OWN),
    ("mail_counts", OWN),
    ("idempotency_keys", OWN),
    ("webhook_attempts", OF_DELIVERY),
    ("webhook_deliveries", OWN),
    ("webhooks", OWN),
    ("event_sequences", OWN),
    ("outbox", OWN),
    ("audit_sink_cursors", OWN),
    ("audit_sink_health", OWN),
    ("audit_sinks", OWN),
    ("audit_counts", OWN),
    ("audit_events", OWN),
    ("audit_checkpoints", OWN),
    ("alerts", OWN),
    ("subject_alerts", OWN),
    ("bucket_alerts", OWN),
    ("registry_events", OWN),
    ("registry_hints", OF_REGISTRY),
    ("registry_notifications", OWN),
    ("registry_hours", OF_HOLDER),
    ("registry_networks", OF_KEY),
    ("upstream_claims", OF_REGISTRY),
    ("artifact_edges", OF_ARTIFACT),
    ("artifact_manifests", OF_ARTIFACT),
    ("artifact_tags", OF_ARTIFACT),
    ("artifact_entitlements", OWN),
    ("artifact_policies", OWN),
    ("artifacts", OWN),
    ("registry_keys", OWN),
    ("registries", OWN),
    ("deployment_transitions", OWN),
    ("deployment_revisions", OWN),
    ("deployments", OWN),
    ("join_codes", OWN),
    ("deployment_targets", OWN),
    ("application_entitlement_versions", OF_ENTITLEMENT),
    ("application_entitlements", OWN),
    ("application_charts", OF_VERSION),
    ("application_files", OF_VERSION),
    ("application_versions", OWN),
    ("applications", OWN),
    ("license_addresses", OF_LICENSE),
    ("license_usage", OF_LICENSE),
    ("license_pulls", OF_LICENSE),
    ("license_activity", OF_LICENSE),
    ("license_versions", OF_LICENSE),
    ("revisions", OWN),
    ("licenses", OWN),
    ("validation_reports", OF_PRODUCT),
    ("usage_counters", OF_PRODUCT),
    ("usage_shares", OF_PRODUCT),
    ("product_usage", OF_PRODUCT),
    ("products", OWN),
    ("customer_users", OWN),
    ("customers", OWN),
    ("signing_keys", OWN),
    ("notices", OWN),
    ("changes", OWN),
    ("organizations", "id = $1"),
];

/// Tables that no organization has rows in. `sign_in_attempts` names accounts by a hash and forgets them within the hour;
/// `upstream_endpoints` names servers that anyone may claim again; `deletions` is what stays.
#[cfg(test)]
pub(crate) const OF_NOBODY: &[&str] = &[
    "clock_record",
    "deletions",
    "jobs",
    "keyward_migrations",
    "settings",
    "sign_in_attempts",
    "upstream_endpoints",
];

/// Organizations that are to be deleted.
pub struct Deletions<'a> {
    pub(crate) tx: &'a Connection,
}

impl Deletions<'_> {
    /// That of one organization, if there is one.
    pub async fn find(&self, organization: OrganizationId) -> Result<Option<Deletion>> {
        row::Entity::find_by_id(organization.uuid()).one(self.tx).await?.map(read).transpose()
    }

    /// The same, locked until the end of the transaction.
    pub async fn lock(&self, organization: OrganizationId) -> Result<Option<Deletion>> {
        row::Entity::find_by_id(organization.uuid()).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// Writes one, in place of what was there.
    pub async fn put(&self, deletion: &Deletion) -> Result<()> {
        let (begun_at, finished_at) = match deletion.state {
            DeletionState::Scheduled => (None, None),
            DeletionState::Begun { at } => (Some(at.unix()), None),
            DeletionState::Finished { begun_at, at } => (Some(begun_at.unix()), Some(at.unix())),
        };
        let row = row::ActiveModel {
            organization_id: Set(deletion.organization.uuid()),
            slug: Set(deletion.slug.to_string()),
            requested_at: Set(deletion.requested_at.unix()),
            due_at: Set(deletion.due_at.unix()),
            begun_at: Set(begun_at),
            finished_at: Set(finished_at),
        };
        use row::Column::{BegunAt, DueAt, FinishedAt, OrganizationId, RequestedAt, Slug};
        let again = OnConflict::column(OrganizationId)
            .update_columns([Slug, RequestedAt, DueAt, BegunAt, FinishedAt])
            .to_owned();
        row::Entity::insert(row).on_conflict(again).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// Takes one back that has not begun; whether there was one.
    pub async fn remove(&self, organization: OrganizationId) -> Result<bool> {
        let scheduled = row::Entity::delete_many()
            .filter(row::Column::OrganizationId.eq(organization.uuid()))
            .filter(row::Column::BegunAt.is_null());
        Ok(scheduled.exec(self.tx).await?.rows_affected == 1)
    }

    /// The one that is due at `now` for longest and not finished, locked until the end of the transaction; of several who ask
    /// at once, each gets another.
    pub async fn due(&self, now: Timestamp) -> Result<Option<Deletion>> {
        // Not as all else that is due: a clock that is behind deletes nothing early.
        let due = row::Column::FinishedAt.is_null().and(row::Column::DueAt.lte(now.unix()));
        due::next(row::Entity::find(), due, row::Column::DueAt).one(self.tx).await?.map(read).transpose()
    }

    /// Takes an organization out of the world: under its slug, with its product keys and with its signing keys, which are
    /// overwritten, nothing is found any more. Its rows are still there.
    pub async fn take_out(&self, scope: OrganizationScope, elsewhere: &Slug, now: Timestamp) -> Result<()> {
        let id = scope.id().uuid();
        organization::row::Entity::update_many()
            .col_expr(organization::row::Column::Slug, Expr::value(elsewhere.as_str()))
            .col_expr(organization::row::Column::SuspendedAt, Expr::value(now.unix()))
            .filter(organization::row::Column::Id.eq(id))
            .exec(self.tx)
            .await?;
        signing_key::row::Entity::update_many()
            .col_expr(signing_key::row::Column::Sealed, Expr::value(Vec::<u8>::new()))
            .filter(signing_key::row::Column::OrganizationId.eq(id))
            .exec(self.tx)
            .await?;
        // What no secret has as its hash, and unique.
        let id_twice = match self.tx.get_database_backend() {
            DbBackend::Postgres => "uuid_send(id) || uuid_send(id)",
            _ => "CAST(id || id AS BLOB)",
        };
        product::row::Entity::update_many()
            .col_expr(product::row::Column::KeyHash, Expr::cust(id_twice))
            .col_expr(product::row::Column::PreviousHash, Expr::value(None::<Vec<u8>>))
            .filter(product::row::Column::OrganizationId.eq(id))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    /// How many rows an organization has, by table.
    pub async fn rows(&self, organization: OrganizationId) -> Result<Vec<(&'static str, u64)>> {
        let backend = self.tx.get_database_backend();
        let mut counts = Vec::new();
        for (table, condition) in TABLES {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE {condition}");
            let query = Statement::from_sql_and_values(backend, sql, [organization.uuid().into()]);
            let count: i64 = match self.tx.query_one_raw(query).await? {
                Some(row) => row.try_get_by_index(0)?,
                None => 0,
            };
            counts.push((*table, count.unsigned_abs()));
        }
        Ok(counts)
    }

    /// Deletes some of what an organization has, at most `most` rows; how many.
    pub async fn remove_rows(&self, organization: OrganizationId, most: u64) -> Result<u64> {
        let mut removed = 0;
        for (table, condition) in TABLES {
            let id = vec![organization.uuid().into()];
            removed += remove_rows(self.tx, table, (condition, ""), id, most - removed).await?;
            if removed == most {
                break;
            }
        }
        Ok(removed)
    }
}

/// Whether a slug was that of an organization that was deleted.
pub(crate) async fn had_slug(tx: &Connection, slug: &Slug) -> Result<bool> {
    let gone = row::Entity::find()
        .filter(row::Column::Slug.eq(slug.as_str()))
        .filter(row::Column::BegunAt.is_not_null());
    Ok(gone.count(tx).await? > 0)
}

fn read(row: row::Model) -> Result<Deletion> {
    let begun_at = TABLE.optional_time("begun_at", row.begun_at)?;
    let state = match (begun_at, TABLE.optional_time("finished_at", row.finished_at)?) {
        (None, None) => DeletionState::Scheduled,
        (Some(at), None) => DeletionState::Begun { at },
        (Some(begun_at), Some(at)) => DeletionState::Finished { begun_at, at },
        (None, Some(_)) => return Err(TABLE.corrupt("begun_at")),
    };
    Ok(Deletion {
        organization: row.organization_id.into(),
        slug: TABLE.parse("slug", &row.slug)?,
        requested_at: TABLE.time("requested_at", row.requested_at)?,
        due_at: TABLE.time("due_at", row.due_at)?,
        state,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use keyward_testkit::database::FreshPostgres;
    use sea_orm::{Database, DbBackend};
    use uuid::Uuid;

    use super::*;
    use crate::Store;

    /// Whoever adds a table says here whose rows are in it.
    async fn every_table_is_known(url: &str) {
        Store::connect(url).await.unwrap().migrate().await.unwrap();
        let connection = Database::connect(url).await.unwrap();
        let backend = connection.get_database_backend();
        let names = async |sql: &str| -> BTreeSet<String> {
            let rows =
                connection.query_all_raw(Statement::from_string(backend, sql.to_owned())).await.unwrap();
            rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
        };
        let (tables, own) = match backend {
            DbBackend::Postgres => (
                names("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'").await,
                names("SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'organization_id'").await,
            ),
            _ => (
                names("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").await,
                names("SELECT t.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table' AND c.name = 'organization_id'").await,
            ),
        };
        let text = |name: &str| name.to_owned();
        let known: BTreeSet<_> = TABLES
            .iter()
            .map(|(table, _)| text(table))
            .chain(OF_NOBODY.iter().map(|table| text(table)))
            .collect();
        assert_eq!(known, tables);
        let by_column =
            TABLES.iter().filter(|(_, condition)| *condition == OWN).map(|(table, _)| text(table));
        assert_eq!(by_column.chain([text("deletions")]).collect::<BTreeSet<_>>(), own);
        connection.close().await.unwrap();
    }

    /// One row of an organization in each table. Its ids are `$0` for its own, and others by their number; `$X` is bytes.
    const ROWS: &[&str] = &[
        "INSERT INTO organizations (id, name, slug, status_window, created_at, updated_at, version) VALUES ($0, 'N', $S, 1, 0, 0, 1)",
        "INSERT INTO notices (organization_id, members, customers, alerts, days, checked_at, digest_day, version) VALUES ($0, TRUE, TRUE, TRUE, '[]', 0, 0, 1)",
        "INSERT INTO members (id, organization_id, email, email_key, name, role, created_at, updated_at, version) VALUES ($1, $0, 'a', 'a', 'A', 'owner', 0, 0, 1)",
        "INSERT INTO management_tokens (id, organization_id, name, hint, hash, scopes, created_at) VALUES ($2, $0, 'a', '', $X, '', 0)",
        "INSERT INTO customers (id, organization_id, name, email, email_key, search, created_at, updated_at, version) VALUES ($3, $0, 'C', 'c', 'c', 'c', 0, 0, 1)",
        "INSERT INTO signing_keys (organization_id, kid, public, sealed, state, created_at) VALUES ($0, $X, $X, $X, 'active', 0)",
        "INSERT INTO customer_users (id, organization_id, customer_id, email, email_key, name, role, created_at, updated_at, version) VALUES ($24, $0, $3, '', '', '', 'admin', 0, 0, 1)",
        "INSERT INTO products (id, organization_id, name, slug, page, template, pull_roles, settings, versions, search, state, key_hash, key_hint, key_created_at, created_at, updated_at, version) VALUES ($4, $0, 'P', 'p', '', '', '', '', '', '', 'active', $X, '', 0, 0, 0, 1)",
        "INSERT INTO product_usage (product_id, day, used, answers) VALUES ($4, 1, 1, '{}')",
        "INSERT INTO usage_counters (product_id, day, counter, allotted, used, answers) VALUES ($4, 1, $0, 1, 1, '{}')",
        "INSERT INTO usage_shares (product_id, day, kind, partition_key, used, refused) VALUES ($4, 1, 'unknown_key', '', 1, 0)",
        "INSERT INTO licenses (id, organization_id, name, customer_id, product_id, search, state, created_at, updated_at, version) VALUES ($5, $0, 'L', $3, $4, '', 'active', 0, 0, 1)",
        "INSERT INTO revisions (id, organization_id, license_id, number, not_before, payload, issuer, kid, status_index, state, created_at) VALUES ($6, $0, $5, 1, 0, '{}', '', $X, 0, 'current', 0)",
        "INSERT INTO license_addresses (license_id, address, first_seen_at, last_seen_at) VALUES ($5, '192.0.2.1', 0, 0)",
        "INSERT INTO license_usage (license_id, day, status, validations) VALUES ($5, 1, 'active', 1)",
        "INSERT INTO license_pulls (license_id, day, pulls, bytes) VALUES ($5, 1, 1, 1)",
        "INSERT INTO license_activity (license_id, first_validated_at, last_validated_at, status, version, address) VALUES ($5, 0, 0, 'active', '', '192.0.2.1')",
        "INSERT INTO license_versions (license_id, version, product_id, first_seen_at, last_seen_at, status) VALUES ($5, '', $4, 0, 0, 'active')",
        "INSERT INTO audit_events (id, organization_id, actor, action, detail, at) VALUES ($7, $0, 'server', 'x', '{}', 0)",
        "INSERT INTO audit_checkpoints (organization_id, seq, hash, at, token) VALUES ($0, 1, $X, 0, '')",
        "INSERT INTO audit_counts (organization_id, day, what, count) VALUES ($0, 1, 'pulls', 1)",
        "INSERT INTO audit_sinks (id, organization_id, name, address, client_certificate, header_names, state, created_at, updated_at, version) VALUES ($24, $0, '', '', FALSE, '[]', 'enabled', 0, 0, 1)",
        "INSERT INTO audit_sink_health (sink_id, organization_id) VALUES ($24, $0)",
        "INSERT INTO audit_sink_cursors (sink_id, organization_id, seq, signed, reached_at, mark_seq, mark_signed, mark_at, settled_seq, settled_signed) VALUES ($24, $0, 1, 1, 0, 0, 0, 0, 0, 0)",
        "INSERT INTO subject_alerts (id, organization_id, subject, subject_id, kind, aspect, day, detail, created_at) VALUES ($25, $0, 'audit_sink', $24, '', '', 0, '', 0)",
        "INSERT INTO outbox (id, organization_id, kind, payload, created_at, attempts) VALUES ($7, $0, 'x', '{}', 0, 0)",
        "INSERT INTO webhooks (id, organization_id, url, events, products, secret, state, created_at, updated_at, version) VALUES ($22, $0, '', '[]', '[]', $X, 'enabled', 0, 0, 1)",
        "INSERT INTO webhook_deliveries (id, organization_id, webhook_id, message_id, sequence, kind, state, due_at, attempts, failures, created_at) VALUES ($23, $0, $22, $7, 1, 'x', 'pending', 0, 0, 0, 0)",
        "INSERT INTO webhook_attempts (delivery_id, number, at, duration_ms) VALUES ($23, 1, 0, 0)",
        "INSERT INTO validation_reports (product_id, day, answers) VALUES ($4, 1, '{}')",
        "INSERT INTO event_sequences (subject, organization_id, value) VALUES ($0, $0, 1)",
        "INSERT INTO idempotency_keys (organization_id, key, fingerprint, created_at) VALUES ($0, 'k', $X, 0)",
        "INSERT INTO changes (organization_id, target, generation) VALUES ($0, $5, 1)",
        "INSERT INTO sessions (id, organization_id, holder, holder_id, hash, address, user_agent, created_at, last_seen_at, expires_at) VALUES ($8, $0, 'member', $1, $X, '', '', 0, 0, 0)",
        "INSERT INTO shown_once (session_id, page, organization_id, sealed, expires_at) VALUES ($8, '', $0, $X, 0)",
        "INSERT INTO departures (state, organization_id, browser, expires_at) VALUES ($X, $0, $X, 0)",
        "INSERT INTO links (id, organization_id, purpose, target, hash, created_at, expires_at) VALUES ($9, $0, 'onboarding', $5, $X, 0, 0)",
        "INSERT INTO mails (id, organization_id, recipient, subject, body, created_at, due_at, attempts) VALUES ($10, $0, '', '', '', 0, 0, 0)",
        "INSERT INTO mail_counts (organization_id, kind, recipient, since, used) VALUES ($0, 'notices', $X, 0, 0)",
        "INSERT INTO sign_in_providers (organization_id, issuer, client_id, client_secret, exclusive, created_at, updated_at, version) VALUES ($0, '', '', $X, FALSE, 0, 0, 1)",
        "INSERT INTO registries (id, organization_id, name, host, upstream, credential, service, pass_redirects, direct, certificate, sealed_key, created_at, updated_at, version) VALUES ($11, $0, 'R', $S, '', 'none', '', FALSE, FALSE, $X, $X, 0, 0, 1)",
        "INSERT INTO registry_notifications (registry_id, organization_id, hash, hint, created_at) VALUES ($11, $0, $X, '', 0)",
        "INSERT INTO registry_hints (id, registry_id, repository, tag, noted_at, due_at) VALUES ($12, $11, 'a', '', 0, 0)",
        "INSERT INTO upstream_claims (registry_id, endpoint) VALUES ($11, 'e')",
        "INSERT INTO registry_keys (id, organization_id, registry_id, name, owner, access, hash, hint, secret_created_at, created_at) VALUES ($13, $0, $11, 'K', '', 'read', $X, '', 0, 0)",
        "INSERT INTO registry_events (id, organization_id, registry_id, key_id, operation, decision, repository, reference, bytes, address, client, at) VALUES ($14, $0, $11, $13, '', '', '', '', 0, '', '', 0)",
        "INSERT INTO registry_hours (holder_id, operation, hour, times) VALUES ($13, 'pull', 1, 1)",
        "INSERT INTO registry_hours (holder_id, operation, hour, times) VALUES ($5, 'pull', 1, 1)",
        "INSERT INTO registry_networks (key_id, network, known_from, last_at) VALUES ($13, '192.0.2.0/24', 0, 0)",
        "INSERT INTO alerts (id, organization_id, registry_id, holder, holder_id, kind, aspect, day, detail, created_at) VALUES ($15, $0, $11, 'key', $13, '', '', 1, '', 0)",
        "INSERT INTO bucket_alerts (id, organization_id, product_id, day, kind, partition_kind, partition_key, used, size, created_at) VALUES ($22, $0, $4, 1, 'used_up', '', '', 1, 1, 0)",
        "INSERT INTO artifacts (id, organization_id, registry_id, repository, created_at) VALUES ($16, $0, $11, 'a', 0)",
        "INSERT INTO artifact_tags (id, artifact_id, tag, digest, since) VALUES ($17, $16, 't', 'd', 0)",
        "INSERT INTO artifact_manifests (artifact_id, digest, media_type, size, total) VALUES ($16, 'd', '', 0, 0)",
        "INSERT INTO artifact_edges (artifact_id, child, parent, kind, size) VALUES ($16, 'c', 'd', '', 0)",
        "INSERT INTO artifact_policies (organization_id, policy) VALUES ($0, '')",
        "INSERT INTO artifact_entitlements (id, organization_id, customer_id, grants, created_at, updated_at, version) VALUES ($18, $0, $3, '', 0, 0, 1)",
        "INSERT INTO applications (id, organization_id, name, slug, kind, search, created_at, updated_at, version) VALUES ($19, $0, 'A', 'a', 'compose', '', 0, 0, 1)",
        "INSERT INTO application_versions (id, organization_id, application_id, name, notes, created_at, updated_at, version) VALUES ($20, $0, $19, '1', '', 0, 0, 1)",
        "INSERT INTO application_files (version_id, place, name, content) VALUES ($20, 0, 'f', '')",
        "INSERT INTO application_charts (version_id, chart) VALUES ($20, '')",
        "INSERT INTO application_entitlements (id, organization_id, customer_id, application_id, granted, created_at, updated_at, version) VALUES ($21, $0, $3, $19, 'named', 0, 0, 1)",
        "INSERT INTO application_entitlement_versions (entitlement_id, version_id) VALUES ($21, $20)",
        "INSERT INTO deployment_targets (id, organization_id, customer_id, name, mode, state, facts, paused, witnessed, created_at, updated_at, version) VALUES ($27, $0, $3, 'T', 'manage', 'waiting', '{}', FALSE, '[]', 0, 0, 1)",
        "INSERT INTO join_codes (hash, organization_id, target_id, created_at, expires_at) VALUES ($X, $0, $27, 0, 0)",
        "INSERT INTO deployments (id, organization_id, customer_id, target_id, application_id, name, project, ordered, revision, attempt, status, created_at, updated_at, version) VALUES ($28, $0, $3, $27, $19, 'D', 'kw', '', 1, 1, 'pending', 0, 0, 1)",
        "INSERT INTO deployment_revisions (id, organization_id, deployment_id, number, application_version_id, cause, actor, entered, images, created_at) VALUES ($29, $0, $28, 1, $20, '', 'server', '{}', '{}', 0)",
        "INSERT INTO deployment_transitions (deployment_id, seq, organization_id, transition, received_at) VALUES ($28, 1, $0, '{}', 0)",
    ];

    fn id(organization: u8, number: u8) -> Uuid {
        Uuid::from_u128(u128::from(organization) << 64 | u128::from(number))
    }

    /// The statement with its words replaced, the longer numbers first.
    fn filled(statement: &str, organization: u8, backend: DbBackend) -> String {
        let bytes = |hex: &str| match backend {
            DbBackend::Postgres => format!("'\\x{hex}'::bytea"),
            _ => format!("x'{hex}'"),
        };
        let uuid = |id: Uuid| match backend {
            DbBackend::Postgres => format!("'{id}'"),
            _ => format!("x'{}'", id.simple()),
        };
        let text = statement.replace("$X", &bytes(&format!("{organization:02x}").repeat(32)));
        let text = text.replace("$S", &format!("'o{organization}'"));
        (0..=29)
            .rev()
            .fold(text, |text, number| text.replace(&format!("${number}"), &uuid(id(organization, number))))
    }

    async fn nothing_is_left_of_one_and_all_of_the_other(url: &str) {
        let store = Store::connect(url).await.unwrap();
        store.migrate().await.unwrap();
        let connection = Database::connect(url).await.unwrap();
        let backend = connection.get_database_backend();
        for organization in [1, 2] {
            for statement in ROWS {
                let statement = filled(statement, organization, backend);
                connection
                    .execute_unprepared(&statement)
                    .await
                    .unwrap_or_else(|error| panic!("{statement}: {error}"));
            }
        }
        let [one, other] = [1, 2].map(|number| OrganizationId::from(id(number, 0)));
        let rows =
            async |organization| store.read().await.unwrap().deletions().rows(organization).await.unwrap();
        let before = rows(other).await;
        assert_eq!(rows(one).await, before);
        let missing: Vec<_> = before.iter().filter(|(_, count)| *count == 0).collect();
        assert!(missing.is_empty(), "no row to delete: {missing:?}");
        // Stopped after every other row.
        loop {
            let tx = store.write().await.unwrap();
            let removed = tx.deletions().remove_rows(one, 2).await.unwrap();
            tx.commit_unrecorded(crate::Technical::Seed).await.unwrap();
            if removed < 2 {
                break;
            }
        }
        assert!(rows(one).await.iter().all(|(_, count)| *count == 0));
        assert_eq!(rows(other).await, before);
        for (table, count) in before {
            let query = Statement::from_string(backend, format!("SELECT COUNT(*) FROM {table}"));
            let all: i64 =
                connection.query_one_raw(query).await.unwrap().unwrap().try_get_by_index(0).unwrap();
            assert_eq!(all.unsigned_abs(), count, "{table}");
        }
        connection.close().await.unwrap();
    }

    #[tokio::test]
    async fn every_table_of_sqlite_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("k.db").display());
        every_table_is_known(&url).await;
        nothing_is_left_of_one_and_all_of_the_other(&url).await;
    }

    #[tokio::test]
    async fn every_table_of_postgresql_is_known() {
        let Some(database) = FreshPostgres::create().await else { return };
        every_table_is_known(&database.url).await;
        nothing_is_left_of_one_and_all_of_the_other(&database.url).await;
        database.drop().await;
    }
}
