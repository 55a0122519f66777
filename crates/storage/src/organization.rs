//! Organizations.

use keyward_domain::{Organization, OrganizationScope, Slug};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
};

use crate::Result;
use crate::convert::{ROW, Table};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "organizations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: String,
        pub slug: String,
        pub status_window: i64,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("organizations");

/// How many places the status list of a new organization has.
pub(crate) const FIRST_WINDOW: u32 = 65_536;

/// All organizations.
pub struct Organizations<'a> {
    pub(crate) tx: &'a DatabaseTransaction,
}

impl Organizations<'_> {
    /// Adds one.
    pub async fn insert(&self, organization: &Organization) -> Result<()> {
        let row = row::ActiveModel { status_window: Set(FIRST_WINDOW.into()), ..write(organization) };
        row.insert(self.tx).await?;
        Ok(())
    }

    /// The one in scope.
    pub async fn find(&self, scope: OrganizationScope) -> Result<Option<Organization>> {
        row::Entity::find_by_id(scope.id().uuid()).one(self.tx).await?.map(read).transpose()
    }

    /// The one in scope, held until the end of the transaction.
    pub async fn lock(&self, scope: OrganizationScope) -> Result<Option<Organization>> {
        let query = row::Entity::find_by_id(scope.id().uuid()).lock(ROW);
        query.one(self.tx).await?.map(read).transpose()
    }

    /// The one with this slug.
    pub async fn by_slug(&self, slug: &Slug) -> Result<Option<Organization>> {
        let query = row::Entity::find().filter(row::Column::Slug.eq(slug.as_str()));
        query.one(self.tx).await?.map(read).transpose()
    }

    /// Whether a slug is in use.
    pub async fn slug_taken(&self, slug: &Slug) -> Result<bool> {
        Ok(row::Entity::find().filter(row::Column::Slug.eq(slug.as_str())).count(self.tx).await? > 0)
    }

    /// Whether there is any.
    pub async fn any(&self) -> Result<bool> {
        Ok(row::Entity::find().limit(1).one(self.tx).await?.is_some())
    }

    /// Writes the next version of one.
    pub async fn save(&self, organization: &Organization) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(organization))
            .filter(row::Column::Id.eq(organization.id.uuid()))
            .filter(row::Column::Version.eq(organization.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }
}

fn write(organization: &Organization) -> row::ActiveModel {
    row::ActiveModel {
        id: Set(organization.id.uuid()),
        name: Set(organization.name.to_string()),
        slug: Set(organization.slug.to_string()),
        status_window: NotSet,
        created_at: Set(organization.created_at.unix()),
        updated_at: Set(organization.updated_at.unix()),
        version: Set(organization.version),
    }
}

fn read(row: row::Model) -> Result<Organization> {
    Ok(Organization {
        id: row.id.into(),
        name: TABLE.parse("name", &row.name)?,
        slug: TABLE.parse("slug", &row.slug)?,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}
