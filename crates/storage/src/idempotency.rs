//! Which named requests were carried out.

use keyward_domain::{Idempotency, IdempotencyKey, OrganizationScope, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, TryInsertResult};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;
use crate::convert::Table;

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub fingerprint: Vec<u8>,
        /// What the request made or changed; set before its transaction ends.
        pub resource: Option<Uuid>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("idempotency_keys");

/// What is known of a named request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is new, and now remembered as long as this transaction commits.
    New,
    /// It was carried out before.
    Done {
        /// What it made or changed.
        resource: Uuid,
    },
    /// The name was used for another request.
    Mismatch,
}

/// The named requests of one organization.
pub struct IdempotencyKeys<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl IdempotencyKeys<'_> {
    /// Takes a name. Names are remembered until retention removes them, and not by the clock of whoever asks: one that is
    /// ahead would forget them all. Of two requests that take it at once, the second waits for the first to end.
    pub async fn claim(&self, once: &Idempotency, now: Timestamp) -> Result<Claim> {
        let organization = self.scope.id().uuid();
        let row = row::ActiveModel {
            organization_id: Set(organization),
            key: Set(once.key.as_str().to_owned()),
            fingerprint: Set(once.fingerprint.to_vec()),
            resource: Set(None),
            created_at: Set(now.unix()),
        };
        let inserted =
            row::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(self.tx).await?;
        if let TryInsertResult::Inserted(1) = inserted {
            return Ok(Claim::New);
        }
        let id = (organization, once.key.as_str().to_owned());
        let earlier = row::Entity::find_by_id(id).one(self.tx).await?.ok_or_else(|| TABLE.corrupt("key"))?;
        if earlier.fingerprint != once.fingerprint {
            return Ok(Claim::Mismatch);
        }
        Ok(Claim::Done { resource: earlier.resource.ok_or_else(|| TABLE.corrupt("resource"))? })
    }

    /// Notes what the request made or changed.
    pub async fn complete(&self, key: &IdempotencyKey, resource: Uuid) -> Result<()> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::Resource, Expr::value(resource))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Key.eq(key.as_str()))
            .exec(self.tx)
            .await?;
        TABLE.one(done.rows_affected)
    }
}
