//! What was unusual, and who has seen to it.

use std::collections::BTreeMap;

use keyward_domain::alert::Origin;
use keyward_domain::registry::Holder;
use keyward_domain::{
    Alert, AlertId, AlertState, AlertStatus, Finding, OrganizationScope, Page, PageRequest, RegistryId,
    RegistryKeyId, Timestamp,
};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Select};

use uuid::Uuid;

use crate::Result;
use crate::audit::{read_actor, write_actor};
use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::habit::holder_id;
use crate::page::{page, paged};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "alerts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub registry_id: Uuid,
        pub holder: String,
        pub holder_id: Uuid,
        pub customer_id: Option<Uuid>,
        pub kind: String,
        pub aspect: String,
        pub day: i64,
        #[sea_orm(column_type = "Text")]
        pub detail: String,
        pub address: Option<String>,
        pub client: Option<String>,
        pub acknowledged_at: Option<i64>,
        pub actor: Option<String>,
        pub actor_id: Option<Uuid>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

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
        let key = [row::Column::HolderId, row::Column::Day, row::Column::Kind, row::Column::Aspect];
        let once = OnConflict::columns(key).do_nothing().to_owned();
        let inserted =
            row::Entity::insert(write(alert)?).on_conflict(once).exec_without_returning(self.tx).await?;
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

    /// One of them.
    pub async fn find(&self, id: AlertId) -> Result<Option<Alert>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: AlertId) -> Result<Option<Alert>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// Writes one as it is now.
    pub async fn save(&self, alert: &Alert) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(alert)?)
            .filter(row::Column::Id.eq(alert.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// A page of them.
    pub async fn list(&self, filter: AlertFilter, request: PageRequest) -> Result<Page<Alert>> {
        let rows = paged(self.wanted(filter), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// How many there are.
    pub async fn count(&self, filter: AlertFilter) -> Result<u64> {
        Ok(self.wanted(filter).count(self.tx).await?)
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

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn one(&self, id: AlertId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }
}

fn write(alert: &Alert) -> Result<row::ActiveModel> {
    let (holder, customer) = match alert.holder {
        Holder::Key(_) => ("key", None),
        Holder::License { customer, .. } => ("license", customer),
    };
    let (acknowledged_at, actor) = match alert.state {
        AlertState::Open => (None, None),
        AlertState::Acknowledged { by, at } => (Some(at.unix()), Some(write_actor(by))),
    };
    let origin = alert.origin.as_ref();
    Ok(row::ActiveModel {
        id: Set(alert.id.uuid()),
        organization_id: Set(alert.organization.uuid()),
        registry_id: Set(alert.registry.uuid()),
        holder: Set(holder.to_owned()),
        holder_id: Set(holder_id(alert.holder)),
        customer_id: Set(customer.map(|customer| customer.uuid())),
        kind: Set(alert.finding.kind().to_owned()),
        aspect: Set(alert.finding.aspect().into_owned()),
        day: Set(alert.created_at.day()),
        detail: Set(TABLE.take("detail", serde_json::to_string(&alert.finding))?),
        address: Set(origin.map(|origin| origin.address.ip().to_string())),
        client: Set(origin.map(|origin| origin.client.clone())),
        acknowledged_at: Set(acknowledged_at),
        actor: Set(actor.map(|(actor, _)| actor.to_owned())),
        actor_id: Set(actor.and_then(|(_, id)| id)),
        created_at: Set(alert.created_at.unix()),
    })
}

fn read(row: row::Model) -> Result<Alert> {
    let holder = match row.holder.as_str() {
        "key" => Holder::Key(row.holder_id.into()),
        "license" => {
            Holder::License { license: row.holder_id.into(), customer: row.customer_id.map(Into::into) }
        }
        _ => return Err(TABLE.corrupt("holder")),
    };
    let finding: Finding = TABLE.take("detail", serde_json::from_str(&row.detail))?;
    let origin = match (row.address, row.client) {
        (Some(address), Some(client)) => {
            Some(Origin { address: TABLE.address("address", &address)?, client })
        }
        (None, None) => None,
        _ => return Err(TABLE.corrupt("client")),
    };
    let state = match (row.acknowledged_at, row.actor) {
        (Some(at), Some(actor)) => AlertState::Acknowledged {
            by: read_actor(&actor, row.actor_id).ok_or_else(|| TABLE.corrupt("actor"))?,
            at: TABLE.time("acknowledged_at", at)?,
        },
        (None, None) => AlertState::Open,
        _ => return Err(TABLE.corrupt("acknowledged_at")),
    };
    Ok(Alert {
        id: row.id.into(),
        organization: row.organization_id.into(),
        registry: row.registry_id.into(),
        holder,
        finding,
        origin,
        state,
        created_at: TABLE.time("created_at", row.created_at)?,
    })
}
