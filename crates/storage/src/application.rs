//! Applications.

use keyward_domain::{Application, ApplicationId, OrganizationScope, Page, PageRequest, Slug};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::folding::{contains, search_text};
use crate::page::{page, paged};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "applications")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub name: String,
        pub slug: String,
        pub kind: String,
        pub description: Option<String>,
        pub search: String,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("applications");

/// The applications of one organization.
pub struct Applications<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Applications<'_> {
    /// Adds one.
    pub async fn insert(&self, application: &Application) -> Result<()> {
        write(application).insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: ApplicationId) -> Result<Option<Application>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// The one with this slug.
    pub async fn by_slug(&self, slug: &Slug) -> Result<Option<Application>> {
        let found = self.all().filter(row::Column::Slug.eq(slug.as_str()));
        found.one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: ApplicationId) -> Result<Option<Application>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// Whether a slug is in use.
    pub async fn slug_taken(&self, slug: &Slug) -> Result<bool> {
        Ok(self.all().filter(row::Column::Slug.eq(slug.as_str())).count(self.tx).await? > 0)
    }

    /// A page of those whose name contains a text, or of all.
    pub async fn list(&self, text: Option<&str>, request: PageRequest) -> Result<Page<Application>> {
        let found = match text {
            Some(text) => self.all().filter(contains(row::Column::Search, text)),
            None => self.all(),
        };
        let rows = paged(found, row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// Those with these ids, by name.
    pub async fn among(&self, ids: &[ApplicationId]) -> Result<Vec<Application>> {
        let found = self.all().filter(row::Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        found.order_by_asc(row::Column::Name).all(self.tx).await?.into_iter().map(read).collect()
    }

    /// Writes the next version of one.
    pub async fn save(&self, application: &Application) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(application))
            .filter(row::Column::Id.eq(application.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Version.eq(application.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Removes one that has no versions any more.
    pub async fn delete(&self, id: ApplicationId) -> Result<()> {
        let deleted = row::Entity::delete_many()
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(deleted.rows_affected)
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn one(&self, id: ApplicationId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }
}

fn write(application: &Application) -> row::ActiveModel {
    row::ActiveModel {
        id: Set(application.id.uuid()),
        organization_id: Set(application.organization.uuid()),
        name: Set(application.name.to_string()),
        slug: Set(application.slug.to_string()),
        kind: Set(application.kind.as_str().to_owned()),
        description: Set(application.description.as_ref().map(ToString::to_string)),
        search: Set(search_text(&[application.name.as_str()], None)),
        created_at: Set(application.created_at.unix()),
        updated_at: Set(application.updated_at.unix()),
        version: Set(application.version),
    }
}

fn read(row: row::Model) -> Result<Application> {
    Ok(Application {
        id: row.id.into(),
        organization: row.organization_id.into(),
        name: Table::name(&row.name),
        slug: TABLE.parse("slug", &row.slug)?,
        kind: TABLE.parse("kind", &row.kind)?,
        description: Table::notes(row.description.as_deref()),
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}
