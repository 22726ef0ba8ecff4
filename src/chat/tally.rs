//! What was done: counted as it happens, read once a second. A count is one addition that nobody waits for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Seconds over which rates and latencies are told.
const WINDOW: usize = 10;

/// Each power of two of microseconds is cut into so many parts: a percentile is off by an eighth at most.
const PARTS: usize = 8;
const BUCKETS: usize = 32 * PARTS;

/// Counts since the start.
#[derive(Default)]
pub struct Tally {
    events: AtomicU64,
    refused: AtomicU64,
    messages: AtomicU64,
    deliveries: AtomicU64,
    latencies: Histogram,
    recent: Mutex<VecDeque<(Instant, Snapshot)>>,
}

struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram([const { AtomicU64::new(0) }; BUCKETS])
    }
}

/// The counts at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub events: u64,
    pub refused: u64,
    pub messages: u64,
    pub deliveries: u64,
    latencies: Box<[u64; BUCKETS]>,
}

/// What was done in the last few seconds.
pub struct Recent {
    pub span: Duration,
    pub done: Snapshot,
}

impl Tally {
    /// An event was answered.
    pub fn event(&self, took: Duration, refused: bool) {
        self.events.fetch_add(1, Ordering::Relaxed);
        if refused {
            self.refused.fetch_add(1, Ordering::Relaxed);
        } else {
            self.latencies.0[bucket(took)].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn message(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    /// Packets were handed to so many devices.
    pub fn delivered(&self, devices: usize) {
        self.deliveries.fetch_add(devices as u64, Ordering::Relaxed);
    }

    /// Keeps the counts for [`Tally::recent`]. Called once a second.
    pub fn tick(&self) {
        let mut recent = self.recent.lock();
        recent.push_back((Instant::now(), self.now()));
        while recent.len() > WINDOW {
            recent.pop_front();
        }
    }

    pub fn now(&self) -> Snapshot {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Snapshot {
            events: read(&self.events),
            refused: read(&self.refused),
            messages: read(&self.messages),
            deliveries: read(&self.deliveries),
            latencies: Box::new(std::array::from_fn(|at| read(&self.latencies.0[at]))),
        }
    }

    /// What was done since the oldest tick that is kept.
    pub fn recent(&self) -> Recent {
        let now = self.now();
        match self.recent.lock().front() {
            Some((at, then)) => Recent { span: at.elapsed(), done: now.since(then) },
            None => Recent { span: Duration::ZERO, done: now.since(&now) },
        }
    }
}

impl Snapshot {
    fn since(&self, then: &Snapshot) -> Snapshot {
        Snapshot {
            events: self.events - then.events,
            refused: self.refused - then.refused,
            messages: self.messages - then.messages,
            deliveries: self.deliveries - then.deliveries,
            latencies: Box::new(std::array::from_fn(|at| self.latencies[at] - then.latencies[at])),
        }
    }

    /// The latency that `share` of all stayed below, about; None where nothing was done.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        let all: u64 = self.latencies.iter().sum();
        let wanted = (all as f64 * share).ceil().max(1.0) as u64;
        let mut met = 0;
        let at = self.latencies.iter().position(|count| {
            met += count;
            met >= wanted
        })?;
        Some(ceiling(at))
    }
}

/// Where a latency is counted.
fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if micros < PARTS as u64 {
        return micros as usize;
    }
    let power = micros.ilog2() as usize;
    let part = (micros >> (power - PARTS.ilog2() as usize)) as usize - PARTS;
    ((power - PARTS.ilog2() as usize + 1) * PARTS + part).min(BUCKETS - 1)
}

/// The end of a bucket.
fn ceiling(bucket: usize) -> Duration {
    let (power, part) = (bucket / PARTS, bucket % PARTS);
    let micros = if power == 0 { part + 1 } else { (PARTS + part + 1) << (power - 1) };
    Duration::from_micros(micros as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_lies_in_its_bucket() {
        for micros in (0..5_000).chain([123_456, 9_999_999, u64::MAX / 2]) {
            let at = bucket(Duration::from_micros(micros));
            let end = ceiling(at).as_micros() as u64;
            if at < BUCKETS - 1 {
                assert!(micros < end && end - micros <= micros / 8 + 1, "{micros} in the bucket up to {end}");
            }
        }
    }

    #[test]
    fn percentiles_are_of_what_was_done_since_then() {
        let tally = Tally::default();
        tally.event(Duration::from_secs(5), false);
        tally.tick();
        assert_eq!(tally.recent().done.percentile(0.5), None);
        for millis in 1..=100 {
            tally.event(Duration::from_millis(millis), false);
        }
        tally.event(Duration::from_secs(9), true);
        let done = tally.recent().done;
        assert_eq!((done.events, done.refused), (101, 1));
        let median = done.percentile(0.5).expect("events").as_millis();
        assert!((50..=57).contains(&median), "{median}");
        let last = done.percentile(0.99).expect("events").as_millis();
        assert!((99..=112).contains(&last), "{last}");
    }
}
