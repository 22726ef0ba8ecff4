//! All that there is of one user, and how it goes.

use rusqlite::params;

use super::error::Error;
use super::rows::{MESSAGE, MESSAGE_FROM};
use super::{Query, Tx, rows};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::message::Message;

/// Messages that one step looks at, whoever sent them: a table without an index for this is read piece by piece.
const STEP: i64 = 20_000;
/// Messages that one step finds at most.
const MAX_FOUND: u32 = 200;

/// Messages of one user, and up to which key of the table all were looked at; none where that was the end.
pub struct Trail {
    pub messages: Vec<Message>,
    pub next: Option<i64>,
}

impl Query<'_> {
    /// The user's messages behind the key `after`, as far as one step looks.
    pub fn trail(&self, user: &UserId, after: i64) -> Result<Trail, Error> {
        let last: i64 = self
            .connection
            .prepare_cached("SELECT COALESCE(MAX(id), 0) FROM messages")?
            .query_row([], |row| row.get(0))?;
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {MESSAGE} FROM {MESSAGE_FROM} WHERE g.id > ?1 AND g.id <= ?2 \
             AND g.sender = (SELECT id FROM users WHERE uid = ?3) AND c.cid >= char(1) ORDER BY g.id LIMIT ?4"
        ))?;
        let end = after.saturating_add(STEP);
        let found = statement.query_map(params![after, end, user, MAX_FOUND], rows::message)?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let is_full = found.len() == MAX_FOUND as usize;
        let reached = found.last().filter(|_| is_full).map_or(end, |row| row.key);
        let messages = found.into_iter().map(|row| self.with_reactions(row)).collect::<Result<_, _>>()?;
        Ok(Trail { messages, next: (reached < last).then_some(reached) })
    }

    /// Every conversation that the user is in, banned or not.
    pub fn all_memberships(&self, user: &UserId) -> Result<Vec<ConversationId>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT c.cid FROM users u JOIN members m ON m.user = u.id JOIN conversations c ON c.id = m.conversation \
             WHERE u.uid = ?1",
        )?;
        let found = statement.query_map([user], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

impl Tx<'_> {
    /// Gives messages another sender.
    pub fn reattribute(&mut self, messages: &[Message], to: &UserId) -> Result<(), Error> {
        let key = self.ensure_user(to)?;
        let mut update = self.connection.prepare_cached("UPDATE messages SET sender = ?2 WHERE mid = ?1")?;
        for message in messages {
            update.execute(params![message.id, key])?;
        }
        Ok(())
    }

    /// Deletes what is left of a user who is in no conversation and has sent no message: reactions, inbox, presence, devices. What
    /// operators decided about them stays, and their id with it.
    pub fn forget_user(&mut self, user: &UserId) -> Result<(), Error> {
        let Some(key) = self.user_key(user)? else { return Ok(()) };
        let run = |sql: &str| self.connection.prepare_cached(sql)?.execute([key]);
        run(
            "UPDATE messages SET reacted = EXISTS (SELECT 1 FROM reactions o WHERE o.message = messages.id AND o.user <> ?1) \
             WHERE id IN (SELECT message FROM reactions WHERE user = ?1)",
        )?;
        run("DELETE FROM reactions WHERE user = ?1")?;
        run("DELETE FROM asides WHERE sender = ?1")?;
        run("DELETE FROM notifications WHERE user = ?1")?;
        run("DELETE FROM devices WHERE user = ?1")?;
        run("UPDATE conversations SET owner = NULL WHERE owner = ?1")?;
        run("UPDATE users SET status = NULL, status_text = NULL, last_seen = NULL WHERE id = ?1")?;
        run("DELETE FROM users WHERE id = ?1 AND id NOT IN (SELECT user FROM sanctions) \
             AND id NOT IN (SELECT sender FROM messages WHERE sender = ?1)")?;
        // The name of a pair holds both ids.
        self.connection
            .prepare_cached(
                "UPDATE conversations SET direct_key = NULL WHERE kind = 'direct' \
                 AND (substr(direct_key, 1, length(?1) + 1) = ?1 || char(10) \
                      OR substr(direct_key, -length(?1) - 1) = char(10) || ?1)",
            )?
            .execute([user])?;
        Ok(())
    }
}
