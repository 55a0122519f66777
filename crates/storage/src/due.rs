//! When something is to be done again.
//!
//! All that is done from time to time is looked for with these two conditions. A clock that was ahead for a moment leaves
//! times that are far in the future; they are due at once, and what is done then writes the time anew.

use keyward_domain::Timestamp;
use sea_orm::{ColumnTrait, Condition};

/// It was done last at `last`, and is to be done every `period` seconds.
pub(crate) fn since(last: impl ColumnTrait, period: i64, now: Timestamp) -> Condition {
    let before = now.plus_seconds(-period).unix();
    let ahead = now.plus_seconds(Timestamp::SKEW_SECONDS).unix();
    Condition::any().add(last.lte(before)).add(last.gt(ahead))
}

/// It is to be done at `due`, and is never put off by more than `longest` seconds.
pub(crate) fn at(due: impl ColumnTrait, longest: i64, now: Timestamp) -> Condition {
    let latest = now.plus_seconds(longest + Timestamp::SKEW_SECONDS).unix();
    Condition::any().add(due.lte(now.unix())).add(due.gt(latest))
}
