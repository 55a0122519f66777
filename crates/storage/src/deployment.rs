//! Deployments, their revisions, and what has happened on their hosts.

use std::collections::BTreeMap;

use keyward_domain::deployment::{Reported, Transition};
use keyward_domain::{
    ApplicationId, ApplicationVersionId, CustomerId, Deployment, DeploymentId, DeploymentRevision,
    DeploymentStatus, DeploymentTargetId, OrganizationScope, Page, PageRequest, Timestamp,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder as _, QuerySelect as _, Select,
};

use uuid::Uuid;

use crate::application_version::row as version;
use crate::audit::{read_actor, write_actor};
use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::page::{page, paged};
use crate::{Result, deployment_target};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "deployments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub customer_id: Uuid,
        pub target_id: Uuid,
        pub application_id: Uuid,
        pub name: String,
        pub project: String,
        pub ordered: String,
        pub revision: i64,
        pub attempt: i64,
        #[sea_orm(column_type = "Text", nullable)]
        pub reported: Option<String>,
        pub reported_seq: i64,
        pub reported_at: Option<i64>,
        pub status: String,
        pub ended_at: Option<i64>,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod revision {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "deployment_revisions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub deployment_id: Uuid,
        pub number: i64,
        pub application_version_id: Uuid,
        pub cause: String,
        pub actor: String,
        pub actor_id: Option<Uuid>,
        #[sea_orm(column_type = "Text")]
        pub entered: String,
        #[sea_orm(column_type = "Text")]
        pub images: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod transition {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "deployment_transitions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub deployment_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub organization_id: Uuid,
        #[sea_orm(column_type = "Text")]
        pub transition: String,
        pub received_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("deployments");
const REVISIONS: Table = Table("deployment_revisions");
const TRANSITIONS: Table = Table("deployment_transitions");

/// Which deployments a list is of; `None` is all of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeploymentFilter {
    /// Of one customer.
    pub customer: Option<CustomerId>,
    /// On one target.
    pub target: Option<DeploymentTargetId>,
    /// Of one application.
    pub application: Option<ApplicationId>,
    /// Whose latest revision is of one version.
    pub application_version: Option<ApplicationVersionId>,
    /// That stand so. Without it, those that have ended are left out.
    pub status: Option<DeploymentStatus>,
}

/// The deployments of one organization's customers.
pub struct Deployments<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Deployments<'_> {
    /// Adds one, with its first revision.
    pub async fn insert(&self, deployment: &Deployment, first: &DeploymentRevision) -> Result<()> {
        let mut row = write(deployment)?;
        row.id = Set(deployment.id.uuid());
        row.organization_id = Set(self.scope.id().uuid());
        row.customer_id = Set(deployment.customer.uuid());
        row.target_id = Set(deployment.target.uuid());
        row.application_id = Set(deployment.application.uuid());
        row.project = Set(deployment.project.clone());
        row.created_at = Set(deployment.created_at.unix());
        row.insert(self.tx).await?;
        self.add_revision(first).await
    }

    /// Adds a revision.
    pub async fn add_revision(&self, new: &DeploymentRevision) -> Result<()> {
        let (actor, actor_id) = write_actor(new.actor);
        let row = revision::ActiveModel {
            id: Set(new.id.uuid()),
            organization_id: Set(self.scope.id().uuid()),
            deployment_id: Set(new.deployment.uuid()),
            number: Set(new.number.into()),
            application_version_id: Set(new.application_version.uuid()),
            cause: Set(REVISIONS.take("cause", serde_json::to_string(&new.cause))?),
            actor: Set(actor.to_owned()),
            actor_id: Set(actor_id),
            entered: Set(REVISIONS.take("entered", serde_json::to_string(&new.values))?),
            images: Set(REVISIONS.take("images", serde_json::to_string(&new.images))?),
            created_at: Set(new.created_at.unix()),
        };
        row.insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: DeploymentId) -> Result<Option<Deployment>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: DeploymentId) -> Result<Option<Deployment>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// A page of them, the latest first.
    pub async fn list(&self, filter: &DeploymentFilter, request: PageRequest) -> Result<Page<Deployment>> {
        let rows = paged(self.filtered(filter), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// All on one target that have not ended, the oldest first; the rows are locked if they are to be changed.
    pub async fn of_target(&self, target: DeploymentTargetId, hold: bool) -> Result<Vec<Deployment>> {
        let found = self.live().filter(row::Column::TargetId.eq(target.uuid())).order_by_asc(row::Column::Id);
        let found = if hold { found.lock(ROW) } else { found };
        found.all(self.tx).await?.into_iter().map(read).collect()
    }

    /// How many of one target have not ended.
    pub async fn count_of_target(&self, target: DeploymentTargetId) -> Result<u64> {
        Ok(self.live().filter(row::Column::TargetId.eq(target.uuid())).count(self.tx).await?)
    }

    /// How many of one application have not ended.
    pub async fn count_of_application(&self, application: ApplicationId) -> Result<u64> {
        Ok(self.live().filter(row::Column::ApplicationId.eq(application.uuid())).count(self.tx).await?)
    }

    /// How many stand how, of those that have not ended.
    pub async fn counts(&self) -> Result<Vec<(DeploymentStatus, u64)>> {
        let rows: Vec<(String, i64)> = self
            .live()
            .select_only()
            .column(row::Column::Status)
            .column_as(row::Column::Id.count(), "count")
            .group_by(row::Column::Status)
            .into_tuple()
            .all(self.tx)
            .await?;
        let count = |(status, count): (String, i64)| {
            Ok((TABLE.parse("status", &status)?, u64::try_from(count).unwrap_or(0)))
        };
        rows.into_iter().map(count).collect()
    }

    /// A text that is another one as soon as one of them is; of one customer, if one is named.
    pub async fn mark(&self, of: Option<CustomerId>) -> Result<String> {
        let found = of.map_or_else(
            || self.all(),
            |customer| self.all().filter(row::Column::CustomerId.eq(customer.uuid())),
        );
        let sum = |column: row::Column| column.into_expr().sum().cast_as("BIGINT");
        let marks: Option<Mark> = found
            .select_only()
            .column_as(row::Column::Id.count(), "count")
            .column_as(sum(row::Column::Version), "versions")
            .column_as(sum(row::Column::ReportedSeq), "seqs")
            .column_as(row::Column::ReportedAt.max(), "reported")
            .into_tuple()
            .one(self.tx)
            .await?;
        Ok(format!("{:?}", marks.unwrap_or_default()).replace([' ', '(', ')'], ""))
    }

    /// Writes one as it is now.
    pub async fn save(&self, deployment: &Deployment) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(deployment)?)
            .filter(row::Column::Id.eq(deployment.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// A revision of a deployment.
    pub async fn revision(&self, of: DeploymentId, number: u32) -> Result<Option<DeploymentRevision>> {
        let found = self.revisions_of(of).filter(revision::Column::Number.eq(i64::from(number)));
        found.one(self.tx).await?.map(read_revision).transpose()
    }

    /// The names of the versions of a deployment's revisions after this one from which there is no way back.
    pub async fn no_way_back_since(&self, of: DeploymentId, number: u32) -> Result<Vec<String>> {
        let later = Query::select()
            .column(revision::Column::ApplicationVersionId)
            .from(revision::Entity)
            .and_where(revision::Column::DeploymentId.eq(of.uuid()))
            .and_where(revision::Column::Number.gt(number))
            .to_owned();
        let names = version::Entity::find()
            .filter(version::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(version::Column::NoWayBack.eq(true))
            .filter(version::Column::Id.in_subquery(later))
            .order_by_asc(version::Column::Id)
            .select_only()
            .column(version::Column::Name);
        Ok(names.into_tuple().all(self.tx).await?)
    }

    /// A page of a deployment's revisions, the latest first.
    pub async fn revisions(
        &self,
        of: DeploymentId,
        request: PageRequest,
    ) -> Result<Page<DeploymentRevision>> {
        let mut found = self.revisions_of(of).order_by_desc(revision::Column::Number);
        if let Some(cursor) = request.after {
            // By number: of two that were made within a millisecond, ids don't say which came first.
            let last =
                self.revisions_of(of).filter(revision::Column::Id.eq(cursor.id())).one(self.tx).await?;
            found = found.filter(revision::Column::Number.lt(last.map_or(i64::MAX, |last| last.number)));
        }
        let rows = found.limit(u64::from(request.limit) + 1).all(self.tx).await?;
        page(rows, request, |row| row.id, read_revision)
    }

    /// The latest revision of each of these.
    pub async fn latest_revisions(
        &self,
        of: &[Deployment],
    ) -> Result<BTreeMap<DeploymentId, DeploymentRevision>> {
        let mut latest = BTreeMap::new();
        for some in of.chunks(CHUNK) {
            let ids = some.iter().map(|deployment| deployment.id.uuid());
            let newest = Query::select()
                .expr(Expr::col(row::Column::Id))
                .expr(Expr::col(row::Column::Revision))
                .from(row::Entity)
                .and_where(row::Column::Id.is_in(ids))
                .to_owned();
            let both =
                Expr::tuple([Expr::col(revision::Column::DeploymentId), Expr::col(revision::Column::Number)]);
            let found = revision::Entity::find()
                .filter(revision::Column::OrganizationId.eq(self.scope.id().uuid()))
                .filter(both.in_subquery(newest));
            for row in found.all(self.tx).await? {
                let revision = read_revision(row)?;
                latest.insert(revision.deployment, revision);
            }
        }
        Ok(latest)
    }

    /// Adds what has happened; what is known by its number is left. The oldest go where there are too many.
    pub async fn add_transitions(&self, of: DeploymentId, new: &[Transition], now: Timestamp) -> Result<()> {
        for one in new {
            let row = transition::ActiveModel {
                deployment_id: Set(of.uuid()),
                seq: Set(i64::try_from(one.seq).unwrap_or(i64::MAX)),
                organization_id: Set(self.scope.id().uuid()),
                transition: Set(TRANSITIONS.take("transition", serde_json::to_string(one))?),
                received_at: Set(now.unix()),
            };
            row.insert(self.tx).await?;
        }
        let Some(last) = new.last() else { return Ok(()) };
        let kept = i64::try_from(last.seq.saturating_sub(Deployment::MOST_TRANSITIONS)).unwrap_or(i64::MAX);
        transition::Entity::delete_many()
            .filter(transition::Column::DeploymentId.eq(of.uuid()))
            .filter(transition::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(transition::Column::Seq.lte(kept))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    /// What has happened, the latest first: at most `most`, before a number if one is given.
    pub async fn transitions(
        &self,
        of: DeploymentId,
        before: Option<i64>,
        most: u64,
    ) -> Result<Vec<Transition>> {
        let mut found = transition::Entity::find()
            .filter(transition::Column::DeploymentId.eq(of.uuid()))
            .filter(transition::Column::OrganizationId.eq(self.scope.id().uuid()))
            .order_by_desc(transition::Column::Seq)
            .limit(most);
        if let Some(before) = before {
            found = found.filter(transition::Column::Seq.lt(before));
        }
        let read =
            |row: transition::Model| TRANSITIONS.take("transition", serde_json::from_str(&row.transition));
        found.all(self.tx).await?.into_iter().map(read).collect()
    }

    /// Which targets some ids are of: of targets themselves, and of deployments there. Others are left out.
    pub async fn targets_of(&self, ids: &[Uuid]) -> Result<BTreeMap<Uuid, DeploymentTargetId>> {
        let mut found = BTreeMap::new();
        for some in ids.chunks(CHUNK) {
            let some = || some.iter().copied();
            let deployments: Vec<(Uuid, Uuid)> = self
                .all()
                .select_only()
                .columns([row::Column::Id, row::Column::TargetId])
                .filter(row::Column::Id.is_in(some()))
                .into_tuple()
                .all(self.tx)
                .await?;
            found.extend(deployments.into_iter().map(|(id, target)| (id, target.into())));
            let targets: Vec<Uuid> = deployment_target::row::Entity::find()
                .filter(deployment_target::row::Column::OrganizationId.eq(self.scope.id().uuid()))
                .filter(deployment_target::row::Column::Id.is_in(some()))
                .select_only()
                .column(deployment_target::row::Column::Id)
                .into_tuple()
                .all(self.tx)
                .await?;
            found.extend(targets.into_iter().map(|id| (id, id.into())));
        }
        Ok(found)
    }

    /// The versions of all revisions of the deployments on a target that have not ended.
    pub async fn versions_on(&self, target: DeploymentTargetId) -> Result<Vec<ApplicationVersionId>> {
        let theirs = Query::select()
            .column(row::Column::Id)
            .from(row::Entity)
            .and_where(row::Column::TargetId.eq(target.uuid()))
            .and_where(row::Column::EndedAt.is_null())
            .to_owned();
        let versions: Vec<Uuid> = revision::Entity::find()
            .filter(revision::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(revision::Column::DeploymentId.in_subquery(theirs))
            .select_only()
            .column(revision::Column::ApplicationVersionId)
            .distinct()
            .into_tuple()
            .all(self.tx)
            .await?;
        Ok(versions.into_iter().map(Into::into).collect())
    }

    /// Forgets what was reported of all on a target that have not ended: another host begins anew there.
    pub async fn forget_reports(&self, target: DeploymentTargetId) -> Result<()> {
        for deployment in self.of_target(target, true).await? {
            let transitions = transition::Column::DeploymentId.eq(deployment.id.uuid());
            transition::Entity::delete_many().filter(transitions).exec(self.tx).await?;
            self.save(&Deployment { reported: None, ..deployment }).await?;
        }
        Ok(())
    }

    /// Removes all deployments of an application with what belongs to them: they have ended.
    pub async fn delete_of_application(&self, application: ApplicationId) -> Result<()> {
        let theirs = || {
            Query::select()
                .column(row::Column::Id)
                .from(row::Entity)
                .and_where(row::Column::ApplicationId.eq(application.uuid()))
                .and_where(row::Column::OrganizationId.eq(self.scope.id().uuid()))
                .to_owned()
        };
        let transitions = transition::Column::DeploymentId.in_subquery(theirs());
        transition::Entity::delete_many().filter(transitions).exec(self.tx).await?;
        let revisions = revision::Column::DeploymentId.in_subquery(theirs());
        revision::Entity::delete_many().filter(revisions).exec(self.tx).await?;
        row::Entity::delete_many()
            .filter(row::Column::ApplicationId.eq(application.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(())
    }

    fn filtered(&self, filter: &DeploymentFilter) -> Select<row::Entity> {
        let DeploymentFilter { customer, target, application, application_version, status } = *filter;
        let mut found = match status {
            Some(status) => self.all().filter(row::Column::Status.eq(status.as_str())),
            None => self.live(),
        };
        if let Some(customer) = customer {
            found = found.filter(row::Column::CustomerId.eq(customer.uuid()));
        }
        if let Some(target) = target {
            found = found.filter(row::Column::TargetId.eq(target.uuid()));
        }
        if let Some(application) = application {
            found = found.filter(row::Column::ApplicationId.eq(application.uuid()));
        }
        if let Some(version) = application_version {
            let of_version = Query::select()
                .column(revision::Column::DeploymentId)
                .column(revision::Column::Number)
                .from(revision::Entity)
                .and_where(revision::Column::ApplicationVersionId.eq(version.uuid()))
                .to_owned();
            let latest = Expr::tuple([
                Expr::col((row::Entity, row::Column::Id)),
                Expr::col((row::Entity, row::Column::Revision)),
            ]);
            found = found.filter(latest.in_subquery(of_version));
        }
        found
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn live(&self) -> Select<row::Entity> {
        self.all().filter(row::Column::EndedAt.is_null())
    }

    fn one(&self, id: DeploymentId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }

    fn revisions_of(&self, of: DeploymentId) -> Select<revision::Entity> {
        revision::Entity::find()
            .filter(revision::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(revision::Column::DeploymentId.eq(of.uuid()))
    }
}

/// How many there are, the sums of their versions and of their last transitions, and when one was told of last.
type Mark = (i64, Option<i64>, Option<i64>, Option<i64>);

/// As many ids as one statement may hold on either database.
const CHUNK: usize = 500;

fn write(deployment: &Deployment) -> Result<row::ActiveModel> {
    let reported = deployment.reported.as_ref();
    let state = reported.map(|reported| TABLE.take("reported", serde_json::to_string(&reported.state)));
    let seq = reported.map_or(0, |reported| reported.seq);
    Ok(row::ActiveModel {
        name: Set(deployment.name.to_string()),
        ordered: Set(TABLE.take("ordered", serde_json::to_string(&deployment.order))?),
        revision: Set(deployment.revision.into()),
        attempt: Set(deployment.attempt.into()),
        reported: Set(state.transpose()?),
        reported_seq: Set(i64::try_from(seq).unwrap_or(i64::MAX)),
        reported_at: Set(reported.map(|reported| reported.at.unix())),
        status: Set(deployment.status().as_str().to_owned()),
        ended_at: Set(deployment.ended_at.map(Timestamp::unix)),
        updated_at: Set(deployment.updated_at.unix()),
        version: Set(deployment.version),
        ..Default::default()
    })
}

fn read(row: row::Model) -> Result<Deployment> {
    let reported = match (row.reported, TABLE.optional_time("reported_at", row.reported_at)?) {
        (Some(state), Some(at)) => Some(Reported {
            state: TABLE.take("reported", serde_json::from_str(&state))?,
            seq: TABLE.take("reported_seq", row.reported_seq.try_into())?,
            at,
        }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(TABLE.corrupt("reported_at")),
    };
    Ok(Deployment {
        id: row.id.into(),
        organization: row.organization_id.into(),
        customer: row.customer_id.into(),
        target: row.target_id.into(),
        application: row.application_id.into(),
        name: Table::name(&row.name),
        project: row.project,
        order: TABLE.take("ordered", serde_json::from_str(&row.ordered))?,
        revision: TABLE.take("revision", row.revision.try_into())?,
        attempt: TABLE.take("attempt", row.attempt.try_into())?,
        reported,
        ended_at: TABLE.optional_time("ended_at", row.ended_at)?,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}

fn read_revision(row: revision::Model) -> Result<DeploymentRevision> {
    Ok(DeploymentRevision {
        id: row.id.into(),
        organization: row.organization_id.into(),
        deployment: row.deployment_id.into(),
        number: REVISIONS.take("number", row.number.try_into())?,
        application_version: row.application_version_id.into(),
        cause: REVISIONS.take("cause", serde_json::from_str(&row.cause))?,
        actor: read_actor(&row.actor, row.actor_id).ok_or_else(|| REVISIONS.corrupt("actor"))?,
        values: REVISIONS.take("entered", serde_json::from_str(&row.entered))?,
        images: REVISIONS.take("images", serde_json::from_str(&row.images))?,
        created_at: REVISIONS.time("created_at", row.created_at)?,
    })
}
