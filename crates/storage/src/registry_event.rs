//! What happened at registries.

use keyward_domain::registry::{Decision, Holder, Operation, RegistryEvent};
use keyward_domain::{
    CustomerId, OrganizationScope, Page, PageRequest, RegistryId, RegistryKeyId, Timestamp,
};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::Result;
use crate::connection::Connection;
use crate::convert::Table;
use crate::page::{page, paged};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "registry_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub registry_id: Uuid,
        pub key_id: Option<Uuid>,
        pub license_id: Option<Uuid>,
        pub customer_id: Option<Uuid>,
        pub deployment_id: Option<Uuid>,
        pub operation: String,
        pub decision: String,
        pub repository: String,
        pub reference: String,
        pub digest: Option<String>,
        pub bytes: i64,
        pub address: String,
        pub client: String,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("registry_events");

/// Which lines of the log are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventFilter {
    /// Of this registry only.
    pub registry: Option<RegistryId>,
    /// Of this customer only.
    pub customer: Option<CustomerId>,
    /// Of this key only.
    pub key: Option<RegistryKeyId>,
    /// Of this operation only.
    pub operation: Option<Operation>,
    /// With this decision only.
    pub decision: Option<Decision>,
}

/// What happened at the registries of one organization.
pub struct RegistryEvents<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl RegistryEvents<'_> {
    /// Adds a line.
    pub async fn record(&self, event: &RegistryEvent) -> Result<()> {
        write(event).insert(self.tx).await?;
        Ok(())
    }

    /// Whether the same was recorded since `since`: same holder and address, operation, decision and reference.
    pub async fn has_since(&self, event: &RegistryEvent, since: Timestamp) -> Result<bool> {
        let found = self
            .of(event.registry, event.holder)
            .filter(row::Column::Repository.eq(event.repository.as_str()))
            .filter(row::Column::Reference.eq(event.reference.as_str()))
            .filter(row::Column::Operation.eq(event.operation.as_str()))
            .filter(row::Column::Decision.eq(event.decision.as_str()))
            .filter(row::Column::Address.eq(event.address.ip().to_string()))
            .filter(row::Column::At.gte(since.unix()));
        Ok(found.limit(1).one(self.tx).await?.is_some())
    }

    /// Whether this holder has pulled from the repository since `since`.
    pub async fn pulled_since(&self, event: &RegistryEvent, since: Timestamp) -> Result<bool> {
        Ok(self.pulls(event, since).limit(1).one(self.tx).await?.is_some())
    }

    /// Whether this holder had pulled from the repository since `since` before this event, which is recorded.
    pub async fn has_pulled_before(&self, event: &RegistryEvent, since: Timestamp) -> Result<bool> {
        let earlier = self.pulls(event, since).filter(row::Column::Id.ne(event.id.uuid()));
        Ok(earlier.limit(1).one(self.tx).await?.is_some())
    }

    /// How often the same holder had the same decision on the same operation since `since`.
    pub async fn count_since(&self, event: &RegistryEvent, since: Timestamp) -> Result<u32> {
        let found = self
            .of(event.registry, event.holder)
            .filter(row::Column::Decision.eq(event.decision.as_str()))
            .filter(row::Column::Operation.eq(event.operation.as_str()))
            .filter(row::Column::At.gt(since.unix()));
        Ok(u32::try_from(found.count(self.tx).await?).unwrap_or(u32::MAX))
    }

    /// Of how many different things in how many repositories the same holder was refused any operation since `since`.
    pub async fn refused_since(&self, event: &RegistryEvent, since: Timestamp) -> Result<u32> {
        let found = self
            .of(event.registry, event.holder)
            .select_only()
            .columns([row::Column::Repository, row::Column::Reference])
            .distinct()
            .filter(row::Column::Decision.eq(Decision::Denied.as_str()))
            .filter(row::Column::At.gt(since.unix()));
        Ok(u32::try_from(found.count(self.tx).await?).unwrap_or(u32::MAX))
    }

    /// Adds bytes to the latest pull of this holder from a repository since `since`; whether there is one.
    pub async fn add_bytes(&self, of: &RegistryEvent, bytes: u64, since: Timestamp) -> Result<bool> {
        let latest = self.pulls(of, since).order_by_desc(row::Column::Id);
        let Some(latest) = latest.limit(1).one(self.tx).await? else { return Ok(false) };
        let more = i64::try_from(bytes).unwrap_or(i64::MAX);
        row::Entity::update_many()
            .col_expr(row::Column::Bytes, Expr::col(row::Column::Bytes).add(more))
            .filter(row::Column::Id.eq(latest.id))
            .exec(self.tx)
            .await?;
        Ok(true)
    }

    /// A page of the log.
    pub async fn list(&self, filter: EventFilter, request: PageRequest) -> Result<Page<RegistryEvent>> {
        let mut found = self.all();
        if let Some(registry) = filter.registry {
            found = found.filter(row::Column::RegistryId.eq(registry.uuid()));
        }
        if let Some(customer) = filter.customer {
            found = found.filter(row::Column::CustomerId.eq(customer.uuid()));
        }
        if let Some(key) = filter.key {
            found = found.filter(row::Column::KeyId.eq(key.uuid()));
        }
        if let Some(operation) = filter.operation {
            found = found.filter(row::Column::Operation.eq(operation.as_str()));
        }
        if let Some(decision) = filter.decision {
            found = found.filter(row::Column::Decision.eq(decision.as_str()));
        }
        let rows = paged(found, row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    fn pulls(&self, of: &RegistryEvent, since: Timestamp) -> Select<row::Entity> {
        self.of(of.registry, of.holder)
            .filter(row::Column::Repository.eq(of.repository.as_str()))
            .filter(row::Column::Operation.eq(Operation::Pull.as_str()))
            .filter(row::Column::Decision.eq(Decision::Allowed.as_str()))
            .filter(row::Column::At.gte(since.unix()))
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn of(&self, registry: RegistryId, holder: Holder) -> Select<row::Entity> {
        let all = self.all().filter(row::Column::RegistryId.eq(registry.uuid()));
        match holder {
            Holder::Key(key) => all.filter(row::Column::KeyId.eq(key.uuid())),
            Holder::License { license, .. } => all
                .filter(row::Column::LicenseId.eq(license.uuid()))
                .filter(row::Column::DeploymentId.is_null()),
            Holder::Deployment { deployment, .. } => {
                all.filter(row::Column::DeploymentId.eq(deployment.uuid()))
            }
        }
    }
}

fn write(event: &RegistryEvent) -> row::ActiveModel {
    let (key, license, customer) = match event.holder {
        Holder::Key(key) => (Some(key), None, None),
        Holder::License { license, customer } => (None, Some(license), customer),
        Holder::Deployment { customer, license, .. } => (None, license, Some(customer)),
    };
    let deployment = match event.holder {
        Holder::Key(_) | Holder::License { .. } => None,
        Holder::Deployment { deployment, .. } => Some(deployment.uuid()),
    };
    row::ActiveModel {
        id: Set(event.id.uuid()),
        organization_id: Set(event.organization.uuid()),
        registry_id: Set(event.registry.uuid()),
        key_id: Set(key.map(|key| key.uuid())),
        license_id: Set(license.map(|license| license.uuid())),
        customer_id: Set(customer.map(|customer| customer.uuid())),
        deployment_id: Set(deployment),
        operation: Set(event.operation.as_str().to_owned()),
        decision: Set(event.decision.as_str().to_owned()),
        repository: Set(event.repository.to_string()),
        reference: Set(event.reference.clone()),
        digest: Set(event.digest.as_ref().map(ToString::to_string)),
        bytes: Set(i64::try_from(event.bytes).unwrap_or(i64::MAX)),
        address: Set(event.address.ip().to_string()),
        client: Set(event.client.clone()),
        at: Set(event.at.unix()),
    }
}

fn read(row: row::Model) -> Result<RegistryEvent> {
    let holder = match (row.key_id, row.license_id, row.deployment_id) {
        (Some(key), None, None) => Holder::Key(key.into()),
        (None, Some(license), None) => {
            Holder::License { license: license.into(), customer: row.customer_id.map(Into::into) }
        }
        (None, license, Some(deployment)) => Holder::Deployment {
            deployment: deployment.into(),
            customer: row.customer_id.ok_or_else(|| TABLE.corrupt("customer_id"))?.into(),
            license: license.map(Into::into),
        },
        _ => return Err(TABLE.corrupt("key_id")),
    };
    Ok(RegistryEvent {
        id: row.id.into(),
        organization: row.organization_id.into(),
        registry: row.registry_id.into(),
        holder,
        operation: TABLE.parse("operation", &row.operation)?,
        decision: TABLE.parse("decision", &row.decision)?,
        repository: TABLE.parse("repository", &row.repository)?,
        reference: row.reference,
        digest: TABLE.optional("digest", row.digest.as_deref())?,
        bytes: TABLE.take("bytes", u64::try_from(row.bytes))?,
        address: TABLE.address("address", &row.address)?,
        client: row.client,
        at: TABLE.time("at", row.at)?,
    })
}
