//! Counts what is done as it happens: one addition that nobody waits for, read by whoever asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Each power of two is cut into so many parts: a percentile is off by an eighth at most.
const PARTS: usize = 8;
const BUCKETS: usize = 32 * PARTS;

#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often which values came: sizes, or times in microseconds.
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: [const { AtomicU64::new(0) }; BUCKETS], sum: AtomicU64::new(0) }
    }
}

impl Histogram {
    pub fn record(&self, value: u64) {
        self.buckets[bucket(value)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub fn record_time(&self, took: Duration) {
        self.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    pub fn now(&self) -> Distribution {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Distribution {
            buckets: Box::new(std::array::from_fn(|at| read(&self.buckets[at]))),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// A histogram at one moment.
#[derive(Clone, Debug)]
pub struct Distribution {
    buckets: Box<[u64; BUCKETS]>,
    pub sum: u64,
}

impl Distribution {
    pub fn since(&self, then: &Distribution) -> Distribution {
        Distribution {
            buckets: Box::new(std::array::from_fn(|at| self.buckets[at] - then.buckets[at])),
            sum: self.sum.wrapping_sub(then.sum),
        }
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How many values were below `end`, a power of two.
    pub fn below(&self, end: u64) -> u64 {
        self.buckets[..bucket(end)].iter().sum()
    }

    /// The value that `share` of all stayed below, about; None where there was none.
    pub fn percentile(&self, share: f64) -> Option<u64> {
        let wanted = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut met = 0;
        let at = self.buckets.iter().position(|count| {
            met += count;
            met >= wanted
        })?;
        Some(ceiling(at))
    }
}

/// Where a value is counted.
fn bucket(value: u64) -> usize {
    if value < PARTS as u64 {
        return value as usize;
    }
    let power = value.ilog2() as usize;
    let part = (value >> (power - PARTS.ilog2() as usize)) as usize - PARTS;
    ((power - PARTS.ilog2() as usize + 1) * PARTS + part).min(BUCKETS - 1)
}

/// The end of a bucket.
fn ceiling(bucket: usize) -> u64 {
    let (power, part) = (bucket / PARTS, bucket % PARTS);
    let end = if power == 0 { part + 1 } else { (PARTS + part + 1) << (power - 1) };
    end as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket() {
        for value in (0..5_000).chain([123_456, 9_999_999, u64::MAX / 2]) {
            let at = bucket(value);
            let end = ceiling(at);
            if at < BUCKETS - 1 {
                assert!(value < end && end - value <= value / 8 + 1, "{value} in the bucket up to {end}");
            }
        }
    }

    #[test]
    fn powers_of_two_divide_the_buckets_exactly() {
        let histogram = Histogram::default();
        (0..1_000).for_each(|value| histogram.record(value));
        let now = histogram.now();
        for power in 0..=9 {
            assert_eq!(now.below(1 << power), 1 << power);
        }
        assert_eq!((now.below(1 << 20), now.count(), now.sum), (1_000, 1_000, 499_500));
    }
}
