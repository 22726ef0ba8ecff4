//! The persisted inbox.

use rusqlite::{OptionalExtension, params};

use super::error::Error;
use super::{Query, Tx, rows};
use crate::domain::id::{ConversationId, MessageId, NotificationId, UserId};
use crate::domain::notification::{Notification, excerpt};
use crate::domain::time::Time;

/// Entries that one inbox keeps; the oldest go first.
const MAX_INBOX: u32 = 1_000;

impl Query<'_> {
    /// A page of the inbox, newest first, and where the next page begins.
    pub fn notifications(
        &self,
        user: &UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<Notification>, Option<i64>), Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {}, id FROM notifications \
             WHERE user = (SELECT id FROM users WHERE uid = ?1) AND id < ?2 ORDER BY id DESC LIMIT ?3",
            rows::NOTIFICATION
        ))?;
        let bound = params![user, before.unwrap_or(i64::MAX), i64::from(limit) + 1];
        let found = statement.query_map(bound, |row| Ok((rows::notification(row)?, row.get::<_, i64>(10)?)))?;
        let mut entries = found.collect::<Result<Vec<_>, _>>()?;
        let more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let next = if more { entries.last().map(|(_, key)| *key) } else { None };
        Ok((entries.into_iter().map(|(entry, _)| entry).collect(), next))
    }

    pub fn unread_notifications(&self, user: &UserId) -> Result<u64, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT COUNT(*) FROM notifications \
             WHERE user = (SELECT id FROM users WHERE uid = ?1) AND read_at IS NULL",
        )?;
        Ok(statement.query_row([user], |row| row.get(0))?)
    }
}

impl Tx<'_> {
    pub fn add_notification(&mut self, user: &UserId, entry: &Notification) -> Result<(), Error> {
        let key = self.ensure_user(user)?;
        self.connection
            .prepare_cached(
                "INSERT INTO notifications \
                 (nid, user, kind, title, message, count, conversation, message_id, data, created_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                entry.id,
                key,
                entry.kind,
                entry.title,
                entry.message,
                entry.count,
                entry.conversation,
                entry.message_id,
                entry.data,
                entry.created_at,
            ])?;
        // Looked at once in a while: an inbox may exceed its size by a few entries.
        let last = self.connection.last_insert_rowid();
        if last % 64 == 0 {
            self.connection
                .prepare_cached(
                    "DELETE FROM notifications WHERE user = ?1 AND id <= \
                     (SELECT id FROM notifications WHERE user = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                )?
                .execute(params![key, MAX_INBOX])?;
        }
        Ok(())
    }

    /// Counts one more unread message of a conversation: raises the entry that is there, else makes `entry` one.
    pub fn count_message(&mut self, user: &UserId, entry: Notification) -> Result<Notification, Error> {
        let key = self.ensure_user(user)?;
        let raised = self
            .connection
            .prepare_cached(&format!(
                "UPDATE notifications SET count = count + 1, title = ?3, message = ?4, message_id = ?5, created_at = ?6 \
                 WHERE user = ?1 AND conversation = ?2 AND kind = 'message' AND read_at IS NULL RETURNING {}",
                rows::NOTIFICATION
            ))?
            .query_row(
                params![key, entry.conversation, entry.title, entry.message, entry.message_id, entry.created_at],
                rows::notification,
            )
            .optional()?;
        if let Some(raised) = raised {
            return Ok(raised);
        }
        self.add_notification(user, &entry)?;
        Ok(entry)
    }

    /// Marks one entry as read; false where the user has no such entry.
    pub fn read_notification(&mut self, user: &UserId, id: NotificationId, now: Time) -> Result<bool, Error> {
        let found = self
            .connection
            .prepare_cached(
                "UPDATE notifications SET read_at = COALESCE(read_at, ?3) \
                 WHERE nid = ?2 AND user = (SELECT id FROM users WHERE uid = ?1)",
            )?
            .execute(params![user, id, now])?;
        Ok(found > 0)
    }

    pub fn read_all_notifications(&mut self, user: &UserId, now: Time) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "UPDATE notifications SET read_at = ?2 \
                 WHERE read_at IS NULL AND user = (SELECT id FROM users WHERE uid = ?1)",
            )?
            .execute(params![user, now])?;
        Ok(())
    }

    /// What inboxes quote of a message follows its edits; None where it was deleted.
    pub(super) fn requote(&mut self, id: MessageId, content: Option<&str>) -> Result<(), Error> {
        let quote = content.map_or_else(|| "(deleted)".to_owned(), excerpt);
        self.connection
            .prepare_cached("UPDATE notifications SET message = ?2 WHERE message_id = ?1")?
            .execute(params![id, quote])?;
        Ok(())
    }

    /// Takes the entries about a conversation that is no more out of all inboxes.
    pub(super) fn drop_notifications(&mut self, id: &ConversationId) -> Result<(), Error> {
        self.connection.prepare_cached("DELETE FROM notifications WHERE conversation = ?1")?.execute([id])?;
        Ok(())
    }

    /// What was counted as unread in a conversation is read with it.
    pub fn read_messages_notification(&mut self, user: &UserId, id: &ConversationId, now: Time) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "UPDATE notifications SET read_at = ?3 WHERE kind = 'message' AND read_at IS NULL \
                 AND conversation = ?2 AND user = (SELECT id FROM users WHERE uid = ?1)",
            )?
            .execute(params![user, id, now])?;
        Ok(())
    }
}
