//! Which registries are in front of which upstreams.

use std::collections::BTreeSet;

use keyward_domain::registry::{Endpoint, RepositoryName, Upstream};
use keyward_domain::{OrganizationId, RegistryId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::connection::Connection;
use crate::{Result, registry};

mod endpoint {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "upstream_endpoints")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub endpoint: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod claim {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "upstream_claims")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub registry_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub endpoint: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Makes everyone else who wants one of these endpoints wait until the end of the transaction, always in the same order.
pub(crate) async fn hold(tx: &Connection, endpoints: &BTreeSet<Endpoint>) -> Result<()> {
    for endpoint in endpoints {
        let row = endpoint::ActiveModel { endpoint: Set(endpoint.as_str().to_owned()) };
        // An update locks the row, which to do nothing would not.
        let again = OnConflict::column(endpoint::Column::Endpoint)
            .update_column(endpoint::Column::Endpoint)
            .to_owned();
        endpoint::Entity::insert(row).on_conflict(again).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// What is known of the upstream of one registry.
pub(crate) async fn of(tx: &Connection, registry: RegistryId) -> Result<BTreeSet<Endpoint>> {
    let rows = claim::Entity::find().filter(claim::Column::RegistryId.eq(registry.uuid())).all(tx).await?;
    Ok(rows.into_iter().map(|row| Endpoint::stored(row.endpoint)).collect())
}

/// Writes what is known of the upstream of one registry, in place of what was.
pub(crate) async fn put(tx: &Connection, registry: RegistryId, endpoints: &BTreeSet<Endpoint>) -> Result<()> {
    let own = claim::Column::RegistryId.eq(registry.uuid());
    claim::Entity::delete_many().filter(own).exec(tx).await?;
    let row = |endpoint: &Endpoint| claim::ActiveModel {
        registry_id: Set(registry.uuid()),
        endpoint: Set(endpoint.as_str().to_owned()),
    };
    claim::Entity::insert_many(endpoints.iter().map(row)).exec_without_returning(tx).await?;
    Ok(())
}

/// The prefixes of other organizations' registries at any of these endpoints.
pub(crate) async fn prefixes_elsewhere(
    tx: &Connection,
    organization: OrganizationId,
    endpoints: &BTreeSet<Endpoint>,
) -> Result<Vec<Option<RepositoryName>>> {
    let there = claim::Entity::find()
        .select_only()
        .column(claim::Column::RegistryId)
        .filter(claim::Column::Endpoint.is_in(endpoints.iter().map(Endpoint::as_str)));
    Ok(registry::elsewhere(tx, organization, there, true)
        .await?
        .into_iter()
        .map(|(_, prefix)| prefix)
        .collect())
}

/// The upstreams of other organizations' registries of which nothing is known, with the prefix that each has there.
pub(crate) async fn unclaimed_elsewhere(
    tx: &Connection,
    organization: OrganizationId,
) -> Result<Vec<(Upstream, Option<RepositoryName>)>> {
    let claimed = claim::Entity::find().select_only().column(claim::Column::RegistryId);
    registry::elsewhere(tx, organization, claimed, false).await
}
