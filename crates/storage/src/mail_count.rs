//! How many mails an organization has written: in all, to one recipient, and because a recipient asked for them.

use keyward_domain::{CustomerId, Email, OrganizationScope, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "mail_counts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub recipient: Vec<u8>,
        pub since: i64,
        pub used: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("mail_counts");

/// How often a row is looked for that others sweep away meanwhile.
const MOST_TRIES: u32 = 8;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub enum MailCount<'a> {
    /// Mails of the organization.
    Organization,
    /// What it has the server tell of by itself.
    Notices,
    /// Its mails to one recipient.
    Recipient(&'a Email),
    /// Invitations that the admins of one customer send.
    Customer(CustomerId),
    /// Mails that someone asked for who says to be this recipient.
    Request(&'a Email),
}

/// The counts of one organization.
pub struct MailCounts<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl MailCounts<'_> {
    /// How many were written in the window that began at `since`; locked until the end of the transaction, so that of
    /// two who write the last one, one does.
    pub async fn lock(&self, count: MailCount<'_>, since: Timestamp) -> Result<u64> {
        let key = self.key(count);
        for _ in 0..MOST_TRIES {
            if let Some(row) = row::Entity::find_by_id(key.clone()).lock(ROW).one(self.tx).await? {
                let used = if row.since == since.unix() { row.used } else { 0 };
                return TABLE.take("used", used.try_into());
            }
            // A row that is not there can't be locked, so it is made first; of several who do, one does.
            let (organization_id, kind, recipient) = key.clone();
            let row = row::ActiveModel {
                organization_id: Set(organization_id),
                kind: Set(kind),
                recipient: Set(recipient),
                since: Set(since.unix()),
                used: Set(0),
            };
            let columns = [row::Column::OrganizationId, row::Column::Kind, row::Column::Recipient];
            let mine = OnConflict::columns(columns).do_nothing().to_owned();
            row::Entity::insert(row).on_conflict(mine).exec_without_returning(self.tx).await?;
        }
        Err(TABLE.corrupt("recipient"))
    }

    /// Writes a count that is locked.
    pub async fn save(&self, count: MailCount<'_>, since: Timestamp, used: u64) -> Result<()> {
        let (organization, kind, recipient) = self.key(count);
        let used = TABLE.take("used", i64::try_from(used))?;
        let saved = row::Entity::update_many()
            .col_expr(row::Column::Since, Expr::value(since.unix()))
            .col_expr(row::Column::Used, Expr::value(used))
            .filter(row::Column::OrganizationId.eq(organization))
            .filter(row::Column::Kind.eq(kind))
            .filter(row::Column::Recipient.eq(recipient))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    fn key(&self, count: MailCount<'_>) -> (Uuid, String, Vec<u8>) {
        let (kind, recipient) = match count {
            MailCount::Organization => ("organization", Vec::new()),
            MailCount::Notices => ("notices", Vec::new()),
            MailCount::Recipient(email) => ("recipient", hashed(email)),
            // A UUID is of another length than a hash.
            MailCount::Customer(id) => ("recipient", id.uuid().as_bytes().to_vec()),
            MailCount::Request(email) => ("request", hashed(email)),
        };
        (self.scope.id().uuid(), kind.to_owned(), recipient)
    }
}

/// Of equal length, and the same however the address was typed.
fn hashed(email: &Email) -> Vec<u8> {
    keyward_domain::attempt::AccountKey::of(email).as_bytes().to_vec()
}
