//! What was unusual or fails, and who has seen to it.

mod registry;
mod subject;

use std::collections::BTreeMap;

use keyward_domain::registry::Holder;
use keyward_domain::{
    Alert, AlertId, AlertState, AlertStatus, AlertSubject, Cursor, Finding, OrganizationScope, Page,
    PageRequest, RegistryId, RegistryKeyId, Timestamp,
};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use crate::Result;
use crate::audit::{read_actor, write_actor};
use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::habit::holder_id;
use crate::page::paged;
use registry::row;
use subject::row as other;

const TABLE: Table = Table("alerts");

/// Which alerts are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct AlertFilter {
    /// In this state only.
    pub status: Option<AlertStatus>,
    /// Of this registry only.
    pub registry: Option<RegistryId>,
    /// Of this key only.
    pub key: Option<RegistryKeyId>,
}

/// The alerts of one organization.
pub struct Alerts<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Alerts<'_> {
    /// Adds one, unless the same was raised that day. Whether it did.
    pub async fn insert(&self, alert: &Alert) -> Result<bool> {
        let inserted = match alert.subject {
            AlertSubject::Registry { registry, holder } => {
                let key = [row::Column::HolderId, row::Column::Day, row::Column::Kind, row::Column::Aspect];
                let once = OnConflict::columns(key).do_nothing().to_owned();
                let row = registry::write(alert, registry, holder)?;
                row::Entity::insert(row).on_conflict(once).exec_without_returning(self.tx).await?
            }
            AlertSubject::Webhook(_)
            | AlertSubject::AuditSink(_)
            | AlertSubject::DeploymentTarget(_)
            | AlertSubject::Deployment(_) => {
                use other::Column::{Aspect, Day, Kind, SubjectId};
                let once = OnConflict::columns([SubjectId, Day, Kind, Aspect]).do_nothing().to_owned();
                let row = subject::write(alert)?;
                other::Entity::insert(row).on_conflict(once).exec_without_returning(self.tx).await?
            }
        };
        Ok(inserted == 1)
    }

    /// Whether such a thing was raised of the same holder on that day.
    pub async fn is_raised(&self, holder: Holder, finding: &Finding, at: Timestamp) -> Result<bool> {
        Ok(self.same(holder, finding, at).limit(1).one(self.tx).await?.is_some())
    }

    /// Whether anything of its kind was raised of the same holder on that day.
    pub async fn is_kind_raised(&self, holder: Holder, finding: &Finding, at: Timestamp) -> Result<bool> {
        Ok(self.kind(holder, finding, at).limit(1).one(self.tx).await?.is_some())
    }

    /// Whether the same was raised on that day of something that is no registry.
    pub async fn is_raised_about(
        &self,
        subject: AlertSubject,
        finding: &Finding,
        at: Timestamp,
    ) -> Result<bool> {
        let found = self
            .others()
            .filter(other::Column::SubjectId.eq(subject.parts().1))
            .filter(other::Column::Day.eq(at.day()))
            .filter(other::Column::Kind.eq(finding.kind()))
            .filter(other::Column::Aspect.eq(&*finding.aspect()));
        Ok(found.limit(1).one(self.tx).await?.is_some())
    }

    /// One of them.
    pub async fn find(&self, id: AlertId) -> Result<Option<Alert>> {
        if let Some(row) = self.one(id).one(self.tx).await? {
            return registry::read(row).map(Some);
        }
        self.other(id).one(self.tx).await?.map(subject::read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: AlertId) -> Result<Option<Alert>> {
        if let Some(row) = self.one(id).lock(ROW).one(self.tx).await? {
            return registry::read(row).map(Some);
        }
        self.other(id).lock(ROW).one(self.tx).await?.map(subject::read).transpose()
    }

    /// Writes one as it is now.
    pub async fn save(&self, alert: &Alert) -> Result<()> {
        let organization = self.scope.id().uuid();
        let saved = match alert.subject {
            AlertSubject::Registry { registry, holder } => {
                row::Entity::update_many()
                    .set(registry::write(alert, registry, holder)?)
                    .filter(row::Column::Id.eq(alert.id.uuid()))
                    .filter(row::Column::OrganizationId.eq(organization))
                    .exec(self.tx)
                    .await?
            }
            AlertSubject::Webhook(_)
            | AlertSubject::AuditSink(_)
            | AlertSubject::DeploymentTarget(_)
            | AlertSubject::Deployment(_) => {
                other::Entity::update_many()
                    .set(subject::write(alert)?)
                    .filter(other::Column::Id.eq(alert.id.uuid()))
                    .filter(other::Column::OrganizationId.eq(organization))
                    .exec(self.tx)
                    .await?
            }
        };
        TABLE.one(saved.rows_affected)
    }

    /// A page of them, the latest first.
    pub async fn list(&self, filter: AlertFilter, request: PageRequest) -> Result<Page<Alert>> {
        let rows = paged(self.wanted(filter), row::Column::Id, request).all(self.tx).await?;
        let mut alerts = rows.into_iter().map(registry::read).collect::<Result<Vec<_>>>()?;
        if let Some(others) = self.wanted_others(filter) {
            let rows = paged(others, other::Column::Id, request).all(self.tx).await?;
            for row in rows {
                alerts.push(subject::read(row)?);
            }
        }
        alerts.sort_unstable_by_key(|alert| std::cmp::Reverse(alert.id.uuid()));
        let more = alerts.len() > request.limit as usize;
        alerts.truncate(request.limit as usize);
        let next = alerts.last().filter(|_| more).map(|last| Cursor::after(last.id.uuid()));
        Ok(Page::new(alerts, next))
    }

    /// How many there are.
    pub async fn count(&self, filter: AlertFilter) -> Result<u64> {
        let others = match self.wanted_others(filter) {
            Some(others) => others.count(self.tx).await?,
            None => 0,
        };
        Ok(self.wanted(filter).count(self.tx).await? + others)
    }

    /// How many are open of each of these keys, where there are any.
    pub async fn open_of(&self, keys: &[RegistryKeyId]) -> Result<BTreeMap<RegistryKeyId, u64>> {
        let open = AlertFilter { status: Some(AlertStatus::Open), ..AlertFilter::default() };
        let counted: Vec<(Uuid, i64)> = self
            .wanted(open)
            .select_only()
            .column(row::Column::HolderId)
            .column_as(row::Column::Id.count(), "rows")
            .filter(row::Column::HolderId.is_in(keys.iter().map(|id| id.uuid())))
            .group_by(row::Column::HolderId)
            .into_tuple()
            .all(self.tx)
            .await?;
        Ok(counted.into_iter().map(|(id, count)| (id.into(), u64::try_from(count).unwrap_or(0))).collect())
    }

    fn same(&self, holder: Holder, finding: &Finding, at: Timestamp) -> Select<row::Entity> {
        self.kind(holder, finding, at).filter(row::Column::Aspect.eq(&*finding.aspect()))
    }

    fn kind(&self, holder: Holder, finding: &Finding, at: Timestamp) -> Select<row::Entity> {
        self.all()
            .filter(row::Column::HolderId.eq(holder_id(holder)))
            .filter(row::Column::Day.eq(at.day()))
            .filter(row::Column::Kind.eq(finding.kind()))
    }

    fn wanted(&self, filter: AlertFilter) -> Select<row::Entity> {
        let mut found = self.all();
        found = match filter.status {
            Some(AlertStatus::Open) => found.filter(row::Column::AcknowledgedAt.is_null()),
            Some(AlertStatus::Acknowledged) => found.filter(row::Column::AcknowledgedAt.is_not_null()),
            None => found,
        };
        if let Some(registry) = filter.registry {
            found = found.filter(row::Column::RegistryId.eq(registry.uuid()));
        }
        if let Some(key) = filter.key {
            found = found.filter(row::Column::HolderId.eq(key.uuid()));
        }
        found
    }

    /// Those of what is no registry, unless a registry or key is asked for.
    fn wanted_others(&self, filter: AlertFilter) -> Option<Select<other::Entity>> {
        if filter.registry.is_some() || filter.key.is_some() {
            return None;
        }
        let found = self.others();
        Some(match filter.status {
            Some(AlertStatus::Open) => found.filter(other::Column::AcknowledgedAt.is_null()),
            Some(AlertStatus::Acknowledged) => found.filter(other::Column::AcknowledgedAt.is_not_null()),
            None => found,
        })
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn one(&self, id: AlertId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }

    fn others(&self) -> Select<other::Entity> {
        other::Entity::find().filter(other::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn other(&self, id: AlertId) -> Select<other::Entity> {
        self.others().filter(other::Column::Id.eq(id.uuid()))
    }
}

/// When someone has seen to it, and who.
fn write_state(state: AlertState) -> (Option<i64>, Option<String>, Option<Uuid>) {
    match state {
        AlertState::Open => (None, None, None),
        AlertState::Acknowledged { by, at } => {
            let (actor, id) = write_actor(by);
            (Some(at.unix()), Some(actor.to_owned()), id)
        }
    }
}

fn read_state(
    table: Table,
    acknowledged_at: Option<i64>,
    actor: Option<String>,
    actor_id: Option<Uuid>,
) -> Result<AlertState> {
    match (acknowledged_at, actor) {
        (Some(at), Some(actor)) => Ok(AlertState::Acknowledged {
            by: read_actor(&actor, actor_id).ok_or_else(|| table.corrupt("actor"))?,
            at: table.time("acknowledged_at", at)?,
        }),
        (None, None) => Ok(AlertState::Open),
        (Some(_), None) | (None, Some(_)) => Err(table.corrupt("acknowledged_at")),
    }
}
