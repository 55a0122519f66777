//! Adds to what licenses are used for, many of them in one statement.

use std::collections::{BTreeMap, BTreeSet};

use keyward_domain::LicenseId;
use keyward_domain::license_use::MOST_VERSIONS;
use sea_orm::{ConnectionTrait as _, QueryResult, Statement, Value};
use serde::Serialize;
use uuid::Uuid;

use super::{ACTIVITY, LicensePulls, LicenseUses, LicenseValidations, PULLS, USAGE, VERSIONS};
use crate::Result;
use crate::convert::Table;
use crate::recordset::Kind::{Number, Text, Uuid as Id};
use crate::recordset::{Kind, recordset};

#[derive(Serialize)]
struct UsageRow {
    license: uuid::fmt::Simple,
    day: i64,
    status: &'static str,
    validations: u64,
}

#[derive(Serialize)]
struct VersionRow<'a> {
    license: uuid::fmt::Simple,
    product: uuid::fmt::Simple,
    version: &'a str,
    first_seen: i64,
    last_seen: i64,
    status: &'static str,
}

#[derive(Serialize)]
struct ActivityRow<'a> {
    license: uuid::fmt::Simple,
    first_seen: i64,
    last_seen: i64,
    status: &'static str,
    version: &'a str,
    address: String,
}

#[derive(Serialize)]
struct PullRow {
    license: uuid::fmt::Simple,
    day: i64,
    pulls: u64,
    bytes: u64,
}

impl LicenseUses<'_> {
    /// Adds validations, of each license once. Gives the licenses that were never validated before. Those that are gone are left out.
    pub async fn add(&self, uses: &[LicenseValidations]) -> Result<BTreeSet<LicenseId>> {
        self.add_answers(uses).await?;
        self.add_versions(uses).await?;
        self.add_activity(uses).await
    }

    async fn add_answers(&self, uses: &[LicenseValidations]) -> Result<()> {
        let rows = uses.iter().flat_map(|one| {
            one.answers.iter().map(|((day, status), count)| UsageRow {
                license: one.license.uuid().simple(),
                day: *day,
                status: status.as_str(),
                validations: *count,
            })
        });
        let columns = [("license", Id), ("day", Number), ("status", Text), ("validations", Number)];
        let sql = |new: &str| {
            format!(
                "INSERT INTO license_usage (license_id, day, status, validations)
                SELECT new.license, new.day, new.status, new.validations FROM {new}
                JOIN licenses ON licenses.id = new.license WHERE TRUE ORDER BY new.license, new.day, new.status
                ON CONFLICT (license_id, day, status)
                DO UPDATE SET validations = license_usage.validations + excluded.validations"
            )
        };
        self.write(USAGE, &columns, &rows.collect::<Vec<_>>(), sql).await?;
        Ok(())
    }

    async fn add_versions(&self, uses: &[LicenseValidations]) -> Result<()> {
        let rows: Vec<_> = uses
            .iter()
            .flat_map(|one| {
                one.versions.iter().map(|seen| VersionRow {
                    license: one.license.uuid().simple(),
                    product: one.product.uuid().simple(),
                    version: seen.version.as_deref().unwrap_or_default(),
                    first_seen: seen.first_seen_at.unix(),
                    last_seen: seen.last_seen_at.unix(),
                    status: seen.status.as_str(),
                })
            })
            .collect();
        let columns = [
            ("license", Id),
            ("product", Id),
            ("version", Text),
            ("first_seen", Number),
            ("last_seen", Number),
            ("status", Text),
        ];
        let sql = |new: &str| {
            format!(
                "INSERT INTO license_versions (license_id, version, product_id, first_seen_at, last_seen_at, status)
                SELECT new.license, new.version, new.product, new.first_seen, new.last_seen, new.status FROM {new}
                JOIN licenses ON licenses.id = new.license WHERE TRUE ORDER BY new.license, new.version
                ON CONFLICT (license_id, version) DO UPDATE SET
                status = CASE WHEN excluded.last_seen_at >= license_versions.last_seen_at THEN excluded.status
                    ELSE license_versions.status END,
                last_seen_at = CASE WHEN excluded.last_seen_at >= license_versions.last_seen_at
                    THEN excluded.last_seen_at ELSE license_versions.last_seen_at END
                RETURNING license_id, first_seen_at"
            )
        };
        let written = self.write(VERSIONS, &columns, &rows, sql).await?;
        // Where a version may be new, another may have to go: it is not older than the oldest of those that were seen now.
        let mut begun = BTreeMap::new();
        for row in &rows {
            let first = begun.entry(row.license.into_uuid()).or_insert(row.first_seen);
            *first = row.first_seen.min(*first);
        }
        let mut grown = BTreeSet::new();
        for row in &written {
            let (license, first): (Uuid, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            if begun.get(&license).is_some_and(|begun| first >= *begun) {
                grown.insert(license);
            }
        }
        for license in grown {
            self.forget_versions(license).await?;
        }
        Ok(())
    }

    /// Forgets the versions of a license that were seen least recently, beyond [`MOST_VERSIONS`].
    async fn forget_versions(&self, license: Uuid) -> Result<()> {
        let sql = format!(
            "DELETE FROM license_versions WHERE license_id = $1 AND version IN (SELECT version FROM license_versions
            WHERE license_id = $1 ORDER BY last_seen_at DESC, version LIMIT 1000 OFFSET {MOST_VERSIONS})"
        );
        let backend = self.tx.get_database_backend();
        self.tx.execute_raw(Statement::from_sql_and_values(backend, sql, [Value::from(license)])).await?;
        Ok(())
    }

    async fn add_activity(&self, uses: &[LicenseValidations]) -> Result<BTreeSet<LicenseId>> {
        let rows = uses.iter().filter_map(|one| {
            let first = one.versions.iter().map(|seen| seen.first_seen_at).min()?;
            let last = one.versions.iter().max_by_key(|seen| seen.last_seen_at)?;
            Some(ActivityRow {
                license: one.license.uuid().simple(),
                first_seen: first.unix(),
                last_seen: last.last_seen_at.unix(),
                status: last.status.as_str(),
                version: last.version.as_deref().unwrap_or_default(),
                address: one.address.ip().to_string(),
            })
        });
        let rows: Vec<_> = rows.collect();
        let columns = [
            ("license", Id),
            ("first_seen", Number),
            ("last_seen", Number),
            ("status", Text),
            ("version", Text),
            ("address", Text),
        ];
        let begin = |new: &str| {
            format!(
                "INSERT INTO license_activity (license_id, first_validated_at, last_validated_at, status, version, address)
                SELECT new.license, new.first_seen, new.last_seen, new.status, new.version, new.address FROM {new}
                JOIN licenses ON licenses.id = new.license WHERE TRUE ORDER BY new.license
                ON CONFLICT (license_id) DO NOTHING RETURNING license_id"
            )
        };
        let begun = self.write(ACTIVITY, &columns, &rows, begin).await?;
        let id = |row: &QueryResult| Ok(LicenseId::from(row.try_get_by_index::<Uuid>(0)?));
        let begun = begun.iter().map(id).collect::<Result<BTreeSet<_>>>()?;
        if begun.len() < rows.len() {
            let go_on = |new: &str| {
                format!(
                    "UPDATE license_activity AS own SET last_validated_at = new.last_seen, status = new.status,
                    version = new.version, address = new.address FROM {new}
                    WHERE own.license_id = new.license AND own.last_validated_at <= new.last_seen"
                )
            };
            self.write(ACTIVITY, &columns, &rows, go_on).await?;
        }
        Ok(begun)
    }

    /// Adds pulls. Those with licenses that are gone are left out.
    pub async fn add_pulls(&self, pulls: &[LicensePulls]) -> Result<()> {
        let rows = pulls.iter().map(|one| PullRow {
            license: one.license.uuid().simple(),
            day: one.day,
            pulls: one.pulls,
            bytes: one.bytes,
        });
        let columns = [("license", Id), ("day", Number), ("pulls", Number), ("bytes", Number)];
        let sql = |new: &str| {
            format!(
                "INSERT INTO license_pulls (license_id, day, pulls, bytes)
                SELECT new.license, new.day, new.pulls, new.bytes FROM {new}
                JOIN licenses ON licenses.id = new.license WHERE TRUE ORDER BY new.license, new.day
                ON CONFLICT (license_id, day) DO UPDATE
                SET pulls = license_pulls.pulls + excluded.pulls, bytes = license_pulls.bytes + excluded.bytes"
            )
        };
        self.write(PULLS, &columns, &rows.collect::<Vec<_>>(), sql).await?;
        Ok(())
    }

    async fn write<T: Serialize>(
        &self,
        table: Table,
        columns: &[(&str, Kind)],
        rows: &[T],
        sql: impl FnOnce(&str) -> String,
    ) -> Result<Vec<QueryResult>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let backend = self.tx.get_database_backend();
        let rows = table.take("license_id", serde_json::to_string(rows))?;
        let sql = sql(&recordset(backend, columns));
        Ok(self.tx.query_all_raw(Statement::from_sql_and_values(backend, sql, [rows.into()])).await?)
    }
}
