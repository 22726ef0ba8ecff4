//! Who is connected to this node, with which devices, and what each device follows.
//!
//! Nothing here is kept over a restart: it is made anew from the connections and the store.

pub mod connection;
pub mod deflate;
pub mod outlet;
pub mod packet;
pub mod room;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;

use self::connection::Connection;
use self::room::Room;
use crate::domain::id::{ConversationId, UserId};
use crate::domain::presence::Status;

#[derive(Default)]
pub struct Roster {
    users: DashMap<UserId, User, ahash::RandomState>,
    rooms: DashMap<ConversationId, Arc<Room>, ahash::RandomState>,
    connections: AtomicUsize,
}

/// A user with at least one connection, or one that left a moment ago.
#[derive(Default)]
struct User {
    connections: Vec<Arc<Connection>>,
    /// Conversations that the user is in; complete once `loaded`.
    conversations: HashSet<ConversationId>,
    loaded: bool,
    /// Removed while the list was being read from the store, which may still have shown them.
    removed_meanwhile: HashSet<ConversationId>,
    standing: Standing,
}

/// The status that a user chose, and whether others were told that they are here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub status: Status,
    pub text: Option<String>,
    pub announced: bool,
}

/// What is left when a connection has ended.
pub struct Left {
    /// The user has no other connection here.
    pub was_last: bool,
    /// How far this device had come in each conversation that it followed.
    pub handed: Vec<(ConversationId, u64)>,
}

impl Roster {
    /// Adds a connection; true where the user's conversations are known already.
    pub fn enter(&self, connection: &Arc<Connection>) -> bool {
        let mut user = self.users.entry(connection.user.clone()).or_default();
        user.connections.push(Arc::clone(connection));
        self.connections.fetch_add(1, Ordering::Relaxed);
        user.loaded
    }

    /// Adds what the store knows of a user.
    pub fn load(&self, id: &UserId, conversations: Vec<ConversationId>, standing: Standing) {
        let Some(mut user) = self.users.get_mut(id) else { return };
        if user.loaded {
            return;
        }
        for conversation in conversations {
            if !user.removed_meanwhile.contains(&conversation) {
                self.rooms.entry(conversation.clone()).or_default().set_present(id, true);
                user.conversations.insert(conversation);
            }
        }
        user.removed_meanwhile.clear();
        user.standing = standing;
        user.loaded = true;
    }

    /// Lets a device follow all of its user's conversations.
    pub fn follow_all(&self, connection: &Arc<Connection>) {
        let Some(user) = self.users.get(&connection.user) else { return };
        for conversation in &user.conversations {
            self.follow(connection, conversation);
        }
    }

    /// Lets a device follow those of `conversations` that its user is in. Whoever is taken out of one at this moment
    /// is out of it afterwards: both look at the same list under one lock.
    pub fn follow_own<'a>(
        &self,
        connection: &Arc<Connection>,
        conversations: impl Iterator<Item = &'a ConversationId>,
    ) {
        let Some(user) = self.users.get(&connection.user) else { return };
        for conversation in conversations.filter(|one| user.conversations.contains(*one)) {
            self.follow(connection, conversation);
        }
    }

    pub fn follow(&self, connection: &Arc<Connection>, conversation: &ConversationId) {
        let mut followed = connection.followed.lock();
        if let Some(followed) = followed.as_mut()
            && followed.insert(conversation.clone())
        {
            self.rooms.entry(conversation.clone()).or_default().follow(connection);
        }
    }

    /// Ends the following; how far the device had come, where it followed.
    pub fn unfollow(&self, connection: &Connection, conversation: &ConversationId) -> Option<u64> {
        let mut followed = connection.followed.lock();
        if !followed.as_mut()?.remove(conversation) {
            return None;
        }
        self.rooms.get(conversation)?.unfollow(connection.id)
    }

    /// Takes a connection out.
    pub fn leave(&self, connection: &Connection) -> Left {
        let followed = connection.followed.lock().take().unwrap_or_default();
        let mut handed = Vec::new();
        for conversation in followed {
            let seq = self.rooms.get(&conversation).and_then(|room| room.unfollow(connection.id));
            self.sweep(&conversation);
            handed.extend(seq.filter(|seq| *seq > 0).map(|seq| (conversation, seq)));
        }
        let Some(mut user) = self.users.get_mut(&connection.user) else {
            return Left { was_last: false, handed };
        };
        let before = user.connections.len();
        user.connections.retain(|other| other.id != connection.id);
        self.connections.fetch_sub(before - user.connections.len(), Ordering::Relaxed);
        Left { was_last: user.connections.is_empty(), handed }
    }

    /// Forgets a user without connections and tells what they were; None where they came back.
    pub fn forget(&self, id: &UserId) -> Option<(Standing, HashSet<UserId>)> {
        let peers = self.peers(id);
        let (_, user) = self.users.remove_if(id, |_, user| user.connections.is_empty())?;
        for conversation in &user.conversations {
            if let Some(room) = self.rooms.get(conversation) {
                room.set_present(id, false);
            }
            self.sweep(conversation);
        }
        Some((user.standing, peers))
    }

    /// A user came into a conversation; with `follow` their devices follow it at once.
    pub fn member_added(&self, conversation: &ConversationId, id: &UserId, follow: bool) {
        let Some(mut user) = self.users.get_mut(id) else { return };
        user.removed_meanwhile.remove(conversation);
        if user.conversations.insert(conversation.clone()) {
            self.rooms.entry(conversation.clone()).or_default().set_present(id, true);
        }
        if follow {
            for connection in &user.connections {
                self.follow(connection, conversation);
            }
        }
    }

    /// A user is out of a conversation: none of their devices follows it any more.
    pub fn member_removed(&self, conversation: &ConversationId, id: &UserId) {
        if let Some(mut user) = self.users.get_mut(id) {
            if !user.loaded {
                user.removed_meanwhile.insert(conversation.clone());
            }
            user.conversations.remove(conversation);
            for connection in &user.connections {
                self.unfollow(connection, conversation);
            }
        }
        if let Some(room) = self.rooms.get(conversation) {
            room.set_present(id, false);
        }
        self.sweep(conversation);
    }

    /// The members of a conversation that are connected.
    pub fn members_here(&self, conversation: &ConversationId) -> HashSet<UserId> {
        let mut present = HashSet::new();
        if let Some(room) = self.room(conversation) {
            room.present(&mut present);
        }
        present
    }

    /// All members that are connected are out of a conversation that is no more.
    pub fn conversation_deleted(&self, conversation: &ConversationId) {
        for user in self.members_here(conversation) {
            self.member_removed(conversation, &user);
        }
        // Whoever is being read from the store at this moment may still be shown as a member.
        for mut user in self.users.iter_mut().filter(|user| !user.loaded) {
            user.removed_meanwhile.insert(conversation.clone());
        }
    }

    pub fn room(&self, conversation: &ConversationId) -> Option<Arc<Room>> {
        self.rooms.get(conversation).map(|room| Arc::clone(&room))
    }

    pub fn connections_of(&self, user: &UserId) -> Vec<Arc<Connection>> {
        self.users.get(user).map(|user| user.connections.clone()).unwrap_or_default()
    }

    /// Whether one of the user's devices follows the conversation.
    pub fn follows(&self, user: &UserId, conversation: &ConversationId) -> bool {
        let Some(room) = self.room(conversation) else { return false };
        self.users.get(user).is_some_and(|user| user.connections.iter().any(|one| room.is_followed_by(one.id)))
    }

    /// Whether as many different users as `members` follow the conversation.
    pub fn all_follow(&self, conversation: &ConversationId, members: usize) -> bool {
        self.room(conversation).is_some_and(|room| room.following_users() == members)
    }

    /// The users here who share a conversation with `user`.
    pub fn peers(&self, user: &UserId) -> HashSet<UserId> {
        let conversations: Vec<_> =
            self.users.get(user).map(|user| user.conversations.iter().cloned().collect()).unwrap_or_default();
        let mut peers = HashSet::new();
        for conversation in conversations {
            if let Some(room) = self.room(&conversation) {
                room.present(&mut peers);
            }
        }
        peers.remove(user);
        peers
    }

    /// What the user chose to be, and with how many devices they are here.
    pub fn standing(&self, user: &UserId) -> Option<(Standing, usize)> {
        self.users.get(user).map(|user| (user.standing.clone(), user.connections.len()))
    }

    /// Changes what others see of a user who is here, and gives back what they saw before.
    pub fn change_standing(&self, user: &UserId, change: impl FnOnce(&mut Standing)) -> Option<(Standing, Standing)> {
        let mut user = self.users.get_mut(user)?;
        let before = user.standing.clone();
        change(&mut user.standing);
        Some((before, user.standing.clone()))
    }

    pub fn connection_count(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The users that have a connection.
    pub fn users_here(&self) -> Vec<UserId> {
        let here = self.users.iter().filter(|user| !user.connections.is_empty());
        here.map(|user| user.key().clone()).collect()
    }

    /// Users with a connection.
    pub fn user_count(&self) -> usize {
        self.users.iter().filter(|user| !user.connections.is_empty()).count()
    }

    /// What `look` tells of each room.
    pub fn each_room<T>(&self, look: impl Fn(&ConversationId, &Room) -> T) -> Vec<T> {
        self.rooms.iter().map(|room| look(room.key(), room.value())).collect()
    }

    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// The devices that miss something they have not been told of yet.
    pub fn behind(&self) -> Vec<Arc<Connection>> {
        let mut behind = Vec::new();
        for user in &self.users {
            behind.extend(user.connections.iter().filter(|device| device.is_behind()).cloned());
        }
        behind
    }

    /// Every user that is here or left a moment ago, but those that appear offline.
    pub fn visible_users(&self) -> Vec<UserId> {
        let visible = self.users.iter().filter(|user| user.standing.status != Status::Offline);
        visible.map(|user| user.key().clone()).collect()
    }

    fn sweep(&self, conversation: &ConversationId) {
        self.rooms.remove_if(conversation, |_, room| room.is_empty());
    }
}
