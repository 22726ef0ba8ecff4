//! Quotas of one user over all their devices: connections, and messages a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;

use super::budget::Bucket;
use super::config::Config;
use crate::domain::error::{Code, Error};
use crate::domain::id::UserId;

/// Buckets that are looked through for such as may be forgotten.
const SWEEP_AT: usize = 10_000;

#[derive(Default)]
pub struct Quotas {
    connections: DashMap<UserId, u32, ahash::RandomState>,
    messages: DashMap<UserId, Bucket, ahash::RandomState>,
}

/// A connection's place among those of its user; given back when dropped.
pub struct Place {
    quotas: Arc<Quotas>,
    user: UserId,
}

impl Quotas {
    /// # Errors
    /// `TOO_MANY_CONNECTIONS` where the user has as many as the limits allow.
    pub fn take_place(self: &Arc<Self>, user: &UserId, limits: &Config) -> Result<Place, Error> {
        let mut taken = self.connections.entry(user.clone()).or_insert(0);
        if limits.connections_per_user > 0 && *taken >= limits.connections_per_user {
            let message = format!("at most {} connections for each user", limits.connections_per_user);
            return Err(Error::new(Code::TooManyConnections, message));
        }
        *taken += 1;
        Ok(Place { quotas: Arc::clone(self), user: user.clone() })
    }

    /// # Errors
    /// When the user may send again.
    pub fn take_message(&self, user: &UserId, limits: &Config, now: Instant) -> Result<(), Duration> {
        if limits.messages_per_second == 0 {
            return Ok(());
        }
        let rate = f64::from(limits.messages_per_second);
        if self.messages.len() > SWEEP_AT {
            self.messages.retain(|_, bucket| !bucket.is_full(rate, now));
        }
        self.messages.entry(user.clone()).or_default().take(rate, 2.0 * rate, now)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut taken) = self.quotas.connections.get_mut(&self.user) {
            *taken = taken.saturating_sub(1);
        }
        self.quotas.connections.remove_if(&self.user, |_, taken| *taken == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let quotas = Arc::new(Quotas::default());
        let limits = Config { connections_per_user: 2, ..Config::default() };
        let ann = UserId::stored("ann");
        let places: Vec<_> = (0..2).map(|_| quotas.take_place(&ann, &limits).ok()).collect();
        assert!(places.iter().all(Option::is_some));
        assert_eq!(quotas.take_place(&ann, &limits).err().map(|e| e.code), Some(Code::TooManyConnections));
        assert!(quotas.take_place(&UserId::stored("bob"), &limits).is_ok());
        drop(places);
        assert!(quotas.take_place(&ann, &limits).is_ok());
        assert!(quotas.connections.is_empty(), "nothing is kept of users without connections");
    }

    #[test]
    fn messages_are_counted_over_devices() {
        let quotas = Quotas::default();
        let limits = Config { messages_per_second: 2, ..Config::default() };
        let (ann, now) = (UserId::stored("ann"), Instant::now());
        let passed = (0..10).filter(|_| quotas.take_message(&ann, &limits, now).is_ok()).count();
        assert_eq!(passed, 4);
        assert!(quotas.take_message(&ann, &limits, now + Duration::from_millis(500)).is_ok());
    }
}
