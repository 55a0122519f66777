//! Who made each management token. A token acts for its maker, so a wrong one must not lend it more than it had:
//!
//! - with the scope `operator`, it descends from the operator's command line and is the operator's;
//! - created by a member, as the audit log says, it is that member's, removed or not;
//! - created by no one, it came with its organization and is that of the first owner, who was added by no one either;
//! - created with another token, it has that token's maker;
//! - what is left is nobody's, and ends until an owner takes it over.

pub(super) const STATEMENTS: &[&str] = &[
    "ALTER TABLE management_tokens ADD COLUMN maker TEXT NOT NULL DEFAULT 'unknown'
        CHECK (maker IN ('member', 'operator', 'unknown'))",
    // Stays when the member goes.
    "ALTER TABLE management_tokens ADD COLUMN maker_id $UUID",
    "ALTER TABLE management_tokens ADD COLUMN maker_name TEXT",
    "UPDATE management_tokens SET maker = 'operator' WHERE ' ' || scopes || ' ' LIKE '% operator %'",
    "UPDATE management_tokens SET maker = 'member', maker_id = (
            SELECT event.actor_id FROM audit_events AS event
            WHERE event.action = 'token.created' AND event.actor = 'member' AND event.target = management_tokens.id)
        WHERE maker = 'unknown' AND EXISTS (
            SELECT 1 FROM audit_events AS event
            WHERE event.action = 'token.created' AND event.actor = 'member' AND event.target = management_tokens.id)",
    "UPDATE management_tokens SET maker = 'member', maker_id = (
            SELECT member.id FROM members AS member
            WHERE member.organization_id = management_tokens.organization_id AND NOT EXISTS (
                SELECT 1 FROM audit_events AS event
                WHERE event.action = 'member.created' AND event.target = member.id)
            ORDER BY member.id LIMIT 1)
        WHERE maker = 'unknown' AND NOT EXISTS (
            SELECT 1 FROM audit_events AS event
            WHERE event.action = 'token.created' AND event.target = management_tokens.id)",
    // The first owner was removed.
    "UPDATE management_tokens SET maker = 'unknown' WHERE maker = 'member' AND maker_id IS NULL",
    "WITH RECURSIVE made (id, maker, maker_id) AS (
            SELECT id, maker, maker_id FROM management_tokens WHERE maker <> 'unknown'
            UNION
            SELECT event.target, made.maker, made.maker_id FROM made JOIN audit_events AS event
                ON event.action = 'token.created' AND event.actor = 'token' AND event.actor_id = made.id)
        UPDATE management_tokens SET
            maker = (SELECT made.maker FROM made WHERE made.id = management_tokens.id),
            maker_id = (SELECT made.maker_id FROM made WHERE made.id = management_tokens.id)
        WHERE maker = 'unknown' AND id IN (SELECT made.id FROM made)",
    "UPDATE management_tokens SET maker_name = COALESCE(
            (SELECT member.name FROM members AS member WHERE member.id = management_tokens.maker_id), 'Removed member')
        WHERE maker = 'member'",
    // What concerns owners has become a scope of its own. Whoever could do it and may do it keeps it.
    "UPDATE management_tokens SET scopes = scopes || ' owners:write'
        WHERE ' ' || scopes || ' ' LIKE '% members:write %' AND ' ' || scopes || ' ' LIKE '% organizations:write %'
            AND (maker = 'operator' OR maker_id IN (SELECT member.id FROM members AS member WHERE member.role = 'owner'))",
];

#[cfg(test)]
mod tests {
    use keyward_domain::{Maker, Permission, Role};
    use keyward_testkit::database::FreshPostgres;
    use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend};
    use sea_orm_migration::MigratorTrait as _;

    use crate::Store;
    use crate::migration::Migrator;

    /// Before there were makers: two organizations, their people, and who created which token.
    const BEFORE: &[&str] = &[
        "INSERT INTO organizations (id, name, slug, status_window, created_at, updated_at, version)
            VALUES ($1, 'Acme', 'acme', 1, 0, 0, 1), ($2, 'Other', 'other', 2, 0, 0, 1)",
        // Ada founded Acme; Eve was added. Rex was removed since, and so was who founded Other.
        "INSERT INTO members (id, organization_id, email, name, role, created_at, updated_at, version) VALUES
            ($11, $1, 'ada@a.example', 'Ada', 'owner', 0, 0, 1), ($12, $1, 'eve@a.example', 'Eve', 'admin', 0, 0, 1),
            ($15, $2, 'bob@o.example', 'Bob', 'owner', 0, 0, 1)",
        "INSERT INTO management_tokens (id, organization_id, name, hint, hash, scopes, created_at) VALUES
            ($21, $1, 'first', '', $21, 'members:write organizations:write', 0),
            ($22, $1, 'eve', '', $22, 'members:write organizations:write tokens:write', 0),
            ($23, $1, 'eve child', '', $23, 'tokens:write', 0), ($24, $1, 'eve grandchild', '', $24, 'tokens:write', 0),
            ($25, $1, 'rex', '', $25, 'members:write organizations:write', 0),
            ($26, $1, 'ops', '', $26, 'organizations:write members:write operator', 0),
            ($27, $1, 'ops child', '', $27, 'licenses:read', 0), ($28, $1, 'stray', '', $28, 'licenses:read', 0),
            ($29, $1, 'ada', '', $29, 'members:write licenses:read', 0),
            ($31, $2, 'other first', '', $31, 'members:write organizations:write', 0),
            ($32, $2, 'bob', '', $32, 'members:write organizations:write', 0)",
        "INSERT INTO audit_events (id, organization_id, actor, actor_id, action, target, detail, at) VALUES
            ($41, $1, 'token', $21, 'member.created', $12, '{}', 0), ($42, $2, 'token', $31, 'member.created', $15, '{}', 0),
            ($43, $1, 'member', $12, 'token.created', $22, '{}', 0), ($44, $1, 'token', $22, 'token.created', $23, '{}', 0),
            ($45, $1, 'token', $23, 'token.created', $24, '{}', 0), ($46, $1, 'member', $13, 'token.created', $25, '{}', 0),
            ($47, $1, 'token', $26, 'token.created', $27, '{}', 0), ($48, $1, 'token', $99, 'token.created', $28, '{}', 0),
            ($49, $1, 'member', $11, 'token.created', $29, '{}', 0), ($50, $2, 'member', $15, 'token.created', $32, '{}', 0)",
    ];

    /// The statement with its ids as the database writes them; hashes are ids twice.
    fn with_ids(statement: &str, postgres: bool) -> String {
        let mut parts = statement.split('$');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (number, rest) = part.split_at(part.find(|c: char| !c.is_ascii_digit()).unwrap());
            let hash = text.trim_end().ends_with("'',");
            let hex = format!("{number:0>32}").repeat(if hash { 2 } else { 1 });
            text += &match (postgres, hash) {
                (true, false) => format!("'{hex}'::uuid"),
                (true, true) => format!("'\\x{hex}'::bytea"),
                (false, _) => format!("X'{hex}'"),
            };
            text += rest;
        }
        text
    }

    async fn migrated(url: &str) -> (DatabaseConnection, Store) {
        let database = Database::connect(url).await.unwrap();
        Migrator::up(&database, Some(8)).await.unwrap();
        let postgres = database.get_database_backend() == DbBackend::Postgres;
        for statement in BEFORE {
            database.execute_unprepared(&with_ids(statement, postgres)).await.unwrap();
        }
        Migrator::up(&database, None).await.unwrap();
        let store = Store::connect(url.trim_end_matches("?mode=rwc")).await.unwrap();
        (database, store)
    }

    async fn check(store: &Store) {
        let tx = store.read().await.unwrap();
        let mut found = Vec::new();
        for slug in ["acme", "other"] {
            let organization = tx.organizations().by_slug(&slug.parse().unwrap()).await.unwrap().unwrap();
            let page = keyward_domain::PageRequest { limit: 100, after: None };
            for token in tx.tokens(organization.scope()).list(page).await.unwrap().newest().into_iter().rev()
            {
                let maker = match &token.maker {
                    Maker::Member { name, role, .. } => format!("{name} {}", role.map_or("", Role::as_str)),
                    Maker::Operator | Maker::Unknown => token.maker.as_str().to_owned(),
                };
                let owners = token.scopes.contains(Permission::WriteOwners);
                found.push((token.name.to_string(), maker, owners));
            }
        }
        let expected = [
            ("first", "Ada owner", true),
            ("eve", "Eve admin", false),
            ("eve child", "Eve admin", false),
            ("eve grandchild", "Eve admin", false),
            ("rex", "Removed member ", false),
            ("ops", "operator", true),
            ("ops child", "operator", false),
            ("stray", "unknown", false),
            ("ada", "Ada owner", false),
            ("other first", "unknown", false),
            ("bob", "Bob owner", true),
        ];
        assert_eq!(found, expected.map(|(name, maker, owners)| (name.to_owned(), maker.to_owned(), owners)));
    }

    #[tokio::test]
    async fn old_tokens_get_makers_on_sqlite() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", dir.path().join("k.db").display());
        let (database, store) = migrated(&url).await;
        check(&store).await;
        database.close().await.unwrap();
    }

    #[tokio::test]
    async fn old_tokens_get_makers_on_postgres() {
        let Some(fresh) = FreshPostgres::create().await else { return };
        let (database, store) = migrated(&fresh.url).await;
        check(&store).await;
        database.close().await.unwrap();
        fresh.drop().await;
    }
}
