//! Customers. Deleted ones stay as tombstones that no query shows.

use std::collections::BTreeMap;

use keyward_domain::{
    Customer, CustomerId, CustomerOrder, Email, Ordered, OrderedRequest, OrganizationScope, Page,
    PageRequest, Place, Timestamp,
};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::{ROW, Table, write_block_list};
use crate::folding::{contains, search_text};
use crate::page::{in_order, ordered, page, paged, text_place};
use crate::{Result, license};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "customers")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub name: String,
        pub email: String,
        pub email_key: String,
        pub notes: Option<String>,
        pub blocked: String,
        pub search: String,
        pub created_at: i64,
        pub updated_at: i64,
        pub deleted_at: Option<i64>,
        pub version: i64,
        /// By which address the user is known who stands for the contact address.
        pub contact_key: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("customers");

/// As many rows as one statement may add on either database.
const ROWS: usize = 500;

/// The customers of one organization.
pub struct Customers<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Customers<'_> {
    /// Adds one.
    pub async fn insert(&self, customer: &Customer) -> Result<()> {
        write(customer).insert(self.tx).await?;
        Ok(())
    }

    /// Adds many at once.
    pub async fn insert_all(&self, customers: &[Customer]) -> Result<()> {
        for some in customers.chunks(ROWS) {
            row::Entity::insert_many(some.iter().map(write)).exec_without_returning(self.tx).await?;
        }
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: CustomerId) -> Result<Option<Customer>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: CustomerId) -> Result<Option<Customer>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// A page of those whose name or address contains a text, or of all.
    pub async fn list(&self, text: Option<&str>, request: PageRequest) -> Result<Page<Customer>> {
        let rows = paged(self.found(text), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// The same, in an order.
    pub async fn list_in_order(
        &self,
        text: Option<&str>,
        request: &OrderedRequest<CustomerOrder>,
    ) -> Result<Ordered<Customer>> {
        let place = match request.order.by {
            CustomerOrder::Name => text_place(self.tx, row::Column::Name),
            CustomerOrder::Email => text_place(self.tx, row::Column::Email),
            CustomerOrder::Created => row::Column::CreatedAt.into_expr(),
        };
        let rows =
            in_order(self.found(text), place, row::Column::Id.into_expr(), request).all(self.tx).await?;
        ordered(rows, request, read, |customer| {
            let place = match request.order.by {
                CustomerOrder::Name => Place::text(customer.name.as_str()),
                CustomerOrder::Email => Place::text(customer.email.as_str()),
                CustomerOrder::Created => Place::Number(customer.created_at.unix()),
            };
            (place, customer.id.uuid())
        })
    }

    /// Those whose name or address contains a text, or all.
    fn found(&self, text: Option<&str>) -> Select<row::Entity> {
        match text {
            Some(text) => self.live().filter(contains(row::Column::Search, text)),
            None => self.live(),
        }
    }

    /// Those of these ids that there are.
    pub async fn among(&self, ids: &[CustomerId]) -> Result<BTreeMap<CustomerId, Customer>> {
        let found = self.live().filter(row::Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        let rows = found.all(self.tx).await?.into_iter().map(read);
        rows.map(|read| read.map(|customer| (customer.id, customer))).collect()
    }

    /// Those but one who hold an active license that a product's pull roles do not limit, at most `most`.
    pub async fn unlimited(&self, but: CustomerId, now: Timestamp, most: u64) -> Result<Vec<Customer>> {
        let found = self
            .live()
            .filter(row::Column::Id.ne(but.uuid()))
            .filter(row::Column::Id.in_subquery(license::unlimited_holders(self.scope, now)));
        let rows = found.order_by_desc(row::Column::Id).limit(most).all(self.tx).await?;
        rows.into_iter().map(read).collect()
    }

    /// Those with an address, but one, the newest first, at most `most`.
    pub async fn with_email(
        &self,
        email: &Email,
        but: Option<CustomerId>,
        most: u64,
    ) -> Result<Vec<Customer>> {
        let mut found = self.live().filter(row::Column::EmailKey.eq(email.key().as_str()));
        if let Some(but) = but {
            found = found.filter(row::Column::Id.ne(but.uuid()));
        }
        let rows = found.order_by_desc(row::Column::Id).limit(most).all(self.tx).await?;
        rows.into_iter().map(read).collect()
    }

    /// Writes the next version of one.
    pub async fn save(&self, customer: &Customer) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(customer))
            .filter(row::Column::Id.eq(customer.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Version.eq(customer.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Removes one from sight; whether there was one.
    pub async fn delete(&self, id: CustomerId, now: Timestamp) -> Result<bool> {
        let deleted = row::Entity::update_many()
            .col_expr(row::Column::DeletedAt, Expr::value(now.unix()))
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::DeletedAt.is_null())
            .exec(self.tx)
            .await?;
        Ok(deleted.rows_affected == 1)
    }

    pub(crate) fn live(&self) -> Select<row::Entity> {
        row::Entity::find()
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::DeletedAt.is_null())
    }

    fn one(&self, id: CustomerId) -> Select<row::Entity> {
        self.live().filter(row::Column::Id.eq(id.uuid()))
    }
}

fn write(customer: &Customer) -> row::ActiveModel {
    let texts = [customer.name.as_str(), customer.email.as_str()];
    row::ActiveModel {
        id: Set(customer.id.uuid()),
        organization_id: Set(customer.organization.uuid()),
        name: Set(customer.name.to_string()),
        email: Set(customer.email.to_string()),
        email_key: Set(customer.email.key().as_str().to_owned()),
        notes: Set(customer.notes.as_ref().map(ToString::to_string)),
        blocked: Set(write_block_list(&customer.blocked)),
        search: Set(search_text(&texts, Some(&customer.email))),
        created_at: Set(customer.created_at.unix()),
        updated_at: Set(customer.updated_at.unix()),
        deleted_at: NotSet,
        version: Set(customer.version),
        contact_key: NotSet,
    }
}

/// How many of some rows each customer has, where there are any. `customer` is the column that says whose a row is.
pub(crate) async fn counted<E: EntityTrait>(
    tx: &Connection,
    rows: Select<E>,
    customer: E::Column,
) -> Result<BTreeMap<CustomerId, u64>> {
    let counted = rows.select_only().column(customer).column_as(customer.count(), "rows").group_by(customer);
    let counted: Vec<(Uuid, i64)> = counted.into_tuple().all(tx).await?;
    Ok(counted.into_iter().map(|(id, count)| (id.into(), u64::try_from(count).unwrap_or(0))).collect())
}

pub(crate) fn read(row: row::Model) -> Result<Customer> {
    Ok(Customer {
        id: row.id.into(),
        organization: row.organization_id.into(),
        name: Table::name(&row.name),
        email: Table::email(&row.email),
        notes: Table::notes(row.notes.as_deref()),
        blocked: TABLE.block_list("blocked", &row.blocked)?,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}

/// The customers with this address, however it was typed, of whatever organizations.
pub(crate) fn with_email(email: &Email) -> Select<row::Entity> {
    row::Entity::find()
        .filter(row::Column::EmailKey.eq(email.key().as_str()))
        .filter(row::Column::DeletedAt.is_null())
        .order_by_desc(row::Column::Id)
        .limit(20)
}
