//! When to try again: pauses that grow, each a little longer or shorter than the last one's like by chance, so that what
//! failed together does not come back together.

use std::time::{Duration, Instant};

use super::lanes::Name;
use super::post::{Blame, Failure};

/// Each pause is so many times as long as the one before.
const GROWTH: u32 = 3;
/// The longest pause between two attempts at one event.
const LONGEST: Duration = Duration::from_secs(3 * 3_600);
const MOST_ATTEMPTS: u32 = 1_000;
/// The longest pause between two attempts at an endpoint that is down.
const LONGEST_PROBE: Duration = Duration::from_secs(30);
/// So many lanes that fail with nothing taken meanwhile are no matter of the events any more, unless it says so.
const LANES_THAT_TELL: usize = 3;

/// The pause after so many failed attempts, the first of them counted as 1.
pub fn pause(base: Duration, attempts: u32) -> Duration {
    jittered(grown(base, attempts).min(LONGEST), uuid::Uuid::new_v4().as_u64_pair().1)
}

/// After how many failed attempts the pauses before them add up to `span`.
pub fn most_attempts(base: Duration, span: Duration) -> u32 {
    let mut waited = Duration::ZERO;
    (1..=MOST_ATTEMPTS)
        .find(|attempts| {
            waited += grown(base, *attempts).min(LONGEST);
            waited > span
        })
        .unwrap_or(MOST_ATTEMPTS)
}

fn grown(base: Duration, attempts: u32) -> Duration {
    GROWTH.checked_pow(attempts.saturating_sub(1)).and_then(|times| base.checked_mul(times)).unwrap_or(LONGEST)
}

/// `span`, a fifth more or less.
fn jittered(span: Duration, random: u64) -> Duration {
    span.mul_f64(0.8 + 0.4 * (random as f64 / u64::MAX as f64))
}

/// Whether an endpoint takes anything at all.
#[derive(Clone, Debug)]
pub enum Health {
    /// With the lanes that have failed since it last took something.
    Up { failing: Vec<Name> },
    /// It is probed at growing intervals: by one event where it was not reached, else by as many as may be under way, so
    /// that those that it does take are found.
    Down { since: Instant, probes: u32, until: Instant, is_reached: bool },
}

impl Default for Health {
    fn default() -> Self {
        Health::Up { failing: Vec::new() }
    }
}

impl Health {
    pub fn is_up(&self) -> bool {
        matches!(self, Health::Up { .. })
    }

    /// Something was taken; for how long nothing was before that, if it was down.
    pub fn took(&mut self) -> Option<Duration> {
        match std::mem::take(self) {
            Health::Up { .. } => None,
            Health::Down { since, .. } => Some(since.elapsed()),
        }
    }

    /// An attempt failed; true where the endpoint was up until now and is down.
    pub fn failed(&mut self, lane: &Name, failure: &Failure, base: Duration) -> bool {
        let now = Instant::now();
        match self {
            Health::Up { failing } => {
                if failure.blame == Blame::Either && !failing.contains(lane) {
                    failing.push(lane.clone());
                }
                let is_reached = failure.blame != Blame::Endpoint;
                if is_reached && failing.len() < LANES_THAT_TELL {
                    return false;
                }
                let until = now + failure.retry_after.unwrap_or_else(|| probe(base, 1));
                *self = Health::Down { since: now, probes: 1, until, is_reached };
                true
            }
            // What was under way with a failure that counted says nothing new.
            Health::Down { until, .. } if *until > now && failure.retry_after.is_none() => false,
            Health::Down { probes, until, is_reached, .. } => {
                *probes += 1;
                *until = now + failure.retry_after.unwrap_or_else(|| probe(base, *probes));
                *is_reached = failure.blame != Blame::Endpoint;
                false
            }
        }
    }
}

fn probe(base: Duration, attempts: u32) -> Duration {
    pause(base, attempts).min(LONGEST_PROBE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(blame: Blame, retry_after: Option<Duration>) -> Failure {
        Failure { status: None, why: String::new(), said: String::new(), blame, retry_after }
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        let base = Duration::from_secs(5);
        let seconds: Vec<u64> = (1..=10).map(|n| grown(base, n).min(LONGEST).as_secs()).collect();
        assert_eq!(seconds, [5, 15, 45, 135, 405, 1_215, 3_645, 10_800, 10_800, 10_800]);
        assert_eq!(grown(base, u32::MAX), LONGEST);
        assert_eq!(most_attempts(base, Duration::from_secs(86_400)), 15);
        assert_eq!(most_attempts(base, Duration::ZERO), 1);
    }

    #[test]
    fn chance_moves_a_pause_by_a_fifth() {
        let span = Duration::from_secs(10);
        assert_eq!(jittered(span, 0), Duration::from_secs(8));
        assert_eq!(jittered(span, u64::MAX), Duration::from_secs(12));
    }

    #[test]
    fn one_event_that_nobody_wants_does_not_take_an_endpoint_down() {
        let (base, lane) = (Duration::from_secs(5), Name::from("a"));
        let mut health = Health::default();
        for _ in 0..10 {
            assert!(!health.failed(&lane, &failure(Blame::Either, None), base));
        }
        for lane in ["p", "q", "r", "s"] {
            assert!(!health.failed(&lane.into(), &failure(Blame::Event, None), base));
        }
        assert!(health.is_up());
        assert!(!health.failed(&"b".into(), &failure(Blame::Either, None), base));
        assert!(health.failed(&"c".into(), &failure(Blame::Either, None), base));
        assert!(!health.is_up() && health.took().is_some() && health.is_up());
    }

    #[test]
    fn an_endpoint_that_cannot_be_reached_or_asks_for_a_pause_is_down_at_once() {
        let (base, lane) = (Duration::from_secs(5), Name::from("a"));
        let mut health = Health::default();
        assert!(health.failed(&lane, &failure(Blame::Endpoint, None), base));
        let mut health = Health::default();
        assert!(health.failed(&lane, &failure(Blame::Endpoint, Some(Duration::from_secs(100))), base));
        let Health::Down { until, .. } = health else { panic!("it is down") };
        assert!(until > Instant::now() + Duration::from_secs(90));
    }
}
