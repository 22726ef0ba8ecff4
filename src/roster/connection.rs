//! One connected device: what reaches it, in which order, and what it missed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;

use super::outlet::{Outlet, Refused};
use super::packet::Packet;
use crate::domain::id::{ConnectionId, ConversationId, UserId};

/// What a packet is part of: the conversation, and for a message its place there.
pub type Tag<'a> = Option<(&'a ConversationId, Option<u64>)>;

/// Packets that are held while a connection opens; one more, and it begins with a gap that it is told of.
const MAX_HELD: usize = 1_024;

const OPENING: u8 = 0;
const OPEN: u8 = 1;
const BEHIND: u8 = 2;

pub struct Connection {
    pub id: ConnectionId,
    pub user: UserId,
    pub device: Option<String>,
    outlet: Arc<dyn Outlet>,
    phase: AtomicU8,
    state: Mutex<State>,
    /// What the device follows; None once the connection has ended, so that nothing is added behind its back.
    pub(super) followed: Mutex<Option<HashSet<ConversationId>>>,
}

#[derive(Default)]
struct State {
    /// While opening: what came before the greeting.
    held: Vec<Held>,
    /// Conversations of which something could not be handed over.
    missed: BTreeSet<ConversationId>,
}

/// A packet and its tag.
type Held = (Packet, Option<(ConversationId, Option<u64>)>);

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    Over,
    /// The device missed it, and is or will be told so.
    Missed,
    Gone,
}

impl Connection {
    pub fn new(id: ConnectionId, user: UserId, device: Option<String>, outlet: Arc<dyn Outlet>) -> Self {
        Connection {
            id,
            user,
            device,
            outlet,
            phase: AtomicU8::new(OPENING),
            state: Mutex::default(),
            followed: Mutex::new(Some(HashSet::new())),
        }
    }

    /// Hands over an event that happened. It is held while the connection opens; where the buffer is full the
    /// device counts as behind until there is room to tell it what it missed.
    pub fn deliver(&self, packet: &Packet, tag: Tag<'_>) -> Handed {
        if self.phase.load(Ordering::Acquire) == OPEN
            && let Some(handed) = self.try_send(packet)
        {
            return handed;
        }
        let mut state = self.state.lock();
        // It may have opened, or caught up, while this waited for the lock.
        match self.phase.load(Ordering::Acquire) {
            OPENING if state.held.len() < MAX_HELD => {
                state.held.push((packet.clone(), tag.map(|(conversation, seq)| (conversation.clone(), seq))));
                return Handed::Over;
            }
            OPEN => {
                if let Some(handed) = self.try_send(packet) {
                    return handed;
                }
                self.phase.store(BEHIND, Ordering::Release);
            }
            _ => {}
        }
        state.missed.extend(tag.map(|(conversation, _)| conversation.clone()));
        Handed::Missed
    }

    /// None where there is no room.
    fn try_send(&self, packet: &Packet) -> Option<Handed> {
        match self.outlet.send(packet) {
            Ok(()) => Some(Handed::Over),
            Err(Refused::Closed) => Some(Handed::Gone),
            Err(Refused::Full) => None,
        }
    }

    /// Hands over an answer to this device alone. Without its answers a device would be stuck: it is cut off, and
    /// recovers by reconnecting. False where that is so.
    pub fn answer(&self, packet: &Packet) -> bool {
        let is_full = self.outlet.send_now(packet) == Err(Refused::Full);
        if is_full {
            self.outlet.cut();
        }
        !is_full
    }

    /// Sends the greeting, then what was held; messages up to the mark of `resumed` went with the greeting.
    pub fn open(&self, greeting: &Packet, resumed: &HashMap<ConversationId, u64>) {
        let mut state = self.state.lock();
        self.answer(greeting);
        for (packet, tag) in std::mem::take(&mut state.held) {
            let had = tag.as_ref().is_some_and(|(conversation, seq)| {
                seq.is_some_and(|seq| resumed.get(conversation).is_some_and(|mark| seq <= *mark))
            });
            if !had && self.outlet.send(&packet) == Err(Refused::Full) {
                state.missed.extend(tag.map(|(conversation, _)| conversation));
            }
        }
        let phase = if state.missed.is_empty() { OPEN } else { BEHIND };
        self.phase.store(phase, Ordering::Release);
    }

    /// Whether the device misses something it has not been told of yet.
    pub fn is_behind(&self) -> bool {
        self.phase.load(Ordering::Acquire) == BEHIND
    }

    /// Tells a device that is behind what it missed, once it has read enough; true when it is behind no more.
    pub fn catch_up(&self, tell: impl FnOnce(Vec<ConversationId>) -> Packet) -> bool {
        let mut state = self.state.lock();
        if self.phase.load(Ordering::Acquire) != BEHIND || !self.outlet.has_room() {
            return false;
        }
        let missed: Vec<_> = state.missed.iter().cloned().collect();
        if self.outlet.send(&tell(missed)).is_err() {
            return false;
        }
        state.missed.clear();
        self.phase.store(OPEN, Ordering::Release);
        true
    }

    /// Whether at least half of the buffer is free.
    pub fn has_room(&self) -> bool {
        self.outlet.has_room()
    }

    /// Whether everything that was handed over has left this process, or never will.
    pub fn is_flushed(&self) -> bool {
        self.outlet.is_flushed() || self.outlet.is_closed()
    }

    /// Whether the session has ended, by whatever side.
    pub fn is_closed(&self) -> bool {
        self.outlet.is_closed()
    }

    /// Ends the session for good; the client does not come back by itself.
    pub fn disconnect(&self) {
        self.outlet.disconnect();
    }

    /// Cuts the transport; the client reconnects.
    pub fn cut(&self) {
        self.outlet.cut();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An outlet with room for `room` packets, which the test takes out again.
    #[derive(Clone, Default)]
    struct Narrow(Arc<Mutex<(usize, Vec<String>)>>);

    impl Outlet for Narrow {
        fn send(&self, packet: &Packet) -> Result<(), Refused> {
            let mut inner = self.0.lock();
            if inner.1.len() >= inner.0 {
                return Err(Refused::Full);
            }
            inner.1.push(packet.argument().get().to_owned());
            Ok(())
        }
        fn has_room(&self) -> bool {
            let inner = self.0.lock();
            inner.1.len() * 2 <= inner.0
        }
        fn is_flushed(&self) -> bool {
            self.0.lock().1.is_empty()
        }
        fn is_closed(&self) -> bool {
            false
        }
        fn disconnect(&self) {}
        fn cut(&self) {}
    }

    impl Narrow {
        fn taken(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().1)
        }
    }

    fn connection(room: usize) -> (Connection, Narrow) {
        let outlet = Narrow(Arc::new(Mutex::new((room, Vec::new()))));
        let user = UserId::stored("ann");
        (Connection::new(ConnectionId(1), user, None, Arc::new(outlet.clone())), outlet)
    }

    fn event(n: u64) -> Packet {
        Packet::event("e", &n)
    }

    #[test]
    fn what_comes_before_the_greeting_follows_it_once() {
        let (connection, outlet) = connection(10);
        let room = ConversationId::stored("room");
        for seq in 1..=3 {
            assert_eq!(connection.deliver(&event(seq), Some((&room, Some(seq)))), Handed::Over);
        }
        connection.open(&Packet::event("connected", &"hi"), &HashMap::from([(room.clone(), 2)]));
        connection.deliver(&event(4), Some((&room, Some(4))));
        assert_eq!(outlet.taken(), ["\"hi\"", "3", "4"]);
    }

    #[test]
    fn a_device_that_is_behind_is_told_what_it_missed() {
        let (connection, outlet) = connection(2);
        let room = ConversationId::stored("room");
        connection.open(&event(0), &HashMap::new());
        let outcomes: Vec<_> = (1..=4).map(|seq| connection.deliver(&event(seq), Some((&room, Some(seq))))).collect();
        assert_eq!(outcomes, [Handed::Over, Handed::Missed, Handed::Missed, Handed::Missed]);
        assert!(connection.is_behind());
        assert!(!connection.catch_up(|_| event(9)), "there is no room yet");
        assert_eq!(outlet.taken(), ["0", "1"]);
        assert!(connection.catch_up(|missed| Packet::event("sync:required", &missed[0].as_str())));
        assert_eq!(connection.deliver(&event(5), Some((&room, Some(5)))), Handed::Over);
        assert_eq!(outlet.taken(), ["\"room\"", "5"]);
    }
}
