//! What was done: counted as it happens, told to operators by `stats` and to others by the metrics.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::domain::error::Code;
use crate::meter::{Counter, Distribution, Histogram};

/// Seconds over which rates and latencies are told.
const WINDOW: usize = 10;

/// Kinds of events that are told apart, by the number that `wire` gives them.
pub const KINDS: usize = 32;

/// Done, and every way of being refused.
const OUTCOMES: usize = 1 + Code::ALL.len();

/// Counts since the start.
#[derive(Default)]
pub struct Tally {
    events: [Outcomes; KINDS],
    handshakes: Outcomes,
    evictions: [Counter; Eviction::ALL.len()],
    resyncs: Counter,
    messages: Counter,
    deliveries: Counter,
    fan_out: Histogram,
    latencies: Histogram,
    acknowledged: Histogram,
    handed_over: Histogram,
    recent: Mutex<VecDeque<(Instant, Snapshot)>>,
}

struct Outcomes([AtomicU64; OUTCOMES]);

impl Default for Outcomes {
    fn default() -> Self {
        Outcomes([const { AtomicU64::new(0) }; OUTCOMES])
    }
}

impl Outcomes {
    fn count(&self, refusal: Option<Code>) {
        self.0[refusal.map_or(0, |code| 1 + code as usize)].fetch_add(1, Ordering::Relaxed);
    }

    /// Each outcome with how often it came; `None` stands for done.
    fn read(&self) -> impl Iterator<Item = (Option<Code>, u64)> {
        let outcomes = std::iter::once(None).chain(Code::ALL.into_iter().map(Some));
        outcomes.zip(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

/// Why the server ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// An operator or a plugin wanted it.
    Kicked,
    /// It went on with events that were refused.
    Flood,
    /// Its token has expired or is revoked, or its user is banned.
    Unwelcome,
    /// It asked without reading the answers.
    Unread,
}

impl Eviction {
    pub const ALL: [Self; 4] = [Eviction::Kicked, Eviction::Flood, Eviction::Unwelcome, Eviction::Unread];

    pub fn as_str(self) -> &'static str {
        match self {
            Eviction::Kicked => "kicked",
            Eviction::Flood => "flood",
            Eviction::Unwelcome => "unwelcome",
            Eviction::Unread => "unread_answers",
        }
    }
}

/// The counts at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub events: u64,
    pub refused: u64,
    pub messages: u64,
    pub deliveries: u64,
    pub latencies: Distribution,
}

/// What was done in the last few seconds.
pub struct Recent {
    pub span: Duration,
    pub done: Snapshot,
}

impl Tally {
    /// An event of the kind with this number was answered.
    pub fn event(&self, kind: usize, took: Duration, refusal: Option<Code>) {
        self.events[kind].count(refusal);
        if refusal.is_none() {
            self.latencies.record_time(took);
        }
    }

    /// How often events of a kind had which outcome.
    pub fn events(&self, kind: usize) -> impl Iterator<Item = (Option<Code>, u64)> {
        self.events[kind].read()
    }

    /// A client was let in, or refused.
    pub fn handshake(&self, refusal: Option<Code>) {
        self.handshakes.count(refusal);
    }

    pub fn handshakes(&self) -> impl Iterator<Item = (Option<Code>, u64)> {
        self.handshakes.read()
    }

    pub fn evicted(&self, why: Eviction) {
        self.evictions[why as usize].add(1);
    }

    pub fn evictions(&self) -> impl Iterator<Item = (Eviction, u64)> {
        Eviction::ALL.into_iter().zip(self.evictions.iter().map(Counter::get))
    }

    /// A device was told what it missed.
    pub fn resynced(&self) {
        self.resyncs.add(1);
    }

    pub fn resyncs(&self) -> u64 {
        self.resyncs.get()
    }

    pub fn message(&self) {
        self.messages.add(1);
    }

    /// A message was answered, so long after it came in.
    pub fn acknowledged(&self, took: Duration) {
        self.acknowledged.record_time(took);
    }

    pub fn acknowledgements(&self) -> Distribution {
        self.acknowledged.now()
    }

    /// A message was handed to the last of so many devices, so long after it came in.
    pub fn handed_over(&self, took: Duration, devices: usize) {
        self.handed_over.record_time(took);
        self.fan_out.record(devices as u64);
    }

    pub fn hand_overs(&self) -> Distribution {
        self.handed_over.now()
    }

    /// The devices of each message.
    pub fn fan_out(&self) -> Distribution {
        self.fan_out.now()
    }

    /// Packets were handed to so many devices.
    pub fn delivered(&self, devices: usize) {
        self.deliveries.add(devices as u64);
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
        let outcomes = self.events.iter().flat_map(Outcomes::read);
        let (done, refused) = outcomes.fold((0, 0), |(done, refused), (refusal, count)| match refusal {
            None => (done + count, refused),
            Some(_) => (done, refused + count),
        });
        Snapshot {
            events: done + refused,
            refused,
            messages: self.messages.get(),
            deliveries: self.deliveries.get(),
            latencies: self.latencies.now(),
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
            latencies: self.latencies.since(&then.latencies),
        }
    }

    /// The latency that `share` of all stayed below, about; None where nothing was done.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        self.latencies.percentile(share).map(Duration::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_done_since_then() {
        let tally = Tally::default();
        tally.event(0, Duration::from_secs(5), None);
        tally.tick();
        assert_eq!(tally.recent().done.percentile(0.5), None);
        for millis in 1..=100 {
            tally.event(1, Duration::from_millis(millis), None);
        }
        tally.event(1, Duration::from_secs(9), Some(Code::RateLimited));
        let done = tally.recent().done;
        assert_eq!((done.events, done.refused), (101, 1));
        let median = done.percentile(0.5).expect("events").as_millis();
        assert!((50..=57).contains(&median), "{median}");
        let last = done.percentile(0.99).expect("events").as_millis();
        assert!((99..=112).contains(&last), "{last}");
        let refused = tally.events(1).find(|(_, count)| *count == 1);
        assert_eq!(refused, Some((Some(Code::RateLimited), 1)));
    }

    #[test]
    fn every_code_is_counted_apart() {
        for (at, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, at, "{code:?}");
        }
    }
}
