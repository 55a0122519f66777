//! What tells whether there is something new on a page, read along an index.

use keyward_domain::{OrganizationScope, ProductId, RegistryId};
use sea_orm::{ConnectionTrait as _, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::Result;
use crate::connection::Connection;

/// What is new in one organization.
pub struct LiveMarks<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}

impl LiveMarks<'_> {
    /// How many events the audit log has had; 0 for an organization that is gone.
    pub async fn audit(&self) -> Result<i64> {
        let sql = "SELECT generation FROM organizations WHERE id = $1";
        Ok(match self.one(sql, [self.own()]).await? {
            Some(row) => row.try_get_by_index(0)?,
            None => 0,
        })
    }

    /// The latest line of a registry's log.
    pub async fn registry(&self, registry: RegistryId) -> Result<Option<Uuid>> {
        let sql = "SELECT id FROM registry_events WHERE registry_id = $2 AND organization_id = $1
            ORDER BY id DESC LIMIT 1";
        let row = self.one(sql, [self.own(), registry.uuid().into()]).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
    }

    /// How many validations of a product there were on a day.
    pub async fn validations(&self, product: ProductId, day: i64) -> Result<i64> {
        let sql = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM (
                SELECT used FROM product_usage WHERE product_id = $2 AND day = $3
                UNION ALL SELECT used FROM usage_counters WHERE product_id = $2 AND day = $3) AS days
            WHERE EXISTS (SELECT 1 FROM products WHERE id = $2 AND organization_id = $1)";
        Ok(match self.one(sql, [self.own(), product.uuid().into(), day.into()]).await? {
            Some(row) => row.try_get_by_index(0)?,
            None => 0,
        })
    }

    fn own(&self) -> Value {
        self.scope.id().uuid().into()
    }

    async fn one<const N: usize>(&self, sql: &str, values: [Value; N]) -> Result<Option<QueryResult>> {
        let backend = self.tx.get_database_backend();
        Ok(self.tx.query_one_raw(Statement::from_sql_and_values(backend, sql, values)).await?)
    }
}
