//! Numbers that go up or stand somewhere, counted without a lock.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// What only goes up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add_one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many there were since the start.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How much there is of something now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// One more, until what is given is dropped.
    pub fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self)
    }

    /// How much there is.
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One that is counted by a [`Gauge`].
#[derive(Debug)]
pub struct Entered<'a>(&'a Gauge);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The most bounds of a histogram.
const MOST_BOUNDS: usize = 16;

/// How often values lay in which part of a scale.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// How many values lay in each part; the last one has what is above all bounds.
    parts: [AtomicU64; MOST_BOUNDS + 1],
    sum: AtomicU64,
}

/// What a histogram has counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Each bound, and how many values were not above it.
    pub up_to: Vec<(u64, u64)>,
    /// How many values there were.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
}

impl Histogram {
    /// For durations from half a millisecond to half a minute, in microseconds.
    pub const DURATIONS: [u64; 14] = [
        500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
        10_000_000, 30_000_000,
    ];

    /// For how many things were dealt with at once.
    pub const SIZES: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

    /// One with these bounds, in ascending order, of which there are at most 16.
    pub fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds: &bounds[..bounds.len().min(MOST_BOUNDS)],
            parts: Default::default(),
            sum: AtomicU64::new(0),
        }
    }

    /// One for durations.
    pub fn of_durations() -> Self {
        Self::new(&Self::DURATIONS)
    }

    /// Counts a value in.
    pub fn observe(&self, value: u64) {
        let part = self.bounds.partition_point(|bound| *bound < value);
        self.parts[part].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts a duration in, by its microseconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 2));
    }

    /// What was counted. Values that are counted in at the same moment are in all of it or in none.
    pub fn counted(&self) -> Counted {
        let sum = self.sum.load(Ordering::Relaxed);
        let mut count = 0;
        let mut parts = self.parts.iter().map(|part| {
            count += part.load(Ordering::Relaxed);
            count
        });
        let up_to: Vec<_> = self.bounds.iter().copied().zip(parts.by_ref()).collect();
        let above = parts.next();
        let count = above.or(up_to.last().map(|(_, count)| *count)).unwrap_or_default();
        Counted { up_to, count, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_each_bound() {
        let histogram = Histogram::new(&[10, 100]);
        for value in [0, 10, 11, 100, 101, 5_000] {
            histogram.observe(value);
        }
        let counted = histogram.counted();
        assert_eq!(counted, Counted { up_to: vec![(10, 2), (100, 4)], count: 6, sum: 5_222 });
    }

    #[test]
    fn what_was_entered_leaves_when_it_is_dropped() {
        let gauge = Gauge::default();
        let (first, second) = (gauge.enter(), gauge.enter());
        drop(first);
        assert_eq!(gauge.value(), 1);
        drop(second);
        assert_eq!(gauge.value(), 0);
    }

    #[test]
    fn full_scales_fit() {
        for bounds in [&Histogram::DURATIONS[..], &Histogram::SIZES] {
            let histogram = Histogram::new(Box::leak(bounds.to_vec().into_boxed_slice()));
            histogram.observe(u64::MAX / 2);
            assert_eq!(histogram.counted().count, 1);
            assert!(bounds.is_sorted() && bounds.len() <= MOST_BOUNDS);
        }
    }
}
