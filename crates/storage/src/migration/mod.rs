//! The tables, one file for each change of them. A migration that was released is never edited.

mod m0001_first_license;
mod m0002_products;
mod m0003_people;
mod m0004_registries;
mod m0005_applications;
mod m0006_providers_and_notices;
mod m0007_notifications;
mod m0008_alerts;
mod m0009_makers;
mod m0010_identity;
mod m0011_attempts_and_sealed_mails;
mod m0012_upstream_claims;
mod m0013_issuers;
mod m0014_blank_notes;
mod m0015_lists;
mod m0017_history;
mod m0018_folded_text;
mod m0020_referrers;
mod m0021_key_names;
mod m0022_ending_keys;
mod m0023_verified_domains;
mod m0024_retention;
mod m0025_deletions;
mod m0026_jobs;
mod m0027_counts;

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

/// One change of the tables.
struct Migration {
    /// By which a database knows that it has it.
    name: &'static str,
    /// Read by both databases, but for the words with a dollar sign.
    statements: &'static [&'static str],
}

macro_rules! migrations {
    ($($name:ident),+ $(,)?) => {
        vec![$(Box::new(Migration { name: stringify!($name), statements: $name::STATEMENTS })),+]
    };
}

/// The last change that programs must know to work with the tables. Those after it only add what older programs do not
/// look at, so that servers can be upgraded one after the other.
pub(crate) const REQUIRED: &str = "m0017_history";

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        migrations![
            m0001_first_license,
            m0002_products,
            m0003_people,
            m0004_registries,
            m0005_applications,
            m0006_providers_and_notices,
            m0007_notifications,
            m0008_alerts,
            m0009_makers,
            m0010_identity,
            m0011_attempts_and_sealed_mails,
            m0012_upstream_claims,
            m0013_issuers,
            m0014_blank_notes,
            m0015_lists,
            m0017_history,
            m0018_folded_text,
            m0020_referrers,
            m0021_key_names,
            m0022_ending_keys,
            m0023_verified_domains,
            m0024_retention,
            m0025_deletions,
            m0026_jobs,
            m0027_counts,
        ]
    }
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        self.name
    }
}

#[expect(elided_lifetimes_in_paths, reason = "the trait's own signature")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let words = match connection.get_database_backend() {
            DbBackend::Postgres => [
                ("$UUID", "UUID"),
                ("$BYTES", "BYTEA"),
                ("$NIL", "'00000000-0000-0000-0000-000000000000'"),
                ("$EMPTY", "''"),
            ],
            _ => [
                ("$UUID", "BLOB"),
                ("$BYTES", "BLOB"),
                ("$NIL", "X'00000000000000000000000000000000'"),
                ("$EMPTY", "X''"),
            ],
        };
        for statement in self.statements {
            let statement =
                words.iter().fold((*statement).to_owned(), |text, (word, sql)| text.replace(word, sql));
            connection.execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("a released schema is left by restoring a backup".to_owned()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use keyward_testkit::database::FreshPostgres;
    use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, Statement};

    use super::*;

    const KEY: &str = "7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC";

    /// A database as it was before `name`.
    pub(super) async fn before(name: &str, url: &str) -> DatabaseConnection {
        let connection = Database::connect(url).await.unwrap();
        let earlier = Migrator::migrations().iter().position(|migration| migration.name() == name).unwrap();
        Migrator::up(&connection, Some(earlier as u32)).await.unwrap();
        connection
    }

    async fn texts(connection: &DatabaseConnection, query: &str) -> Vec<String> {
        let query = Statement::from_string(connection.get_database_backend(), query.to_owned());
        let rows = connection.query_all_raw(query).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    async fn license_keys_leave_names_and_texts(url: &str) {
        let connection = before("m0011_attempts_and_sealed_mails", url).await;
        let id = |number: u8| match connection.get_database_backend() {
            DbBackend::Postgres => format!("'00000000-0000-0000-0000-0000000000{number:02x}'"),
            _ => format!("x'000000000000000000000000000000{number:02x}'"),
        };
        let empty = match connection.get_database_backend() {
            DbBackend::Postgres => "'\\x00'",
            _ => "x'00'",
        };
        let plain = KEY.replace('-', "");
        let detail = format!("{{\"name\":\"Analytics {KEY}\"}}");
        for statement in [
            format!(
                "INSERT INTO organizations (id, name, slug, status_window, created_at, updated_at, version) VALUES ({}, 'A', 'a', 1, 0, 0, 1)",
                id(1)
            ),
            format!(
                "INSERT INTO licenses (id, organization_id, name, state, created_at, updated_at, version, license_key) VALUES ({}, {}, 'Analytics {KEY}', 'active', 0, 0, 1, '{plain}')",
                id(2),
                id(1)
            ),
            format!(
                "INSERT INTO licenses (id, organization_id, name, state, created_at, updated_at, version) VALUES ({}, {}, 'By hand', 'active', 0, 0, 1)",
                id(3),
                id(1)
            ),
            format!(
                "INSERT INTO links (id, organization_id, purpose, target, hash, created_at, expires_at) VALUES ({}, {}, 'onboarding', {}, {empty}, 0, 0)",
                id(4),
                id(1),
                id(2)
            ),
            format!(
                "INSERT INTO audit_events (id, organization_id, actor, action, target, detail, at) VALUES ({}, {}, 'server', 'license.created', {}, '{detail}', 0)",
                id(5),
                id(1),
                id(2)
            ),
            format!(
                "INSERT INTO audit_events (id, organization_id, actor, action, target, detail, at) VALUES ({}, {}, 'server', 'onboarding_link.created', {}, '{detail}', 0)",
                id(6),
                id(1),
                id(4)
            ),
            format!(
                "INSERT INTO outbox (id, organization_id, kind, payload, created_at, attempts) VALUES ({}, {}, 'x', '{detail}', 0, 0)",
                id(5),
                id(1)
            ),
            format!(
                "INSERT INTO outbox (id, organization_id, kind, payload, created_at, attempts) VALUES ({}, {}, 'x', '{detail}', 0, 0)",
                id(6),
                id(1)
            ),
            format!(
                "INSERT INTO mails (id, organization_id, recipient, subject, body, created_at, due_at, attempts) VALUES ({}, {}, 'a@b.example', 'S', 'in clear', 0, 0, 0)",
                id(7),
                id(1)
            ),
        ] {
            connection.execute_unprepared(&statement).await.unwrap();
        }
        Migrator::up(&connection, None).await.unwrap();
        assert_eq!(
            texts(&connection, "SELECT name FROM licenses ORDER BY id").await,
            ["Analytics HN3GA-51RWC", "By hand"]
        );
        for query in ["SELECT detail FROM audit_events", "SELECT payload FROM outbox"] {
            let told = "{\"name\":\"Analytics HN3GA-51RWC\"}";
            assert_eq!(texts(&connection, query).await, [told, told], "{query}");
        }
        assert_eq!(texts(&connection, "SELECT body FROM mails WHERE sealed IS NULL").await, ["in clear"]);
        connection.close().await.unwrap();
    }

    async fn keys_that_share_a_name_stay(url: &str) {
        let connection = before("m0021_key_names", url).await;
        let postgres = connection.get_database_backend() == DbBackend::Postgres;
        let id = |number: u8| match postgres {
            true => format!("'00000000-0000-0000-0000-0000000000{number:02x}'"),
            false => format!("x'000000000000000000000000000000{number:02x}'"),
        };
        let bytes = |number: u8| match postgres {
            true => format!("'\\x{number:02x}'"),
            false => format!("x'{number:02x}'"),
        };
        let (one, empty) = (id(1), bytes(0));
        let mut statements = vec![
            format!(
                "INSERT INTO organizations (id, name, slug, status_window, created_at, updated_at, version) VALUES ({one}, 'A', 'a', 1, 0, 0, 1)"
            ),
            format!(
                "INSERT INTO registries (id, organization_id, name, host, upstream, credential, service, pass_redirects, direct, certificate, sealed_key, created_at, updated_at, version) VALUES ({one}, {one}, 'R', 'r', 'http://u', 'none', 'r', false, false, {empty}, {empty}, 0, 0, 1)"
            ),
        ];
        for (number, name, revoked) in
            [(1, "ci", "NULL"), (2, "ci", "NULL"), (3, "ci", "5"), (4, "node", "NULL"), (5, "old", "5")]
        {
            statements.push(format!(
                "INSERT INTO registry_keys (id, organization_id, registry_id, name, owner, access, hash, hint, secret_created_at, revoked_at, created_at) VALUES ({}, {one}, {one}, '{name}', 'O', 'read', {}, 'h', 0, {revoked}, 0)",
                id(number),
                bytes(number)
            ));
        }
        for statement in statements {
            connection.execute_unprepared(&statement).await.unwrap();
        }
        Migrator::up(&connection, None).await.unwrap();
        let kept = "SELECT COALESCE(living_name, '-') FROM registry_keys ORDER BY id";
        assert_eq!(texts(&connection, kept).await, ["-", "ci", "-", "node", "-"]);
        connection.close().await.unwrap();
    }

    #[tokio::test]
    async fn keys_that_share_a_name_stay_on_sqlite() {
        let dir = tempfile::tempdir().unwrap();
        keys_that_share_a_name_stay(&format!("sqlite://{}?mode=rwc", dir.path().join("k.db").display()))
            .await;
    }

    #[tokio::test]
    async fn keys_that_share_a_name_stay_on_postgresql() {
        let Some(database) = FreshPostgres::create().await else { return };
        keys_that_share_a_name_stay(&database.url).await;
        database.drop().await;
    }

    #[tokio::test]
    async fn license_keys_leave_names_and_texts_of_sqlite() {
        let dir = tempfile::tempdir().unwrap();
        license_keys_leave_names_and_texts(&format!(
            "sqlite://{}?mode=rwc",
            dir.path().join("k.db").display()
        ))
        .await;
    }

    #[tokio::test]
    async fn license_keys_leave_names_and_texts_of_postgresql() {
        let Some(database) = FreshPostgres::create().await else { return };
        license_keys_leave_names_and_texts(&database.url).await;
        database.drop().await;
    }
}
