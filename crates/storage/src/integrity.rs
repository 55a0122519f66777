//! Whether a database holds together: its pages, its references, and counts that must agree.

use keyward_domain::{
    AuditSinkId, CustomerUserId, MailId, MemberId, OrganizationId, RegistryId, RegistryKeyId, WebhookId,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait as _};
use uuid::Uuid;

use crate::{Result, Store};

/// How many faults are reported.
const MOST_REPORTED: usize = 5;

/// Something sealed with the master key, beside signing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedPlace {
    /// The secret of a member's authenticator app.
    Authenticator(OrganizationId, MemberId),
    /// That of a customer's user.
    CustomerAuthenticator(OrganizationId, CustomerUserId),
    /// The key that a registry's gateway signs with.
    RegistryKey(OrganizationId, RegistryId),
    /// The password of a registry's upstream.
    UpstreamPassword(OrganizationId, RegistryId),
    /// A new secret of a registry key that waits to be collected.
    RotatedSecret(OrganizationId, RegistryKeyId),
    /// The secret of a sign-in provider.
    ClientSecret(OrganizationId),
    /// A mail on its way.
    Mail(OrganizationId, MailId),
    /// The secret that a webhook endpoint shares.
    WebhookSecret(OrganizationId, WebhookId),
    /// What the server shows to an audit sink.
    AuditSinkCredential(OrganizationId, AuditSinkId),
}

/// A kind of sealed rows: where the latest are, and what they are.
type Sealed = (&'static str, fn(OrganizationId, Uuid) -> SealedPlace);

const SEALED: &[Sealed] = &[
    ("SELECT organization_id, id, authenticator FROM members WHERE authenticator IS NOT NULL", |of, id| {
        SealedPlace::Authenticator(of, id.into())
    }),
    (
        "SELECT organization_id, id, authenticator FROM customer_users WHERE authenticator IS NOT NULL",
        |of, id| SealedPlace::CustomerAuthenticator(of, id.into()),
    ),
    ("SELECT organization_id, id, sealed_key FROM registries WHERE deleted_at IS NULL", |of, id| {
        SealedPlace::RegistryKey(of, id.into())
    }),
    (
        "SELECT organization_id, id, sealed_password FROM registries WHERE sealed_password IS NOT NULL",
        |of, id| SealedPlace::UpstreamPassword(of, id.into()),
    ),
    (
        "SELECT organization_id, id, sealed_secret FROM registry_keys WHERE sealed_secret IS NOT NULL",
        |of, id| SealedPlace::RotatedSecret(of, id.into()),
    ),
    ("SELECT organization_id, organization_id, client_secret FROM sign_in_providers", |of, _| {
        SealedPlace::ClientSecret(of)
    }),
    ("SELECT organization_id, id, sealed FROM mails WHERE sealed IS NOT NULL", |of, id| {
        SealedPlace::Mail(of, id.into())
    }),
    ("SELECT organization_id, id, secret FROM webhooks WHERE deleted_at IS NULL", |of, id| {
        SealedPlace::WebhookSecret(of, id.into())
    }),
    ("SELECT organization_id, id, credential FROM audit_sinks WHERE credential IS NOT NULL", |of, id| {
        SealedPlace::AuditSinkCredential(of, id.into())
    }),
];

/// What must not be: a fault, and how often it is there.
const COUNTS: &[(&str, &str)] = &[
    (
        "licenses without terms in force",
        "SELECT COUNT(*) FROM licenses AS l WHERE NOT EXISTS
            (SELECT 1 FROM revisions AS r WHERE r.license_id = l.id AND r.state = 'current')
            AND NOT EXISTS (SELECT 1 FROM deletions AS d WHERE d.organization_id = l.organization_id AND d.begun_at IS NOT NULL)",
    ),
    (
        "organizations whose audit log is ahead of them",
        "SELECT COUNT(*) FROM organizations AS o WHERE o.generation <
            (SELECT COALESCE(MAX(e.sequence), 0) FROM audit_events AS e WHERE e.organization_id = o.id)",
    ),
];

impl Store {
    /// Looks at all of the database, and changes nothing. Gives what is wrong with it, the first of it.
    pub async fn integrity(&self) -> Result<Vec<String>> {
        let (reader, writer) = self.probes();
        let mut faults = match reader.get_database_backend() {
            DbBackend::Postgres => writable(&writer).await,
            _ => pages(&reader).await,
        };
        // What can't be read can't be counted.
        if faults.is_empty() {
            for (what, query) in COUNTS {
                match count(&reader, query).await {
                    Ok(0) => {}
                    Ok(count) => faults.push(format!("{what}: {count}")),
                    Err(error) => faults.push(error.to_string()),
                }
            }
        }
        faults.truncate(MOST_REPORTED);
        Ok(faults)
    }

    /// What is sealed beside signing keys, the latest `most` of each kind.
    pub async fn sealed(&self, most: u64) -> Result<Vec<(SealedPlace, Vec<u8>)>> {
        let reader = self.probes().0;
        let mut found = Vec::new();
        for (query, place) in SEALED {
            let query = format!("{query} ORDER BY 2 DESC LIMIT {most}");
            let query = Statement::from_string(reader.get_database_backend(), query);
            for row in reader.query_all_raw(query).await? {
                let organization: Uuid = row.try_get_by_index(0)?;
                let place = place(organization.into(), row.try_get_by_index(1)?);
                found.push((place, row.try_get_by_index(2)?));
            }
        }
        Ok(found)
    }
}

/// The pages of a SQLite file, its indexes, and its foreign keys.
async fn pages(reader: &DatabaseConnection) -> Vec<String> {
    let ask =
        async |pragma: &str| reader.query_all_raw(Statement::from_string(DbBackend::Sqlite, pragma)).await;
    let found = match ask(&format!("PRAGMA integrity_check({MOST_REPORTED})")).await {
        Ok(rows) => rows.iter().filter_map(|row| row.try_get_by_index::<String>(0).ok()).collect(),
        Err(error) => vec![error.to_string()],
    };
    // It says in several lines what one line is for.
    let mut faults: Vec<_> =
        found.into_iter().filter(|line| line != "ok").map(|line| line.replace('\n', " ")).collect();
    if faults.is_empty() {
        match ask("PRAGMA foreign_key_check").await {
            Ok(rows) if rows.is_empty() => {}
            Ok(rows) => faults.push(format!("rows that refer to rows which are not there: {}", rows.len())),
            Err(error) => faults.push(error.to_string()),
        }
    }
    faults
}

/// Whether PostgreSQL lets us write. What is written is taken back.
async fn writable(writer: &DatabaseConnection) -> Vec<String> {
    let written = async {
        let tx = writer.begin().await?;
        tx.execute_unprepared("INSERT INTO settings (name, value) VALUES ('check', '1')").await?;
        tx.rollback().await
    };
    match written.await {
        Ok(()) => Vec::new(),
        Err(error) => vec![format!("the database does not write: {error}")],
    }
}

async fn count(reader: &DatabaseConnection, query: &str) -> Result<i64> {
    let query = Statement::from_string(reader.get_database_backend(), query);
    let row = reader.query_one_raw(query).await?;
    Ok(match row {
        Some(row) => row.try_get_by_index(0)?,
        None => 0,
    })
}
