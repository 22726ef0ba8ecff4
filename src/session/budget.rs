//! Budgets of one connection: a bucket of tokens for each kind of event, so that catching up after a reconnect is
//! not throttled like typing, nor typing like sending.

use std::time::{Duration, Instant};

use super::config::Config;

/// What an event is, for the budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `message:send`; counts also for the user over all devices.
    Message,
    /// What else changes something.
    Write,
    /// Typing and presence.
    Signal,
    /// Receipts; a busy conversation asks for many.
    Receipt,
    /// What only reads.
    Read,
}

/// How many times `events_per_second` and `burst` a kind may take.
const GENEROUS: u32 = 5;

impl Kind {
    fn bucket(self) -> (usize, u32) {
        match self {
            Kind::Message | Kind::Write => (0, 1),
            Kind::Signal => (1, 1),
            Kind::Receipt => (2, GENEROUS),
            Kind::Read => (3, GENEROUS),
        }
    }
}

#[derive(Debug, Default)]
pub struct Budgets([Bucket; 4]);

impl Budgets {
    /// # Errors
    /// When there is budget again.
    pub fn take(&mut self, kind: Kind, limits: &Config, now: Instant) -> Result<(), Duration> {
        let (index, factor) = kind.bucket();
        let rate = f64::from(limits.events_per_second) * f64::from(factor);
        let burst = f64::from(limits.burst) * f64::from(factor);
        self.0[index].take(rate, burst, now)
    }
}

/// A bucket of tokens that fills with time. It begins full.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    spent: f64,
    at: Option<Instant>,
}

impl Bucket {
    /// Takes one token of a bucket that holds `burst` and fills by `rate` a second.
    ///
    /// # Errors
    /// How long until there is one.
    pub fn take(&mut self, rate: f64, burst: f64, now: Instant) -> Result<(), Duration> {
        self.refill(rate, now);
        if self.spent + 1.0 <= burst.max(1.0) {
            self.spent += 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64(((self.spent + 1.0 - burst.max(1.0)) / rate.max(0.001)).min(3_600.0)))
    }

    /// Whether nothing is known of it that a new bucket would not know.
    pub fn is_full(&mut self, rate: f64, now: Instant) -> bool {
        self.refill(rate, now);
        self.spent <= 0.0
    }

    fn refill(&mut self, rate: f64, now: Instant) {
        if let Some(at) = self.at {
            self.spent = (self.spent - now.saturating_duration_since(at).as_secs_f64() * rate).max(0.0);
        }
        self.at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let limits = Config { events_per_second: 10, burst: 3, ..Config::default() };
        let mut budgets = Budgets::default();
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(budgets.take(Kind::Write, &limits, start), Ok(()));
        }
        let wait = budgets.take(Kind::Message, &limits, start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(budgets.take(Kind::Message, &limits, start + wait), Ok(()));
        assert!(budgets.take(Kind::Write, &limits, start + wait).is_err());
    }

    #[test]
    fn kinds_have_budgets_of_their_own() {
        let limits = Config { events_per_second: 1, burst: 1, ..Config::default() };
        let mut budgets = Budgets::default();
        let now = Instant::now();
        assert!(budgets.take(Kind::Signal, &limits, now).is_ok());
        assert!(budgets.take(Kind::Signal, &limits, now).is_err());
        for _ in 0..GENEROUS {
            assert!(budgets.take(Kind::Read, &limits, now).is_ok());
            assert!(budgets.take(Kind::Receipt, &limits, now).is_ok());
        }
        assert!(budgets.take(Kind::Read, &limits, now).is_err());
        assert!(budgets.take(Kind::Write, &limits, now).is_ok());
    }
}
