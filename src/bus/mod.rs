//! Carries events to those who deliver them; on one node by channels of this process.
//!
//! Events are spread over lanes by their key, so that what concerns one conversation stays in order while others go
//! on beside it. What a commit publishes travels through its lane in one piece, so that a device that gets several of
//! its messages gets them in one write. A full lane makes publishers wait: that is how slow delivery slows the writers
//! down.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot};

use crate::domain::event::Event;

/// Events that may wait in one lane.
const LANE_CAPACITY: usize = 4_096;
/// Events of one piece at most.
const MAX_BATCH: usize = 1_024;

/// Where events are published; a clone is the same bus.
#[derive(Clone)]
pub struct Bus {
    lanes: Vec<Entrance>,
    hasher: ahash::RandomState,
    runtime: Handle,
}

#[derive(Clone)]
struct Entrance {
    batches: mpsc::UnboundedSender<Batch>,
    room: Arc<Semaphore>,
}

/// The end of a lane, at which its events come out.
pub struct Lane {
    batches: mpsc::UnboundedReceiver<Batch>,
    room: Arc<Semaphore>,
}

/// Events in their order. They count as waiting in their lane until the batch is dropped.
pub struct Batch {
    pub events: Vec<Event>,
    _room: OwnedSemaphorePermit,
    _passed: Option<oneshot::Sender<()>>,
}

/// A bus of `lanes` lanes and their ends. Must be called within a runtime.
pub fn local(lanes: usize) -> (Bus, Vec<Lane>) {
    let (lanes, ends) = (0..lanes.max(1))
        .map(|_| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let room = Arc::new(Semaphore::new(LANE_CAPACITY));
            (Entrance { batches: sender, room: Arc::clone(&room) }, Lane { batches: receiver, room })
        })
        .unzip();
    (Bus { lanes, hasher: ahash::RandomState::new(), runtime: Handle::current() }, ends)
}

impl Bus {
    /// Publishes the events of a commit from a thread that may block, as the store's writer is.
    pub fn publish_blocking(&self, events: Vec<Event>) {
        let mut parts: Vec<Vec<Event>> = self.lanes.iter().map(|_| Vec::new()).collect();
        for event in events {
            parts[self.index(&event)].push(event);
        }
        for (lane, mut part) in self.lanes.iter().zip(parts) {
            while !part.is_empty() {
                let rest = part.split_off(part.len().min(MAX_BATCH));
                let count = part.len() as u32;
                let room = || Arc::clone(&lane.room);
                let room = match room().try_acquire_many_owned(count) {
                    Err(TryAcquireError::NoPermits) => self.runtime.block_on(room().acquire_many_owned(count)).ok(),
                    tried => tried.ok(),
                };
                lane.send(part, room, None);
                part = rest;
            }
        }
    }

    pub async fn publish(&self, event: Event) {
        let lane = &self.lanes[self.index(&event)];
        let room = Arc::clone(&lane.room).acquire_owned().await;
        lane.send(vec![event], room.ok(), None);
    }

    /// Publishes what is worth nothing later; dropped where the lane is full.
    pub fn publish_or_drop(&self, event: Event) {
        let lane = &self.lanes[self.index(&event)];
        let room = Arc::clone(&lane.room).try_acquire_owned();
        lane.send(vec![event], room.ok(), None);
    }

    /// Returns when every lane has been emptied of what waits in it now: its end is alive.
    pub async fn passed(&self) {
        for lane in &self.lanes {
            let (passed, end) = oneshot::channel();
            let room = Arc::clone(&lane.room).acquire_owned().await;
            lane.send(Vec::new(), room.ok(), Some(passed));
            // Nobody answers: the batch is dropped, behind those before it.
            let _ = end.await;
        }
    }

    /// Events that wait to be delivered, in all lanes.
    pub fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| LANE_CAPACITY.saturating_sub(lane.room.available_permits())).sum()
    }

    fn index(&self, event: &Event) -> usize {
        self.hasher.hash_one(event.key()) as usize % self.lanes.len()
    }
}

impl Entrance {
    /// Without room there is nobody at the end: the lanes close after the writers at shutdown.
    fn send(&self, events: Vec<Event>, room: Option<OwnedSemaphorePermit>, passed: Option<oneshot::Sender<()>>) {
        if let Some(room) = room {
            let _ = self.batches.send(Batch { events, _room: room, _passed: passed });
        }
    }
}

impl Lane {
    /// The next events; None once every publisher has gone.
    pub async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// The same, where they are there already.
    pub fn try_next(&mut self) -> Option<Batch> {
        self.batches.try_recv().ok()
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ConversationId, UserId};

    fn typing(n: usize) -> Event {
        Event::TypingStop { conversation: ConversationId::stored("room"), user: UserId::stored(&n.to_string()) }
    }

    fn number(event: &Event) -> usize {
        match event {
            Event::TypingStop { user, .. } => user.as_str().parse().expect("a number"),
            _ => panic!("another event"),
        }
    }

    #[tokio::test]
    async fn a_full_lane_makes_publishers_wait_and_keeps_the_order() {
        let (bus, mut lanes) = local(1);
        let writer = bus.clone();
        let thread = std::thread::spawn(move || {
            for from in [0, 3_000, 6_000] {
                writer.publish_blocking((from..from + 3_000).map(typing).collect());
            }
        });
        let mut met = 0;
        while met < 9_000 {
            let batch = lanes[0].next().await.expect("more events");
            assert!(batch.events.len() <= MAX_BATCH);
            for event in &batch.events {
                assert_eq!(number(event), met);
                met += 1;
            }
        }
        thread.join().expect("the writer is done");
    }

    #[tokio::test]
    async fn a_lane_has_passed_when_its_end_has_taken_all() {
        let (bus, mut lanes) = local(1);
        bus.publish(typing(0)).await;
        let asking = bus.clone();
        let passed = tokio::spawn(async move { asking.passed().await });
        tokio::task::yield_now().await;
        let first = lanes[0].next().await.expect("an event");
        let second = lanes[0].next().await.expect("what asks");
        drop(first);
        tokio::task::yield_now().await;
        assert!(!passed.is_finished());
        drop(second);
        passed.await.expect("it has passed");
    }

    #[tokio::test]
    async fn what_finds_no_room_is_dropped_or_waits_until_the_end_is_gone() {
        let (bus, mut lanes) = local(1);
        for n in 0..LANE_CAPACITY + 10 {
            bus.publish_or_drop(typing(n));
        }
        let waiting = bus.clone();
        let waiting = tokio::spawn(async move { waiting.publish(typing(0)).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let batch = lanes[0].next().await.expect("an event");
        assert_eq!(number(&batch.events[0]), 0);
        drop(batch);
        waiting.await.expect("there is room now");
        drop(lanes);
        bus.publish(typing(1)).await;
        bus.publish_blocking(vec![typing(2)]);
    }
}
