//! Carries events to those who deliver them; on one node by channels of this process.
//!
//! Events are spread over lanes by their key, so that what concerns one conversation stays in order while others go
//! on beside it. A full lane makes publishers wait: that is how slow delivery slows the writers down.

use tokio::sync::mpsc;

use crate::domain::event::Event;

/// Events that may wait in one lane.
const LANE_CAPACITY: usize = 4_096;

/// Where events are published; a clone is the same bus.
#[derive(Clone)]
pub struct Bus {
    lanes: Vec<mpsc::Sender<Event>>,
    hasher: ahash::RandomState,
}

/// A bus of `lanes` lanes and the ends at which their events come out.
pub fn local(lanes: usize) -> (Bus, Vec<mpsc::Receiver<Event>>) {
    let (senders, receivers) = (0..lanes.max(1)).map(|_| mpsc::channel(LANE_CAPACITY)).unzip();
    (Bus { lanes: senders, hasher: ahash::RandomState::new() }, receivers)
}

impl Bus {
    /// Publishes from a thread that may block, as the store's writer is.
    pub fn publish_blocking(&self, event: Event) {
        // The lanes close after the writers at shutdown; what comes later has nobody to go to.
        let _ = self.lane(&event).blocking_send(event);
    }

    pub async fn publish(&self, event: Event) {
        let _ = self.lane(&event).send(event).await;
    }

    /// Publishes what is worth nothing later; dropped where the lane is full.
    pub fn publish_or_drop(&self, event: Event) {
        let _ = self.lane(&event).try_send(event);
    }

    fn lane(&self, event: &Event) -> &mpsc::Sender<Event> {
        let hash = self.hasher.hash_one(event.key());
        &self.lanes[hash as usize % self.lanes.len()]
    }
}
