//! What licenses are used for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::client::Page;
use crate::output::{line, table};

/// What was done on some days.
#[derive(Debug, Deserialize)]
struct Use {
    validations: u64,
    answers: BTreeMap<String, u64>,
    pulls: u64,
    bytes: u64,
}

#[derive(Debug, Deserialize)]
struct Day {
    day: String,
    #[serde(flatten)]
    used: Use,
}

#[derive(Debug, Deserialize)]
struct SeenVersion {
    version: Option<String>,
    last_seen_at: String,
    status: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OfLicense {
    last_validated_at: Option<String>,
    last_status: Option<String>,
    last_version: Option<String>,
    last_address: Option<String>,
    addresses: u64,
    max_ips: Option<u32>,
    items: Vec<Day>,
    versions: Vec<SeenVersion>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OfCustomer {
    last_validated_at: Option<String>,
    items: Vec<Day>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct VersionInUse {
    version: Option<String>,
    licenses: u64,
    refused: u64,
    last_seen_at: String,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Running {
    license_id: String,
    license_name: String,
    customer_name: Option<String>,
    last_seen_at: String,
    status: String,
}

fn named(version: Option<String>) -> String {
    version.unwrap_or_else(|| "(not named)".to_owned())
}

pub(crate) fn of_license(usage: OfLicense) -> anyhow::Result<()> {
    let last = usage.last_validated_at.unwrap_or_else(|| "never".to_owned());
    line(&format!("last validated  {last}"))?;
    if let (Some(status), Some(address)) = (usage.last_status, usage.last_address) {
        line(&format!("answered        {status}"))?;
        line(&format!("version         {}", named(usage.last_version)))?;
        line(&format!("from            {address}"))?;
    }
    let most = usage.max_ips.map(|most| format!(" of {most}")).unwrap_or_default();
    line(&format!("addresses       {}{most}", usage.addresses))?;
    days(usage.items)?;
    let row = |seen: SeenVersion| [named(seen.version), seen.last_seen_at, seen.status];
    table(["VERSION", "LAST SEEN", "ANSWERED"], &usage.versions.into_iter().map(row).collect::<Vec<_>>())
}

pub(crate) fn of_customer(usage: OfCustomer) -> anyhow::Result<()> {
    let last = usage.last_validated_at.unwrap_or_else(|| "never".to_owned());
    line(&format!("last validated  {last}"))?;
    days(usage.items)
}

fn days(days: Vec<Day>) -> anyhow::Result<()> {
    let row = |Day { day, used }: Day| {
        let answers: Vec<_> = used.answers.iter().map(|(name, count)| format!("{name} {count}")).collect();
        [
            day,
            used.validations.to_string(),
            answers.join(", "),
            used.pulls.to_string(),
            used.bytes.to_string(),
        ]
    };
    table(["DAY", "VALIDATIONS", "ANSWERS", "PULLS", "BYTES"], &days.into_iter().map(row).collect::<Vec<_>>())
}

pub(crate) fn versions(page: Page<VersionInUse>) -> anyhow::Result<()> {
    let row = |found: VersionInUse| {
        [named(found.version), found.licenses.to_string(), found.refused.to_string(), found.last_seen_at]
    };
    table(
        ["VERSION", "LICENSES", "REFUSED", "LAST SEEN"],
        &page.items.into_iter().map(row).collect::<Vec<_>>(),
    )
}

pub(crate) fn licenses(page: Page<Running>) -> anyhow::Result<()> {
    let row = |found: Running| {
        let customer = found.customer_name.unwrap_or_default();
        [found.license_id, found.license_name, customer, found.last_seen_at, found.status]
    };
    table(
        ["LICENSE", "NAME", "CUSTOMER", "LAST SEEN", "ANSWERED"],
        &page.items.into_iter().map(row).collect::<Vec<_>>(),
    )?;
    page.next_cursor.map_or(Ok(()), |cursor| line(&format!("more: --cursor {cursor}")))
}
