//! Members.

use keyward_domain::{Email, Member, MemberId, OrganizationScope, Page, PageRequest, Role};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::credentials::{Columns, Credentials};
use crate::page::{page, paged};
use crate::{Result, StorageError, Unique};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "members")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub email: String,
        pub email_key: String,
        pub name: String,
        pub role: String,
        pub password: Option<String>,
        pub authenticator: Option<Vec<u8>>,
        pub last_step: i64,
        pub recovery: String,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("members");

/// The members of one organization.
pub struct Members<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Members<'_> {
    /// Adds one. Nobody else of the organization has the address, however it is typed.
    pub async fn insert(&self, member: &Member) -> Result<()> {
        // The index leaves out who had the address before it counted as taken in whatever case.
        if !self.by_email(&member.email).await?.is_empty() {
            return Err(StorageError::Unique(Unique::MemberEmail));
        }
        write(member).insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: MemberId) -> Result<Option<Member>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// What a member signs in with.
    pub async fn credentials(&self, id: MemberId) -> Result<Option<Credentials>> {
        self.one(id).one(self.tx).await?.as_ref().map(credentials).transpose()
    }

    /// Sets what a member signs in with.
    pub async fn set_credentials(&self, id: MemberId, credentials: &Credentials) -> Result<()> {
        let Columns { password, authenticator, last_step, recovery } = credentials.columns(TABLE)?;
        let row = row::ActiveModel { password, authenticator, last_step, recovery, ..Default::default() };
        let set = row::Entity::update_many()
            .set(row)
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(set.rows_affected)
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: MemberId) -> Result<Option<Member>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// A page of them.
    pub async fn list(&self, request: PageRequest) -> Result<Page<Member>> {
        let rows = paged(self.all(), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// Those of these roles.
    pub async fn with_roles(&self, roles: &[Role]) -> Result<Vec<Member>> {
        let found = self.all().filter(row::Column::Role.is_in(roles.iter().map(|role| role.as_str())));
        found.order_by_asc(row::Column::Id).all(self.tx).await?.into_iter().map(read).collect()
    }

    /// Those with this address, however it was typed.
    pub async fn by_email(&self, email: &Email) -> Result<Vec<Member>> {
        let found = self.all().filter(row::Column::EmailKey.eq(email.key().as_str()));
        found.order_by_asc(row::Column::Id).all(self.tx).await?.into_iter().map(read).collect()
    }

    /// How many of them are owners.
    pub async fn owners(&self) -> Result<u64> {
        Ok(self.all().filter(row::Column::Role.eq(Role::Owner.as_str())).count(self.tx).await?)
    }

    /// Writes the next version of one.
    pub async fn save(&self, member: &Member) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(member))
            .filter(row::Column::Id.eq(member.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Version.eq(member.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Removes one; whether there was one.
    pub async fn delete(&self, id: MemberId) -> Result<bool> {
        let deleted = row::Entity::delete_many()
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(deleted.rows_affected == 1)
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn one(&self, id: MemberId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }
}

fn write(member: &Member) -> row::ActiveModel {
    row::ActiveModel {
        id: Set(member.id.uuid()),
        organization_id: Set(member.organization.uuid()),
        email: Set(member.email.to_string()),
        email_key: Set(member.email.key().as_str().to_owned()),
        name: Set(member.name.to_string()),
        password: NotSet,
        authenticator: NotSet,
        last_step: NotSet,
        recovery: NotSet,
        role: Set(member.role.as_str().to_owned()),
        created_at: Set(member.created_at.unix()),
        updated_at: Set(member.updated_at.unix()),
        version: Set(member.version),
    }
}

fn read(row: row::Model) -> Result<Member> {
    Ok(Member {
        id: row.id.into(),
        organization: row.organization_id.into(),
        email: Table::email(&row.email),
        name: Table::name(&row.name),
        role: TABLE.parse("role", &row.role)?,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}

fn credentials(row: &row::Model) -> Result<Credentials> {
    let secrets = (row.password.clone(), row.authenticator.clone());
    Credentials::read(TABLE, secrets, (row.last_step, &row.recovery))
}

/// The members with this address, however it was typed, of whatever organizations, each with what they sign in with: this is how a
/// person is recognised.
pub(crate) async fn by_email(tx: &Connection, email: &Email) -> Result<Vec<(Member, Credentials)>> {
    let rows = with_email(email).all(tx).await?;
    let with_credentials = |row: row::Model| {
        let credentials = credentials(&row)?;
        Ok((read(row)?, credentials))
    };
    rows.into_iter().map(with_credentials).collect()
}

pub(crate) fn with_email(email: &Email) -> Select<row::Entity> {
    let found = row::Entity::find().filter(row::Column::EmailKey.eq(email.key().as_str()));
    found.order_by_asc(row::Column::Id).limit(20)
}
