//! What was changed, so that what is held in memory can be told from what is so.
//!
//! Every organization has a generation, which rises with each change of anything it has; beside it stands
//! which thing was changed at which generation. Who holds a copy made at generation 7 asks, in the
//! transaction whose outcome rests on the copy, for what was changed after 7.

use keyward_domain::OrganizationId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait as _},
};
use uuid::Uuid;

use crate::Result;
use crate::convert::Table;
use crate::organization::row as organization;

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "changes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub target: Uuid,
        pub generation: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("organizations");

/// The changes of one organization.
pub struct Changes<'a> {
    pub(crate) tx: &'a DatabaseTransaction,
    pub(crate) organization: OrganizationId,
}

impl Changes<'_> {
    /// How many changes there were.
    pub async fn generation(&self) -> Result<i64> {
        let found: Option<i64> = organization::Entity::find_by_id(self.organization.uuid())
            .select_only()
            .column(organization::Column::Generation)
            .into_tuple()
            .one(self.tx)
            .await?;
        found.ok_or_else(|| TABLE.corrupt("generation"))
    }

    /// What was changed after `generation`, and when last: up to `most` of it.
    pub async fn since(&self, generation: i64, most: u64) -> Result<Vec<(Uuid, i64)>> {
        Ok(row::Entity::find()
            .select_only()
            .column(row::Column::Target)
            .column(row::Column::Generation)
            .filter(row::Column::OrganizationId.eq(self.organization.uuid()))
            .filter(row::Column::Generation.gt(generation))
            .limit(most)
            .into_tuple()
            .all(self.tx)
            .await?)
    }

    /// Notes that `target` was changed. The organization is held until the end of the transaction, so that
    /// generations become visible in their order.
    pub async fn note(&self, target: Uuid) -> Result<()> {
        let column = organization::Column::Generation;
        let raised = organization::Entity::update_many()
            .col_expr(column, Expr::col(column).add(1))
            .filter(organization::Column::Id.eq(self.organization.uuid()))
            .exec(self.tx)
            .await?;
        TABLE.one(raised.rows_affected)?;
        let row = row::ActiveModel {
            organization_id: Set(self.organization.uuid()),
            target: Set(target),
            generation: Set(self.generation().await?),
        };
        let again = OnConflict::columns([row::Column::OrganizationId, row::Column::Target])
            .update_column(row::Column::Generation)
            .to_owned();
        row::Entity::insert(row).on_conflict(again).exec_without_returning(self.tx).await?;
        Ok(())
    }
}
