//! The users of customers.

use keyward_domain::{
    Customer, CustomerId, CustomerRole, CustomerUser, CustomerUserId, CustomerUserRef, Email,
    OrganizationScope, Page, PageRequest, Timestamp,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, PaginatorTrait as _, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::credentials::{Columns, Credentials};
use crate::page::{page, paged};
use crate::{Result, customer};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "customer_users")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub customer_id: Uuid,
        pub email: String,
        pub email_key: String,
        pub name: String,
        pub role: String,
        pub password: Option<String>,
        pub authenticator: Option<Vec<u8>>,
        pub last_step: i64,
        pub recovery: String,
        pub joined_at: Option<i64>,
        pub signed_in_at: Option<i64>,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("customer_users");

/// As many rows as one statement may add on either database.
const ROWS: usize = 500;

/// The most customers whose user one address is that are looked at when someone signs in.
const MOST_OF_ONE_ADDRESS: u64 = 20;

/// The users of one organization's customers.
pub struct CustomerUsers<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl CustomerUsers<'_> {
    /// Adds one. Nobody else of the customer has the address, however it is typed.
    pub async fn insert(&self, user: &CustomerUser) -> Result<()> {
        write(user).insert(self.tx).await?;
        Ok(())
    }

    /// Adds many at once.
    pub async fn insert_all(&self, users: &[CustomerUser]) -> Result<()> {
        for some in users.chunks(ROWS) {
            row::Entity::insert_many(some.iter().map(write)).exec_without_returning(self.tx).await?;
        }
        Ok(())
    }

    /// One of a customer's.
    pub async fn find(&self, of: CustomerUserRef) -> Result<Option<CustomerUser>> {
        self.one(of).one(self.tx).await?.map(read).transpose()
    }

    /// One of whichever customer.
    pub async fn by_id(&self, id: CustomerUserId) -> Result<Option<CustomerUser>> {
        self.all().filter(row::Column::Id.eq(id.uuid())).one(self.tx).await?.map(read).transpose()
    }

    /// One of a customer's, locked until the end of the transaction.
    pub async fn lock(&self, of: CustomerUserRef) -> Result<Option<CustomerUser>> {
        self.one(of).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// A page of a customer's.
    pub async fn list(&self, customer: CustomerId, request: PageRequest) -> Result<Page<CustomerUser>> {
        let rows = paged(self.of(customer), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// A page of all.
    pub async fn list_all(&self, request: PageRequest) -> Result<Page<CustomerUser>> {
        let rows = paged(self.all(), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// How many a customer has.
    pub async fn count(&self, customer: CustomerId) -> Result<u64> {
        Ok(self.of(customer).count(self.tx).await?)
    }

    /// A customer's with an address, as addresses are compared.
    pub async fn by_key(&self, customer: CustomerId, key: &str) -> Result<Option<CustomerUser>> {
        let found = self.of(customer).filter(row::Column::EmailKey.eq(key));
        found.one(self.tx).await?.map(read).transpose()
    }

    /// A customer's admins who have joined, at most `most`, the first first.
    pub async fn admins(&self, customer: CustomerId, most: u64) -> Result<Vec<CustomerUser>> {
        let found = self.joined_admins(customer).order_by_asc(row::Column::Id).limit(most);
        found.all(self.tx).await?.into_iter().map(read).collect()
    }

    /// Whether a customer has an admin who has joined besides this one.
    pub async fn another_admin(&self, but: CustomerUserRef) -> Result<bool> {
        let others = self.joined_admins(but.customer).filter(row::Column::Id.ne(but.user.uuid()));
        Ok(others.one(self.tx).await?.is_some())
    }

    /// Writes the next version of one.
    pub async fn save(&self, user: &CustomerUser) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(user))
            .filter(row::Column::Id.eq(user.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Version.eq(user.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Notes that one has signed in.
    pub async fn signed_in(&self, id: CustomerUserId, now: Timestamp) -> Result<()> {
        row::Entity::update_many()
            .col_expr(row::Column::SignedInAt, Expr::value(now.unix()))
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    /// Removes one; whether there was one.
    pub async fn delete(&self, id: CustomerUserId) -> Result<bool> {
        let deleted = row::Entity::delete_many()
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(deleted.rows_affected == 1)
    }

    /// Removes all of a customer; how many there were.
    pub async fn delete_all(&self, customer: CustomerId) -> Result<u64> {
        let deleted = row::Entity::delete_many()
            .filter(row::Column::CustomerId.eq(customer.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(deleted.rows_affected)
    }

    /// What one signs in with.
    pub async fn credentials(&self, of: CustomerUserRef) -> Result<Option<Credentials>> {
        self.one(of).one(self.tx).await?.as_ref().map(credentials).transpose()
    }

    /// Sets what one signs in with.
    pub async fn set_credentials(&self, of: CustomerUserRef, credentials: &Credentials) -> Result<()> {
        let Columns { password, authenticator, last_step, recovery } = credentials.columns(TABLE)?;
        let row = row::ActiveModel { password, authenticator, last_step, recovery, ..Default::default() };
        let set = row::Entity::update_many()
            .set(row)
            .filter(row::Column::Id.eq(of.user.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(set.rows_affected)
    }

    /// The address of the user who stands for a customer's contact address, as addresses are compared; `None` for a customer
    /// that was made by a server which knows of no users.
    pub async fn contact_key(&self, customer: CustomerId) -> Result<Option<String>> {
        let found = customer::row::Entity::find_by_id(customer.uuid())
            .select_only()
            .column(customer::row::Column::ContactKey)
            .filter(customer::row::Column::OrganizationId.eq(self.scope.id().uuid()));
        let found: Option<Option<String>> = found.into_tuple().one(self.tx).await?;
        Ok(found.flatten())
    }

    /// Notes which user stands for a customer's contact address.
    pub async fn set_contact_key(&self, customer: &Customer) -> Result<()> {
        let set = customer::row::Entity::update_many()
            .col_expr(customer::row::Column::ContactKey, Expr::value(customer.email.key().as_str()))
            .filter(customer::row::Column::Id.eq(customer.id.uuid()))
            .filter(customer::row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(set.rows_affected)
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    pub(crate) fn of(&self, customer: CustomerId) -> Select<row::Entity> {
        self.all().filter(row::Column::CustomerId.eq(customer.uuid()))
    }

    fn one(&self, of: CustomerUserRef) -> Select<row::Entity> {
        self.of(of.customer).filter(row::Column::Id.eq(of.user.uuid()))
    }

    fn joined_admins(&self, customer: CustomerId) -> Select<row::Entity> {
        self.of(customer)
            .filter(row::Column::Role.eq(CustomerRole::Admin.as_str()))
            .filter(row::Column::JoinedAt.is_not_null())
    }
}

fn write(user: &CustomerUser) -> row::ActiveModel {
    row::ActiveModel {
        id: Set(user.id.uuid()),
        organization_id: Set(user.organization.uuid()),
        customer_id: Set(user.customer.uuid()),
        email: Set(user.email.to_string()),
        email_key: Set(user.email.key().as_str().to_owned()),
        name: Set(user.name.to_string()),
        role: Set(user.role.as_str().to_owned()),
        password: NotSet,
        authenticator: NotSet,
        last_step: NotSet,
        recovery: NotSet,
        joined_at: Set(user.joined_at.map(Timestamp::unix)),
        signed_in_at: NotSet,
        created_at: Set(user.created_at.unix()),
        updated_at: Set(user.updated_at.unix()),
        version: Set(user.version),
    }
}

fn read(row: row::Model) -> Result<CustomerUser> {
    Ok(CustomerUser {
        id: row.id.into(),
        organization: row.organization_id.into(),
        customer: row.customer_id.into(),
        email: Table::email(&row.email),
        name: Table::name(&row.name),
        role: TABLE.parse("role", &row.role)?,
        joined_at: TABLE.optional_time("joined_at", row.joined_at)?,
        signed_in_at: TABLE.optional_time("signed_in_at", row.signed_in_at)?,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}

fn credentials(row: &row::Model) -> Result<Credentials> {
    let secrets = (row.password.clone(), row.authenticator.clone());
    Credentials::read(TABLE, secrets, (row.last_step, &row.recovery))
}

/// The users with this address who have joined, however it was typed, of whatever customers and organizations, each with what
/// they sign in with: this is how a person is recognised.
pub(crate) async fn by_email(tx: &Connection, email: &Email) -> Result<Vec<(CustomerUser, Credentials)>> {
    let rows = with_email(email).all(tx).await?;
    let with_credentials = |row: row::Model| {
        let credentials = credentials(&row)?;
        Ok((read(row)?, credentials))
    };
    rows.into_iter().map(with_credentials).collect()
}

pub(crate) fn with_email(email: &Email) -> Select<row::Entity> {
    // Servers that know of no users leave those of customers that they delete.
    let living = Query::select()
        .column(customer::row::Column::Id)
        .from(customer::row::Entity)
        .and_where(customer::row::Column::DeletedAt.is_null())
        .to_owned();
    row::Entity::find()
        .filter(row::Column::EmailKey.eq(email.key().as_str()))
        .filter(row::Column::JoinedAt.is_not_null())
        .filter(row::Column::CustomerId.in_subquery(living))
        .order_by_desc(row::Column::Id)
        .limit(MOST_OF_ONE_ADDRESS)
}

/// The customers with this address who have no user for it yet, because a server made or changed them that knows of no users.
pub(crate) async fn customers_behind(tx: &Connection, email: &Email) -> Result<Vec<Customer>> {
    let found = customer::with_email(email).filter(
        customer::row::Column::ContactKey
            .is_null()
            .or(customer::row::Column::ContactKey.ne(email.key().as_str())),
    );
    found.all(tx).await?.into_iter().map(customer::read).collect()
}

/// The user who stands for a customer's contact address.
pub(crate) async fn of_contact(tx: &Connection, customer: Uuid) -> Result<Option<Uuid>> {
    let contact: SelectStatement = Query::select()
        .column(customer::row::Column::EmailKey)
        .from(customer::row::Entity)
        .and_where(customer::row::Column::Id.eq(customer))
        .to_owned();
    let found = row::Entity::find()
        .select_only()
        .column(row::Column::Id)
        .filter(row::Column::CustomerId.eq(customer))
        .filter(row::Column::EmailKey.in_subquery(contact));
    Ok(found.into_tuple().one(tx).await?)
}
