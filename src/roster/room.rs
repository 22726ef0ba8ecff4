//! One conversation as this node sees it: the devices that follow it and the members that are connected.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indexmap::IndexMap;
use parking_lot::RwLock;

use super::connection::{Connection, Handed};
use super::packet::Packet;
use crate::domain::id::{ConnectionId, ConversationId, UserId};
use crate::meter::Counter;

#[derive(Default)]
pub struct Room {
    inner: RwLock<Inner>,
    /// Messages that were handed over.
    messages: Counter,
}

#[derive(Default)]
struct Inner {
    followers: IndexMap<ConnectionId, Follower, ahash::RandomState>,
    /// Members with a connection, whether or not it follows the conversation.
    present: HashSet<UserId, ahash::RandomState>,
}

struct Follower {
    connection: Arc<Connection>,
    /// The last message that was handed over to this device.
    handed: AtomicU64,
}

impl Room {
    pub(super) fn follow(&self, connection: &Arc<Connection>) {
        let follower = Follower { connection: Arc::clone(connection), handed: AtomicU64::new(0) };
        self.inner.write().followers.entry(connection.id).or_insert(follower);
    }

    /// Ends the following, and tells how far the device had come.
    pub(super) fn unfollow(&self, connection: ConnectionId) -> Option<u64> {
        let follower = self.inner.write().followers.swap_remove(&connection)?;
        Some(follower.handed.into_inner())
    }

    pub(super) fn set_present(&self, user: &UserId, present: bool) {
        let mut inner = self.inner.write();
        if present {
            inner.present.insert(user.clone());
        } else {
            inner.present.remove(user);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let inner = self.inner.read();
        inner.followers.is_empty() && inner.present.is_empty()
    }

    pub(super) fn present(&self, into: &mut HashSet<UserId>) {
        into.extend(self.inner.read().present.iter().cloned());
    }

    pub fn is_followed_by(&self, connection: ConnectionId) -> bool {
        self.inner.read().followers.contains_key(&connection)
    }

    pub fn followers(&self) -> usize {
        self.inner.read().followers.len()
    }

    /// Members with a connection.
    pub fn users_here(&self) -> usize {
        self.inner.read().present.len()
    }

    /// Messages that were handed over since somebody was here first.
    pub fn messages(&self) -> u64 {
        self.messages.get()
    }

    /// Different users among the followers.
    pub fn following_users(&self) -> usize {
        self.inner.read().followers.values().map(|follower| &follower.connection.user).collect::<HashSet<_>>().len()
    }

    /// Hands `packet` to every follower that `wants` it, and tells how many there are.
    pub fn deliver(&self, id: &ConversationId, packet: &Packet, wants: impl Fn(&Connection) -> bool) -> usize {
        let inner = self.inner.read();
        for follower in inner.followers.values() {
            if wants(&follower.connection) {
                follower.connection.deliver(packet, Some((id, None)));
            }
        }
        inner.followers.len()
    }

    /// Hands the message at `seq` to every follower but `origin`, once each, and tells how many there are.
    pub fn deliver_message(
        &self,
        id: &ConversationId,
        packet: &Packet,
        seq: u64,
        origin: Option<ConnectionId>,
    ) -> usize {
        self.messages.add(1);
        let inner = self.inner.read();
        for follower in inner.followers.values() {
            if follower.handed.load(Ordering::Relaxed) >= seq {
                continue;
            }
            let is_origin = origin == Some(follower.connection.id);
            if is_origin || follower.connection.deliver(packet, Some((id, Some(seq)))) == Handed::Over {
                follower.handed.fetch_max(seq, Ordering::Relaxed);
            }
        }
        inner.followers.len()
    }

    /// Notes that a device got the messages up to `seq` in another way.
    pub fn mark_handed(&self, connection: ConnectionId, seq: u64) {
        if let Some(follower) = self.inner.read().followers.get(&connection) {
            follower.handed.fetch_max(seq, Ordering::Relaxed);
        }
    }

    /// Of each user that follows, how far their furthest device has come.
    pub fn handed(&self) -> HashMap<UserId, u64> {
        let mut handed = HashMap::new();
        for follower in self.inner.read().followers.values() {
            let seq = follower.handed.load(Ordering::Relaxed);
            if seq > 0 {
                let mark = handed.entry(follower.connection.user.clone()).or_insert(0);
                *mark = seq.max(*mark);
            }
        }
        handed
    }
}
