//! All open streams: how many there are, and the task that cuts those whose peer does not read.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::link::{Link, Room};
use super::peer::{Address, Peer};
use super::sessions::Sessions;
use super::share::{self, Holders};
use super::traffic::{Counts, Traffic};
use crate::meter::Counter;

#[derive(Default)]
pub struct Streams {
    open: AtomicUsize,
    /// Streams that carry no WebSocket, by address. Those that do are counted as sessions.
    loose: Holders,
    links: Mutex<Vec<(Weak<Link>, Arc<Counts>)>>,
    /// Over connections that have ended.
    past: Mutex<Traffic>,
    /// Connections whose peer took nothing for too long.
    stalled: Counter,
}

/// One open stream's place in the count.
pub struct Place {
    streams: Arc<Streams>,
    address: Address,
    is_loose: AtomicBool,
}

/// Why there is no place for a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Full {
    InAll,
    /// The address has its share.
    OfAddress,
}

impl Streams {
    /// A place for one more stream from `address`, out of `max` in all; `stands_for_many` exempts it from its share.
    pub fn enter(self: &Arc<Self>, address: Address, max: usize, stands_for_many: bool) -> Result<Place, Full> {
        let address = address.network();
        let (taken, held) = (self.open.fetch_add(1, Ordering::Relaxed), self.loose.add(address));
        // Given back by its drop where it is refused.
        let place = Place { streams: self.clone(), address, is_loose: AtomicBool::new(true) };
        if taken >= max {
            Err(Full::InAll)
        } else if !stands_for_many && share::is_used_up(held, taken, max) {
            Err(Full::OfAddress)
        } else {
            Ok(place)
        }
    }

    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub fn link(&self, peer: Peer, room: Room) -> Arc<Link> {
        let link = Link::new(peer, room);
        self.links.lock().push((Arc::downgrade(&link), link.counts()));
        link
    }

    /// Cuts the links that are overdue and forgets those that are gone.
    pub fn sweep(&self, now: Instant, write_timeout: Duration) {
        self.links.lock().retain(|(link, counts)| match link.upgrade().filter(|link| !link.is_cut()) {
            Some(link) => {
                if link.is_overdue(now, write_timeout) {
                    link.cut();
                    self.stalled.add(1);
                }
                true
            }
            None => {
                *self.past.lock() += counts.traffic();
                false
            }
        });
    }

    /// What has passed over all connections.
    pub fn traffic(&self) -> Traffic {
        let links = self.links.lock();
        let mut all = *self.past.lock();
        links.iter().for_each(|(_, counts)| all += counts.traffic());
        all
    }

    /// Connections that were cut because their peer took nothing.
    pub fn stalled(&self) -> u64 {
        self.stalled.get()
    }

    pub fn cut_all(&self) {
        for link in self.links.lock().drain(..).filter_map(|(link, _)| link.upgrade()) {
            link.cut();
        }
    }
}

impl Place {
    /// The stream carries a WebSocket from now on, which counts as a session.
    pub fn carries_session(&self) {
        if self.is_loose.swap(false, Ordering::Relaxed) {
            self.streams.loose.remove(self.address);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.carries_session();
        self.streams.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sweeps until `stop`.
pub async fn run(streams: Arc<Streams>, sessions: Arc<Sessions>, write_timeout: Duration, stop: CancellationToken) {
    let period = (write_timeout / 4).clamp(Duration::from_millis(50), Duration::from_secs(1));
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let now = Instant::now();
        streams.sweep(now, write_timeout);
        sessions.sweep(now);
    }
}
