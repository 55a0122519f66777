//! Failed sign-ins, one row for each account that has any.

use std::collections::BTreeMap;

use keyward_domain::Timestamp;
use keyward_domain::attempt::{AccountKey, Attempts};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "sign_in_attempts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub account: Vec<u8>,
        pub since: i64,
        pub strangers: i64,
        pub codes: i64,
        pub waiting_until: i64,
        pub sources: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("sign_in_attempts");

/// How often a row is looked for that others sweep away meanwhile.
const MOST_TRIES: u32 = 8;

/// The failed sign-ins of all accounts.
pub struct SignInAttempts<'a> {
    pub(crate) tx: &'a Connection,
}

impl SignInAttempts<'_> {
    /// Those of one account, locked until the end of the transaction.
    pub async fn lock(&self, account: &AccountKey, now: Timestamp) -> Result<Attempts> {
        let account = account.as_bytes().to_vec();
        for _ in 0..MOST_TRIES {
            if let Some(row) = row::Entity::find_by_id(account.clone()).lock(ROW).one(self.tx).await? {
                return read(row);
            }
            // A row that is not there can't be locked, so it is made first; of several who do, one does.
            let row = write(account.clone(), &Attempts::none(now))?;
            let mine = OnConflict::column(row::Column::Account).do_nothing().to_owned();
            row::Entity::insert(row).on_conflict(mine).exec_without_returning(self.tx).await?;
        }
        Err(TABLE.corrupt("account"))
    }

    /// Writes what is locked.
    pub async fn save(&self, account: &AccountKey, attempts: &Attempts) -> Result<()> {
        let account = account.as_bytes().to_vec();
        let row = write(account.clone(), attempts)?;
        let saved = row::Entity::update_many()
            .set(row)
            .filter(row::Column::Account.eq(account))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }
}

fn write(account: Vec<u8>, attempts: &Attempts) -> Result<row::ActiveModel> {
    let sources: BTreeMap<_, _> =
        attempts.sources.iter().map(|(source, failures)| (source.to_string(), *failures)).collect();
    Ok(row::ActiveModel {
        account: Set(account),
        since: Set(attempts.since.unix()),
        strangers: Set(attempts.strangers.into()),
        codes: Set(attempts.codes.into()),
        waiting_until: Set(attempts.waiting_until.unix()),
        sources: Set(TABLE.take("sources", serde_json::to_string(&sources))?),
    })
}

fn read(row: row::Model) -> Result<Attempts> {
    let sources: BTreeMap<String, u32> = TABLE.take("sources", serde_json::from_str(&row.sources))?;
    let sources =
        sources.into_iter().map(|(source, failures)| Ok((TABLE.parse("sources", &source)?, failures)));
    Ok(Attempts {
        since: TABLE.time("since", row.since)?,
        strangers: TABLE.take("strangers", row.strangers.try_into())?,
        codes: TABLE.take("codes", row.codes.try_into())?,
        sources: sources.collect::<Result<_>>()?,
        waiting_until: TABLE.time("waiting_until", row.waiting_until)?,
    })
}
