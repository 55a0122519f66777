//! Webhook endpoints of organizations.

use keyward_domain::webhook::{DisabledReason, WebhookHealth};
use keyward_domain::{
    EventPattern, EventPatterns, OrganizationId, OrganizationScope, Page, PageRequest, Timestamp, Webhook,
    WebhookId, WebhookState,
};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::page::{page, paged};
use crate::{Result, deletion, due, organization};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "webhooks")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub url: String,
        pub description: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub events: String,
        #[sea_orm(column_type = "Text")]
        pub products: String,
        pub secret: Vec<u8>,
        pub previous_secret: Option<Vec<u8>>,
        pub previous_until: Option<i64>,
        pub state: String,
        pub state_since: Option<i64>,
        pub disabled_reason: Option<String>,
        pub failures: i64,
        pub failing_since: Option<i64>,
        pub succeeded_at: Option<i64>,
        pub rests_until: i64,
        pub created_at: i64,
        pub updated_at: i64,
        pub deleted_at: Option<i64>,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("webhooks");

/// No endpoint is left alone for longer, in seconds.
const LONGEST_REST: i64 = 10 * 60;

/// No delivery waits for longer, in seconds.
pub(crate) const LONGEST_PAUSE: i64 = 24 * 60 * 60;

/// The sealed secrets of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecrets {
    /// The present one.
    pub current: Vec<u8>,
    /// The one before it, and until when it signs too.
    pub previous: Option<(Vec<u8>, Timestamp)>,
}

/// The endpoints of one organization.
pub struct Webhooks<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl Webhooks<'_> {
    /// Adds one.
    pub async fn insert(&self, webhook: &Webhook, secret: &[u8]) -> Result<()> {
        let mut row = write(webhook)?;
        row.id = Set(webhook.id.uuid());
        row.organization_id = Set(self.scope.id().uuid());
        row.secret = Set(secret.to_vec());
        row.rests_until = Set(0);
        row.created_at = Set(webhook.created_at.unix());
        row.insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: WebhookId) -> Result<Option<Webhook>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: WebhookId) -> Result<Option<Webhook>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// A page of them, the latest first.
    pub async fn list(&self, request: PageRequest) -> Result<Page<Webhook>> {
        let rows = paged(self.all(), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// How many there are.
    pub async fn count(&self) -> Result<u64> {
        Ok(self.all().count(self.tx).await?)
    }

    /// Those that messages are kept for.
    pub async fn listening(&self) -> Result<Vec<Webhook>> {
        let found = self.all().filter(row::Column::State.ne("disabled")).order_by_asc(row::Column::Id);
        found.all(self.tx).await?.into_iter().map(read).collect()
    }

    /// Writes one as it is now. What was noted of its rest goes.
    pub async fn save(&self, webhook: &Webhook) -> Result<()> {
        let mut row = write(webhook)?;
        row.rests_until = Set(0);
        self.update(webhook.id, row).await
    }

    /// How an endpoint has answered, and until when it is left alone.
    pub async fn note_health(&self, webhook: &Webhook, rests_until: Timestamp) -> Result<()> {
        let mut row = write(webhook)?;
        row.rests_until = Set(rests_until.unix());
        self.update(webhook.id, row).await
    }

    /// Gives an endpoint a new secret; until `previous_until` the one before signs too.
    pub async fn rotate_secret(&self, webhook: &Webhook, secret: &[u8]) -> Result<()> {
        let before = self.secrets(webhook.id).await?;
        let mut row = write(webhook)?;
        row.previous_secret = Set(webhook.previous_secret_until.and(before).map(|secrets| secrets.current));
        row.secret = Set(secret.to_vec());
        self.update(webhook.id, row).await
    }

    /// The sealed secrets of one of them.
    pub async fn secrets(&self, id: WebhookId) -> Result<Option<SealedSecrets>> {
        let Some(row) = self.one(id).one(self.tx).await? else { return Ok(None) };
        let until = TABLE.optional_time("previous_until", row.previous_until)?;
        Ok(Some(SealedSecrets { current: row.secret, previous: row.previous_secret.zip(until) }))
    }

    /// Takes one out of the world. What was sent there goes when it is old.
    pub async fn remove(&self, id: WebhookId, now: Timestamp) -> Result<()> {
        let row = row::ActiveModel { deleted_at: Set(Some(now.unix())), ..Default::default() };
        self.update(id, row).await
    }

    async fn update(&self, id: WebhookId, row: row::ActiveModel) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(row)
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    fn one(&self, id: WebhookId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find()
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::DeletedAt.is_null())
    }
}

/// The organizations with an endpoint, after one in the order of ids.
pub(crate) async fn organizations(
    tx: &Connection,
    after: Option<OrganizationId>,
    most: u64,
) -> Result<Vec<OrganizationId>> {
    let mut found = row::Entity::find()
        .select_only()
        .column(row::Column::OrganizationId)
        .filter(row::Column::DeletedAt.is_null())
        .filter(row::Column::State.ne("disabled"));
    if let Some(after) = after {
        found = found.filter(row::Column::OrganizationId.gt(after.uuid()));
    }
    let found: Vec<Uuid> =
        found.distinct().order_by_asc(row::Column::OrganizationId).limit(most).into_tuple().all(tx).await?;
    Ok(found.into_iter().map(Into::into).collect())
}

/// The endpoints that have something due, of whatever organization: those that answer, or those that have failed last.
pub(crate) async fn with_due(
    tx: &Connection,
    failing: bool,
    now: Timestamp,
    most: u64,
) -> Result<Vec<Webhook>> {
    use crate::delivery::row::{Column, Entity};
    let waiting = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Expr::col((Entity, Column::WebhookId)).equals((row::Entity, row::Column::Id)))
        .filter(Column::State.eq("pending"))
        .filter(due::at(Column::DueAt, LONGEST_PAUSE, now));
    let waiting = QueryTrait::into_query(waiting);
    let health = if failing { row::Column::Failures.gt(0) } else { row::Column::Failures.eq(0) };
    let found = row::Entity::find()
        .filter(row::Column::State.eq("enabled"))
        .filter(row::Column::DeletedAt.is_null())
        .filter(due::at(row::Column::RestsUntil, LONGEST_REST, now))
        .filter(health)
        .filter(Expr::exists(waiting))
        .filter(Expr::exists(QueryTrait::into_query(in_service())))
        .order_by_asc(row::Column::RestsUntil)
        .order_by_asc(row::Column::Id)
        .limit(most);
    found.all(tx).await?.into_iter().map(read).collect()
}

/// Its organization, if it is neither suspended nor being deleted.
fn in_service() -> Select<organization::row::Entity> {
    let being_deleted = deletion::row::Entity::find()
        .select_only()
        .column(deletion::row::Column::OrganizationId)
        .filter(deletion::row::Column::BegunAt.is_not_null());
    organization::row::Entity::find()
        .select_only()
        .column(organization::row::Column::Id)
        .filter(
            Expr::col((organization::row::Entity, organization::row::Column::Id))
                .equals((row::Entity, row::Column::OrganizationId)),
        )
        .filter(organization::row::Column::SuspendedAt.is_null())
        .filter(organization::row::Column::Id.not_in_subquery(QueryTrait::into_query(being_deleted)))
}

/// Holds an endpoint back from others until `until`; whether nobody else does.
pub(crate) async fn claim(tx: &Connection, id: WebhookId, now: Timestamp, until: Timestamp) -> Result<bool> {
    let claimed = row::Entity::update_many()
        .col_expr(row::Column::RestsUntil, Expr::value(until.unix()))
        .filter(row::Column::Id.eq(id.uuid()))
        .filter(row::Column::State.eq("enabled"))
        .filter(row::Column::DeletedAt.is_null())
        .filter(due::at(row::Column::RestsUntil, LONGEST_REST, now))
        .exec(tx)
        .await?;
    Ok(claimed.rows_affected == 1)
}

fn write(webhook: &Webhook) -> Result<row::ActiveModel> {
    let (since, reason) = match webhook.state {
        WebhookState::Enabled => (None, None),
        WebhookState::Paused { since } => (Some(since.unix()), None),
        WebhookState::Disabled { since, reason } => (Some(since.unix()), Some(reason.as_str().to_owned())),
    };
    let health = webhook.health;
    Ok(row::ActiveModel {
        url: Set(webhook.url.to_string()),
        description: Set(webhook.description.as_ref().map(ToString::to_string)),
        events: Set(TABLE.take("events", serde_json::to_string(&webhook.events))?),
        products: Set(TABLE.take("products", serde_json::to_string(&webhook.products))?),
        previous_until: Set(webhook.previous_secret_until.map(Timestamp::unix)),
        state: Set(webhook.state.as_str().to_owned()),
        state_since: Set(since),
        disabled_reason: Set(reason),
        failures: Set(health.failures.into()),
        failing_since: Set(health.failing_since.map(Timestamp::unix)),
        succeeded_at: Set(health.succeeded_at.map(Timestamp::unix)),
        updated_at: Set(webhook.updated_at.unix()),
        version: Set(webhook.version),
        ..Default::default()
    })
}

fn read(row: row::Model) -> Result<Webhook> {
    let since =
        || TABLE.optional_time("state_since", row.state_since)?.ok_or_else(|| TABLE.corrupt("state_since"));
    let state = match row.state.as_str() {
        "enabled" => WebhookState::Enabled,
        "paused" => WebhookState::Paused { since: since()? },
        "disabled" => {
            let known = DisabledReason::ALL
                .into_iter()
                .find(|reason| Some(reason.as_str()) == row.disabled_reason.as_deref());
            let reason = known.ok_or_else(|| TABLE.corrupt("disabled_reason"))?;
            WebhookState::Disabled { since: since()?, reason }
        }
        _ => return Err(TABLE.corrupt("state")),
    };
    // Kinds that only a newer version knows are passed over.
    let patterns: Vec<String> = TABLE.take("events", serde_json::from_str(&row.events))?;
    let patterns: Vec<EventPattern> = patterns.iter().filter_map(|pattern| pattern.parse().ok()).collect();
    Ok(Webhook {
        id: row.id.into(),
        organization: row.organization_id.into(),
        url: TABLE.parse("url", &row.url)?,
        description: Table::notes(row.description.as_deref()),
        events: TABLE.take("events", EventPatterns::new(patterns))?,
        products: TABLE.take("products", serde_json::from_str(&row.products))?,
        state,
        health: WebhookHealth {
            failures: TABLE.take("failures", row.failures.try_into())?,
            failing_since: TABLE.optional_time("failing_since", row.failing_since)?,
            succeeded_at: TABLE.optional_time("succeeded_at", row.succeeded_at)?,
        },
        previous_secret_until: TABLE.optional_time("previous_until", row.previous_until)?,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}
