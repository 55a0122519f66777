//! Sessions. Those that have ended are removed in time; see [`crate::Aged`].

use keyward_domain::session::SessionHolder;
use keyward_domain::{
    CustomerId, CustomerUserRef, OrganizationScope, SecretHash, Session, SessionId, Timestamp,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::{Result, customer_user, license};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "sessions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub holder: String,
        pub holder_id: Uuid,
        pub hash: Vec<u8>,
        pub address: String,
        pub user_agent: String,
        pub created_at: i64,
        pub last_seen_at: i64,
        pub expires_at: i64,
        /// As [`hash`](Self::hash) was first; `None` if it is so still.
        pub form_key: Option<Vec<u8>>,
        pub confirmed_at: Option<i64>,
        /// Of a customer; `None` where a server began it that knows of no users.
        pub customer_user_id: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("sessions");

/// The sessions of one organization.
pub struct Sessions<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Sessions<'_> {
    /// Begins one.
    pub async fn insert(&self, session: &Session) -> Result<()> {
        write(session).insert(self.tx).await?;
        Ok(())
    }

    /// All of one holder, the last used first.
    pub async fn of(&self, holder: SessionHolder) -> Result<Vec<Session>> {
        let rows = row::Entity::find()
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(of_holder(holder))
            .order_by_desc(row::Column::LastSeenAt)
            .all(self.tx)
            .await?;
        rows.into_iter().map(|row| read(row, None)).collect()
    }

    /// One of them.
    pub async fn find(&self, id: SessionId) -> Result<Option<Session>> {
        read_one(self.tx, self.one(id)).await
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: SessionId) -> Result<Option<Session>> {
        read_one(self.tx, self.one(id).lock(ROW)).await
    }

    /// Writes what changes of one: its secret, when it was confirmed and used.
    pub async fn save(&self, session: &Session) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(session))
            .filter(row::Column::Id.eq(session.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Notes that one was used.
    pub async fn touch(&self, id: SessionId, now: Timestamp) -> Result<()> {
        row::Entity::update_many()
            .col_expr(row::Column::LastSeenAt, Expr::value(now.unix()))
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    /// Ends one of a holder; whether there was one.
    pub async fn end(&self, holder: SessionHolder, id: SessionId) -> Result<bool> {
        let ended = row::Entity::delete_many()
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(of_holder(holder))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(ended.rows_affected == 1)
    }

    /// Ends all of a holder; how many there were.
    pub async fn end_all(&self, holder: SessionHolder) -> Result<u64> {
        self.end_where(of_holder(holder)).await
    }

    /// Ends those of all users of a customer; how many there were.
    pub async fn end_customer(&self, customer: CustomerId) -> Result<u64> {
        self.end_where(row::Column::HolderId.eq(customer.uuid())).await
    }

    /// Ends those of a customer that servers began which know of no users; how many there were.
    pub async fn end_unnamed(&self, customer: CustomerId) -> Result<u64> {
        let unnamed = row::Column::CustomerUserId.is_null();
        self.end_where(row::Column::HolderId.eq(customer.uuid()).and(unnamed)).await
    }

    /// Ends those of all members; how many there were.
    pub async fn end_members(&self) -> Result<u64> {
        self.end_where(row::Column::Holder.eq("member")).await
    }

    /// Ends those of whoever has opened onboarding links of a customer's licenses; how many there were.
    pub async fn end_onboarding(&self, customer: CustomerId) -> Result<u64> {
        let licenses = license::ids_of_customer(customer);
        let onboarding = row::Column::Holder.eq("onboarding");
        self.end_where(onboarding.and(row::Column::HolderId.in_subquery(licenses))).await
    }

    async fn end_where(&self, which: SimpleExpr) -> Result<u64> {
        let ended = row::Entity::delete_many()
            .filter(which)
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(ended.rows_affected)
    }

    fn one(&self, id: SessionId) -> Select<row::Entity> {
        row::Entity::find_by_id(id.uuid()).filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }
}

/// The session whose cookie holds this secret, of whatever organization.
pub(crate) async fn by_hash(tx: &Connection, hash: &SecretHash) -> Result<Option<Session>> {
    let found = row::Entity::find().filter(row::Column::Hash.eq(hash.as_bytes().to_vec()));
    read_one(tx, found).await
}

/// One session. Of a customer's that a server began which knows of no users, the person is who has the contact address.
async fn read_one(tx: &Connection, found: Select<row::Entity>) -> Result<Option<Session>> {
    let Some(row) = found.one(tx).await? else { return Ok(None) };
    if row.holder != "customer" || row.customer_user_id.is_some() {
        return read(row, None).map(Some);
    }
    match customer_user::of_contact(tx, row.holder_id).await? {
        Some(user) => read(row, Some(user)).map(Some),
        None => Ok(None),
    }
}

fn of_holder(holder: SessionHolder) -> SimpleExpr {
    match holder {
        SessionHolder::Member(_) | SessionHolder::Onboarding(_) => {
            row::Column::HolderId.eq(holder_id(holder))
        }
        SessionHolder::CustomerUser(of) => row::Column::CustomerUserId.eq(of.user.uuid()),
    }
}

fn holder_id(holder: SessionHolder) -> Uuid {
    match holder {
        SessionHolder::Member(id) => id.uuid(),
        SessionHolder::CustomerUser(of) => of.customer.uuid(),
        SessionHolder::Onboarding(id) => id.uuid(),
    }
}

fn write(session: &Session) -> row::ActiveModel {
    row::ActiveModel {
        id: Set(session.id.uuid()),
        organization_id: Set(session.organization.uuid()),
        holder: Set(session.holder.as_str().to_owned()),
        holder_id: Set(holder_id(session.holder)),
        hash: Set(session.hash.as_bytes().to_vec()),
        address: Set(session.address.clone()),
        user_agent: Set(session.user_agent.clone()),
        created_at: Set(session.created_at.unix()),
        last_seen_at: Set(session.last_seen_at.unix()),
        expires_at: Set(session.expires_at.unix()),
        form_key: Set(Some(session.form_key.as_bytes().to_vec())),
        confirmed_at: Set(session.confirmed_at.map(Timestamp::unix)),
        customer_user_id: Set(match session.holder {
            SessionHolder::CustomerUser(of) => Some(of.user.uuid()),
            SessionHolder::Member(_) | SessionHolder::Onboarding(_) => None,
        }),
    }
}

fn read(row: row::Model, contact: Option<Uuid>) -> Result<Session> {
    let holder = match row.holder.as_str() {
        "member" => SessionHolder::Member(row.holder_id.into()),
        "customer" => {
            let user = row.customer_user_id.or(contact).ok_or_else(|| TABLE.corrupt("customer_user_id"))?;
            SessionHolder::CustomerUser(CustomerUserRef { customer: row.holder_id.into(), user: user.into() })
        }
        "onboarding" => SessionHolder::Onboarding(row.holder_id.into()),
        _ => return Err(TABLE.corrupt("holder")),
    };
    let hash = |column, bytes: Vec<u8>| TABLE.take(column, bytes.try_into()).map(SecretHash::from_bytes);
    let form_key = hash("form_key", row.form_key.unwrap_or_else(|| row.hash.clone()))?;
    Ok(Session {
        id: row.id.into(),
        organization: row.organization_id.into(),
        holder,
        hash: hash("hash", row.hash)?,
        address: row.address,
        user_agent: row.user_agent,
        created_at: TABLE.time("created_at", row.created_at)?,
        last_seen_at: TABLE.time("last_seen_at", row.last_seen_at)?,
        expires_at: TABLE.time("expires_at", row.expires_at)?,
        form_key,
        confirmed_at: TABLE.optional_time("confirmed_at", row.confirmed_at)?,
    })
}
