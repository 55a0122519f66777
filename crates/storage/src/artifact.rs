//! The repositories of registries.

use std::collections::BTreeMap;

use keyward_domain::registry::{Artifact, Digest, Reference, RepositoryName, Tag};
use keyward_domain::{ArtifactId, OrganizationScope, Page, PageRequest, RegistryId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};

use crate::connection::Connection;
use crate::content::Content;
use crate::convert::{ROW, Table};
use crate::folding::contains;
use crate::page::{page, paged};
use crate::{Result, content, registry};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "artifacts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub registry_id: Uuid,
        pub repository: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("artifacts");

/// The artifacts of one organization.
pub struct Artifacts<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Artifacts<'_> {
    /// Adds one, unless its repository is known already.
    pub async fn insert(&self, artifact: &Artifact) -> Result<()> {
        let row = row::ActiveModel {
            id: Set(artifact.id.uuid()),
            organization_id: Set(artifact.organization.uuid()),
            registry_id: Set(artifact.registry.uuid()),
            repository: Set(artifact.repository.to_string()),
            created_at: Set(artifact.created_at.unix()),
        };
        let known =
            OnConflict::columns([row::Column::RegistryId, row::Column::Repository]).do_nothing().to_owned();
        row::Entity::insert(row).on_conflict(known).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: ArtifactId) -> Result<Option<Artifact>> {
        self.all().filter(row::Column::Id.eq(id.uuid())).one(self.tx).await?.map(read).transpose()
    }

    /// Holds one until the end of the transaction: its tags move one after the other.
    pub async fn hold(&self, id: ArtifactId) -> Result<()> {
        self.all().filter(row::Column::Id.eq(id.uuid())).lock(ROW).one(self.tx).await?;
        Ok(())
    }

    /// The one of a repository.
    pub async fn named(&self, registry: RegistryId, repository: &RepositoryName) -> Result<Option<Artifact>> {
        let one = self.all().filter(row::Column::RegistryId.eq(registry.uuid()));
        let one = one.filter(row::Column::Repository.eq(repository.as_str()));
        one.one(self.tx).await?.map(read).transpose()
    }

    /// The digest that a reference stands for in a repository, if it is of a manifest that was read with all that is kept of
    /// it, and is there as far as is known.
    pub async fn known_manifest(
        &self,
        registry: RegistryId,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Digest>> {
        let artifact = self.all().select_only().column(row::Column::Id);
        let artifact = artifact.filter(row::Column::RegistryId.eq(registry.uuid()));
        let artifact = artifact.filter(row::Column::Repository.eq(repository.as_str()));
        content::known_manifest(self.tx, artifact.into_query(), reference).await
    }

    /// All of one registry, by name.
    pub async fn of_registry(&self, registry: RegistryId) -> Result<Vec<Artifact>> {
        let all = self.all().filter(row::Column::RegistryId.eq(registry.uuid()));
        let rows = all.order_by_asc(row::Column::Repository).all(self.tx).await?;
        rows.into_iter().map(read).collect()
    }

    /// All of each registry, by name.
    pub async fn by_registry(&self) -> Result<BTreeMap<RegistryId, Vec<Artifact>>> {
        let rows = self.all().order_by_asc(row::Column::Repository).all(self.tx).await?;
        let mut all: BTreeMap<RegistryId, Vec<Artifact>> = BTreeMap::new();
        for row in rows {
            let artifact = read(row)?;
            all.entry(artifact.registry).or_default().push(artifact);
        }
        Ok(all)
    }

    /// A page of those of one registry or of all that are not removed, whose name contains a text.
    pub async fn list(
        &self,
        registry: Option<RegistryId>,
        text: Option<&str>,
        request: PageRequest,
    ) -> Result<Page<Artifact>> {
        let found = match registry {
            Some(registry) => self.all().filter(row::Column::RegistryId.eq(registry.uuid())),
            None => self.all().filter(row::Column::RegistryId.in_subquery(registry::live_ids())),
        };
        let found = match text {
            // Repositories have no other letters than folded ones.
            Some(text) => found.filter(contains(row::Column::Repository, text)),
            None => found,
        };
        let rows = paged(found, row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// Those of these ids that there are, by repository.
    pub async fn among(&self, ids: &[ArtifactId]) -> Result<Vec<Artifact>> {
        let found = self.all().filter(row::Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        let rows = found.order_by_asc(row::Column::Repository).order_by_asc(row::Column::Id);
        rows.all(self.tx).await?.into_iter().map(read).collect()
    }

    /// How many one registry has.
    pub async fn count_of(&self, registry: RegistryId) -> Result<u64> {
        Ok(self.all().filter(row::Column::RegistryId.eq(registry.uuid())).count(self.tx).await?)
    }

    /// The tags that there are of each of these, found before, the latest first.
    pub async fn tags_of(&self, ids: &[ArtifactId]) -> Result<BTreeMap<ArtifactId, Vec<Tag>>> {
        content::tags_of(self.tx, ids).await
    }

    /// What is in one that was found before.
    pub fn content(&self, artifact: ArtifactId) -> Content<'_> {
        Content { tx: self.tx, artifact }
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }
}

fn read(row: row::Model) -> Result<Artifact> {
    Ok(Artifact {
        id: row.id.into(),
        organization: row.organization_id.into(),
        registry: row.registry_id.into(),
        repository: TABLE.parse("repository", &row.repository)?,
        created_at: TABLE.time("created_at", row.created_at)?,
    })
}
