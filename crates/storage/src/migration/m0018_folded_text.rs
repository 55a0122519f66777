//! What texts and addresses are compared by, next to them.
//!
//! Databases fold letters in ways of their own, so the server does it. The columns are filled once these statements are
//! committed (`crate::folding`), so that no table is locked for long; programs that do not know them go on writing rows, which
//! are filled a moment later.

pub(super) const STATEMENTS: &[&str] = &[
    "ALTER TABLE customers ADD COLUMN search TEXT",
    "ALTER TABLE customers ADD COLUMN email_key TEXT",
    // The version of the row that was folded: a program that does not fold counts only `version` up.
    "ALTER TABLE customers ADD COLUMN folded_version BIGINT",
    "ALTER TABLE licenses ADD COLUMN search TEXT",
    "ALTER TABLE licenses ADD COLUMN folded_version BIGINT",
    "ALTER TABLE products ADD COLUMN search TEXT",
    "ALTER TABLE products ADD COLUMN folded_version BIGINT",
    "ALTER TABLE applications ADD COLUMN search TEXT",
    "ALTER TABLE applications ADD COLUMN folded_version BIGINT",
    "ALTER TABLE members ADD COLUMN email_key TEXT",
    // Added before the same address counted as taken in whatever case it was typed: it stays, beside the older one.
    "ALTER TABLE members ADD COLUMN email_twin BOOLEAN NOT NULL DEFAULT FALSE",
    "CREATE INDEX customers_email_key ON customers (email_key) WHERE deleted_at IS NULL",
    "CREATE INDEX members_sign_in_key ON members (email_key)",
    "CREATE UNIQUE INDEX members_email_key ON members (organization_id, email_key) WHERE NOT email_twin",
    // What is to be folded yet: almost always nothing.
    "CREATE INDEX customers_unfolded ON customers (id) WHERE folded_version IS NULL OR folded_version <> version",
    "CREATE INDEX licenses_unfolded ON licenses (id) WHERE folded_version IS NULL OR folded_version <> version",
    "CREATE INDEX products_unfolded ON products (id) WHERE folded_version IS NULL OR folded_version <> version",
    "CREATE INDEX applications_unfolded ON applications (id) WHERE folded_version IS NULL OR folded_version <> version",
    "CREATE INDEX members_unfolded ON members (id) WHERE email_key IS NULL",
];

#[cfg(test)]
mod tests {
    use keyward_domain::{Email, PageRequest};
    use keyward_testkit::database::FreshPostgres;
    use sea_orm::{ConnectionTrait as _, DbBackend};

    use crate::migration::tests::before;
    use crate::{Store, Tx};

    /// How an older program writes.
    const CUSTOMER: &str =
        "INSERT INTO customers (id, organization_id, name, email, created_at, updated_at, version)";
    const MEMBER: &str =
        "INSERT INTO members (id, organization_id, email, name, role, created_at, updated_at, version)";

    fn id(number: u32, backend: DbBackend) -> String {
        let hex = format!("{number:032x}");
        if backend == DbBackend::Postgres { format!("'{hex}'::uuid") } else { format!("X'{hex}'") }
    }

    async fn found(tx: &Tx, text: &str) -> usize {
        let vendor = tx.organizations().by_slug(&"acme".parse().unwrap()).await.unwrap().unwrap();
        tx.customers(vendor.scope()).list(Some(text), PageRequest::default()).await.unwrap().newest().len()
    }

    async fn by_email(tx: &Tx, email: &str) -> Vec<String> {
        let found = tx.members_by_email(&Email::to_find(email).unwrap()).await.unwrap();
        found.into_iter().map(|(member, _)| member.email.to_string()).collect()
    }

    async fn rows_of_older_programs_are_folded(url: &str) {
        let database = before("m0018_folded_text", url).await;
        let backend = database.get_database_backend();
        let run = async |statement: String| database.execute_unprepared(&statement).await.map(drop);
        run(format!(
            "INSERT INTO organizations (id, name, slug, status_window, created_at, updated_at, version) \
             VALUES ({0}, 'Acme', 'acme', 1, 0, 0, 1), ({1}, 'Other', 'other', 1, 0, 0, 1)",
            id(1, backend),
            id(2, backend)
        ))
        .await
        .unwrap();
        let member = |number: u32, of: u32, email: &str| {
            format!(
                "{MEMBER} VALUES ({}, {}, '{email}', 'M', 'viewer', 0, 0, 1)",
                id(number, backend),
                id(of, backend)
            )
        };
        let customer = |number: u32, name: &str, email: &str| {
            format!(
                "{CUSTOMER} VALUES ({}, {}, '{name}', '{email}', 0, 0, 1)",
                id(number, backend),
                id(1, backend)
            )
        };
        // More than are folded at once; two who are one by today's rule, and one who can't be mailed to.
        for number in 100..1_700 {
            run(customer(number, "Kunde Äußerst", "k@müller.example")).await.unwrap();
        }
        for (number, of, email) in [
            (10, 1, "You@acme.example"),
            (11, 1, "you@acme.example"),
            (12, 2, "YOU@acme.example"),
            (13, 1, "jörg@acme.example"),
        ] {
            run(member(number, of, email)).await.unwrap();
        }
        let store = Store::connect(url.trim_end_matches("?mode=rwc")).await.unwrap();
        store.migrate().await.unwrap();
        let tx = store.read().await.unwrap();
        assert_eq!(found(&tx, "kunde ÄUSSERST").await, 50);
        assert_eq!(found(&tx, "xn--mller-kva").await, 50);
        let everybody = tx.customers_by_email(&"K@MÜLLER.example".parse().unwrap()).await.unwrap();
        assert_eq!(everybody.len(), 20, "as many as are looked at");
        // Both stay, and sign in with their own passwords.
        let yous = ["You@acme.example", "you@acme.example", "YOU@acme.example"];
        assert_eq!(by_email(&tx, "yOU@ACME.example").await, yous);
        assert_eq!(by_email(&tx, "jörg@ACME.example").await, ["jörg@acme.example"]);
        drop(tx);
        assert!(!store.fold_texts().await.unwrap(), "nothing is left");
        // An older program goes on beside this one: it renames, adds, and adds whom it takes for somebody else.
        let renamed =
            format!("UPDATE customers SET name = 'ПОЗЖЕ', version = 2 WHERE id = {}", id(100, backend));
        run(renamed).await.unwrap();
        run(customer(5_000, "Ещё ПОЗЖЕ", "x@y.example")).await.unwrap();
        run(member(14, 1, "yoU@acme.example")).await.unwrap();
        run(member(15, 1, "NEW@acme.example")).await.unwrap();
        assert!(store.fold_texts().await.unwrap());
        let tx = store.read().await.unwrap();
        assert_eq!(found(&tx, "позже").await, 2);
        assert_eq!(by_email(&tx, "you@acme.example").await.len(), 4);
        assert_eq!(by_email(&tx, "new@acme.example").await, ["NEW@acme.example"]);
        let vendor = tx.organizations().by_slug(&"acme".parse().unwrap()).await.unwrap().unwrap();
        drop(tx);
        // The address of a twin is not free once the one is gone who had it first.
        run(format!("DELETE FROM members WHERE id = {}", id(10, backend))).await.unwrap();
        let tx = store.write().await.unwrap();
        let mut you =
            tx.members(vendor.scope()).find(uuid::Uuid::from_u128(11).into()).await.unwrap().unwrap();
        you.id = uuid::Uuid::from_u128(99).into();
        assert!(tx.members(vendor.scope()).insert(&you).await.is_err());
        drop(tx);
        database.close().await.unwrap();
    }

    #[tokio::test]
    async fn rows_of_older_programs_are_folded_on_sqlite() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", dir.path().join("k.db").display());
        rows_of_older_programs_are_folded(&url).await;
    }

    #[tokio::test]
    async fn rows_of_older_programs_are_folded_on_postgres() {
        let Some(fresh) = FreshPostgres::create().await else { return };
        rows_of_older_programs_are_folded(&fresh.url).await;
        fresh.drop().await;
    }
}
