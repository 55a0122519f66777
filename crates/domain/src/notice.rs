//! What is told by mail: licenses and registry keys that are about to end, to whom and when, and alerts.

use std::str::FromStr;

use serde::Serialize;

use crate::{CustomerId, Invalid, LicenseId, Name, RegistryId, RegistryKeyId, RevisionId, Timestamp};

/// What one organization tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notices {
    /// Whether its owners and admins are told, all at once, once a day at most.
    pub members: bool,
    /// Whether the customers are told who hold the licenses.
    pub customers: bool,
    /// Whether its owners and admins are told of alerts.
    pub alerts: bool,
    /// How long before the end.
    pub days: NoticeDays,
    /// Counts the changes; the entity tag of HTTP.
    pub version: i64,
}

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The organization's owners and admins.
    Members,
    /// The customer who holds the license.
    Customer,
}

/// So many days before the end something is told: 1 to 5 different numbers from 1 to 365, the largest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeDays(Vec<u32>);

crate::described! {
    composed NoticeDays;
    shown NoticeDays = crate::openapi::array(crate::openapi::integer(1, Self::MOST_DAYS), 1, Self::MOST);
}

/// The ends that one of the numbers is for, at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The number.
    pub days: u32,
    /// The end is after this instant.
    pub after: Timestamp,
    /// And not after this one.
    pub until: Timestamp,
}

/// A license that is about to end, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The license.
    pub license: LicenseId,
    /// Its terms: others are told of anew.
    pub revision: RevisionId,
    /// Its name.
    pub name: Name,
    /// Who holds it.
    pub customer: Option<CustomerId>,
    /// When it ends by its contract.
    pub ends_at: Timestamp,
}

/// A registry key that is about to end, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingKey {
    /// The key.
    pub key: RegistryKeyId,
    /// The registry that it opens.
    pub registry: RegistryId,
    /// Its name.
    pub name: Name,
    /// When it ends: another end is told of anew.
    pub expires_at: Timestamp,
}

impl NoticeDays {
    /// How many numbers there may be.
    pub const MOST: usize = 5;
    /// The largest of them.
    pub const MOST_DAYS: u32 = 365;

    /// Checks and sorts `days`.
    pub fn new(mut days: Vec<u32>) -> Result<Self, Invalid> {
        days.sort_unstable_by(|one, other| other.cmp(one));
        days.dedup();
        let fits = (1..=Self::MOST).contains(&days.len())
            && days.iter().all(|day| (1..=Self::MOST_DAYS).contains(day));
        let fault = || Invalid::new("invalid_days", "must be 1 to 5 numbers from 1 to 365");
        if fits { Ok(Self(days)) } else { Err(fault()) }
    }

    /// The numbers, the largest first.
    pub fn days(&self) -> &[u32] {
        &self.0
    }

    /// What each number is for at `now`; no end is in two of them.
    pub fn windows(&self, now: Timestamp) -> impl Iterator<Item = Window> {
        let shorter = self.0.iter().skip(1).copied().chain([0]);
        self.0.iter().copied().zip(shorter).map(move |(days, shorter)| Window {
            days,
            after: now.plus_days(shorter.into()),
            until: now.plus_days(days.into()),
        })
    }
}

impl FromStr for NoticeDays {
    type Err = Invalid;

    /// Reads numbers between commas.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fault = |_| Invalid::new("invalid_days", "must be whole numbers between commas, such as 30, 7");
        Self::new(text.split(',').map(|day| day.trim().parse().map_err(fault)).collect::<Result<_, _>>()?)
    }
}

impl std::fmt::Display for NoticeDays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let days: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&days.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_sorted_and_bounded() {
        assert_eq!(" 7,30 ,7".parse::<NoticeDays>().unwrap().days(), [30, 7]);
        assert_eq!("30, 7".parse::<NoticeDays>().unwrap().to_string(), "30, 7");
        for bad in ["", "0", "366", "a", "1,2,3,4,5,6", "-1", "7,"] {
            assert!(bad.parse::<NoticeDays>().is_err(), "{bad}");
        }
    }

    #[test]
    fn windows_do_not_overlap() {
        let now = Timestamp::from_unix(1_000_000).unwrap();
        let windows: Vec<_> = "30, 7".parse::<NoticeDays>().unwrap().windows(now).collect();
        assert_eq!(windows[0].days, 30);
        assert_eq!(windows[0].after, windows[1].until);
        assert_eq!(windows[1].after, now);
        assert_eq!(windows[0].until, now.plus_days(30));
    }
}
