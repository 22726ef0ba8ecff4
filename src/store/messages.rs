//! Messages, their order, and reactions to them.

use rusqlite::{OptionalExtension, params};

use super::conversations::Seat;
use super::error::Error;
use super::rows::{MESSAGE, MESSAGE_FROM, MessageRow};
use super::{Query, Tx, rows};
use crate::domain::id::{MessageId, UserId};
use crate::domain::message::{Draft, Message, Reactions};
use crate::domain::time::Time;

/// A part of a conversation's history, ascending by `seq`.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub messages: Vec<Message>,
    pub has_more: bool,
    /// About as much as the messages take.
    pub bytes: usize,
}

/// Content bytes of one page at most: an answer must stay far below what a connection may have waiting.
pub const MAX_PAGE_BYTES: usize = 1 << 20;

impl Query<'_> {
    pub fn message(&self, id: MessageId) -> Result<Option<Message>, Error> {
        let mut statement =
            self.connection.prepare_cached(&format!("SELECT {MESSAGE} FROM {MESSAGE_FROM} WHERE g.mid = ?1"))?;
        let found = statement.query_row([id], rows::message).optional()?;
        found.map(|row| self.with_reactions(row)).transpose()
    }

    /// The message that a retry by the user of `seat` means, in the order or outside of it.
    pub fn sent_before(&self, seat: &Seat, client_id: &str) -> Result<Option<Message>, Error> {
        // Mostly there is none: one short question instead of two long ones.
        let mut statement = self.connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM messages WHERE conversation = ?1 AND sender = ?2 AND client_id = ?3) \
             OR EXISTS (SELECT 1 FROM asides WHERE conversation = ?1 AND sender = ?2 AND client_id = ?3)",
        )?;
        if !statement.query_row(params![seat.conversation_key, seat.user_key, client_id], |row| row.get(0))? {
            return Ok(None);
        }
        match self.message_by_client_id(seat, client_id)? {
            Some(message) => Ok(Some(message)),
            None => self.aside_by_client_id(seat, client_id),
        }
    }

    fn message_by_client_id(&self, seat: &Seat, client_id: &str) -> Result<Option<Message>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {MESSAGE} FROM {MESSAGE_FROM} WHERE g.conversation = ?1 AND g.sender = ?2 AND g.client_id = ?3"
        ))?;
        let found =
            statement.query_row(params![seat.conversation_key, seat.user_key, client_id], rows::message).optional()?;
        found.map(|row| self.with_reactions(row)).transpose()
    }

    pub(super) fn last_message(&self, conversation_key: i64) -> Result<Option<Message>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {MESSAGE} FROM {MESSAGE_FROM} WHERE g.conversation = ?1 ORDER BY g.seq DESC LIMIT 1"
        ))?;
        let found = statement.query_row([conversation_key], rows::message).optional()?;
        found.map(|row| self.with_reactions(row)).transpose()
    }

    /// The messages behind `after`, the first `limit` of them, as far as they take `max_bytes`.
    pub fn history_after(&self, seat: &Seat, after: u64, limit: u32, max_bytes: usize) -> Result<Page, Error> {
        self.history(seat, after..u64::MAX, limit, max_bytes, "ASC")
    }

    /// The same with what the user of `seat` has written outside of the order.
    pub fn own_history_after(&self, seat: &Seat, after: u64, limit: u32) -> Result<Page, Error> {
        let page = self.history_after(seat, after, limit, MAX_PAGE_BYTES)?;
        let before = page.messages.last().filter(|_| page.has_more).map(|last| last.seq);
        Ok(Page { messages: self.weave(seat, after, before, page.messages)?, ..page })
    }

    /// The messages behind `after` and before `before`, the last `limit` of them.
    pub fn history_before(&self, seat: &Seat, after: u64, before: Option<u64>, limit: u32) -> Result<Page, Error> {
        let mut page = self.history(seat, after..before.unwrap_or(u64::MAX), limit, MAX_PAGE_BYTES, "DESC")?;
        page.messages.reverse();
        Ok(page)
    }

    /// The same with what the user of `seat` has written outside of the order.
    pub fn own_history_before(&self, seat: &Seat, after: u64, before: Option<u64>, limit: u32) -> Result<Page, Error> {
        let page = self.history_before(seat, after, before, limit)?;
        let after = page.messages.first().filter(|_| page.has_more).map_or(after, |first| first.seq);
        Ok(Page { messages: self.weave(seat, after, before, page.messages)?, ..page })
    }

    /// Messages strictly between the ends of `bounds`. A page has at least one message where there is any, unless
    /// there is no room at all.
    fn history(
        &self,
        seat: &Seat,
        bounds: std::ops::Range<u64>,
        limit: u32,
        max_bytes: usize,
        order: &str,
    ) -> Result<Page, Error> {
        let bound = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {MESSAGE} FROM {MESSAGE_FROM} \
             WHERE g.conversation = ?1 AND g.seq > ?2 AND g.seq < ?3 ORDER BY g.seq {order} LIMIT ?4"
        ))?;
        let mut found = statement.query(params![
            seat.conversation_key,
            bound(bounds.start),
            bound(bounds.end),
            i64::from(limit) + 1
        ])?;
        let mut page = Page::default();
        while let Some(row) = found.next()? {
            let row = rows::message(row)?;
            let size = row.size();
            let is_over = max_bytes == 0 || (page.bytes > 0 && page.bytes + size > max_bytes);
            if page.messages.len() == limit as usize || is_over {
                page.has_more = true;
                break;
            }
            page.bytes += size;
            page.messages.push(self.with_reactions(row)?);
        }
        Ok(page)
    }

    pub(super) fn with_reactions(&self, row: MessageRow) -> Result<Message, Error> {
        let mut message = row.message;
        if row.reacted {
            message.reactions = self.reactions(row.key)?;
        }
        Ok(message)
    }

    fn reactions(&self, message_key: i64) -> Result<Reactions, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT r.emoji, u.uid FROM reactions r JOIN users u ON u.id = r.user WHERE r.message = ?1 ORDER BY r.at",
        )?;
        let mut found = statement.query([message_key])?;
        let mut reactions = Reactions::default();
        while let Some(row) = found.next()? {
            let emoji: String = row.get(0)?;
            reactions.add(&emoji, row.get(1)?);
        }
        Ok(reactions)
    }
}

impl Tx<'_> {
    /// Gives `draft` the next place in its conversation. The user of `seat`, which was taken in this very write, must be a
    /// member.
    pub fn insert_message(
        &mut self,
        seat: &Seat,
        id: MessageId,
        draft: Draft,
        sender: &UserId,
        mentions: Vec<UserId>,
        now: Time,
    ) -> Result<Message, Error> {
        let changes = self.connection.total_changes();
        let seq = seat.conversation.last_seq + 1;
        let counted = self
            .connection
            .prepare_cached(
                "UPDATE conversations SET last_seq = ?2, active_at = ?3 WHERE id = ?1 AND last_seq = ?2 - 1",
            )?
            .execute(params![seat.conversation_key, seq, now])?;
        if counted != 1 {
            return Err(rusqlite::Error::StatementChangedRows(counted).into());
        }
        let message = Message {
            id,
            conversation: draft.conversation,
            seq,
            sender: sender.clone(),
            content: Some(draft.content),
            kind: draft.kind,
            at: now,
            client_id: draft.client_id,
            reply_to: draft.reply_to,
            attachments: draft.attachments,
            metadata: draft.metadata,
            mentions,
            reactions: Reactions::default(),
            edited_at: None,
            deleted_at: None,
            pending: false,
        };
        self.connection
            .prepare_cached(
                "INSERT INTO messages \
                 (mid, conversation, seq, sender, content, kind, at, client_id, reply_to, attachments, metadata, mentions) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                message.id,
                seat.conversation_key,
                seq,
                seat.user_key,
                message.content,
                message.kind,
                now,
                message.client_id,
                message.reply_to,
                message.attachments,
                message.metadata,
                rows::join_mentions(&message.mentions),
            ])?;
        self.connection
            .prepare_cached("UPDATE members SET own_unread = own_unread + 1 WHERE conversation = ?1 AND user = ?2")?
            .execute(params![seat.conversation_key, seat.user_key])?;
        let Tx { query, seats, .. } = self;
        seats.follow_message(query.connection, changes, seat.conversation_key, seq, sender);
        Ok(message)
    }

    /// Writes what an edit changes: content, mentions and its time.
    pub fn update_content(&mut self, message: &Message) -> Result<(), Error> {
        self.connection
            .prepare_cached("UPDATE messages SET content = ?2, mentions = ?3, edited_at = ?4 WHERE mid = ?1")?
            .execute(params![message.id, message.content, rows::join_mentions(&message.mentions), message.edited_at])?;
        self.requote(message.id, message.content.as_deref())
    }

    /// Leaves a tombstone: who, when and where stay, what was said goes.
    pub fn bury(&mut self, message: &mut Message, now: Time) -> Result<(), Error> {
        message.content = None;
        message.attachments = None;
        message.metadata = None;
        message.mentions.clear();
        message.reactions = Reactions::default();
        message.deleted_at = Some(now);
        self.connection
            .prepare_cached(
                "UPDATE messages SET content = NULL, attachments = NULL, metadata = NULL, mentions = NULL, reacted = 0, \
                 deleted_at = ?2 WHERE mid = ?1",
            )?
            .execute(params![message.id, now])?;
        self.connection
            .prepare_cached("DELETE FROM reactions WHERE message = (SELECT id FROM messages WHERE mid = ?1)")?
            .execute([message.id])?;
        self.requote(message.id, None)
    }

    /// Adds or takes back a reaction; None where it was so before, else the reactions as they are now.
    pub fn react(
        &mut self,
        id: MessageId,
        user: &UserId,
        emoji: &str,
        remove: bool,
        now: Time,
    ) -> Result<Option<Reactions>, Error> {
        let user_key = self.ensure_user(user)?;
        let key: i64 = self
            .connection
            .prepare_cached("SELECT id FROM messages WHERE mid = ?1")?
            .query_row([id], |row| row.get(0))?;
        let changed = if remove {
            self.connection
                .prepare_cached("DELETE FROM reactions WHERE message = ?1 AND emoji = ?2 AND user = ?3")?
                .execute(params![key, emoji, user_key])?
        } else {
            self.connection
                .prepare_cached("INSERT OR IGNORE INTO reactions (message, emoji, user, at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![key, emoji, user_key, now])?
        };
        if changed == 0 {
            return Ok(None);
        }
        let reactions = self.reactions(key)?;
        self.connection
            .prepare_cached("UPDATE messages SET reacted = ?2 WHERE id = ?1")?
            .execute(params![key, !reactions.is_empty()])?;
        Ok(Some(reactions))
    }

    /// Deletes up to `limit` messages that are older than `before`, and tells how many.
    pub fn prune(&mut self, before: Time, limit: u32) -> Result<usize, Error> {
        let mut old = self.connection.prepare_cached(
            // The oldest rows come first; looking for old ones by their time would read the whole table.
            "DELETE FROM messages WHERE id IN (SELECT id FROM messages ORDER BY id LIMIT ?2) AND at < ?1 \
             RETURNING conversation, seq, mid",
        )?;
        let pruned = old
            .query_map(params![before, limit], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get(2)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        let mut first = self
            .connection
            .prepare_cached("UPDATE conversations SET first_seq = MAX(first_seq, ?2 + 1) WHERE id = ?1")?;
        for (conversation, seq, _) in &pruned {
            first.execute([conversation, seq])?;
        }
        drop((old, first));
        for (.., message) in &pruned {
            self.requote(*message, None)?;
        }
        Ok(pruned.len())
    }
}
