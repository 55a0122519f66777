//! What licenses, customers and products were used for.

use std::collections::BTreeMap;

use keyward_domain::license_use::{LicenseActivity, MOST_VERSIONS, SeenVersion, UseDay, UseDays};
use keyward_domain::{Cursor, CustomerId, LicenseId, Name, Page, PageRequest, ProductId, Timestamp};
use sea_orm::{ConnectionTrait as _, QueryResult, Statement, Value};
use uuid::Uuid;

use super::{
    ACTIVITY, CustomerValidations, LicenseRunning, LicenseUseOf, PULLS, USAGE, UsedBy, VERSIONS, VersionInUse,
};
use crate::Result;
use crate::page::page;

impl LicenseUseOf<'_> {
    /// What was done on the days from `first` to `last`.
    pub async fn days(&self, by: UsedBy, first: i64, last: i64) -> Result<UseDays> {
        let mut days = UseDays::new();
        for row in self.ask(&answers(by), [first, last], by).await? {
            let (day, status, count): (i64, String, i64) =
                (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            let count = USAGE.take("validations", count.try_into())?;
            days.entry(day).or_default().answers.insert(status, count);
        }
        for row in self.ask(&pulls(by), [first, last], by).await? {
            let (day, pulls, bytes): (i64, i64, i64) =
                (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            let day: &mut UseDay = days.entry(day).or_default();
            day.pulls = PULLS.take("pulls", pulls.try_into())?;
            day.bytes = PULLS.take("bytes", bytes.try_into())?;
        }
        Ok(days)
    }

    /// When these licenses were validated; those that never were are left out.
    pub async fn activity(&self, licenses: &[LicenseId]) -> Result<BTreeMap<LicenseId, LicenseActivity>> {
        let ids: Vec<_> = licenses.iter().map(|license| license.uuid()).collect();
        let sql = |list: &str| {
            format!(
                "SELECT own.license_id, own.first_validated_at, own.last_validated_at, own.status, own.version, own.address
                FROM license_activity AS own JOIN licenses ON licenses.id = own.license_id
                WHERE licenses.organization_id = $1 AND own.license_id IN ({list})"
            )
        };
        let read = |row: &QueryResult| {
            let license: Uuid = row.try_get_by_index(0)?;
            let (first, last): (i64, i64) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            let (status, version): (String, String) = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
            let address: String = row.try_get_by_index(5)?;
            let activity = LicenseActivity {
                first_validated_at: ACTIVITY.time("first_validated_at", first)?,
                last_validated_at: ACTIVITY.time("last_validated_at", last)?,
                status: ACTIVITY.parse("status", &status)?,
                version: Some(version).filter(|version| !version.is_empty()),
                address: ACTIVITY.address("address", &address)?,
            };
            Ok((license.into(), activity))
        };
        self.among(&ids, &[], sql).await?.iter().map(read).collect()
    }

    /// How these customers' licenses were validated since the day `first`; those whose never were are left out.
    pub async fn of_customers(
        &self,
        customers: &[CustomerId],
        first: i64,
    ) -> Result<BTreeMap<CustomerId, CustomerValidations>> {
        let ids: Vec<_> = customers.iter().map(|customer| customer.uuid()).collect();
        let counts = |list: &str| {
            format!(
                "SELECT licenses.customer_id, CAST(SUM(own.validations) AS BIGINT) FROM license_usage AS own
                JOIN licenses ON licenses.id = own.license_id
                WHERE licenses.organization_id = $1 AND licenses.customer_id IN ({list}) AND own.day >= $2
                GROUP BY licenses.customer_id"
            )
        };
        let mut found: BTreeMap<CustomerId, CustomerValidations> = BTreeMap::new();
        for row in self.among(&ids, &[first.into()], counts).await? {
            let (customer, count): (Uuid, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            found.entry(customer.into()).or_default().validations =
                USAGE.take("validations", count.try_into())?;
        }
        for (customer, at) in self.last_validated(customers).await? {
            found.entry(customer).or_default().last_validated_at = Some(at);
        }
        Ok(found)
    }

    /// When any license of these customers was last validated; those whose never were are left out.
    pub async fn last_validated(&self, customers: &[CustomerId]) -> Result<BTreeMap<CustomerId, Timestamp>> {
        let ids: Vec<_> = customers.iter().map(|customer| customer.uuid()).collect();
        let sql = |list: &str| {
            format!(
                "SELECT licenses.customer_id, MAX(own.last_validated_at) FROM license_activity AS own
                JOIN licenses ON licenses.id = own.license_id
                WHERE licenses.organization_id = $1 AND licenses.customer_id IN ({list})
                GROUP BY licenses.customer_id"
            )
        };
        let read = |row: &QueryResult| {
            let (customer, at): (Uuid, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            Ok((customer.into(), ACTIVITY.time("last_validated_at", at)?))
        };
        self.among(&ids, &[], sql).await?.iter().map(read).collect()
    }

    /// The versions that have validated a license, the last seen first.
    pub async fn versions(&self, license: LicenseId) -> Result<Vec<SeenVersion>> {
        let sql = |list: &str| {
            format!(
                "SELECT own.version, own.first_seen_at, own.last_seen_at, own.status FROM license_versions AS own
                JOIN licenses ON licenses.id = own.license_id
                WHERE licenses.organization_id = $1 AND own.license_id IN ({list})
                ORDER BY own.last_seen_at DESC, own.version LIMIT {MOST_VERSIONS}"
            )
        };
        let rows = self.among(&[license.uuid()], &[], sql).await?;
        rows.iter().map(|row| seen(row, 0)).collect()
    }

    /// The versions of a product that were seen since `since`, the last seen first; at most `most`.
    pub async fn versions_of_product(
        &self,
        product: ProductId,
        since: Timestamp,
        most: u32,
    ) -> Result<Vec<VersionInUse>> {
        let sql = format!("{IN_USE} LIMIT {most}");
        let values = [self.scope.id().uuid().into(), product.uuid().into(), since.unix().into()];
        let backend = self.tx.get_database_backend();
        let rows = self.tx.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        let read = |row: &QueryResult| {
            let version: String = row.try_get_by_index(0)?;
            let (licenses, refused, last): (i64, i64, i64) =
                (row.try_get_by_index(1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?);
            Ok(VersionInUse {
                version: Some(version).filter(|version| !version.is_empty()),
                licenses: VERSIONS.take("license_id", licenses.try_into())?,
                refused: VERSIONS.take("status", refused.try_into())?,
                last_seen_at: VERSIONS.time("last_seen_at", last)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The licenses that a version of a product has validated since `since`, the newest first; `None` for requests that named none.
    pub async fn licenses_running(
        &self,
        product: ProductId,
        version: Option<&str>,
        since: Timestamp,
        request: PageRequest,
    ) -> Result<Page<LicenseRunning>> {
        let sql = format!("{RUNNING} LIMIT {}", u64::from(request.limit) + 1);
        let values: [Value; 5] = [
            self.scope.id().uuid().into(),
            product.uuid().into(),
            version.unwrap_or_default().into(),
            since.unix().into(),
            request.after.map_or(Uuid::max(), Cursor::id).into(),
        ];
        let backend = self.tx.get_database_backend();
        let rows = self.tx.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        let read = |row: QueryResult| {
            let (license, name): (Uuid, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let customer: Option<Uuid> = row.try_get_by_index(2)?;
            Ok(LicenseRunning {
                license: license.into(),
                name: Name::kept(name),
                customer: customer.map(Into::into),
                seen: seen(&row, 3)?,
            })
        };
        let rows = rows.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        page(rows, request, |running| running.license.uuid(), Ok)
    }

    async fn ask(&self, sql: &str, [first, last]: [i64; 2], by: UsedBy) -> Result<Vec<QueryResult>> {
        let id = match by {
            UsedBy::License(license) => license.uuid(),
            UsedBy::Customer(customer) => customer.uuid(),
        };
        let values: [Value; 4] = [self.scope.id().uuid().into(), id.into(), first.into(), last.into()];
        let backend = self.tx.get_database_backend();
        Ok(self.tx.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?)
    }

    /// Asks about some ids, whose places stand after the organization and `more`.
    async fn among(
        &self,
        ids: &[Uuid],
        more: &[Value],
        sql: impl FnOnce(&str) -> String,
    ) -> Result<Vec<QueryResult>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<_> = (0..ids.len()).map(|place| format!("${}", place + more.len() + 2)).collect();
        let values = [Value::from(self.scope.id().uuid())].into_iter().chain(more.iter().cloned());
        let values = values.chain(ids.iter().map(|id| Value::from(*id)));
        let (backend, sql) = (self.tx.get_database_backend(), sql(&places.join(", ")));
        Ok(self.tx.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?)
    }
}

const IN_USE: &str = "\
SELECT own.version, COUNT(*), CAST(SUM(CASE WHEN own.status = 'active' THEN 0 ELSE 1 END) AS BIGINT), MAX(own.last_seen_at)
FROM license_versions AS own JOIN licenses ON licenses.id = own.license_id
WHERE licenses.organization_id = $1 AND own.product_id = $2 AND own.last_seen_at >= $3
    AND licenses.deleted_at IS NULL
GROUP BY own.version ORDER BY 4 DESC, 1";

const RUNNING: &str = "\
SELECT own.license_id, licenses.name, licenses.customer_id, own.version, own.first_seen_at, own.last_seen_at, own.status
FROM license_versions AS own JOIN licenses ON licenses.id = own.license_id
WHERE licenses.organization_id = $1 AND own.product_id = $2 AND own.version = $3 AND own.last_seen_at >= $4
    AND own.license_id < $5 AND licenses.deleted_at IS NULL
ORDER BY own.license_id DESC";

/// Which column names whose use is asked for.
fn column(by: UsedBy) -> &'static str {
    match by {
        UsedBy::License(_) => "id",
        UsedBy::Customer(_) => "customer_id",
    }
}

fn answers(by: UsedBy) -> String {
    format!(
        "SELECT own.day, own.status, CAST(SUM(own.validations) AS BIGINT) FROM license_usage AS own
        JOIN licenses ON licenses.id = own.license_id
        WHERE licenses.organization_id = $1 AND licenses.{} = $2 AND own.day BETWEEN $3 AND $4
        GROUP BY own.day, own.status",
        column(by)
    )
}

fn pulls(by: UsedBy) -> String {
    format!(
        "SELECT own.day, CAST(SUM(own.pulls) AS BIGINT), CAST(SUM(own.bytes) AS BIGINT) FROM license_pulls AS own
        JOIN licenses ON licenses.id = own.license_id
        WHERE licenses.organization_id = $1 AND licenses.{} = $2 AND own.day BETWEEN $3 AND $4
        GROUP BY own.day",
        column(by)
    )
}

/// A version in the columns from `at` on.
fn seen(row: &QueryResult, at: usize) -> Result<SeenVersion> {
    let (version, status): (String, String) = (row.try_get_by_index(at)?, row.try_get_by_index(at + 3)?);
    let (first, last): (i64, i64) = (row.try_get_by_index(at + 1)?, row.try_get_by_index(at + 2)?);
    Ok(SeenVersion {
        version: Some(version).filter(|version| !version.is_empty()),
        first_seen_at: VERSIONS.time("first_seen_at", first)?,
        last_seen_at: VERSIONS.time("last_seen_at", last)?,
        status: VERSIONS.parse("status", &status)?,
    })
}
