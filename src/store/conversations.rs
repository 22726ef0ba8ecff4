//! Conversations, and the seats that users have in them.

use rusqlite::{OptionalExtension, params};

use super::error::Error;
use super::members::Marks;
use super::{Query, Tx, rows};
use crate::domain::access::Member;
use crate::domain::conversation::{Conversation, Overview};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::time::Time;

/// A conversation and one user's place in it, if any.
#[derive(Clone, Debug)]
pub struct Seat {
    pub(super) conversation_key: i64,
    pub(super) user_key: Option<i64>,
    pub conversation: Conversation,
    pub member: Option<Member>,
}

impl Seat {
    pub fn marks(&self) -> Marks {
        Marks { conversation_key: self.conversation_key, last_seq: self.conversation.last_seq }
    }
}

/// Where a page of the list of conversations ended.
#[derive(Clone, Copy, Debug)]
pub struct ListCursor {
    pub active_at: Time,
    pub key: i64,
}

impl Query<'_> {
    pub fn seat(&self, conversation: &ConversationId, user: &UserId) -> Result<Option<Seat>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT c.id, u.id, m.role IS NOT NULL, {}, {} FROM conversations c \
             LEFT JOIN users o ON o.id = c.owner \
             LEFT JOIN users u ON u.uid = ?2 \
             LEFT JOIN members m ON m.conversation = c.id AND m.user = u.id \
             WHERE c.cid = ?1",
            rows::CONVERSATION,
            rows::MEMBER
        ))?;
        let found = statement.query_row(params![conversation, user], |row| {
            let is_member: bool = row.get(2)?;
            Ok(Seat {
                conversation_key: row.get(0)?,
                user_key: row.get(1)?,
                conversation: rows::conversation(row, 3)?,
                member: is_member.then(|| rows::member(row, 3 + rows::CONVERSATION_COLUMNS)).transpose()?,
            })
        });
        Ok(found.optional()?)
    }

    pub fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM conversations c LEFT JOIN users o ON o.id = c.owner WHERE c.cid = ?1",
            rows::CONVERSATION
        ))?;
        Ok(statement.query_row([id], |row| rows::conversation(row, 0)).optional()?)
    }

    /// The direct conversation of two users.
    pub fn direct(&self, a: &UserId, b: &UserId) -> Result<Option<ConversationId>, Error> {
        let mut statement = self.connection.prepare_cached("SELECT cid FROM conversations WHERE direct_key = ?1")?;
        Ok(statement.query_row([direct_key(a, b)], |row| row.get(0)).optional()?)
    }

    /// The conversations that `user` is in and not banned from.
    pub fn memberships(&self, user: &UserId, now: Time) -> Result<Vec<ConversationId>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT c.cid FROM users u JOIN members m ON m.user = u.id JOIN conversations c ON c.id = m.conversation \
             WHERE u.uid = ?1 AND (m.banned_until IS NULL OR m.banned_until <= ?2)",
        )?;
        let found = statement.query_map(params![user, now], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The user's own conversations, latest activity first, and where the next page begins.
    pub fn conversation_list(
        &self,
        user: &UserId,
        after: Option<ListCursor>,
        limit: u32,
        now: Time,
    ) -> Result<(Vec<Overview>, Option<ListCursor>), Error> {
        let after = after.unwrap_or(ListCursor { active_at: Time(i64::MAX), key: i64::MAX });
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT c.id, c.active_at, {}, {} FROM users u \
             JOIN members m ON m.user = u.id \
             JOIN conversations c ON c.id = m.conversation \
             LEFT JOIN users o ON o.id = c.owner \
             WHERE u.uid = ?1 AND (m.banned_until IS NULL OR m.banned_until <= ?2) \
               AND (c.active_at, c.id) < (?3, ?4) \
             ORDER BY c.active_at DESC, c.id DESC LIMIT ?5",
            rows::CONVERSATION,
            rows::MEMBER
        ))?;
        let found = statement.query_map(params![user, now, after.active_at, after.key, limit + 1], |row| {
            let cursor = ListCursor { key: row.get(0)?, active_at: row.get(1)? };
            let conversation = rows::conversation(row, 2)?;
            Ok((cursor, conversation, rows::member(row, 2 + rows::CONVERSATION_COLUMNS)?))
        })?;
        let mut entries = found.collect::<Result<Vec<_>, _>>()?;
        let more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let next = if more { entries.last().map(|(cursor, ..)| *cursor) } else { None };
        let mut overviews = Vec::with_capacity(entries.len());
        for (cursor, conversation, member) in entries {
            overviews.push(Overview {
                role: member.role,
                unread: member.unread(conversation.last_seq),
                last_message: self.last_message(cursor.key)?,
                conversation,
            });
        }
        Ok((overviews, next))
    }

    /// How a member sees the conversation of `seat`.
    pub fn overview(&self, seat: &Seat, member: &Member) -> Result<Overview, Error> {
        Ok(Overview {
            role: member.role,
            unread: member.unread(seat.conversation.last_seq),
            last_message: self.last_message(seat.conversation_key)?,
            conversation: seat.conversation.clone(),
        })
    }
}

impl Tx<'_> {
    /// Makes a conversation without members. Its id, and for a direct one its pair, must be free.
    pub fn create_conversation(&mut self, new: &Conversation, pair: Option<(&UserId, &UserId)>) -> Result<(), Error> {
        let owner = new.owner.as_ref().map(|owner| self.ensure_user(owner)).transpose()?;
        self.connection
            .prepare_cached(
                "INSERT INTO conversations \
                 (cid, kind, title, owner, metadata, post, invite, direct_key, created_at, updated_at, active_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?9)",
            )?
            .execute(params![
                new.id,
                new.kind,
                new.title,
                owner,
                new.metadata,
                new.settings.post,
                new.settings.invite,
                pair.map(|(a, b)| direct_key(a, b)),
                new.created_at,
            ])?;
        Ok(())
    }

    /// Writes what may change of a conversation: title, metadata, settings, owner.
    pub fn update_conversation(&mut self, conversation: &Conversation) -> Result<(), Error> {
        let owner = conversation.owner.as_ref().map(|owner| self.ensure_user(owner)).transpose()?;
        self.connection
            .prepare_cached(
                "UPDATE conversations SET title = ?2, metadata = ?3, post = ?4, invite = ?5, updated_at = ?6, owner = ?7 \
                 WHERE cid = ?1",
            )?
            .execute(params![
                conversation.id,
                conversation.title,
                conversation.metadata,
                conversation.settings.post,
                conversation.settings.invite,
                conversation.updated_at,
                owner,
            ])?;
        Ok(())
    }

    /// Deletes a conversation: from here on it has no members and its id is free. Its messages, which nobody can
    /// reach any more, go in the background, a few at a time.
    pub fn delete_conversation(&mut self, id: &ConversationId) -> Result<(), Error> {
        let key: i64 = self
            .connection
            .prepare_cached("SELECT id FROM conversations WHERE cid = ?1")?
            .query_row([id], |row| row.get(0))?;
        self.connection.prepare_cached("DELETE FROM members WHERE conversation = ?1")?.execute([key])?;
        self.drop_notifications(id)?;
        self.connection
            .prepare_cached("UPDATE conversations SET cid = char(0) || id, direct_key = NULL WHERE id = ?1")?
            .execute([key])?;
        Ok(())
    }

    /// Deletes up to `limit` messages of deleted conversations, and tells how many.
    pub fn purge(&mut self, limit: u32) -> Result<usize, Error> {
        // No id that a user brings begins with a control character.
        let deleted: Option<i64> = self
            .connection
            .prepare_cached("SELECT id FROM conversations WHERE cid < char(1) LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        let Some(key) = deleted else { return Ok(0) };
        self.connection.prepare_cached("DELETE FROM asides WHERE conversation = ?1")?.execute([key])?;
        let purged = self
            .connection
            .prepare_cached(
                "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE conversation = ?1 LIMIT ?2)",
            )?
            .execute([key, i64::from(limit)])?;
        if purged < limit as usize {
            self.connection.prepare_cached("DELETE FROM conversations WHERE id = ?1")?.execute([key])?;
        }
        Ok(purged)
    }
}

/// One text for an unordered pair; ids have no control characters.
fn direct_key(a: &UserId, b: &UserId) -> String {
    let (first, second) = if a <= b { (a, b) } else { (b, a) };
    format!("{first}\n{second}")
}
