//! Versions of applications, with their files.

use std::collections::BTreeMap;

use keyward_domain::application::{ApplicationVersion, Rollout, VersionState};
use keyward_domain::files::File;
use keyward_domain::product::Markdown;
use keyward_domain::{ApplicationId, ApplicationVersionId, Files, OrganizationScope, Timestamp, VersionName};
use sea_orm::sea_query::Query;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "application_versions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub application_id: Uuid,
        pub name: String,
        pub notes: String,
        pub health_seconds: Option<i64>,
        pub no_way_back: bool,
        pub archived_at: Option<i64>,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod file {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "application_files")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub version_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub place: i64,
        pub name: String,
        #[sea_orm(column_type = "Text")]
        pub content: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod chart {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "application_charts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub version_id: Uuid,
        pub chart: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("application_versions");
const FILES: Table = Table("application_files");

/// The versions of the applications of one organization.
pub struct ApplicationVersions<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl ApplicationVersions<'_> {
    /// Adds one, with its files.
    pub async fn insert(&self, version: &ApplicationVersion, files: &Files) -> Result<()> {
        write(version).insert(self.tx).await?;
        let version_id = version.id.uuid();
        for (place, file) in (0..).zip(files.iter()) {
            let row = file::ActiveModel {
                version_id: Set(version_id),
                place: Set(place),
                name: Set(file.name.to_string()),
                content: Set(file.text.as_str().to_owned()),
            };
            row.insert(self.tx).await?;
        }
        if let Some(chart) = files.chart() {
            let chart = TABLE.take("chart", serde_json::to_string(chart))?;
            chart::ActiveModel { version_id: Set(version_id), chart: Set(chart) }.insert(self.tx).await?;
        }
        Ok(())
    }

    /// The version of an application with this name.
    pub async fn find(
        &self,
        application: ApplicationId,
        name: &VersionName,
    ) -> Result<Option<ApplicationVersion>> {
        self.named(application, name).one(self.tx).await?.map(read).transpose()
    }

    /// The same, locked until the end of the transaction.
    pub async fn lock(
        &self,
        application: ApplicationId,
        name: &VersionName,
    ) -> Result<Option<ApplicationVersion>> {
        self.named(application, name).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// The version with this id.
    pub async fn by_id(&self, id: ApplicationVersionId) -> Result<Option<ApplicationVersion>> {
        let found = self.all().filter(row::Column::Id.eq(id.uuid()));
        found.one(self.tx).await?.map(read).transpose()
    }

    /// All versions of an application, in the order of lists.
    pub async fn list(&self, application: ApplicationId) -> Result<Vec<ApplicationVersion>> {
        let rows = self.of(application).all(self.tx).await?;
        let mut versions = rows.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        versions.sort_by(ApplicationVersion::newest_first);
        Ok(versions)
    }

    /// All versions of each of these applications, in the order of lists.
    pub async fn of_all(
        &self,
        applications: &[ApplicationId],
    ) -> Result<BTreeMap<ApplicationId, Vec<ApplicationVersion>>> {
        let ids = applications.iter().map(|id| id.uuid());
        let rows = self.all().filter(row::Column::ApplicationId.is_in(ids)).all(self.tx).await?;
        let mut all: BTreeMap<ApplicationId, Vec<ApplicationVersion>> = BTreeMap::new();
        for row in rows {
            let version = read(row)?;
            all.entry(version.application).or_default().push(version);
        }
        all.values_mut().for_each(|versions| versions.sort_by(ApplicationVersion::newest_first));
        Ok(all)
    }

    /// How many versions an application has, the archived ones too.
    pub async fn count(&self, application: ApplicationId) -> Result<u32> {
        let count = self.of(application).count(self.tx).await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// What a version consists of, found in its organization before.
    pub async fn files(&self, version: &ApplicationVersion) -> Result<Files> {
        Ok(self.files_of(&[version.id]).await?.remove(&version.id).unwrap_or_default())
    }

    /// What each of these versions consists of, found in their organization before.
    pub async fn files_of(
        &self,
        versions: &[ApplicationVersionId],
    ) -> Result<BTreeMap<ApplicationVersionId, Files>> {
        let ids = || versions.iter().map(|id| id.uuid());
        let of_versions = file::Entity::find().filter(file::Column::VersionId.is_in(ids()));
        let mut files: BTreeMap<Uuid, Vec<File>> = BTreeMap::new();
        for row in of_versions.order_by_asc(file::Column::Place).all(self.tx).await? {
            let name = FILES.parse("name", &row.name)?;
            let file = File { name, text: FILES.parse("content", &row.content)? };
            files.entry(row.version_id).or_default().push(file);
        }
        let charts = chart::Entity::find().filter(chart::Column::VersionId.is_in(ids())).all(self.tx).await?;
        let mut charts: BTreeMap<_, _> = charts.into_iter().map(|row| (row.version_id, row.chart)).collect();
        let stored = |id: &ApplicationVersionId| {
            let chart = charts.remove(&id.uuid());
            let chart = chart.map(|chart| TABLE.take("chart", serde_json::from_str(&chart))).transpose()?;
            Ok((*id, Files::stored(chart, files.remove(&id.uuid()).unwrap_or_default())))
        };
        versions.iter().map(stored).collect()
    }

    /// Writes the next version of one; its files are not touched.
    pub async fn save(&self, version: &ApplicationVersion) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(version))
            .filter(row::Column::Id.eq(version.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Version.eq(version.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Removes all versions of an application, with their files.
    pub async fn delete_all(&self, application: ApplicationId) -> Result<()> {
        let of_application = || {
            Query::select()
                .column(row::Column::Id)
                .from(row::Entity)
                .and_where(row::Column::ApplicationId.eq(application.uuid()))
                .and_where(row::Column::OrganizationId.eq(self.scope.id().uuid()))
                .to_owned()
        };
        let files = file::Column::VersionId.in_subquery(of_application());
        file::Entity::delete_many().filter(files).exec(self.tx).await?;
        let charts = chart::Column::VersionId.in_subquery(of_application());
        chart::Entity::delete_many().filter(charts).exec(self.tx).await?;
        row::Entity::delete_many()
            .filter(row::Column::ApplicationId.eq(application.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn of(&self, application: ApplicationId) -> Select<row::Entity> {
        self.all().filter(row::Column::ApplicationId.eq(application.uuid()))
    }

    fn named(&self, application: ApplicationId, name: &VersionName) -> Select<row::Entity> {
        self.of(application).filter(row::Column::Name.eq(name.as_str()))
    }
}

fn write(version: &ApplicationVersion) -> row::ActiveModel {
    let archived_at = match version.state {
        VersionState::Offered => None,
        VersionState::Archived { since } => Some(since),
    };
    row::ActiveModel {
        id: Set(version.id.uuid()),
        organization_id: Set(version.organization.uuid()),
        application_id: Set(version.application.uuid()),
        name: Set(version.name.to_string()),
        notes: Set(version.notes.as_str().to_owned()),
        health_seconds: Set(version.rollout.health_seconds.map(i64::from)),
        no_way_back: Set(version.rollout.no_way_back),
        archived_at: Set(archived_at.map(Timestamp::unix)),
        created_at: Set(version.created_at.unix()),
        updated_at: Set(version.updated_at.unix()),
        version: Set(version.version),
    }
}

fn read(row: row::Model) -> Result<ApplicationVersion> {
    let archived_at = TABLE.optional_time("archived_at", row.archived_at)?;
    Ok(ApplicationVersion {
        id: row.id.into(),
        organization: row.organization_id.into(),
        application: row.application_id.into(),
        name: TABLE.parse("name", &row.name)?,
        notes: Markdown::kept(&row.notes),
        rollout: Rollout {
            health_seconds: row
                .health_seconds
                .map(|seconds| TABLE.take("health_seconds", u32::try_from(seconds)))
                .transpose()?,
            no_way_back: row.no_way_back,
        },
        state: archived_at.map_or(VersionState::Offered, |since| VersionState::Archived { since }),
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}
