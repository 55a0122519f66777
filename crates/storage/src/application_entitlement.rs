//! What customers may deploy.

use std::collections::{BTreeMap, BTreeSet};

use keyward_domain::application_entitlement::{ApplicationEntitlement, Granted};
use keyward_domain::{
    ApplicationEntitlementId, ApplicationId, ApplicationVersionId, CustomerId, OrganizationScope, Page,
    PageRequest,
};
use sea_orm::sea_query::{ExprTrait as _, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::page::{page, paged};
use crate::{Result, customer};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "application_entitlements")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub customer_id: Uuid,
        pub application_id: Uuid,
        pub granted: String,
        pub note: Option<String>,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod named {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "application_entitlement_versions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub entitlement_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub version_id: Uuid,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("application_entitlements");

/// What the customers of one organization may deploy.
pub struct ApplicationEntitlements<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl ApplicationEntitlements<'_> {
    /// Adds one.
    pub async fn insert(&self, entitlement: &ApplicationEntitlement) -> Result<()> {
        write(entitlement).insert(self.tx).await?;
        self.name(entitlement).await
    }

    /// One of them.
    pub async fn find(&self, id: ApplicationEntitlementId) -> Result<Option<ApplicationEntitlement>> {
        let found = self.all().filter(row::Column::Id.eq(id.uuid())).all(self.tx).await?;
        Ok(self.read(found).await?.pop())
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: ApplicationEntitlementId) -> Result<Option<ApplicationEntitlement>> {
        // Locked before its versions are read: they may change while the lock is waited for.
        let found = self.all().filter(row::Column::Id.eq(id.uuid())).lock(ROW).all(self.tx).await?;
        Ok(self.read(found).await?.pop())
    }

    /// A page of those of a customer, of an application, of both, or of all.
    pub async fn list(
        &self,
        customer: Option<CustomerId>,
        application: Option<ApplicationId>,
        request: PageRequest,
    ) -> Result<Page<ApplicationEntitlement>> {
        let mut found = self.all();
        if let Some(customer) = customer {
            found = found.filter(row::Column::CustomerId.eq(customer.uuid()));
        }
        if let Some(application) = application {
            found = found.filter(row::Column::ApplicationId.eq(application.uuid()));
        }
        let rows = paged(found, row::Column::Id, request).all(self.tx).await?;
        let (rows, next) = page(rows, request, |row| row.id, Ok)?.into_parts();
        Ok(Page::new(self.read(rows).await?, next))
    }

    /// A page of the customers who may deploy a version of an application, by their entitlements.
    pub async fn holders(
        &self,
        application: ApplicationId,
        version: ApplicationVersionId,
        request: PageRequest,
    ) -> Result<Page<CustomerId>> {
        let listed = Query::select()
            .column(named::Column::EntitlementId)
            .from(named::Entity)
            .and_where(named::Column::VersionId.eq(version.uuid()))
            .take();
        // Listed are the versions that are granted by name, and those that are hidden from who is granted all.
        let listed = row::Column::Id.in_subquery(listed);
        let covered = Condition::any()
            .add(row::Column::Granted.eq("named").and(listed.clone()))
            .add(row::Column::Granted.eq("all").and(listed.not()));
        let found = self.all().filter(row::Column::ApplicationId.eq(application.uuid())).filter(covered);
        let rows = paged(found, row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, |row| Ok(row.customer_id.into()))
    }

    /// All that a customer has.
    pub async fn of_customer(&self, customer: CustomerId) -> Result<Vec<ApplicationEntitlement>> {
        let found = self.all().filter(row::Column::CustomerId.eq(customer.uuid()));
        self.read(found.order_by_asc(row::Column::Id).all(self.tx).await?).await
    }

    /// How many entitlements each of these customers has, where there are any.
    pub async fn counts(&self, customers: &[CustomerId]) -> Result<BTreeMap<CustomerId, u64>> {
        let of_these = row::Column::CustomerId.is_in(customers.iter().map(|id| id.uuid()));
        customer::counted(self.tx, self.all().filter(of_these), row::Column::CustomerId).await
    }

    /// How many customers are entitled to an application.
    pub async fn count_of(&self, application: ApplicationId) -> Result<u64> {
        Ok(self.all().filter(row::Column::ApplicationId.eq(application.uuid())).count(self.tx).await?)
    }

    /// Writes the next version of one.
    pub async fn save(&self, entitlement: &ApplicationEntitlement) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(entitlement))
            .filter(row::Column::Id.eq(entitlement.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Version.eq(entitlement.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)?;
        self.forget(entitlement.id).await?;
        self.name(entitlement).await
    }

    /// Notes that a version is offered again: it is hidden from nobody who is entitled to all.
    pub async fn offered_again(
        &self,
        application: ApplicationId,
        version: ApplicationVersionId,
    ) -> Result<()> {
        let to_all = Query::select()
            .column(row::Column::Id)
            .from(row::Entity)
            .and_where(row::Column::ApplicationId.eq(application.uuid()))
            .and_where(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .and_where(row::Column::Granted.eq("all"))
            .to_owned();
        named::Entity::delete_many()
            .filter(named::Column::VersionId.eq(version.uuid()))
            .filter(named::Column::EntitlementId.in_subquery(to_all))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    /// Removes one.
    pub async fn delete(&self, id: ApplicationEntitlementId) -> Result<()> {
        self.forget(id).await?;
        let deleted = row::Entity::delete_many()
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(deleted.rows_affected)
    }

    async fn name(&self, entitlement: &ApplicationEntitlement) -> Result<()> {
        let (Granted::Named(versions) | Granted::All { hidden: versions }) = &entitlement.granted;
        let entitlement_id = entitlement.id.uuid();
        let rows = versions.iter().map(|version| named::ActiveModel {
            entitlement_id: Set(entitlement_id),
            version_id: Set(version.uuid()),
        });
        if !versions.is_empty() {
            named::Entity::insert_many(rows).exec_without_returning(self.tx).await?;
        }
        Ok(())
    }

    async fn forget(&self, id: ApplicationEntitlementId) -> Result<()> {
        let of_one = named::Column::EntitlementId.eq(id.uuid());
        named::Entity::delete_many().filter(of_one).exec(self.tx).await?;
        Ok(())
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    /// Each row with its versions.
    async fn read(&self, rows: Vec<row::Model>) -> Result<Vec<ApplicationEntitlement>> {
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let mut versions: BTreeMap<Uuid, BTreeSet<ApplicationVersionId>> = BTreeMap::new();
        let of_these = named::Entity::find().filter(named::Column::EntitlementId.is_in(ids));
        for row in of_these.all(self.tx).await? {
            versions.entry(row.entitlement_id).or_default().insert(row.version_id.into());
        }
        let read = |row: row::Model| {
            let versions = versions.remove(&row.id).unwrap_or_default();
            read(row, versions)
        };
        rows.into_iter().map(read).collect()
    }
}

fn write(entitlement: &ApplicationEntitlement) -> row::ActiveModel {
    let granted = match entitlement.granted {
        Granted::Named(_) => "named",
        Granted::All { .. } => "all",
    };
    row::ActiveModel {
        id: Set(entitlement.id.uuid()),
        organization_id: Set(entitlement.organization.uuid()),
        customer_id: Set(entitlement.customer.uuid()),
        application_id: Set(entitlement.application.uuid()),
        granted: Set(granted.to_owned()),
        note: Set(entitlement.note.as_ref().map(ToString::to_string)),
        created_at: Set(entitlement.created_at.unix()),
        updated_at: Set(entitlement.updated_at.unix()),
        version: Set(entitlement.version),
    }
}

fn read(row: row::Model, versions: BTreeSet<ApplicationVersionId>) -> Result<ApplicationEntitlement> {
    let granted = match row.granted.as_str() {
        "named" if !versions.is_empty() => Granted::Named(versions),
        "all" => Granted::All { hidden: versions },
        _ => return Err(TABLE.corrupt("granted")),
    };
    Ok(ApplicationEntitlement {
        id: row.id.into(),
        organization: row.organization_id.into(),
        customer: row.customer_id.into(),
        application: row.application_id.into(),
        granted,
        note: Table::notes(row.note.as_deref()),
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}
