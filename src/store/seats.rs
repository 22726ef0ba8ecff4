//! The seats that senders take again and again, remembered by the writer.
//!
//! Only the writer changes the database, so what it has read holds until it writes. The few writes that every message
//! brings are followed here; after any other one, which SQLite's count of changed rows tells, and after one of another
//! process, everything is forgotten. So no new statement can leave a seat behind that is none.

use std::collections::HashMap;

use rusqlite::Connection;

use super::conversations::Seat;
use super::error::Error;
use crate::domain::id::{ConversationId, UserId};

/// Seats that are remembered at most.
const MAX_SEATS: usize = 8_192;

#[derive(Default)]
pub struct Seats {
    rooms: HashMap<i64, Room, ahash::RandomState>,
    keys: HashMap<ConversationId, i64, ahash::RandomState>,
    len: usize,
    /// The count of changed rows up to which all is known.
    changes: u64,
    /// What SQLite counts up where another process has written.
    version: i64,
}

#[derive(Default)]
struct Room {
    last_seq: u64,
    seats: HashMap<UserId, Seat, ahash::RandomState>,
}

impl Seats {
    pub fn get(&mut self, connection: &Connection, conversation: &ConversationId, user: &UserId) -> Option<Seat> {
        if connection.total_changes() != self.changes {
            self.forget(connection);
            return None;
        }
        let room = self.rooms.get(self.keys.get(conversation)?)?;
        let mut seat = room.seats.get(user)?.clone();
        seat.conversation.last_seq = room.last_seq;
        Some(seat)
    }

    /// Remembers a seat as it was just read.
    pub fn put(&mut self, connection: &Connection, user: &UserId, seat: &Seat) {
        if self.len >= MAX_SEATS || connection.total_changes() != self.changes {
            self.forget(connection);
        }
        self.keys.insert(seat.conversation.id.clone(), seat.conversation_key);
        let room = self.rooms.entry(seat.conversation_key).or_default();
        room.last_seq = seat.conversation.last_seq;
        if room.seats.insert(user.clone(), seat.clone()).is_none() {
            self.len += 1;
        }
    }

    /// Forgets everything where another process has written: an operator with a tool of their own.
    pub fn mistrust(&mut self, connection: &Connection) -> Result<(), Error> {
        let version = connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if version != self.version {
            self.forget(connection);
            self.version = version;
        }
        Ok(())
    }

    pub fn forget(&mut self, connection: &Connection) {
        self.rooms.clear();
        self.keys.clear();
        self.len = 0;
        self.changes = connection.total_changes();
    }

    /// A message of `sender` became the last one of its conversation, and nothing else has changed since `before`.
    pub fn follow_message(&mut self, connection: &Connection, before: u64, key: i64, seq: u64, sender: &UserId) {
        self.follow(connection, before, key, |room| {
            room.last_seq = seq;
            if let Some(member) = room.seats.get_mut(sender).and_then(|seat| seat.member.as_mut()) {
                member.own_unread += 1;
            }
        });
    }

    /// `user` has the messages up to `seq`, and nothing else has changed since `before`.
    pub fn follow_delivered(&mut self, connection: &Connection, before: u64, key: i64, seq: u64, user: &UserId) {
        self.follow(connection, before, key, |room| {
            if let Some(member) = room.seats.get_mut(user).and_then(|seat| seat.member.as_mut()) {
                member.delivered_seq = seq;
            }
        });
    }

    fn follow(&mut self, connection: &Connection, before: u64, key: i64, change: impl FnOnce(&mut Room)) {
        // Otherwise something else was written before, and the next question finds out.
        if before == self.changes {
            if let Some(room) = self.rooms.get_mut(&key) {
                change(room);
            }
            self.changes = connection.total_changes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::domain::conversation::{Conversation, Kind};
    use crate::domain::message::{Draft, MessageType};
    use crate::domain::time::Time;
    use crate::store::config::Config;
    use crate::store::{Tx, open};

    const USERS: [&str; 3] = ["ann", "bob", "eve"];
    const ROOMS: [&str; 2] = ["red", "blue"];

    /// One write as chance has it.
    fn write(tx: &mut Tx<'_>, chance: u64, room: &ConversationId, user: &UserId) -> Result<(), Error> {
        let now = Time(chance as i64);
        let Some(seat) = tx.seat_again(room, user)? else {
            tx.create_conversation(&Conversation::new(room.clone(), Kind::Group, user.clone(), now), None)?;
            return Ok(());
        };
        let Some(mut member) = seat.member.clone() else {
            tx.add_member(room, user, Role::Member, now)?;
            return Ok(());
        };
        match chance % 8 {
            0..4 => {
                let draft = Draft {
                    conversation: room.clone(),
                    content: "hello".into(),
                    kind: MessageType::stored("text"),
                    client_id: None,
                    reply_to: None,
                    attachments: None,
                    metadata: None,
                };
                tx.insert_message(&seat, crate::domain::id::MessageId::generate(), draft, user, Vec::new(), now)?;
            }
            4 => drop(tx.raise_delivered(&seat.marks(), user, chance / 8 % (seat.conversation.last_seq + 1))?),
            5 => drop(tx.raise_read(&seat, chance / 8 % (seat.conversation.last_seq + 1))?),
            6 if (chance / 8).is_multiple_of(3) => tx.remove_member(&seat, user)?,
            6 => {
                member.muted_until = Some(now);
                tx.update_member(&seat, &member)?;
            }
            _ if (chance / 8).is_multiple_of(5) => tx.delete_conversation(room)?,
            _ => tx.update_conversation(&Conversation { title: Some(chance.to_string()), ..seat.conversation })?,
        }
        Ok(())
    }

    #[test]
    fn a_seat_is_as_the_database_has_it_whatever_was_written_or_undone() {
        let directory = std::env::temp_dir().join(format!("chatd-seats-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&directory).expect("a directory");
        let path = directory.join("chatd.db");
        let mut connection = open::writer(&path, &Config::default()).expect("a database");
        let stranger = open::writer(&path, &Config::default()).expect("a second way in");
        let (mut seats, mut state) = (Seats::default(), 7_u64);
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for round in 0..3_000 {
            if next(50) == 0 {
                stranger.execute("UPDATE members SET muted_until = ?1", [round]).expect("nobody else writes");
            }
            let mut transaction = connection.transaction().expect("nobody else writes");
            seats.mistrust(&transaction).expect("a version");
            let (room, user) = (ROOMS[next(2) as usize], USERS[next(3) as usize]);
            let (room, user) = (ConversationId::stored(room), UserId::stored(user));
            let undo = next(6) == 0;
            if undo {
                transaction.set_drop_behavior(rusqlite::DropBehavior::Rollback);
            } else {
                transaction.set_drop_behavior(rusqlite::DropBehavior::Commit);
            }
            let mut events = Vec::new();
            let mut tx = Tx::new(&transaction, &mut events, &mut seats);
            write(&mut tx, next(1 << 20), &room, &user).expect("it can be written");
            drop(transaction);
            if undo {
                seats.forget(&connection);
            }
            let mut tx = Tx::new(&connection, &mut events, &mut seats);
            for (room, user) in ROOMS.iter().flat_map(|room| USERS.iter().map(move |user| (room, user))) {
                let (room, user) = (ConversationId::stored(room), UserId::stored(user));
                let known = tx.seat_again(&room, &user).expect("a question");
                let stored = tx.seat(&room, &user).expect("a question");
                assert_eq!(format!("{known:?}"), format!("{stored:?}"), "round {round}");
            }
        }
        let _ = std::fs::remove_dir_all(&directory);
    }
}
