//! Operators who watch what happens: each event is shown to them as it is delivered. While nobody watches, it costs one
//! look at a number.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast;

use crate::domain::event::Event;

/// Events that may wait for a slow watcher.
const MAX_WAITING: usize = 4_096;

pub struct Watch {
    watchers: Arc<AtomicUsize>,
    events: broadcast::Sender<Arc<Event>>,
}

/// Somebody who watches, until dropped.
pub struct Watcher {
    watchers: Arc<AtomicUsize>,
    pub events: broadcast::Receiver<Arc<Event>>,
}

impl Default for Watch {
    fn default() -> Self {
        Watch { watchers: Arc::default(), events: broadcast::channel(MAX_WAITING).0 }
    }
}

impl Watch {
    pub fn show(&self, event: &Event) {
        if self.watchers.load(Ordering::Relaxed) > 0 {
            // The last watcher may have gone just now.
            let _ = self.events.send(Arc::new(event.clone()));
        }
    }

    pub fn begin(&self) -> Watcher {
        self.watchers.fetch_add(1, Ordering::Relaxed);
        Watcher { watchers: Arc::clone(&self.watchers), events: self.events.subscribe() }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}
