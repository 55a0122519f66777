//! Signing keys, sealed.

use keyward_domain::{Kid, OrganizationScope, SigningKey, SigningKeyState, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::Result;
use crate::connection::Connection;
use crate::convert::{ROW, Table};

pub(crate) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "signing_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub kid: Vec<u8>,
        pub public: Vec<u8>,
        pub sealed: Vec<u8>,
        pub state: String,
        pub state_since: Option<i64>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("signing_keys");

/// The signing keys of one organization.
pub struct SigningKeys<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl SigningKeys<'_> {
    /// Adds one.
    pub async fn insert(&self, key: &SigningKey) -> Result<()> {
        row::Entity::insert(write(key)).exec_without_returning(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, kid: &Kid) -> Result<Option<SigningKey>> {
        self.one(kid).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, kid: &Kid) -> Result<Option<SigningKey>> {
        self.one(kid).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// The one that signs now.
    pub async fn active(&self) -> Result<Option<SigningKey>> {
        self.all().filter(row::Column::State.eq("active")).one(self.tx).await?.map(read).transpose()
    }

    /// All of them, oldest first.
    pub async fn list(&self) -> Result<Vec<SigningKey>> {
        let rows = self
            .all()
            .order_by_asc(row::Column::CreatedAt)
            .order_by_asc(row::Column::Kid)
            .all(self.tx)
            .await?;
        rows.into_iter().map(read).collect()
    }

    /// Writes the state that one has now.
    pub async fn save(&self, key: &SigningKey) -> Result<()> {
        let row = write(key);
        let saved = row::Entity::update_many()
            .set(row::ActiveModel { state: row.state, state_since: row.state_since, ..Default::default() })
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Kid.eq(key.kid.as_bytes().to_vec()))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn one(&self, kid: &Kid) -> Select<row::Entity> {
        self.all().filter(row::Column::Kid.eq(kid.as_bytes().to_vec()))
    }
}

pub(crate) async fn owners(tx: &Connection, kid: &Kid) -> Result<Vec<uuid::Uuid>> {
    let found = row::Entity::find().filter(row::Column::Kid.eq(kid.as_bytes().to_vec())).all(tx).await?;
    Ok(found.into_iter().map(|row| row.organization_id).collect())
}

pub(crate) async fn all(tx: &Connection) -> Result<Vec<SigningKey>> {
    row::Entity::find().all(tx).await?.into_iter().map(read).collect()
}

fn write(key: &SigningKey) -> row::ActiveModel {
    row::ActiveModel {
        organization_id: Set(key.organization.uuid()),
        kid: Set(key.kid.as_bytes().to_vec()),
        public: Set(key.public.to_vec()),
        sealed: Set(key.sealed.clone()),
        state: Set(key.state.as_str().to_owned()),
        state_since: Set(key.state.since().map(Timestamp::unix)),
        created_at: Set(key.created_at.unix()),
    }
}

fn read(row: row::Model) -> Result<SigningKey> {
    let since = TABLE.optional_time("state_since", row.state_since)?;
    let state = match (row.state.as_str(), since) {
        ("pending", None) => SigningKeyState::Pending,
        ("active", Some(since)) => SigningKeyState::Active { since },
        ("retired", Some(since)) => SigningKeyState::Retired { since },
        ("revoked", Some(since)) => SigningKeyState::Revoked { since },
        _ => return Err(TABLE.corrupt("state")),
    };
    Ok(SigningKey {
        kid: Kid::from_bytes(TABLE.take("kid", row.kid.try_into())?),
        organization: row.organization_id.into(),
        public: TABLE.take("public", row.public.try_into())?,
        sealed: row.sealed,
        state,
        created_at: TABLE.time("created_at", row.created_at)?,
    })
}
