//! What licenses are used for: validations and pulls by the day, and which versions of the vendor's software validate them.

use std::collections::BTreeMap;

use crate::Timestamp;
use crate::address::Address;
use crate::validation::Status;

/// Of how many days use is shown where nobody says otherwise.
pub const DAYS: u16 = 30;

/// How many of the days that pages show lie before today.
pub const DAYS_BEFORE: u16 = DAYS - 1;

/// The most versions that are remembered of one license: those that were seen last.
pub const MOST_VERSIONS: usize = 20;

/// The longest version that is remembered; of a longer one, its beginning.
pub const MOST_VERSION_CHARACTERS: usize = 100;

/// One day (UTC) of a license or a customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UseDay {
    /// How many validations were answered how.
    pub answers: BTreeMap<String, u64>,
    /// How many images and charts were pulled.
    pub pulls: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl UseDay {
    /// How many validations were answered, however.
    pub fn validations(&self) -> u64 {
        self.answers.values().sum()
    }

    /// Adds another day.
    pub fn add(&mut self, other: &Self) {
        for (status, count) in &other.answers {
            *self.answers.entry(status.clone()).or_default() += count;
        }
        self.pulls += other.pulls;
        self.bytes += other.bytes;
    }
}

/// Days counted from 1970-01-01 (UTC), each with what a license or customer was used for; days without use are left out.
pub type UseDays = BTreeMap<i64, UseDay>;

/// The sum of some days.
pub fn sum(days: &UseDays) -> UseDay {
    days.values().fold(UseDay::default(), |mut sum, day| {
        sum.add(day);
        sum
    })
}

/// When a license was validated first and last, and how the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseActivity {
    /// The first time.
    pub first_validated_at: Timestamp,
    /// The last time.
    pub last_validated_at: Timestamp,
    /// What was answered then.
    pub status: Status,
    /// Which version asked; `None` if it was not named.
    pub version: Option<String>,
    /// From where.
    pub address: Address,
}

/// How a version of the vendor's software has validated a license.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenVersion {
    /// As it was named; `None` if it was not.
    pub version: Option<String>,
    /// The first time.
    pub first_seen_at: Timestamp,
    /// The last time.
    pub last_seen_at: Timestamp,
    /// What was answered the last time.
    pub status: Status,
}
