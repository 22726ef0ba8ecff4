//! `limit::hit`: how often something happened lately. Held in memory alone: after a restart everybody begins anew.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Keys of one plugin; the ones that were not hit for longest go first.
const MAX_KEYS: usize = 100_000;

#[derive(Default)]
pub struct Limiter(Mutex<HashMap<String, Window, ahash::RandomState>>);

/// The hits of this window and of the one before, which counts as far as it still reaches into the last span.
struct Window {
    began: i64,
    span: i64,
    hits: i64,
    before: i64,
}

impl Limiter {
    /// Counts a hit, and tells whether there were more than `most` within the last `span` milliseconds.
    pub fn hit(&self, key: &str, most: i64, span: i64, now: i64) -> bool {
        let span = span.max(1);
        let mut windows = self.0.lock();
        if windows.len() >= MAX_KEYS && !windows.contains_key(key) {
            windows.retain(|_, window| now - window.began < window.span.saturating_mul(2));
            if windows.len() >= MAX_KEYS {
                windows.clear();
            }
        }
        let fresh = Window { began: now, span, hits: 0, before: 0 };
        let window = windows.entry(key.to_owned()).or_insert(fresh);
        let passed = now - window.began;
        if window.span != span || passed >= span.saturating_mul(2) || passed < 0 {
            *window = Window { began: now, span, hits: 0, before: 0 };
        } else if passed >= span {
            *window = Window { began: window.began + span, span, hits: 0, before: window.hits };
        }
        window.hits += 1;
        let left = span - (now - window.began);
        window.before * left / span + window.hits > most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_pass_and_the_next_does_not() {
        let limiter = Limiter::default();
        let over: Vec<bool> = (0..5).map(|n| limiter.hit("a", 3, 1_000, n)).collect();
        assert_eq!(over, [false, false, false, true, true]);
        assert!(!limiter.hit("b", 3, 1_000, 5), "another key has a count of its own");
        assert!(limiter.hit("a", 3, 1_000, 1_100), "most of the hits are still within the span");
        assert!(!limiter.hit("a", 3, 1_000, 4_000), "long after, it begins anew");
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let limiter = Limiter::default();
        for n in 0..MAX_KEYS + 10 {
            limiter.hit(&n.to_string(), 1, 1_000, 0);
        }
        assert!(limiter.0.lock().len() <= MAX_KEYS);
    }
}
