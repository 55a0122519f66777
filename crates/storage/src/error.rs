//! What can go wrong below the rules.

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// Why storage did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another row has the value that must be unique.
    #[error("another row has the same {0:?}")]
    Unique(Unique),
    /// A row holds what the domain refuses: it was not written by this program.
    #[error("the column {column} of a row in {table} holds something impossible")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The row was changed by another transaction since it was read.
    #[error("a row in {table} was changed meanwhile")]
    Stale {
        /// The table.
        table: &'static str,
    },
    /// This database cannot be used, or not in this way.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The file of a SQLite database can't be made or opened.
    #[error("the database file {path}")]
    File {
        /// Where.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database is not reached, is busy beyond patience, or can't write now. It may be tried again.
    #[error("the database is not available: {0}")]
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
    /// The database has undone the transaction for the sake of another: a deadlock, or no order in which both fit.
    #[error("the transaction was undone for the sake of another: {0}")]
    Conflict(Box<dyn std::error::Error + Send + Sync>),
    /// The connection was lost before the transaction was to be committed, so it never happened.
    #[error("the connection to the database was lost: {0}")]
    Lost(Box<dyn std::error::Error + Send + Sync>),
    /// The connection was lost while the transaction was being committed: it may have happened or not.
    #[error("whether the transaction was committed is not known: {0}")]
    Unknown(Box<dyn std::error::Error + Send + Sync>),
    /// The database refused. Not offered as a source, because it names its own sources.
    #[error("the database failed: {0}")]
    Database(Box<dyn std::error::Error + Send + Sync>),
}

/// What is unique, by the name of its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// The slug of an organization, on the whole server.
    OrganizationSlug,
    /// The e-mail address of a member, however it is typed.
    MemberEmail,
    /// The e-mail address of a customer's user, however it is typed.
    CustomerUserEmail,
    /// The name of a license that is not deleted.
    LicenseName,
    /// The name of a product.
    ProductName,
    /// The name of an application.
    ApplicationName,
    /// The name of a version in its application.
    ApplicationVersionName,
    /// Customer and application of an entitlement.
    ApplicationEntitlement,
    /// The key that people type for a license.
    LicenseKey,
    /// The host of a registry, on the whole server.
    RegistryHost,
    /// The name of a registry's key that is alive.
    RegistryKeyName,
    /// The active signing key.
    ActiveSigningKey,
    /// The `kid` of a signing key.
    SigningKeyId,
    /// A place in the status list.
    StatusIndex,
    /// The name of a customer's target that is not released.
    DeploymentTargetName,
    /// The name of a target's deployment that has not ended.
    DeploymentName,
}

impl Unique {
    /// The index as PostgreSQL names it, and as SQLite names its columns.
    const NAMES: [(Self, &'static str, &'static str); 17] = [
        (Self::OrganizationSlug, "organizations_slug", "organizations.slug"),
        (Self::MemberEmail, "members_email", "members.organization_id, members.email"),
        (Self::MemberEmail, "members_email_key", "members.organization_id, members.email_key"),
        (
            Self::CustomerUserEmail,
            "customer_users_email_key",
            "customer_users.customer_id, customer_users.email_key",
        ),
        (Self::LicenseName, "licenses_live_name", "licenses.organization_id, licenses.name"),
        (Self::ProductName, "products_name", "products.organization_id, products.name"),
        (Self::ApplicationName, "applications_name", "applications.organization_id, applications.name"),
        (
            Self::ApplicationVersionName,
            "application_versions_name",
            "application_versions.application_id, application_versions.name",
        ),
        (
            Self::ApplicationEntitlement,
            "application_entitlements_pair",
            "application_entitlements.customer_id, application_entitlements.application_id",
        ),
        (Self::LicenseKey, "licenses_key", "licenses.license_key"),
        (Self::RegistryHost, "registries_host", "registries.host"),
        (
            Self::RegistryKeyName,
            "registry_keys_living_name",
            "registry_keys.registry_id, registry_keys.living_name",
        ),
        (Self::ActiveSigningKey, "signing_keys_active", "signing_keys.organization_id"),
        (Self::SigningKeyId, "signing_keys_pkey", "signing_keys.organization_id, signing_keys.kid"),
        (Self::StatusIndex, "revisions_status_index", "revisions.organization_id, revisions.status_index"),
        (
            Self::DeploymentTargetName,
            "deployment_targets_name",
            "deployment_targets.customer_id, deployment_targets.name",
        ),
        (Self::DeploymentName, "deployments_name", "deployments.target_id, deployments.name"),
    ];

    fn recognise(message: &str) -> Option<Self> {
        let on_sqlite = message.rsplit_once("failed: ").map(|(_, columns)| columns.trim());
        Self::NAMES.into_iter().find_map(|(unique, index, columns)| {
            let quoted = message.contains(&format!("\"{index}\""));
            (quoted || on_sqlite == Some(columns)).then_some(unique)
        })
    }
}

impl From<DbErr> for StorageError {
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(message)) = error.sql_err()
            && let Some(unique) = Unique::recognise(&message)
        {
            return Self::Unique(unique);
        }
        let wrong = wrong(&error);
        let error = Box::new(error);
        match wrong {
            Wrong::Request => Self::Database(error),
            Wrong::State => Self::Unavailable(error),
            Wrong::Order => Self::Conflict(error),
            Wrong::Connection => Self::Lost(error),
        }
    }
}

impl StorageError {
    pub(crate) fn unreachable(error: sqlx::Error) -> Self {
        Self::Unavailable(Box::new(error))
    }

    /// The error of a commit: what was sent and not answered may have been done.
    pub(crate) fn of_commit(error: DbErr) -> Self {
        let unanswered = matches!(error, DbErr::ConnectionAcquire(_));
        match Self::from(error) {
            Self::Lost(error) => Self::Unknown(error),
            Self::Unavailable(error) if unanswered => Self::Unknown(error),
            known => known,
        }
    }

    /// Whether the same may go well in a moment.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Conflict(_) | Self::Lost(_) | Self::Unknown(_) => true,
            Self::Unique(_)
            | Self::Corrupt { .. }
            | Self::Stale { .. }
            | Self::Unsupported(_)
            | Self::File { .. }
            | Self::Database(_) => false,
        }
    }
}

/// What an error is about.
enum Wrong {
    /// What was asked.
    Request,
    /// The database's state.
    State,
    /// Other transactions at the same time.
    Order,
    /// The connection, which is gone.
    Connection,
}

fn wrong(error: &DbErr) -> Wrong {
    let error = match error {
        DbErr::ConnectionAcquire(_) => return Wrong::State,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => error,
        _ => return Wrong::Request,
    };
    match error.as_ref() {
        // A pool is closed when its connections are given up as dead.
        sqlx::Error::Io(_) | sqlx::Error::PoolClosed => Wrong::Connection,
        sqlx::Error::Protocol(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed => Wrong::State,
        sqlx::Error::Database(error) => error.code().map_or(Wrong::Request, |code| wrong_by_code(&code)),
        _ => Wrong::Request,
    }
}

/// Codes of PostgreSQL (five characters) and of SQLite (numbers, the primary one in the lowest byte).
fn wrong_by_code(code: &str) -> Wrong {
    if code.len() == 5 {
        return match code {
            "40001" | "40P01" => Wrong::Order,
            // The server shuts down, or the operator has ended the session.
            "57P01" | "57P02" => Wrong::Connection,
            // Read-only (a standby); a lock or a statement in time.
            "25006" | "25P03" | "55P03" | "57014" => Wrong::State,
            _ if code.starts_with("08") => Wrong::Connection,
            // Resources (disk, connections), start, I/O.
            _ if ["53", "57P", "58"].iter().any(|class| code.starts_with(class)) => Wrong::State,
            _ => Wrong::Request,
        };
    }
    // Busy, locked, read-only, I/O, full, can't open. What can't be read (266, 522) is damaged and does not pass.
    let passes = code
        .parse::<u32>()
        .is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14) && !matches!(code, 266 | 522));
    if passes { Wrong::State } else { Wrong::Request }
}
