//! Links that open something once.

use keyward_domain::link::LinkPurpose;
use keyward_domain::{
    CustomerId, CustomerUserId, CustomerUserRef, Link, LinkId, OrganizationScope, SecretHash, Timestamp,
};
use sea_orm::sea_query::{Expr, ExprTrait as _};
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
    #[sea_orm(table_name = "links")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub purpose: String,
        pub target: Uuid,
        pub hash: Vec<u8>,
        pub created_at: i64,
        pub expires_at: i64,
        pub used_at: Option<i64>,
        pub mailed: bool,
        /// Of a customer; `None` where a server made it that knows of no users.
        pub customer_user_id: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("links");

/// The links of one organization.
pub struct Links<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Links<'_> {
    /// Adds one.
    pub async fn insert(&self, link: &Link) -> Result<()> {
        write(link).insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: LinkId) -> Result<Option<Link>> {
        let own = row::Column::OrganizationId.eq(self.scope.id().uuid());
        read_one(self.tx, row::Entity::find_by_id(id.uuid()).filter(own)).await
    }

    /// All to one target, the newest first.
    pub async fn to(&self, target: Uuid) -> Result<Vec<Link>> {
        let rows = row::Entity::find()
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Target.eq(target))
            .order_by_desc(row::Column::Id)
            .all(self.tx)
            .await?;
        rows.into_iter().map(|row| read(row, None)).collect()
    }

    /// Writes that one was opened.
    pub async fn save(&self, link: &Link) -> Result<()> {
        let saved = row::Entity::update_many()
            .col_expr(row::Column::UsedAt, Expr::value(link.used_at.map(Timestamp::unix)))
            .filter(row::Column::Id.eq(link.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Withdraws one that was not opened; whether there was one.
    pub async fn withdraw(&self, id: LinkId, now: Timestamp) -> Result<bool> {
        self.withdraw_where(row::Column::Id.eq(id.uuid()), now).await
    }

    /// Withdraws all to one target that were not opened.
    pub async fn withdraw_all(&self, target: Uuid, now: Timestamp) -> Result<bool> {
        self.withdraw_where(row::Column::Target.eq(target), now).await
    }

    /// Withdraws all of one user of a customer that were not opened.
    pub async fn withdraw_of_user(&self, user: CustomerUserId, now: Timestamp) -> Result<bool> {
        self.withdraw_where(row::Column::CustomerUserId.eq(user.uuid()), now).await
    }

    /// Withdraws all that set passwords of members and were not opened.
    pub async fn withdraw_members(&self, now: Timestamp) -> Result<bool> {
        let theirs = row::Column::Purpose.is_in(["invitation", "password_reset"]);
        let of_customers = row::Column::CustomerUserId.is_not_null();
        self.withdraw_where(theirs.and(of_customers.not()), now).await
    }

    /// Withdraws the onboarding links of a customer's licenses that were mailed and not opened.
    pub async fn withdraw_mailed_onboarding(&self, customer: CustomerId, now: Timestamp) -> Result<bool> {
        let licenses = license::ids_of_customer(customer);
        let theirs = row::Column::Purpose.eq("onboarding").and(row::Column::Target.in_subquery(licenses));
        self.withdraw_where(theirs.and(row::Column::Mailed.eq(true)), now).await
    }

    async fn withdraw_where(&self, which: sea_orm::sea_query::SimpleExpr, now: Timestamp) -> Result<bool> {
        let withdrawn = row::Entity::update_many()
            .col_expr(row::Column::UsedAt, Expr::value(now.unix()))
            .filter(which)
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::UsedAt.is_null())
            .exec(self.tx)
            .await?;
        Ok(withdrawn.rows_affected > 0)
    }
}

/// The link with this secret, of whatever organization; locked if it is to be opened.
pub(crate) async fn by_hash(tx: &Connection, hash: &SecretHash, hold: bool) -> Result<Option<Link>> {
    let found = row::Entity::find().filter(row::Column::Hash.eq(hash.as_bytes().to_vec()));
    let found = if hold { found.lock(ROW) } else { found };
    read_one(tx, found).await
}

/// One link. Of a customer's that a server made which knows of no users, the person is who has the contact address.
async fn read_one(tx: &Connection, found: Select<row::Entity>) -> Result<Option<Link>> {
    let Some(row) = found.one(tx).await? else { return Ok(None) };
    if row.purpose != "customer_sign_in" || row.customer_user_id.is_some() {
        return read(row, None).map(Some);
    }
    match customer_user::of_contact(tx, row.target).await? {
        Some(user) => read(row, Some(user)).map(Some),
        None => Ok(None),
    }
}

fn write(link: &Link) -> row::ActiveModel {
    let target = match link.purpose {
        LinkPurpose::Invitation(member) | LinkPurpose::PasswordReset(member) => member.uuid(),
        LinkPurpose::CustomerInvitation(of)
        | LinkPurpose::CustomerPasswordReset(of)
        | LinkPurpose::CustomerSignIn(of) => of.customer.uuid(),
        LinkPurpose::Onboarding(license) => license.uuid(),
    };
    let user = match link.purpose {
        LinkPurpose::CustomerInvitation(of)
        | LinkPurpose::CustomerPasswordReset(of)
        | LinkPurpose::CustomerSignIn(of) => Some(of.user.uuid()),
        LinkPurpose::Invitation(_) | LinkPurpose::PasswordReset(_) | LinkPurpose::Onboarding(_) => None,
    };
    row::ActiveModel {
        id: Set(link.id.uuid()),
        organization_id: Set(link.organization.uuid()),
        purpose: Set(link.purpose.as_str().to_owned()),
        target: Set(target),
        hash: Set(link.hash.as_bytes().to_vec()),
        created_at: Set(link.created_at.unix()),
        expires_at: Set(link.expires_at.unix()),
        used_at: Set(link.used_at.map(Timestamp::unix)),
        mailed: Set(link.mailed),
        customer_user_id: Set(user),
    }
}

fn read(row: row::Model, contact: Option<Uuid>) -> Result<Link> {
    let user = row.customer_user_id.or(contact);
    let user = user.map(|user| CustomerUserRef { customer: row.target.into(), user: user.into() });
    let purpose = match (row.purpose.as_str(), user) {
        ("invitation", None) => LinkPurpose::Invitation(row.target.into()),
        ("invitation", Some(of)) => LinkPurpose::CustomerInvitation(of),
        ("password_reset", None) => LinkPurpose::PasswordReset(row.target.into()),
        ("password_reset", Some(of)) => LinkPurpose::CustomerPasswordReset(of),
        ("customer_sign_in", Some(of)) => LinkPurpose::CustomerSignIn(of),
        ("onboarding", _) => LinkPurpose::Onboarding(row.target.into()),
        _ => return Err(TABLE.corrupt("purpose")),
    };
    Ok(Link {
        id: row.id.into(),
        organization: row.organization_id.into(),
        purpose,
        hash: SecretHash::from_bytes(TABLE.take("hash", row.hash.try_into())?),
        created_at: TABLE.time("created_at", row.created_at)?,
        expires_at: TABLE.time("expires_at", row.expires_at)?,
        used_at: TABLE.optional_time("used_at", row.used_at)?,
        mailed: row.mailed,
    })
}
