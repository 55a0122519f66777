//! That a product's daily bucket is nearly used, or a share of it used up: told once a day.

use std::fmt;
use std::str::FromStr;

use crate::share::{Partition, PartitionKind};
use crate::{BucketAlertId, Invalid, OrganizationId, ProductId, Timestamp};

/// Something to know of a product's bucket on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketAlert {
    /// Its id.
    pub id: BucketAlertId,
    /// Whose product.
    pub organization: OrganizationId,
    /// Which.
    pub product: ProductId,
    /// The day of the bucket, in days since 1970-01-01 (UTC).
    pub day: i64,
    /// What there is to know.
    pub finding: BucketFinding,
    /// How many had been let in.
    pub used: u64,
    /// How many the bucket or the share holds.
    pub size: u64,
    /// When it was found.
    pub created_at: Timestamp,
}

/// What there is to know of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketFinding {
    /// Four fifths of the bucket are used.
    NearlyUsed,
    /// The bucket is used up.
    UsedUp,
    /// One partition has used up its share, and was refused.
    ShareUsedUp(Partition),
}

impl BucketFinding {
    /// From so many percent on a bucket is nearly used.
    pub const NEARLY_PERCENT: u64 = 80;

    /// What is to be told of a bucket of this size of which so many are used.
    pub fn of_bucket(used: u64, size: u32) -> Option<Self> {
        let size = u64::from(size);
        if used >= size {
            Some(Self::UsedUp)
        } else if used * 100 >= size * Self::NEARLY_PERCENT {
            Some(Self::NearlyUsed)
        } else {
            None
        }
    }

    /// The kind's name on the wire and in storage.
    pub fn kind(self) -> BucketAlertKind {
        match self {
            Self::NearlyUsed => BucketAlertKind::NearlyUsed,
            Self::UsedUp => BucketAlertKind::UsedUp,
            Self::ShareUsedUp(_) => BucketAlertKind::ShareUsedUp,
        }
    }

    /// Whose share it is about.
    pub fn partition(self) -> Option<Partition> {
        match self {
            Self::ShareUsedUp(partition) => Some(partition),
            Self::NearlyUsed | Self::UsedUp => None,
        }
    }
}

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketAlertKind {
    /// Four fifths of the bucket are used.
    NearlyUsed,
    /// The bucket is used up.
    UsedUp,
    /// One partition has used up its share.
    ShareUsedUp,
}

impl BucketAlertKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::NearlyUsed, Self::UsedUp, Self::ShareUsedUp];

    /// The name on the wire and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NearlyUsed => "nearly_used",
            Self::UsedUp => "used_up",
            Self::ShareUsedUp => "share_used_up",
        }
    }

    /// The kind as people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::NearlyUsed => "Bucket nearly used",
            Self::UsedUp => "Bucket used up",
            Self::ShareUsedUp => "Share used up",
        }
    }
}

impl FromStr for BucketAlertKind {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Invalid::new("unknown_kind", "must be nearly_used, used_up or share_used_up"))
    }
}

/// As a sentence without its end.
impl fmt::Display for BucketAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { used, size, .. } = self;
        match self.finding {
            BucketFinding::NearlyUsed => write!(f, "{used} of the day's {size} validations are used"),
            BucketFinding::UsedUp => {
                write!(
                    f,
                    "All {size} validations of the day are used, and further ones are refused until 00:00 UTC"
                )
            }
            BucketFinding::ShareUsedUp(partition) => {
                let who = match partition.kind() {
                    PartitionKind::Address => format!("The {partition} has used up its share"),
                    PartitionKind::License => "One license has used up its share".to_owned(),
                    PartitionKind::UnknownKey => {
                        "Requests with unknown license keys have used up their share".to_owned()
                    }
                };
                write!(f, "{who} of {size} validations, and further ones of it are refused until 00:00 UTC")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_nearly_used_from_four_fifths_on() {
        let of = |used| BucketFinding::of_bucket(used, 350);
        assert_eq!(of(279), None);
        assert_eq!(of(280), Some(BucketFinding::NearlyUsed));
        assert_eq!(of(350), Some(BucketFinding::UsedUp));
        assert_eq!(BucketFinding::of_bucket(0, 0), Some(BucketFinding::UsedUp));
    }

    #[test]
    fn what_is_told_names_who_it_was() {
        let told = |finding, used, size| {
            let (organization, product) = (OrganizationId::new(1, [1; 10]), ProductId::new(1, [1; 10]));
            let id = BucketAlertId::new(1, [1; 10]);
            BucketAlert { id, organization, product, day: 0, finding, used, size, created_at: Timestamp::MIN }
                .to_string()
        };
        assert_eq!(told(BucketFinding::NearlyUsed, 281, 350), "281 of the day's 350 validations are used");
        let address = Partition::parse(PartitionKind::Address, "192.0.2.7").unwrap();
        assert_eq!(
            told(BucketFinding::ShareUsedUp(address), 5_000, 5_000),
            "The address 192.0.2.7 has used up its share of 5000 validations, and further ones of it are refused until 00:00 UTC"
        );
        for kind in BucketAlertKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }
}
