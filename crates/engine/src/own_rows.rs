//! Rows of the service that embeds the engine, in the transaction of a change.
//!
//! A future carries what is to be written down into the change that it makes (a task-local value), so that every use-case takes it
//! and none has another argument for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyward_domain::AuditEvent;
use keyward_storage::{OwnRows, StorageError, Tx};

use crate::{Engine, Error, Result};

/// Why rows of the service's own could not be written.
pub type OwnError = Box<dyn std::error::Error + Send + Sync>;

/// Rows being written.
pub type OwnWriting<'a> = Pin<Box<dyn Future<Output = Result<(), OwnError>> + Send + 'a>>;

type Write = Box<dyn for<'a> Fn(&'a OwnRows<'a>, &'a [AuditEvent]) -> OwnWriting<'a> + Send + Sync>;

tokio::task_local! {
    static WRITER: Arc<Writer>;
}

/// What writes rows before a change is committed.
pub(crate) struct Writer {
    write: Write,
    /// Whether a change was committed with them.
    done: AtomicBool,
}

impl Engine {
    /// Carries out `use_case`, which makes one change, and commits it together with the rows that `write` writes: both or neither.
    ///
    /// `write` is called at the end of the transaction with the events of the change, the last of them that of the use-case; its
    /// `target` is what was made or changed. An error of it, or of one of its statements, undoes all. It is called again with a
    /// new transaction where the database has undone the first for the sake of another (`40001`, `40P01`) or the connection was
    /// lost, so it does nothing but read and write rows. It is not called where there is nothing to commit, as for a request that
    /// is repeated under its `Idempotency-Key`: the first one has written them.
    ///
    /// Others wait for the rows that the transaction has locked, and on SQLite for the whole of it, so it must be short.
    ///
    /// ```no_run
    /// # use keyward_engine::{Engine, NewLicense, Result};
    /// # use keyward_domain::{Access, permission::WriteLicenses};
    /// # async fn order(engine: &Engine, access: &Access<WriteLicenses>, new: NewLicense, number: i64) -> Result<()> {
    /// let license = engine
    ///     .with_own_rows(
    ///         move |rows, events| {
    ///             Box::pin(async move {
    ///                 let license = events.last().and_then(|event| event.target).ok_or("no license")?;
    ///                 let values = [number.into(), license.into()];
    ///                 rows.execute("INSERT INTO orders (number, license) VALUES ($1, $2)", &values).await?;
    ///                 Ok(())
    ///             })
    ///         },
    ///         engine.create_license(access, new, None),
    ///     )
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of the use-case, and [`Error::OwnRows`]: of `write`, and of a second change. It is for use-cases that change something
    /// by a right (`&Access<…>`): those by a link, a cookie or a password are refused, and for what an engine does by itself `write`
    /// is not called.
    pub async fn with_own_rows<T>(
        &self,
        write: impl for<'a> Fn(&'a OwnRows<'a>, &'a [AuditEvent]) -> OwnWriting<'a> + Send + Sync + 'static,
        use_case: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let writer = Writer { write: Box::new(write), done: AtomicBool::new(false) };
        WRITER.scope(Arc::new(writer), use_case).await
    }
}

impl Writer {
    /// That of this change, if it has one.
    pub(crate) fn current() -> Option<Arc<Self>> {
        WRITER.try_with(Arc::clone).ok()
    }

    /// Holds back what commits without asking for rows.
    pub(crate) fn none() -> Result<()> {
        match Self::current() {
            None => Ok(()),
            Some(_) => Err(Error::OwnRows("this use-case takes no rows of your own".into())),
        }
    }

    /// Writes the rows into `tx`.
    pub(crate) async fn write(&self, tx: &Tx, events: &[AuditEvent]) -> Result<()> {
        if self.done.load(Ordering::Acquire) {
            return Err(Error::OwnRows("rows of your own go with one change, and this is another".into()));
        }
        let rows = tx.own_rows();
        let written = (self.write)(&rows, events).await;
        match (written, rows.failure()) {
            (Ok(()), None) => Ok(()),
            // It is run again, whatever was made of the error.
            (_, Some(error @ (StorageError::Conflict(_) | StorageError::Lost(_)))) => Err(error.into()),
            (Err(error), _) => Err(Error::OwnRows(error)),
            (Ok(()), Some(error)) => Err(Error::OwnRows(error.into())),
        }
    }

    /// They are committed.
    pub(crate) fn done(&self) {
        self.done.store(true, Ordering::Release);
    }
}
