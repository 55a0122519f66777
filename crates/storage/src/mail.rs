//! Mail on its way. It may hold links, so it is sealed, and removed once it was handed over.

use keyward_domain::{Email, MailId, OrganizationId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::connection::Connection;
use crate::convert::Table;
use crate::{Result, due};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "mails")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub recipient: String,
        pub subject: String,
        pub body: String,
        pub sealed: Option<Vec<u8>>,
        pub created_at: i64,
        pub due_at: i64,
        pub attempts: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("mails");

/// The text of a mail, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailBody {
    /// Sealed with the master key.
    Sealed(Vec<u8>),
    /// In clear, as it was kept before mails were sealed.
    Clear(String),
}

/// A mail to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedMail {
    /// Its id.
    pub id: MailId,
    /// Whose.
    pub organization: OrganizationId,
    /// To whom.
    pub recipient: Email,
    /// Its subject, on one line.
    pub subject: String,
    /// Its text.
    pub body: MailBody,
    /// When it was written.
    pub created_at: Timestamp,
    /// How often it was tried before.
    pub attempts: u32,
}

/// Puts a mail on its way.
pub(crate) async fn insert(tx: &Connection, mail: &QueuedMail) -> Result<()> {
    let (body, sealed) = match &mail.body {
        MailBody::Sealed(sealed) => (String::new(), Some(sealed.clone())),
        MailBody::Clear(text) => (text.clone(), None),
    };
    let row = row::ActiveModel {
        id: Set(mail.id.uuid()),
        organization_id: Set(mail.organization.uuid()),
        recipient: Set(mail.recipient.to_string()),
        subject: Set(mail.subject.clone()),
        body: Set(body),
        sealed: Set(sealed),
        created_at: Set(mail.created_at.unix()),
        due_at: Set(mail.created_at.unix()),
        attempts: Set(mail.attempts.into()),
    };
    row.insert(tx).await?;
    Ok(())
}

/// Takes the next mail that is due, and holds it back from others until `again`. None is put off by more than `longest`
/// seconds.
pub(crate) async fn claim(
    tx: &Connection,
    now: Timestamp,
    again: Timestamp,
    longest: i64,
) -> Result<Option<QueuedMail>> {
    let due = due::at(row::Column::DueAt, longest, now);
    let next = due::next(row::Entity::find(), due, row::Column::DueAt);
    let Some(row) = next.one(tx).await? else { return Ok(None) };
    row::Entity::update_many()
        .col_expr(row::Column::DueAt, Expr::value(again.unix()))
        .col_expr(row::Column::Attempts, Expr::col(row::Column::Attempts).add(1))
        .filter(row::Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    Ok(Some(QueuedMail {
        id: row.id.into(),
        recipient: Table::email(&row.recipient),
        subject: row.subject,
        organization: row.organization_id.into(),
        body: row.sealed.map_or(MailBody::Clear(row.body), MailBody::Sealed),
        created_at: TABLE.time("created_at", row.created_at)?,
        attempts: TABLE.take("attempts", row.attempts.try_into())?,
    }))
}

/// Says when to try one again.
pub(crate) async fn postpone(tx: &Connection, id: MailId, again: Timestamp) -> Result<()> {
    row::Entity::update_many()
        .col_expr(row::Column::DueAt, Expr::value(again.unix()))
        .filter(row::Column::Id.eq(id.uuid()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes one that was handed over, or given up.
pub(crate) async fn remove(tx: &Connection, id: MailId) -> Result<()> {
    row::Entity::delete_by_id(id.uuid()).exec(tx).await?;
    Ok(())
}
