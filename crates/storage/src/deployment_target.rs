//! Hosts of customers, the agents there, and the codes by which they join.

use std::collections::BTreeMap;

use keyward_domain::deployment::{Agent, Mode, TargetState};
use keyward_domain::{
    AgentId, CustomerId, DeploymentTarget, DeploymentTargetId, JoinCode, OrganizationScope, Page,
    PageRequest, SecretHash, Timestamp,
};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder as _, QuerySelect as _, Select,
};

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::page::{page, paged};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "deployment_targets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub customer_id: Uuid,
        pub name: String,
        pub mode: String,
        pub state: String,
        pub released_at: Option<i64>,
        pub agent_id: Option<Uuid>,
        pub signing_key: Option<Vec<u8>>,
        pub sealing_key: Option<Vec<u8>>,
        pub agent_address: Option<String>,
        pub joined_at: Option<i64>,
        pub keys_at: Option<i64>,
        pub seen_at: Option<i64>,
        #[sea_orm(column_type = "Text")]
        pub facts: String,
        pub paused: bool,
        #[sea_orm(column_type = "Text")]
        pub witnessed: String,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod code {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "join_codes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: Vec<u8>,
        pub organization_id: Uuid,
        pub target_id: Uuid,
        pub created_at: i64,
        pub expires_at: i64,
        pub used_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("deployment_targets");
const CODES: Table = Table("join_codes");

/// The hosts of one organization's customers.
pub struct DeploymentTargets<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl DeploymentTargets<'_> {
    /// Adds one.
    pub async fn insert(&self, target: &DeploymentTarget) -> Result<()> {
        let mut row = write(target)?;
        row.id = Set(target.id.uuid());
        row.organization_id = Set(self.scope.id().uuid());
        row.customer_id = Set(target.customer.uuid());
        row.mode = Set(target.mode.as_str().to_owned());
        row.created_at = Set(target.created_at.unix());
        row.insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: DeploymentTargetId) -> Result<Option<DeploymentTarget>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: DeploymentTargetId) -> Result<Option<DeploymentTarget>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// A page of them, the latest first; of one customer, if one is named.
    pub async fn list(&self, of: Option<CustomerId>, request: PageRequest) -> Result<Page<DeploymentTarget>> {
        let found = of.map_or_else(|| self.all(), |customer| self.of(customer));
        let rows = paged(found, row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// All of one customer that are not released, by name.
    pub async fn in_use(&self, customer: CustomerId) -> Result<Vec<DeploymentTarget>> {
        let found = self.of(customer).filter(row::Column::State.ne("released"));
        found.order_by_asc(row::Column::Name).all(self.tx).await?.into_iter().map(read).collect()
    }

    /// How many of a customer are not released.
    pub async fn count_in_use(&self, customer: CustomerId) -> Result<u64> {
        Ok(self.of(customer).filter(row::Column::State.ne("released")).count(self.tx).await?)
    }

    /// Those of some that there are.
    pub async fn among(
        &self,
        ids: impl IntoIterator<Item = DeploymentTargetId>,
    ) -> Result<BTreeMap<DeploymentTargetId, DeploymentTarget>> {
        let ids = ids.into_iter().map(DeploymentTargetId::uuid);
        let rows = self.all().filter(row::Column::Id.is_in(ids)).all(self.tx).await?;
        rows.into_iter().map(|row| read(row).map(|target| (target.id, target))).collect()
    }

    /// Writes one as it is now, with its version.
    pub async fn save(&self, target: &DeploymentTarget) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(target)?)
            .filter(row::Column::Id.eq(target.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Adds a code; those of the same target that were not used are withdrawn.
    pub async fn add_code(&self, new: &JoinCode) -> Result<()> {
        self.withdraw_codes(new.target, new.created_at).await?;
        let row = code::ActiveModel {
            hash: Set(new.hash.as_bytes().to_vec()),
            organization_id: Set(self.scope.id().uuid()),
            target_id: Set(new.target.uuid()),
            created_at: Set(new.created_at.unix()),
            expires_at: Set(new.expires_at.unix()),
            used_at: Set(new.used_at.map(Timestamp::unix)),
        };
        row.insert(self.tx).await?;
        Ok(())
    }

    /// Withdraws the codes of a target that were not used.
    pub async fn withdraw_codes(&self, target: DeploymentTargetId, now: Timestamp) -> Result<()> {
        code::Entity::update_many()
            .col_expr(code::Column::UsedAt, Expr::value(now.unix()))
            .filter(code::Column::TargetId.eq(target.uuid()))
            .filter(code::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(code::Column::UsedAt.is_null())
            .exec(self.tx)
            .await?;
        Ok(())
    }

    /// The latest code of a target.
    pub async fn latest_code(&self, target: DeploymentTargetId) -> Result<Option<JoinCode>> {
        let found = code::Entity::find()
            .filter(code::Column::TargetId.eq(target.uuid()))
            .filter(code::Column::OrganizationId.eq(self.scope.id().uuid()))
            .order_by_desc(code::Column::CreatedAt);
        found.one(self.tx).await?.map(read_code).transpose()
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn of(&self, customer: CustomerId) -> Select<row::Entity> {
        self.all().filter(row::Column::CustomerId.eq(customer.uuid()))
    }

    fn one(&self, id: DeploymentTargetId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }
}

/// The target whose agent this is, of whatever organization: this is how an agent is recognised.
pub(crate) async fn by_agent(tx: &Connection, agent: AgentId) -> Result<Option<DeploymentTarget>> {
    let found = row::Entity::find().filter(row::Column::AgentId.eq(agent.uuid()));
    found.filter(row::Column::State.eq("connected")).one(tx).await?.map(read).transpose()
}

/// The code with this hash, of whatever organization; locked if it is to be used.
pub(crate) async fn code_by_hash(tx: &Connection, hash: &SecretHash, hold: bool) -> Result<Option<JoinCode>> {
    let found = code::Entity::find_by_id(hash.as_bytes().to_vec());
    let found = if hold { found.lock(ROW) } else { found };
    found.one(tx).await?.map(read_code).transpose()
}

/// Writes that a code was used; whether it had not been before.
pub(crate) async fn use_code(tx: &Connection, hash: &SecretHash, now: Timestamp) -> Result<bool> {
    let used = code::Entity::update_many()
        .col_expr(code::Column::UsedAt, Expr::value(now.unix()))
        .filter(code::Column::Hash.eq(hash.as_bytes().to_vec()))
        .filter(code::Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(used.rows_affected == 1)
}

/// Writes when agents were last there, of whatever organizations: never to an earlier time.
pub(crate) async fn note_seen(tx: &Connection, seen: &[(AgentId, Timestamp)]) -> Result<()> {
    for (agent, at) in seen {
        row::Entity::update_many()
            .col_expr(row::Column::SeenAt, Expr::value(at.unix()))
            .filter(row::Column::AgentId.eq(agent.uuid()))
            .filter(row::Column::SeenAt.is_null().or(row::Column::SeenAt.lt(at.unix())))
            .exec(tx)
            .await?;
    }
    Ok(())
}

fn write(target: &DeploymentTarget) -> Result<row::ActiveModel> {
    let (state, released_at) = match &target.state {
        TargetState::Waiting => ("waiting", None),
        TargetState::Connected { .. } => ("connected", None),
        TargetState::Released { at } => ("released", Some(at.unix())),
    };
    let mut row = row::ActiveModel {
        name: Set(target.name.to_string()),
        state: Set(state.to_owned()),
        released_at: Set(released_at),
        seen_at: Set(target.seen_at.map(Timestamp::unix)),
        facts: Set(TABLE.take("facts", serde_json::to_string(&target.facts))?),
        paused: Set(target.paused),
        witnessed: Set(TABLE.take("witnessed", serde_json::to_string(&target.witnessed))?),
        updated_at: Set(target.updated_at.unix()),
        version: Set(target.version),
        ..Default::default()
    };
    if let Some(agent) = target.agent() {
        row.agent_id = Set(Some(agent.id.uuid()));
        row.signing_key = Set(Some(agent.signing_key.to_vec()));
        row.sealing_key = Set(Some(agent.sealing_key.to_vec()));
        row.agent_address = Set(Some(agent.address.ip().to_string()));
        row.joined_at = Set(Some(agent.joined_at.unix()));
        row.keys_at = Set(Some(agent.keys_at.unix()));
    }
    Ok(row)
}

fn read(row: row::Model) -> Result<DeploymentTarget> {
    let state = match row.state.as_str() {
        "waiting" => TargetState::Waiting,
        "connected" => TargetState::Connected { agent: read_agent(&row)? },
        "released" => {
            let at = TABLE.optional_time("released_at", row.released_at)?;
            TargetState::Released { at: at.ok_or_else(|| TABLE.corrupt("released_at"))? }
        }
        _ => return Err(TABLE.corrupt("state")),
    };
    let mode = Mode::ALL.into_iter().find(|mode| mode.as_str() == row.mode);
    Ok(DeploymentTarget {
        id: row.id.into(),
        organization: row.organization_id.into(),
        customer: row.customer_id.into(),
        name: Table::name(&row.name),
        mode: mode.ok_or_else(|| TABLE.corrupt("mode"))?,
        state,
        seen_at: TABLE.optional_time("seen_at", row.seen_at)?,
        facts: TABLE.take("facts", serde_json::from_str(&row.facts))?,
        paused: row.paused,
        witnessed: TABLE.take("witnessed", serde_json::from_str(&row.witnessed))?,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}

fn read_agent(row: &row::Model) -> Result<Agent> {
    let key = |column, bytes: &Option<Vec<u8>>| {
        let key = bytes.as_deref().and_then(|bytes| bytes.try_into().ok());
        key.ok_or_else(|| TABLE.corrupt(column))
    };
    let time = |column, at| TABLE.optional_time(column, at)?.ok_or_else(|| TABLE.corrupt(column));
    Ok(Agent {
        id: row.agent_id.ok_or_else(|| TABLE.corrupt("agent_id"))?.into(),
        signing_key: key("signing_key", &row.signing_key)?,
        sealing_key: key("sealing_key", &row.sealing_key)?,
        address: TABLE.address("agent_address", row.agent_address.as_deref().unwrap_or_default())?,
        joined_at: time("joined_at", row.joined_at)?,
        keys_at: time("keys_at", row.keys_at)?,
    })
}

fn read_code(row: code::Model) -> Result<JoinCode> {
    Ok(JoinCode {
        hash: SecretHash::from_bytes(CODES.take("hash", row.hash.try_into())?),
        organization: row.organization_id.into(),
        target: row.target_id.into(),
        created_at: CODES.time("created_at", row.created_at)?,
        expires_at: CODES.time("expires_at", row.expires_at)?,
        used_at: CODES.optional_time("used_at", row.used_at)?,
    })
}
