//! All open streams: how many there are, and the task that cuts those whose peer does not read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::link::{Link, Room};
use super::peer::Peer;
use super::sessions::Sessions;

#[derive(Default)]
pub struct Streams {
    open: Arc<AtomicUsize>,
    links: Mutex<Vec<Weak<Link>>>,
}

/// One open stream's place in the count.
pub struct Place(Arc<AtomicUsize>);

impl Streams {
    /// A place for one more stream; `None` where there are `max` already.
    pub fn enter(&self, max: usize) -> Option<Place> {
        let place = Place(self.open.clone());
        (self.open.fetch_add(1, Ordering::Relaxed) < max).then_some(place)
    }

    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub fn link(&self, peer: Peer, room: Room) -> Arc<Link> {
        let link = Link::new(peer, room);
        self.links.lock().push(Arc::downgrade(&link));
        link
    }

    /// Cuts the links that are overdue and forgets those that are gone.
    pub fn sweep(&self, now: Instant, write_timeout: Duration) {
        self.links.lock().retain(|link| match link.upgrade() {
            Some(link) if link.is_cut() => false,
            Some(link) => {
                if link.is_overdue(now, write_timeout) {
                    link.cut();
                }
                true
            }
            None => false,
        });
    }

    pub fn cut_all(&self) {
        for link in self.links.lock().drain(..).filter_map(|link| link.upgrade()) {
            link.cut();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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
