//! How many sessions there may be: in all, per address, per second, and without a token. Of those without a token no
//! address gets more than its [`share`].

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::peer::{Address, Proxy};
use super::share::{self, Holders};
use crate::meter::Counter;
use crate::session::budget::Bucket;
use crate::session::config::Config;

/// Addresses whose rate of connects is remembered; when there are more, those that are idle are forgotten.
const REMEMBERED: usize = 65_536;

/// Counts sessions against the configured limits.
pub struct Guard {
    limits: Arc<ArcSwap<Config>>,
    proxies: Arc<ArcSwap<Vec<Proxy>>>,
    sessions: AtomicUsize,
    unauthenticated: AtomicUsize,
    addresses: Holders,
    /// Sessions without a token, by address.
    strangers: Holders,
    rates: Mutex<HashMap<Address, Bucket, ahash::RandomState>>,
    turned_away: [Counter; 2],
}

/// Why a session was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// Too many sessions: in all, from this address, or without a token.
    Connections,
    /// Too many connects per second from this address.
    Rate { retry_after: Duration },
}

/// A session's place in the counts; gives it back when dropped.
pub struct Ticket {
    guard: Arc<Guard>,
    address: Address,
    unauthenticated: AtomicBool,
    held: AtomicBool,
}

impl Guard {
    pub fn new(limits: Arc<ArcSwap<Config>>, proxies: Arc<ArcSwap<Vec<Proxy>>>) -> Arc<Self> {
        Arc::new(Guard {
            limits,
            proxies,
            sessions: AtomicUsize::new(0),
            unauthenticated: AtomicUsize::new(0),
            addresses: Holders::default(),
            strangers: Holders::default(),
            rates: Mutex::default(),
            turned_away: Default::default(),
        })
    }

    /// Lets one session from `address` in.
    pub fn admit(self: &Arc<Self>, address: Address) -> Result<Ticket, Breach> {
        self.place(address).inspect_err(|breach| {
            let [full, rate] = &self.turned_away;
            match breach {
                Breach::Connections => full.add(1),
                Breach::Rate { .. } => rate.add(1),
            }
        })
    }

    /// Sessions that found no place, and those that came too fast.
    pub fn turned_away(&self) -> [u64; 2] {
        self.turned_away.each_ref().map(Counter::get)
    }

    fn place(self: &Arc<Self>, address: Address) -> Result<Ticket, Breach> {
        let limits = self.limits.load();
        let stands_for_many = address.stands_for_many(&self.proxies.load());
        let address = address.network();
        self.spend(address, limits.connects_per_second_per_ip, Instant::now())?;
        let sessions = self.sessions.fetch_add(1, Ordering::Relaxed);
        let unauthenticated = self.unauthenticated.fetch_add(1, Ordering::Relaxed);
        let from_here = self.addresses.add(address);
        let strangers = self.strangers.add(address);
        // Counted first and checked then, so that two at the same time cannot both take the last place; a refusal
        // gives the place back by the ticket's drop.
        let ticket = Ticket {
            guard: self.clone(),
            address,
            unauthenticated: AtomicBool::new(true),
            held: AtomicBool::new(true),
        };
        let full = is_full(sessions, limits.connections)
            || is_full(from_here, limits.connections_per_ip)
            || is_full(unauthenticated, limits.unauthenticated)
            || limits.unauthenticated != 0
                && !stands_for_many
                && share::is_used_up(strangers, unauthenticated, limits.unauthenticated as usize);
        if full { Err(Breach::Connections) } else { Ok(ticket) }
    }

    /// How many TCP connections may be open: several per session, as polling clients and browsers open them.
    pub fn max_streams(&self) -> usize {
        match self.limits.load().connections as usize {
            0 => usize::MAX,
            sessions => sessions.saturating_mul(3).saturating_add(1_024),
        }
    }

    #[cfg(test)]
    pub fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }

    fn spend(&self, address: Address, per_second: u32, now: Instant) -> Result<(), Breach> {
        if per_second == 0 {
            return Ok(());
        }
        let rate = f64::from(per_second);
        let mut rates = self.rates.lock();
        if rates.len() >= REMEMBERED && !rates.contains_key(&address) {
            // An address that was silent for a second has a full bucket again; nothing is lost with it.
            rates.retain(|_, bucket| !bucket.is_full(rate, now));
            if rates.len() >= REMEMBERED {
                rates.clear();
            }
        }
        let bucket = rates.entry(address).or_default();
        bucket.take(rate, rate, now).map_err(|retry_after| Breach::Rate { retry_after })
    }
}

impl Ticket {
    /// The session has presented a valid token.
    pub fn authenticated(&self) {
        if self.unauthenticated.swap(false, Ordering::Relaxed) {
            self.guard.unauthenticated.fetch_sub(1, Ordering::Relaxed);
            self.guard.strangers.remove(self.address);
        }
    }

    /// The session has ended, though something may still hold on to it.
    pub fn release(&self) {
        if !self.held.swap(false, Ordering::Relaxed) {
            return;
        }
        self.authenticated();
        self.guard.sessions.fetch_sub(1, Ordering::Relaxed);
        self.guard.addresses.remove(self.address);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.release();
    }
}

/// A limit of zero is none.
fn is_full(count: usize, limit: u32) -> bool {
    limit != 0 && count >= limit as usize
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn guard(change: impl FnOnce(&mut Config)) -> Arc<Guard> {
        let mut limits = Config::default();
        change(&mut limits);
        Guard::new(Arc::new(ArcSwap::from_pointee(limits)), Arc::default())
    }

    fn ip(text: &str) -> Address {
        text.parse::<IpAddr>().expect("a valid address").into()
    }

    fn admit(guard: &Arc<Guard>, text: &str) -> Ticket {
        guard.admit(ip(text)).unwrap_or_else(|breach| panic!("{text}: {breach:?}"))
    }

    #[test]
    fn a_place_comes_free_when_its_session_ends() {
        let guard = guard(|limits| limits.connections_per_ip = 2);
        let first = admit(&guard, "10.0.0.1");
        let _second = admit(&guard, "10.0.0.1");
        assert_eq!(guard.admit(ip("10.0.0.1")).err(), Some(Breach::Connections));
        assert!(guard.admit(ip("10.0.0.2")).is_ok());
        first.release();
        assert!(guard.admit(ip("10.0.0.1")).is_ok());
        drop(first);
        assert_eq!(guard.sessions(), 1);
        assert_eq!(guard.addresses.addresses(), 1);
    }

    #[test]
    fn an_authenticated_session_makes_room_for_a_stranger() {
        let guard = guard(|limits| limits.unauthenticated = 1);
        let known = admit(&guard, "10.0.0.1");
        assert_eq!(guard.admit(ip("10.0.0.2")).err(), Some(Breach::Connections));
        known.authenticated();
        assert!(guard.admit(ip("10.0.0.2")).is_ok());
    }

    #[test]
    fn one_address_leaves_places_to_strangers_from_others() {
        let guard = guard(|limits| limits.unauthenticated = 10);
        let mut held: Vec<_> = (0..5).map(|_| admit(&guard, "10.0.0.1")).collect();
        assert_eq!(guard.admit(ip("10.0.0.1")).err(), Some(Breach::Connections));
        let _other = admit(&guard, "10.0.0.2");
        held.pop().expect("five were let in").authenticated();
        held.pop();
        held.push(admit(&guard, "10.0.0.1"));
        assert_eq!(guard.strangers.addresses(), 2);
        drop(held);
        assert_eq!(guard.strangers.addresses(), 1, "nothing is kept of who has gone");

        // Who stands for many gets all that is left.
        let _local: Vec<_> = (0..9).map(|_| admit(&guard, "127.0.0.1")).collect();
        assert!(guard.admit(ip("127.0.0.1")).is_err());
    }

    #[test]
    fn a_whole_ipv6_network_is_one_address() {
        let guard = guard(|limits| limits.connections_per_ip = 1);
        let _one = admit(&guard, "2001:db8::1");
        assert!(guard.admit(ip("2001:db8::ffff:2")).is_err());
        assert!(guard.admit(ip("2001:db8:0:1::1")).is_ok());
        let _four = admit(&guard, "10.0.0.1");
        assert!(guard.admit(ip("::ffff:10.0.0.1")).is_err());
    }

    #[test]
    fn connects_per_second_come_back_with_time() {
        let guard = guard(|_| ());
        let start = Instant::now();
        let connect = |from: &str, millis| guard.spend(ip(from), 2, start + Duration::from_millis(millis));
        assert_eq!(connect("10.0.0.1", 0), Ok(()));
        assert_eq!(connect("10.0.0.1", 0), Ok(()));
        assert_eq!(connect("10.0.0.1", 0), Err(Breach::Rate { retry_after: Duration::from_millis(500) }));
        assert_eq!(connect("10.0.0.2", 0), Ok(()));
        assert_eq!(connect("10.0.0.1", 500), Ok(()));
        assert!(matches!(connect("10.0.0.1", 500), Err(Breach::Rate { .. })));
    }
}
