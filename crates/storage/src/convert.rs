//! From columns to the domain, naming the column that does not fit; and how rows are locked.

use keyward_domain::product::{ApiKey, PreviousKey};
use keyward_domain::{Address, BlockList, Email, Name, Notes, SecretHash, Timestamp};
use sea_orm::sea_query::LockType;

use crate::{Result, StorageError};

/// How a row is locked for a decision. Weaker than `FOR UPDATE`, which would also wait for transactions that only
/// refer to the row by a foreign key, and deadlock with them. SQLite has no row locks and needs none.
pub(crate) const ROW: LockType = LockType::NoKeyUpdate;

/// One table, for naming faults.
#[derive(Clone, Copy)]
pub(crate) struct Table(pub &'static str);

impl Table {
    /// The value of `column`, if the domain took it.
    pub(crate) fn take<T, E>(self, column: &'static str, value: Result<T, E>) -> Result<T> {
        value.map_err(|_| self.corrupt(column))
    }

    /// An instant.
    pub(crate) fn time(self, column: &'static str, seconds: i64) -> Result<Timestamp> {
        Timestamp::from_unix(seconds).ok_or_else(|| self.corrupt(column))
    }

    /// An instant that may be absent.
    pub(crate) fn optional_time(
        self,
        column: &'static str,
        seconds: Option<i64>,
    ) -> Result<Option<Timestamp>> {
        seconds.map(|seconds| self.time(column, seconds)).transpose()
    }

    /// A credential with the one before it, as each table keeps it that has one.
    pub(crate) fn api_key(self, kept: KeptKey) -> Result<ApiKey> {
        let hash = |column, bytes: Vec<u8>| self.take(column, bytes.try_into()).map(SecretHash::from_bytes);
        let previous = match (kept.previous_hash, kept.previous_until) {
            (Some(bytes), Some(until)) => Some(PreviousKey {
                hash: hash("previous_hash", bytes)?,
                until: self.time("previous_until", until)?,
            }),
            (None, None) => None,
            _ => return Err(self.corrupt("previous_until")),
        };
        let (hash, created_at) =
            (hash(kept.columns.0, kept.hash)?, self.time(kept.columns.1, kept.created_at)?);
        Ok(ApiKey { hash, hint: kept.hint, created_at, previous })
    }

    /// Text that the domain reads.
    pub(crate) fn parse<T: std::str::FromStr>(self, column: &'static str, text: &str) -> Result<T> {
        self.take(column, text.parse())
    }

    /// A name. It was checked when it was written; the rule of today may be stricter.
    pub(crate) fn name(text: &str) -> Name {
        Name::kept(text)
    }

    /// A note that may be absent, checked like a name. Blank ones of earlier versions are absent.
    pub(crate) fn notes(text: Option<&str>) -> Option<Notes> {
        text.map(Notes::kept).filter(|notes| !notes.is_blank())
    }

    /// An e-mail address, checked like a name.
    pub(crate) fn email(text: &str) -> Email {
        Email::kept(text)
    }

    /// The address of a client.
    pub(crate) fn address(self, column: &'static str, text: &str) -> Result<Address> {
        self.parse(column, text).map(Address::new)
    }

    /// A list of addresses.
    pub(crate) fn block_list(self, column: &'static str, text: &str) -> Result<BlockList> {
        let texts: Vec<String> = self.take(column, serde_json::from_str(text))?;
        let ranges = texts.iter().map(|text| self.parse(column, text)).collect::<Result<_>>()?;
        self.take(column, BlockList::new(ranges))
    }

    /// Text that the domain reads and that may be absent.
    pub(crate) fn optional<T: std::str::FromStr>(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>> {
        text.map(|text| self.parse(column, text)).transpose()
    }

    pub(crate) fn corrupt(self, column: &'static str) -> StorageError {
        StorageError::Corrupt { table: self.0, column }
    }

    /// An update that must have met exactly the row that was read before.
    pub(crate) fn one(self, rows_affected: u64) -> Result<()> {
        if rows_affected == 1 { Ok(()) } else { Err(StorageError::Stale { table: self.0 }) }
    }
}

/// A credential as its columns keep it.
pub(crate) struct KeptKey {
    /// What the columns of the hash and of the time are called.
    pub columns: (&'static str, &'static str),
    pub hash: Vec<u8>,
    pub hint: String,
    pub created_at: i64,
    pub previous_hash: Option<Vec<u8>>,
    pub previous_until: Option<i64>,
}

/// A list of addresses, for its column.
pub(crate) fn write_block_list(list: &BlockList) -> String {
    serde_json::json!(list.ranges()).to_string()
}
