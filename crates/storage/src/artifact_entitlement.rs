//! Who may pull what.

use std::collections::{BTreeMap, BTreeSet};

use keyward_domain::registry::{ArtifactEntitlement, ArtifactGrant, ArtifactPolicy, Tag, TagGrant};
use keyward_domain::{ArtifactEntitlementId, CustomerId, OrganizationScope, Page, PageRequest};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::connection::Connection;
use crate::convert::{ROW, Table};
use crate::page::{page, paged};
use crate::{Result, customer};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "artifact_entitlements")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub organization_id: Uuid,
        pub customer_id: Uuid,
        pub description: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub grants: String,
        pub created_at: i64,
        pub updated_at: i64,
        pub version: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod policy {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "artifact_policies")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub organization_id: Uuid,
        pub policy: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: Table = Table("artifact_entitlements");
const POLICIES: Table = Table("artifact_policies");

/// A grant as the column keeps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    artifact: Uuid,
    mode: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

/// The artifact entitlements of one organization.
pub struct ArtifactEntitlements<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl ArtifactEntitlements<'_> {
    /// Adds one.
    pub async fn insert(&self, entitlement: &ArtifactEntitlement) -> Result<()> {
        write(entitlement)?.insert(self.tx).await?;
        Ok(())
    }

    /// One of them.
    pub async fn find(&self, id: ArtifactEntitlementId) -> Result<Option<ArtifactEntitlement>> {
        self.one(id).one(self.tx).await?.map(read).transpose()
    }

    /// One of them, locked until the end of the transaction.
    pub async fn lock(&self, id: ArtifactEntitlementId) -> Result<Option<ArtifactEntitlement>> {
        self.one(id).lock(ROW).one(self.tx).await?.map(read).transpose()
    }

    /// All of one customer, the first made first.
    pub async fn of_customer(&self, customer: CustomerId) -> Result<Vec<ArtifactEntitlement>> {
        let all = self.all().filter(row::Column::CustomerId.eq(customer.uuid()));
        all.order_by_asc(row::Column::Id).all(self.tx).await?.into_iter().map(read).collect()
    }

    /// A page of those of one customer or of all.
    pub async fn list(
        &self,
        customer: Option<CustomerId>,
        request: PageRequest,
    ) -> Result<Page<ArtifactEntitlement>> {
        let found = match customer {
            Some(customer) => self.all().filter(row::Column::CustomerId.eq(customer.uuid())),
            None => self.all(),
        };
        let rows = paged(found, row::Column::Id, request).all(self.tx).await?;
        page(rows, request, |row| row.id, read)
    }

    /// How many each of these customers has, where there are any.
    pub async fn counts(&self, customers: &[CustomerId]) -> Result<BTreeMap<CustomerId, u64>> {
        let of_these = row::Column::CustomerId.is_in(customers.iter().map(|id| id.uuid()));
        customer::counted(self.tx, self.all().filter(of_these), row::Column::CustomerId).await
    }

    /// Whether there is any.
    pub async fn any(&self) -> Result<bool> {
        Ok(self.all().count(self.tx).await? > 0)
    }

    /// Writes the next version of one.
    pub async fn save(&self, entitlement: &ArtifactEntitlement) -> Result<()> {
        let saved = row::Entity::update_many()
            .set(write(entitlement)?)
            .filter(row::Column::Id.eq(entitlement.id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .filter(row::Column::Version.eq(entitlement.version - 1))
            .exec(self.tx)
            .await?;
        TABLE.one(saved.rows_affected)
    }

    /// Removes one; whether there was one.
    pub async fn delete(&self, id: ArtifactEntitlementId) -> Result<bool> {
        let deleted = row::Entity::delete_many()
            .filter(row::Column::Id.eq(id.uuid()))
            .filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
            .exec(self.tx)
            .await?;
        Ok(deleted.rows_affected > 0)
    }

    /// What customers without an entitlement may pull.
    pub async fn policy(&self) -> Result<ArtifactPolicy> {
        let found = policy::Entity::find_by_id(self.scope.id().uuid()).one(self.tx).await?;
        found.map_or(Ok(ArtifactPolicy::OpenUntilFirst), |row| POLICIES.parse("policy", &row.policy))
    }

    /// Sets it.
    pub async fn set_policy(&self, policy: ArtifactPolicy) -> Result<()> {
        let row = policy::ActiveModel {
            organization_id: Set(self.scope.id().uuid()),
            policy: Set(policy.as_str().to_owned()),
        };
        let again = OnConflict::column(policy::Column::OrganizationId)
            .update_column(policy::Column::Policy)
            .to_owned();
        policy::Entity::insert(row).on_conflict(again).exec_without_returning(self.tx).await?;
        Ok(())
    }

    fn all(&self) -> Select<row::Entity> {
        row::Entity::find().filter(row::Column::OrganizationId.eq(self.scope.id().uuid()))
    }

    fn one(&self, id: ArtifactEntitlementId) -> Select<row::Entity> {
        self.all().filter(row::Column::Id.eq(id.uuid()))
    }
}

fn write(entitlement: &ArtifactEntitlement) -> Result<row::ActiveModel> {
    let grants: Vec<_> = entitlement.grants.iter().map(keep).collect();
    Ok(row::ActiveModel {
        id: Set(entitlement.id.uuid()),
        organization_id: Set(entitlement.organization.uuid()),
        customer_id: Set(entitlement.customer.uuid()),
        description: Set(entitlement.description.as_ref().map(ToString::to_string)),
        grants: Set(TABLE.take("grants", serde_json::to_string(&grants))?),
        created_at: Set(entitlement.created_at.unix()),
        updated_at: Set(entitlement.updated_at.unix()),
        version: Set(entitlement.version),
    })
}

fn keep(grant: &ArtifactGrant) -> Kept {
    let tags = grant.tags.tags().into_iter().flatten().map(ToString::to_string).collect();
    Kept { artifact: grant.artifact.uuid(), mode: grant.tags.mode().to_owned(), tags }
}

fn read(row: row::Model) -> Result<ArtifactEntitlement> {
    let kept: Vec<Kept> = TABLE.take("grants", serde_json::from_str(&row.grants))?;
    Ok(ArtifactEntitlement {
        id: row.id.into(),
        organization: row.organization_id.into(),
        customer: row.customer_id.into(),
        description: Table::notes(row.description.as_deref()),
        grants: kept.into_iter().map(grant).collect::<Result<_>>()?,
        created_at: TABLE.time("created_at", row.created_at)?,
        updated_at: TABLE.time("updated_at", row.updated_at)?,
        version: row.version,
    })
}

fn grant(kept: Kept) -> Result<ArtifactGrant> {
    let tags: Result<BTreeSet<Tag>> = kept.tags.iter().map(|tag| TABLE.parse("grants", tag)).collect();
    let tags = match kept.mode.as_str() {
        "named" => TagGrant::Named(tags?),
        "current" => TagGrant::Current(tags?),
        "all" => TagGrant::All,
        _ => return Err(TABLE.corrupt("grants")),
    };
    Ok(ArtifactGrant { artifact: kept.artifact.into(), tags })
}
