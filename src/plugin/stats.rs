//! What each plugin has done, and when one that fails again and again is left out for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::run::Fault;
use crate::domain::hooks::{Point, SHAPES};
use crate::domain::time::Time;
use crate::meter::Histogram;

/// A failure counts so much, and a success takes one away: a plugin that fails once in ten calls is benched in the end.
const FAILURE: u32 = 10;
const BENCHED_AT: u32 = 100;
const FIRST_BENCH: Duration = Duration::from_secs(30);
const LONGEST_BENCH: Duration = Duration::from_secs(600);

/// An average beyond this makes a plugin a slow one, whose calls are run apart from those of others.
const SLOW: Duration = Duration::from_millis(2);

pub struct Stats {
    hooks: [Counts; SHAPES.len()],
    /// A running average in nanoseconds.
    average: AtomicU64,
    bench: Mutex<Bench>,
    last_fault: Mutex<Option<(Time, String)>>,
}

#[derive(Default)]
struct Counts {
    errors: AtomicU64,
    denied: AtomicU64,
    /// How long each call took, in nanoseconds.
    times: Histogram,
    longest: AtomicU64,
}

#[derive(Default)]
struct Bench {
    score: u32,
    /// How often in a row.
    times: u32,
    until: Option<Instant>,
    /// One call tries it, the others wait for what comes of that.
    trying: bool,
}

/// What one hook of a plugin has done.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    pub point: Point,
    pub calls: u64,
    pub errors: u64,
    pub denied: u64,
    pub total: Duration,
    pub median: Duration,
    pub p99: Duration,
    pub longest: Duration,
}

/// Whether a plugin is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Ready,
    /// Left out for this long.
    Benched(Duration),
}

/// What a failure has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NowBenched(pub Duration);

impl Default for Stats {
    fn default() -> Self {
        Stats {
            hooks: std::array::from_fn(|_| Counts::default()),
            average: AtomicU64::new(0),
            bench: Mutex::default(),
            last_fault: Mutex::default(),
        }
    }
}

impl Stats {
    /// Whether the plugin may be called now. Where its time on the bench is over, one caller is told so, and must
    /// report what came of it.
    pub fn ask(&self) -> Standing {
        let mut bench = self.bench.lock();
        let Some(until) = bench.until else { return Standing::Ready };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() && !bench.trying {
            bench.trying = true;
            return Standing::Ready;
        }
        Standing::Benched(left)
    }

    /// The same without the right to try it.
    pub fn standing(&self) -> Standing {
        let bench = self.bench.lock();
        let left = bench.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(Standing::Ready, Standing::Benched)
    }

    pub fn succeeded(&self, point: Point, took: Duration, denied: bool) {
        let counts = self.count(point, took);
        if denied {
            counts.denied.fetch_add(1, Ordering::Relaxed);
        }
        let mut bench = self.bench.lock();
        bench.score = bench.score.saturating_sub(1);
        if bench.trying {
            *bench = Bench::default();
        }
    }

    pub fn failed(&self, point: Point, took: Duration, fault: &Fault) -> Option<NowBenched> {
        self.count(point, took).errors.fetch_add(1, Ordering::Relaxed);
        *self.last_fault.lock() = Some((Time::now(), format!("{}: {fault}", point.hook())));
        let mut bench = self.bench.lock();
        bench.score += FAILURE;
        if bench.score < BENCHED_AT && !bench.trying {
            return None;
        }
        let span = (FIRST_BENCH * 2_u32.pow(bench.times.min(8))).min(LONGEST_BENCH);
        *bench = Bench { times: bench.times + 1, until: Instant::now().checked_add(span), ..Bench::default() };
        Some(NowBenched(span))
    }

    /// Gives it another chance at once: it was loaded anew.
    pub fn pardon(&self) {
        *self.bench.lock() = Bench::default();
    }

    pub fn is_slow(&self) -> bool {
        u128::from(self.average.load(Ordering::Relaxed)) > SLOW.as_nanos()
    }

    pub fn last_fault(&self) -> Option<(Time, String)> {
        self.last_fault.lock().clone()
    }

    /// The hooks that were called so far.
    pub fn done(&self) -> Vec<Done> {
        let done = SHAPES.iter().map(|shape| self.hooks[shape.point as usize].done(shape.point));
        done.filter(|done| done.calls > 0).collect()
    }

    fn count(&self, point: Point, took: Duration) -> &Counts {
        let counts = &self.hooks[point as usize];
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        counts.times.record(nanos);
        counts.longest.fetch_max(nanos, Ordering::Relaxed);
        // Two threads at once may lose one of the two: it is an average.
        let before = self.average.load(Ordering::Relaxed);
        self.average.store(before - before / 16 + nanos / 16, Ordering::Relaxed);
        counts
    }
}

impl Counts {
    fn done(&self, point: Point) -> Done {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let times = self.times.now();
        let longest = Duration::from_nanos(read(&self.longest));
        // A percentile is the upper end of its step, which may lie above what was ever measured.
        let percentile = |share| Duration::from_nanos(times.percentile(share).unwrap_or_default()).min(longest);
        Done {
            point,
            calls: times.count(),
            errors: read(&self.errors),
            denied: read(&self.denied),
            total: Duration::from_nanos(times.sum),
            median: percentile(0.5),
            p99: percentile(0.99),
            longest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault() -> Fault {
        Fault::of("x".into())
    }

    #[test]
    fn who_fails_again_and_again_is_benched_and_tried_again() {
        let stats = Stats::default();
        for n in 1..10 {
            assert_eq!(stats.failed(Point::Message, Duration::ZERO, &fault()), None, "failure {n}");
        }
        assert_eq!(stats.failed(Point::Message, Duration::ZERO, &fault()), Some(NowBenched(FIRST_BENCH)));
        assert!(matches!(stats.ask(), Standing::Benched(_)));
        stats.bench.lock().until = Some(Instant::now());
        assert_eq!(stats.ask(), Standing::Ready);
        assert!(matches!(stats.ask(), Standing::Benched(_)), "one caller alone tries it");
        assert_eq!(stats.failed(Point::Message, Duration::ZERO, &fault()), Some(NowBenched(2 * FIRST_BENCH)));
        stats.bench.lock().until = Some(Instant::now());
        assert_eq!(stats.ask(), Standing::Ready);
        stats.succeeded(Point::Message, Duration::ZERO, false);
        assert_eq!(stats.ask(), Standing::Ready);
        assert_eq!(stats.ask(), Standing::Ready, "it is back");
    }

    #[test]
    fn a_failure_now_and_then_is_forgiven() {
        let stats = Stats::default();
        for n in 0..1_000 {
            let benched = match n % 12 {
                0 => stats.failed(Point::Message, Duration::ZERO, &fault()),
                _ => {
                    stats.succeeded(Point::Message, Duration::ZERO, false);
                    None
                }
            };
            assert_eq!(benched, None);
        }
    }

    #[test]
    fn times_are_told_to_an_eighth() {
        let stats = Stats::default();
        for micros in 1..=100 {
            stats.succeeded(Point::Message, Duration::from_micros(micros), micros > 90);
        }
        let [done] = stats.done()[..] else { panic!("one hook was called") };
        assert_eq!((done.point, done.calls, done.denied, done.errors), (Point::Message, 100, 10, 0));
        assert!((50..=57).contains(&done.median.as_micros()), "{:?}", done.median);
        assert!((99..=112).contains(&done.p99.as_micros()), "{:?}", done.p99);
        assert!(!stats.is_slow());
    }
}
