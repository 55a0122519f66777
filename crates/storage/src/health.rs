//! Whether the database answers, found out before requests do.

use std::time::Duration;

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend};

use crate::{Result, StorageError, Store};

/// How often the database is asked, and for how long an answer is waited for.
const EVERY: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(2);

/// On SQLite a question waits for its turn among the writers.
const TURN: Duration = Duration::from_secs(10);

/// Each how many questions the database has to write while all is well, which wakes a disk.
const WRITE_EVERY: u32 = 10;

/// What was last found out about a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// It reads and writes.
    Ready = 0,
    /// It reads and does not write: its disk is full, or it is a standby.
    ReadOnly = 1,
    /// It does not answer. Transactions are refused at once.
    Unreachable = 2,
}

impl Health {
    pub(crate) fn from_u8(kind: u8) -> Self {
        [Self::Ready, Self::ReadOnly]
            .into_iter()
            .find(|health| *health as u8 == kind)
            .unwrap_or(Self::Unreachable)
    }
}

impl Store {
    /// Watches over the database for as long as it is polled: finds out whether it reads and writes, has requests
    /// refused at once while it does not answer, and replaces connections that died without a word.
    pub async fn watch(&self) {
        for round in 0_u32.. {
            let suspected = tokio::select! {
                () = tokio::time::sleep(EVERY) => false,
                () = self.suspected() => true,
            };
            let write = suspected || self.health() != Health::Ready || round.is_multiple_of(WRITE_EVERY);
            let found = match self.ask(write).await {
                Ok(()) if suspected && self.is_remote() => {
                    tracing::warn!("a statement took too long: connections to the database are opened anew");
                    self.reconnect(false).await.map_err(Fault::Answer)
                }
                Ok(()) => Ok(()),
                Err(fault) => self.recover(fault, round).await,
            };
            self.conclude(found);
        }
    }

    /// Tries with new connections whether it was the old ones that failed.
    async fn recover(&self, fault: Fault, round: u32) -> Result<(), Fault> {
        let is_dead = matches!(fault, Fault::Answer(_));
        // A file has no connections that could die, and a database that only reads is not asked anew each second.
        if !self.is_remote() || !is_dead && !round.is_multiple_of(WRITE_EVERY) {
            return Err(fault);
        }
        self.reconnect(is_dead).await.map_err(Fault::Answer)?;
        self.ask(true).await?;
        let (Fault::Answer(error) | Fault::Write(error)) = fault;
        tracing::warn!(%error, "the connections to the database failed and are opened anew");
        Ok(())
    }

    fn is_remote(&self) -> bool {
        self.probes().0.get_database_backend() == DbBackend::Postgres
    }

    fn conclude(&self, found: Result<(), Fault>) {
        let health = match found {
            Ok(()) => Health::Ready,
            Err(Fault::Write(_)) => Health::ReadOnly,
            Err(Fault::Answer(_)) => Health::Unreachable,
        };
        if self.health() != health {
            match found {
                Ok(()) => tracing::info!("the database reads and writes again"),
                Err(Fault::Write(error)) => tracing::error!(%error, "the database does not write"),
                Err(Fault::Answer(error)) => tracing::error!(%error, "the database is not reached"),
            }
        }
        self.set_health(health);
    }

    /// Has the database read and, with `write`, write.
    async fn ask(&self, write: bool) -> Result<(), Fault> {
        let (reader, writer) = self.probes();
        let limit = if self.is_remote() { LIMIT } else { TURN };
        answer(&reader, "SELECT 1", limit).await.map_err(Fault::Answer)?;
        if write {
            answer(&writer, HEARTBEAT, limit).await.map_err(Fault::Write)?;
        }
        Ok(())
    }
}

/// What a question about the database's health comes to.
enum Fault {
    /// It does not answer.
    Answer(StorageError),
    /// It answers, and does not write.
    Write(StorageError),
}

async fn answer(connection: &DatabaseConnection, sql: &str, limit: Duration) -> Result<()> {
    match tokio::time::timeout(limit, connection.execute_unprepared(sql)).await {
        Ok(done) => Ok(done.map(drop)?),
        Err(_) => Err(StorageError::Unavailable("the database does not answer".into())),
    }
}

/// Changes something each time, so that there is always something to write.
const HEARTBEAT: &str = "INSERT INTO settings (name, value) VALUES ('heartbeat', '1') ON CONFLICT (name) DO UPDATE \
    SET value = CASE WHEN length(settings.value) > 8 THEN '1' ELSE settings.value || '1' END";
