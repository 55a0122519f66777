//! Numbers by day, as bars.

use keyward_domain::Timestamp;

use crate::page;

/// One day.
pub(crate) struct Bar {
    pub day: String,
    pub used: u64,
    /// Of 100.
    pub height: u64,
}

/// Days in their order, with what there is to say of them.
pub(crate) struct Chart {
    pub bars: Vec<Bar>,
    /// All days together.
    pub total: u64,
    /// The largest.
    pub most: u64,
    /// The day of the largest, if anything was counted.
    pub peak: Option<String>,
}

impl Chart {
    /// Of these days, counted from 1970-01-01 (UTC).
    pub(crate) fn of(days: &[(i64, u64)], now: Timestamp) -> Self {
        let name = |day: i64| page::day(now.plus_days(day - now.day()));
        let largest = days.iter().max_by_key(|(_, used)| *used).filter(|(_, used)| *used > 0);
        let most = largest.map_or(0, |(_, used)| *used);
        let bar = |(day, used): &(i64, u64)| Bar {
            day: name(*day),
            used: *used,
            height: (used * 100).div_ceil(most.max(1)),
        };
        Self {
            bars: days.iter().map(bar).collect(),
            total: days.iter().map(|(_, used)| used).sum(),
            most,
            peak: largest.map(|(day, _)| name(*day)),
        }
    }

    /// The first day and the last.
    pub(crate) fn ends(&self) -> Option<(&str, &str)> {
        Some((&self.bars.first()?.day, &self.bars.last()?.day))
    }
}
