//! What licenses are used for: how often they are validated and pulled with, and by which versions.

mod add;
mod find;

use std::collections::BTreeMap;

use keyward_domain::license_use::SeenVersion;
use keyward_domain::validation::Status;
use keyward_domain::{Address, CustomerId, LicenseId, Name, OrganizationScope, ProductId, Timestamp};

use crate::connection::Connection;
use crate::convert::Table;

const USAGE: Table = Table("license_usage");
const PULLS: Table = Table("license_pulls");
const ACTIVITY: Table = Table("license_activity");
const VERSIONS: Table = Table("license_versions");

/// Validations of one license, to be added to what is known of it.
#[derive(Debug, Clone)]
pub struct LicenseValidations {
    /// Which license.
    pub license: LicenseId,
    /// Of which product.
    pub product: ProductId,
    /// How many were answered how, by the day.
    pub answers: BTreeMap<(i64, Status), u64>,
    /// Which versions asked.
    pub versions: Vec<SeenVersion>,
    /// From where the last of them.
    pub address: Address,
}

/// Pulls with one license on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LicensePulls {
    /// Which license.
    pub license: LicenseId,
    /// The day, counted from 1970-01-01 (UTC).
    pub day: i64,
    /// How many.
    pub pulls: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Whose use is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsedBy {
    /// Of one license.
    License(LicenseId),
    /// Of all that a customer holds.
    Customer(CustomerId),
}

/// What customers are shown with in a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CustomerValidations {
    /// How many validations of their licenses were answered in the days asked for.
    pub validations: u64,
    /// When any of their licenses was last validated.
    pub last_validated_at: Option<Timestamp>,
}

/// A version of a product that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInUse {
    /// As it was named; `None` of requests that named none.
    pub version: Option<String>,
    /// How many licenses it validated.
    pub licenses: u64,
    /// How many of those were refused the last time.
    pub refused: u64,
    /// When it was last seen.
    pub last_seen_at: Timestamp,
}

/// A license that a version has validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseRunning {
    /// Which license.
    pub license: LicenseId,
    /// What it is called.
    pub name: Name,
    /// Who holds it.
    pub customer: Option<CustomerId>,
    /// The version, and when.
    pub seen: SeenVersion,
}

/// What all licenses are used for, to add to it.
pub struct LicenseUses<'a> {
    pub(crate) tx: &'a Connection,
}

/// What one organization's licenses are used for.
pub struct LicenseUseOf<'a> {
    pub(crate) tx: &'a Connection,
    pub(crate) scope: OrganizationScope,
}
