//! Messages outside of the order, which their sender alone sees: silent ones, and those that wait for a moderator.

use rusqlite::{OptionalExtension, Row, params};

use super::conversations::Seat;
use super::error::Error;
use super::rows;
use super::{Query, Tx};
use crate::domain::hooks::Hold;
use crate::domain::id::{MessageId, UserId};
use crate::domain::message::{Message, Reactions};
use crate::domain::time::Time;

/// Asides that one page of history carries at most.
const MAX_ON_A_PAGE: u32 = 200;

/// A message that waits for a moderator.
#[derive(Clone, Debug)]
pub struct Held {
    /// Where the next page of the queue begins.
    pub key: i64,
    pub message: Message,
    pub hold: Hold,
}

/// What became of a message that was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Silent,
    Held,
    Rejected,
}

impl Standing {
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Silent => "silent",
            Standing::Held => "held",
            Standing::Rejected => "rejected",
        }
    }
}

const ASIDE: &str = "a.id, a.mid, c.cid, u.uid, a.content, a.kind, a.at, a.client_id, a.reply_to, a.attachments, \
     a.metadata, a.mentions, a.edited_at, a.deleted_at, a.state, a.plugin, a.reason, a.after_seq";
const ASIDE_FROM: &str = "asides a JOIN conversations c ON c.id = a.conversation JOIN users u ON u.id = a.sender";

struct Aside {
    held: Held,
    after_seq: u64,
}

fn aside(row: &Row<'_>) -> rusqlite::Result<Aside> {
    let state: String = row.get(14)?;
    let mentions: Option<String> = row.get(11)?;
    let message = Message {
        id: row.get(1)?,
        conversation: row.get(2)?,
        seq: 0,
        sender: row.get(3)?,
        content: row.get(4)?,
        kind: row.get(5)?,
        at: row.get(6)?,
        client_id: row.get(7)?,
        reply_to: row.get(8)?,
        attachments: row.get(9)?,
        metadata: row.get(10)?,
        mentions: mentions.map(|list| rows::split_mentions(&list)).unwrap_or_default(),
        reactions: Reactions::default(),
        edited_at: row.get(12)?,
        deleted_at: row.get(13)?,
        pending: state == Standing::Held.as_str(),
    };
    let plugin: Option<String> = row.get(15)?;
    let reason: Option<String> = row.get(16)?;
    let hold = Hold { plugin: plugin.unwrap_or_default().into(), reason: reason.unwrap_or_default() };
    Ok(Aside { held: Held { key: row.get(0)?, message, hold }, after_seq: row.get(17)? })
}

impl Query<'_> {
    /// The sender's own message outside of the order.
    pub fn aside(&self, id: MessageId, sender: &UserId) -> Result<Option<Message>, Error> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("SELECT {ASIDE} FROM {ASIDE_FROM} WHERE a.mid = ?1 AND u.uid = ?2"))?;
        Ok(statement.query_row(params![id, sender], aside).optional()?.map(|aside| aside.held.message))
    }

    /// The aside that a retry by the user of `seat` means.
    pub(super) fn aside_by_client_id(&self, seat: &Seat, client_id: &str) -> Result<Option<Message>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {ASIDE} FROM {ASIDE_FROM} WHERE a.conversation = ?1 AND a.sender = ?2 AND a.client_id = ?3"
        ))?;
        let bound = params![seat.conversation_key, seat.user_key, client_id];
        Ok(statement.query_row(bound, aside).optional()?.map(|aside| aside.held.message))
    }

    /// Puts the asides of the user of `seat` into a page of history, each behind the message that it was written after:
    /// those from behind `after` to before `before`.
    pub(super) fn weave(
        &self,
        seat: &Seat,
        after: u64,
        before: Option<u64>,
        messages: Vec<Message>,
    ) -> Result<Vec<Message>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {ASIDE} FROM {ASIDE_FROM} WHERE a.conversation = ?1 AND a.sender = ?2 \
             AND a.after_seq >= ?3 AND a.after_seq < ?4 ORDER BY a.after_seq DESC, a.id DESC LIMIT ?5"
        ))?;
        let bound = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
        let before = bound(before.unwrap_or(u64::MAX));
        let found = statement
            .query_map(params![seat.conversation_key, seat.user_key, bound(after), before, MAX_ON_A_PAGE], aside)?;
        let mut asides = found.collect::<Result<Vec<_>, _>>()?;
        let mut woven = Vec::with_capacity(messages.len() + asides.len());
        for message in messages {
            while let Some(aside) = asides.pop_if(|aside| aside.after_seq < message.seq) {
                woven.push(aside.held.message);
            }
            woven.push(message);
        }
        woven.extend(asides.into_iter().rev().map(|aside| aside.held.message));
        Ok(woven)
    }

    /// Messages that wait for a moderator, the oldest first, behind the key `after`.
    pub fn held(&self, after: i64, limit: u32) -> Result<Vec<Held>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {ASIDE} FROM {ASIDE_FROM} WHERE a.state = 'held' AND a.id > ?1 AND c.cid >= char(1) \
             ORDER BY a.id LIMIT ?2"
        ))?;
        let found = statement.query_map(params![after, limit], aside)?;
        Ok(found.map(|row| row.map(|aside| aside.held)).collect::<Result<_, _>>()?)
    }

    pub fn held_count(&self) -> Result<u64, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT COUNT(*) FROM asides a JOIN conversations c ON c.id = a.conversation \
             WHERE a.state = 'held' AND c.cid >= char(1)",
        )?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// A message that waits for a moderator.
    pub fn held_one(&self, id: MessageId) -> Result<Option<Held>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {ASIDE} FROM {ASIDE_FROM} WHERE a.mid = ?1 AND a.state = 'held' AND c.cid >= char(1)"
        ))?;
        Ok(statement.query_row([id], aside).optional()?.map(|aside| aside.held))
    }

    /// All asides of a user.
    pub fn asides_of(&self, user: &UserId) -> Result<Vec<Message>, Error> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("SELECT {ASIDE} FROM {ASIDE_FROM} WHERE u.uid = ?1 ORDER BY a.id"))?;
        let found = statement.query_map([user], aside)?;
        Ok(found.map(|row| row.map(|aside| aside.held.message)).collect::<Result<_, _>>()?)
    }
}

impl Tx<'_> {
    /// Keeps a message outside of the order, behind what is the last one now. Its user must be a member.
    pub fn insert_aside(&mut self, seat: &Seat, message: &Message, hold: Option<&Hold>) -> Result<(), Error> {
        let standing = if hold.is_some() { Standing::Held } else { Standing::Silent };
        self.connection
            .prepare_cached(
                "INSERT INTO asides (mid, conversation, sender, after_seq, state, plugin, reason, content, kind, at, \
                 client_id, reply_to, attachments, metadata, mentions) \
                 VALUES (?1, ?2, ?3, (SELECT last_seq FROM conversations WHERE id = ?2), ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
                 ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                message.id,
                seat.conversation_key,
                seat.user_key,
                standing.as_str(),
                hold.map(|hold| &*hold.plugin),
                hold.map(|hold| &hold.reason),
                message.content,
                message.kind,
                message.at,
                message.client_id,
                message.reply_to,
                message.attachments,
                message.metadata,
                rows::join_mentions(&message.mentions),
            ])?;
        Ok(())
    }

    /// Writes what an edit changes.
    pub fn update_aside(&mut self, message: &Message) -> Result<(), Error> {
        self.connection
            .prepare_cached("UPDATE asides SET content = ?2, mentions = ?3, edited_at = ?4 WHERE mid = ?1")?
            .execute(params![message.id, message.content, rows::join_mentions(&message.mentions), message.edited_at])?;
        Ok(())
    }

    /// Leaves a tombstone; with `rejected`, of a message that a moderator did not let through.
    pub fn bury_aside(&mut self, message: &mut Message, rejected: bool, now: Time) -> Result<(), Error> {
        message.content = None;
        message.attachments = None;
        message.metadata = None;
        message.mentions.clear();
        message.deleted_at = Some(now);
        message.pending = false;
        let standing = if rejected { Standing::Rejected } else { Standing::Silent };
        self.connection
            .prepare_cached(
                "UPDATE asides SET content = NULL, attachments = NULL, metadata = NULL, mentions = NULL, \
                 deleted_at = ?2, state = ?3 WHERE mid = ?1",
            )?
            .execute(params![message.id, now, standing.as_str()])?;
        Ok(())
    }

    /// Takes an aside away: it has found its place in the order.
    pub fn take_aside(&mut self, id: MessageId) -> Result<(), Error> {
        self.connection.prepare_cached("DELETE FROM asides WHERE mid = ?1")?.execute([id])?;
        Ok(())
    }

    /// Deletes up to `limit` asides that are older than `before`, and tells how many.
    pub fn prune_asides(&mut self, before: Time, limit: u32) -> Result<usize, Error> {
        Ok(self
            .connection
            .prepare_cached("DELETE FROM asides WHERE id IN (SELECT id FROM asides ORDER BY id LIMIT ?2) AND at < ?1")?
            .execute(params![before, limit])?)
    }
}
