//! What was told of products' daily buckets.

use keyward_domain::share::Partition;
use keyward_domain::{
    BucketAlert, BucketAlertId, BucketAlertKind, BucketFinding, OrganizationScope, Page, PageRequest,
    ProductId,
};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Select};

use crate::Result;
use crate::connection::Connection;
use crate::convert::Table;
use crate::page::{page, paged};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "bucket_alerts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub product_id: Uuid,
        pub day: i64,
        pub kind: String,
        pub partition_kind: String,
        pub partition_key: String,
        pub used: i64,
        pub size: i64,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("bucket_alerts");

/// The bucket alerts of one organization.
pub struct BucketAlerts<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl BucketAlerts<'_> {
    /// Adds one, unless the same was told of that day. Whether it did.
    pub async fn insert(&self, alert: &BucketAlert) -> Result<bool> {
        let key = [
            row::Column::ProductId,
            row::Column::Day,
            row::Column::Kind,
            row::Column::PartitionKind,
            row::Column::PartitionKey,
        ];
        let once = OnConflict::columns(key).do_nothing().to_owned();
        let inserted =
            row::Entity::insert(write(alert)?).on_conflict(once).exec_without_returning(self.tx).await?;
        Ok(inserted == 1)
    }

    /// Whether anything of its kind was told of the same product's day.
    pub async fn is_kind_told(&self, alert: &BucketAlert) -> Result<bool> {
        let told = self
            .all(Some(alert.product))
            .filter(row::Column::Day.eq(alert.day))
            .filter(row::Column::Kind.eq(alert.finding.kind().as_str()))
            .limit(1);
        Ok(told.one(self.tx).await?.is_some())
    }

    /// One of them.
    pub async fn find(&self, id: BucketAlertId) -> Result<Option<BucketAlert>> {
        self.all(None).filter(row::Column::Id.eq(id.uuid())).one(self.tx).await?.map(read).transpose()
    }

    /// A page of them, of one product or of all.
    pub async fn list(&self, product: Option<ProductId>, request: PageRequest) -> Result<Page<BucketAlert>> {
        let rows = paged(self.all(product), row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    fn all(&self, product: Option<ProductId>) -> Select<row::Entity> {
        let all = row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()));
        match product {
            Some(product) => all.filter(row::Column::ProductId.eq(product.uuid())),
            None => all,
        }
    }
}

fn write(alert: &BucketAlert) -> Result<row::ActiveModel> {
    let partition = alert.finding.partition();
    Ok(row::ActiveModel {
        id: Set(alert.id.uuid()),
        organization_id: Set(alert.organization.uuid()),
        product_id: Set(alert.product.uuid()),
        day: Set(alert.day),
        kind: Set(alert.finding.kind().as_str().to_owned()),
        partition_kind: Set(
            partition.map_or_else(String::new, |partition| partition.kind().as_str().to_owned())
        ),
        partition_key: Set(partition.map(Partition::key).unwrap_or_default()),
        used: Set(TABLE.take("used", i64::try_from(alert.used))?),
        size: Set(TABLE.take("size", i64::try_from(alert.size))?),
        created_at: Set(alert.created_at.unix()),
    })
}

fn read(row: row::Model) -> Result<BucketAlert> {
    let finding = match TABLE.parse("kind", &row.kind)? {
        BucketAlertKind::NearlyUsed => BucketFinding::NearlyUsed,
        BucketAlertKind::UsedUp => BucketFinding::UsedUp,
        BucketAlertKind::ShareUsedUp => {
            let kind = TABLE.parse("partition_kind", &row.partition_kind)?;
            let partition = TABLE.take("partition_key", Partition::parse(kind, &row.partition_key))?;
            BucketFinding::ShareUsedUp(partition)
        }
    };
    Ok(BucketAlert {
        id: row.id.into(),
        organization: row.organization_id.into(),
        product: row.product_id.into(),
        day: row.day,
        finding,
        used: TABLE.take("used", row.used.try_into())?,
        size: TABLE.take("size", row.size.try_into())?,
        created_at: TABLE.time("created_at", row.created_at)?,
    })
}
