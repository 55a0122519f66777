//! A connection within a transaction, which gives up on a database that does not answer.
//!
//! A connection can die without a word: a proxy or a network that forwards nothing any more closes nothing. So every
//! statement has a limit, and whatever waits on connections that were found out to be dead gets an error at once.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement, sqlx,
};
use tokio::sync::{Notify, watch};

/// For how long statements are waited for, and by what else they end.
#[derive(Clone)]
pub(crate) struct Patience {
    pub limit: Duration,
    /// Fires once the connections of this pool were given up.
    pub given_up: watch::Receiver<bool>,
    /// Notified of each statement that took too long.
    pub suspicion: Arc<Notify>,
}

impl Patience {
    /// What `work` gives, or an error in time.
    pub(crate) async fn during<T, E: From<DbErr>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut given_up = self.given_up.clone();
        tokio::select! {
            biased;
            done = work => done,
            _ = given_up.wait_for(|given_up| *given_up) => Err(given_up_error().into()),
            () = tokio::time::sleep(self.limit) => {
                self.suspicion.notify_one();
                Err(unanswered().into())
            }
        }
    }
}

fn unanswered() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)
}

/// The answer that will never come: the connection is dead.
fn given_up_error() -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(sqlx::Error::PoolClosed)))
}

/// A transaction of the database.
pub(crate) struct Connection {
    inner: DatabaseTransaction,
    patience: Patience,
}

impl Connection {
    pub(crate) fn new(inner: DatabaseTransaction, patience: Patience) -> Self {
        Self { inner, patience }
    }

    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        self.patience.during(self.inner.rollback()).await
    }

    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        self.patience.during(self.inner.commit()).await
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.patience.during(self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.patience.during(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.patience.during(self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.patience.during(self.inner.query_all_raw(statement)).await
    }
}
