//! Members: roles, mutes, bans, and how far each has come.

use rusqlite::{OptionalExtension, params};

use super::conversations::Seat;
use super::error::Error;
use super::{Query, Tx, rows};
use crate::domain::access::{Member, Role};
use crate::domain::id::{ConversationId, MessageId, UserId};
use crate::domain::time::Time;

/// Of one sender in a range of messages, the last message.
#[derive(Clone, Debug)]
pub struct LastOf {
    pub sender: UserId,
    pub message: MessageId,
    pub seq: u64,
}

/// A conversation as receipts see it.
pub struct Marks {
    pub(super) conversation_key: i64,
    pub last_seq: u64,
}

/// Messages that a receipt may look back at to find whom to tell.
const MAX_RECEIPT_RANGE: u64 = 1_000;

impl Query<'_> {
    pub fn member(&self, conversation: &ConversationId, user: &UserId) -> Result<Option<Member>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM conversations c JOIN users u ON u.uid = ?2 \
             JOIN members m ON m.conversation = c.id AND m.user = u.id WHERE c.cid = ?1",
            rows::MEMBER
        ))?;
        Ok(statement.query_row(params![conversation, user], |row| rows::member(row, 0)).optional()?)
    }

    /// A page of members by user id, behind `after`.
    pub fn members(&self, seat: &Seat, after: Option<&str>, limit: u32) -> Result<Vec<Member>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM members m JOIN users u ON u.id = m.user \
             WHERE m.conversation = ?1 AND u.uid > ?2 ORDER BY u.uid LIMIT ?3",
            rows::MEMBER
        ))?;
        let found = statement
            .query_map(params![seat.conversation_key, after.unwrap_or(""), limit], |row| rows::member(row, 0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    pub fn marks_of(&self, conversation: &ConversationId) -> Result<Option<Marks>, Error> {
        let mut statement = self.connection.prepare_cached("SELECT id, last_seq FROM conversations WHERE cid = ?1")?;
        let found = statement
            .query_row([conversation], |row| Ok(Marks { conversation_key: row.get(0)?, last_seq: row.get(1)? }));
        Ok(found.optional()?)
    }

    /// Whether `user` is in the conversation and may see it now.
    pub fn is_present(&self, marks: &Marks, user: &str, now: Time) -> Result<bool, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM users u JOIN members m ON m.user = u.id AND m.conversation = ?1 \
             WHERE u.uid = ?2 AND (m.banned_until IS NULL OR m.banned_until <= ?3)",
        )?;
        Ok(statement.exists(params![marks.conversation_key, user, now])?)
    }

    /// All who are in the conversation and may see it now.
    pub fn present(&self, seat: &Seat, now: Time) -> Result<Vec<UserId>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT u.uid FROM members m JOIN users u ON u.id = m.user \
             WHERE m.conversation = ?1 AND (m.banned_until IS NULL OR m.banned_until <= ?2)",
        )?;
        let found = statement.query_map(params![seat.conversation_key, now], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Who comes next when the owner leaves: the moderator, else the member, who has been there longest.
    pub fn heir(&self, seat: &Seat) -> Result<Option<UserId>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT u.uid FROM members m JOIN users u ON u.id = m.user \
             WHERE m.conversation = ?1 AND (m.banned_until IS NULL OR m.banned_until <= ?2) \
             ORDER BY m.role = 'moderator' DESC, m.role = 'member' DESC, m.joined_at, m.user LIMIT 1",
        )?;
        Ok(statement.query_row(params![seat.conversation_key, Time::now()], |row| row.get(0)).optional()?)
    }

    /// Who may see their conversation again since `after`, because a ban has ended by itself.
    pub fn bans_ended(&self, after: Time, now: Time) -> Result<Vec<(ConversationId, UserId)>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT c.cid, u.uid FROM members m JOIN conversations c ON c.id = m.conversation \
             JOIN users u ON u.id = m.user WHERE m.banned_until > ?1 AND m.banned_until <= ?2",
        )?;
        let found = statement.query_map([after, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The senders of the messages in `(after, up_to]` who may still see them, each with the last of theirs; `but` is
    /// left out.
    pub fn senders(&self, marks: &Marks, after: u64, up_to: u64, but: &UserId) -> Result<Vec<LastOf>, Error> {
        let from = after.max(up_to.saturating_sub(MAX_RECEIPT_RANGE));
        let mut statement = self.connection.prepare_cached(
            "SELECT u.uid, g.mid, MAX(g.seq) FROM messages g JOIN users u ON u.id = g.sender \
             JOIN members m ON m.conversation = g.conversation AND m.user = g.sender \
             WHERE g.conversation = ?1 AND g.seq > ?2 AND g.seq <= ?3 AND u.uid <> ?4 \
               AND (m.banned_until IS NULL OR m.banned_until <= ?5) GROUP BY g.sender",
        )?;
        let found = statement.query_map(params![marks.conversation_key, from, up_to, but, Time::now()], |row| {
            Ok(LastOf { sender: row.get(0)?, message: row.get(1)?, seq: row.get(2)? })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

impl Tx<'_> {
    /// Brings `user` in; what was said before does not count as unread.
    pub fn add_member(&mut self, id: &ConversationId, user: &UserId, role: Role, now: Time) -> Result<Member, Error> {
        let user_key = self.ensure_user(user)?;
        self.connection
            .prepare_cached(
                "INSERT INTO members (conversation, user, role, joined_at, delivered_seq, read_seq) \
                 SELECT id, ?2, ?3, ?4, last_seq, last_seq FROM conversations WHERE cid = ?1",
            )?
            .execute(params![id, user_key, role, now])?;
        self.connection
            .prepare_cached("UPDATE conversations SET member_count = member_count + 1 WHERE cid = ?1")?
            .execute([id])?;
        self.member(id, user)?.ok_or(Error::Malformed("a member that was just added is missing"))
    }

    pub fn remove_member(&mut self, seat: &Seat, user: &UserId) -> Result<(), Error> {
        let removed = self
            .connection
            .prepare_cached(
                "DELETE FROM members WHERE conversation = ?1 AND user = (SELECT id FROM users WHERE uid = ?2)",
            )?
            .execute(params![seat.conversation_key, user])?;
        self.connection
            .prepare_cached("UPDATE conversations SET member_count = member_count - ?2 WHERE id = ?1")?
            .execute(params![seat.conversation_key, removed])?;
        Ok(())
    }

    /// Writes a member's role, mute and ban.
    pub fn update_member(&mut self, seat: &Seat, member: &Member) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "UPDATE members SET role = ?3, muted_until = ?4, banned_until = ?5 \
                 WHERE conversation = ?1 AND user = (SELECT id FROM users WHERE uid = ?2)",
            )?
            .execute(params![
                seat.conversation_key,
                member.user,
                member.role,
                member.muted_until,
                member.banned_until
            ])?;
        Ok(())
    }

    /// Raises how far a member has the messages, and tells how far they had come before; None where they had come as
    /// far, or are no member.
    pub fn raise_delivered(&mut self, marks: &Marks, user: &UserId, seq: u64) -> Result<Option<u64>, Error> {
        let mut known = self.connection.prepare_cached(
            "SELECT u.id, m.delivered_seq FROM users u JOIN members m ON m.conversation = ?1 AND m.user = u.id \
             WHERE u.uid = ?2 AND m.delivered_seq < ?3",
        )?;
        let known = known.query_row(params![marks.conversation_key, user, seq], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, u64>(1)?))
        });
        let Some((user_key, before)) = known.optional()? else { return Ok(None) };
        let changes = self.connection.total_changes();
        self.connection
            .prepare_cached("UPDATE members SET delivered_seq = ?3 WHERE conversation = ?1 AND user = ?2")?
            .execute(params![marks.conversation_key, user_key, seq])?;
        let Tx { query, seats, .. } = self;
        seats.follow_delivered(query.connection, changes, marks.conversation_key, seq, user);
        Ok(Some(before))
    }

    /// Raises how far the user of `seat` has read, and counts anew which messages behind that are their own.
    pub fn raise_read(&mut self, seat: &Seat, seq: u64) -> Result<bool, Error> {
        let raised = self
            .connection
            .prepare_cached(
                "UPDATE members SET read_seq = ?3, delivered_seq = MAX(delivered_seq, ?3), own_unread = \
                   (SELECT COUNT(*) FROM messages WHERE conversation = ?1 AND seq > ?3 AND sender = ?2) \
                 WHERE conversation = ?1 AND user = ?2 AND read_seq < ?3",
            )?
            .execute(params![seat.conversation_key, seat.user_key, seq])?;
        Ok(raised > 0)
    }
}
