//! When something is to be done again, and by whom.
//!
//! All that is done from time to time is looked for with these conditions. A clock that was ahead for a moment leaves
//! times that are far in the future; they are due at once, and what is done then writes the time anew.

use keyward_domain::Timestamp;
use sea_orm::sea_query::{IntoCondition, LockBehavior};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::convert::ROW;

/// It was done last at `last`, and is to be done every `period` seconds.
pub(crate) fn since(last: impl ColumnTrait, period: i64, now: Timestamp) -> Condition {
    let before = now.plus_seconds(-period).unix();
    let ahead = now.plus_seconds(Timestamp::SKEW_SECONDS).unix();
    Condition::any().add(last.lte(before)).add(last.gt(ahead))
}

/// It is to be done at `due`, and is never put off by more than `longest` seconds: [`keyward_domain::job::is_due`].
pub(crate) fn at(due: impl ColumnTrait, longest: i64, now: Timestamp) -> Condition {
    let latest = now.plus_seconds(longest + Timestamp::SKEW_SECONDS).unix();
    Condition::any().add(due.lte(now.unix())).add(due.gt(latest))
}

/// Nobody is at it: whoever was has not said so for `lease` seconds.
pub(crate) fn unclaimed(until: impl ColumnTrait, lease: i64, now: Timestamp) -> Condition {
    at(until, lease, now).add(until.is_null())
}

/// The row of those that are due which has waited longest by `order`, locked until the end of the transaction; of several
/// who ask at once, each gets another.
pub(crate) fn next<E: EntityTrait>(rows: Select<E>, due: impl IntoCondition, order: E::Column) -> Select<E> {
    rows.filter(due.into_condition()).order_by_asc(order).lock_with_behavior(ROW, LockBehavior::SkipLocked)
}
