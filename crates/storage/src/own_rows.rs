//! Rows of the service that embeds this crate, in tables of its own, written in one transaction with ours.

use std::sync::{Mutex, PoisonError};

use sea_orm::{ConnectionTrait as _, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::connection::Connection;
use crate::{Result, StorageError};

/// What statements may begin with: none of them ends the transaction, or changes how the connection works.
const ALLOWED: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];

/// Reads and writes rows in a transaction that is somebody else's to commit.
///
/// Statements are in the database's own SQL with parameters `$1`, `$2` and so on, which both databases read; each is one `SELECT`,
/// `INSERT`, `UPDATE`, `DELETE` or `WITH`, without a semicolon. Keyward's own tables are not for writing: what is written there
/// has no event.
pub struct OwnRows<'a> {
    tx: &'a Connection,
    failure: Mutex<Option<DbErr>>,
}

/// A value of a statement: what its `From` takes, and `None` of it for `NULL`.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlValue(Value);

/// A row that was found.
#[derive(Debug)]
pub struct SqlRow(QueryResult);

/// What the value in a column can be read as: [`bool`], [`i32`] and [`i64`], [`f64`], [`String`], bytes, [`Uuid`], and an
/// [`Option`] of each.
pub trait FromSql: Sized {
    #[doc(hidden)]
    fn from_sql(row: &SqlRow, column: &str) -> Result<Self>;
}

impl<'a> OwnRows<'a> {
    pub(crate) fn new(tx: &'a Connection) -> Self {
        Self { tx, failure: Mutex::new(None) }
    }

    /// Runs a statement and gives the number of rows that it has changed.
    pub async fn execute(&self, sql: &str, values: &[SqlValue]) -> Result<u64> {
        let statement = self.statement(sql, values)?;
        let done = self.tx.execute_raw(statement).await.map_err(|error| self.keep(error))?;
        Ok(done.rows_affected())
    }

    /// Runs a statement and gives the rows that it returns.
    pub async fn query(&self, sql: &str, values: &[SqlValue]) -> Result<Vec<SqlRow>> {
        let statement = self.statement(sql, values)?;
        let rows = self.tx.query_all_raw(statement).await.map_err(|error| self.keep(error))?;
        Ok(rows.into_iter().map(SqlRow).collect())
    }

    /// The first failure of a statement. After one, PostgreSQL commits nothing of the transaction and does not say so.
    pub fn failure(&self) -> Option<StorageError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone().map(StorageError::from)
    }

    fn statement(&self, sql: &str, values: &[SqlValue]) -> Result<Statement> {
        let first = sql.split_whitespace().next().unwrap_or_default();
        if !ALLOWED.iter().any(|allowed| first.eq_ignore_ascii_case(allowed)) || sql.contains(';') {
            return Err(StorageError::Unsupported(
                "a row of your own is read or written by one SELECT, INSERT, UPDATE, DELETE or WITH, without a semicolon",
            ));
        }
        let values = values.iter().map(|value| value.0.clone());
        Ok(Statement::from_sql_and_values(self.tx.get_database_backend(), sql, values))
    }

    fn keep(&self, error: DbErr) -> StorageError {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| error.clone());
        error.into()
    }
}

impl SqlRow {
    /// The value in the column of this name.
    ///
    /// # Errors
    /// There is no such column, or it holds something else.
    pub fn get<T: FromSql>(&self, column: &str) -> Result<T> {
        T::from_sql(self, column)
    }
}

macro_rules! values {
    ($($kind:ty),+) => {
        $(
            impl From<$kind> for SqlValue {
                fn from(value: $kind) -> Self {
                    Self(value.into())
                }
            }

            impl From<Option<$kind>> for SqlValue {
                fn from(value: Option<$kind>) -> Self {
                    Self(value.into())
                }
            }

            impl FromSql for $kind {
                fn from_sql(row: &SqlRow, column: &str) -> Result<Self> {
                    Ok(row.0.try_get("", column)?)
                }
            }

            impl FromSql for Option<$kind> {
                fn from_sql(row: &SqlRow, column: &str) -> Result<Self> {
                    Ok(row.0.try_get("", column)?)
                }
            }
        )+
    };
}

values!(bool, i32, i64, f64, String, Vec<u8>, Uuid);

impl From<&str> for SqlValue {
    fn from(value: &str) -> Self {
        Self(value.into())
    }
}
