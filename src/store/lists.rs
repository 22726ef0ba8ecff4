//! Everybody and everything, page by page, for operators.

use rusqlite::{OptionalExtension, params};

use super::error::Error;
use super::rows::{MESSAGE, MESSAGE_FROM};
use super::search::match_expression;
use super::{Query, Seat, Tx, rows};
use crate::domain::conversation::{Conversation, Kind};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::message::Message;

/// Names that are looked at to find one that was meant.
const MAX_SIMILAR: u32 = 2_000;

/// Which conversations to list, by their ids behind `after`.
#[derive(Clone, Debug, Default)]
pub struct ConversationFilter {
    pub prefix: Option<String>,
    pub kind: Option<Kind>,
    pub member: Option<UserId>,
    pub after: String,
    pub limit: u32,
}

impl Query<'_> {
    pub fn knows_user(&self, user: &UserId) -> Result<bool, Error> {
        Ok(self.user_key(user)?.is_some())
    }

    /// Users by their ids behind `after`.
    pub fn users(&self, prefix: &str, after: &str, limit: u32) -> Result<Vec<UserId>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT uid FROM users WHERE uid > ?1 AND uid >= ?2 AND substr(uid, 1, length(?2)) = ?2 ORDER BY uid LIMIT ?3",
        )?;
        let found = statement.query_map(params![after, prefix, limit], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Users, or conversations, whose id begins like `id`.
    pub fn similar_users(&self, id: &str) -> Result<Vec<String>, Error> {
        self.similar("SELECT uid FROM users WHERE substr(uid, 1, 1) = substr(?1, 1, 1) LIMIT ?2", id)
    }

    pub fn similar_conversations(&self, id: &str) -> Result<Vec<String>, Error> {
        self.similar("SELECT cid FROM conversations WHERE substr(cid, 1, 1) = substr(?1, 1, 1) LIMIT ?2", id)
    }

    fn similar(&self, sql: &str, id: &str) -> Result<Vec<String>, Error> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_map(params![id, MAX_SIMILAR], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// In how many conversations a user is.
    pub fn membership_count(&self, user: &UserId) -> Result<u64, Error> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT COUNT(*) FROM members WHERE user = (SELECT id FROM users WHERE uid = ?1)")?;
        Ok(statement.query_row([user], |row| row.get(0))?)
    }

    pub fn conversations(&self, filter: &ConversationFilter) -> Result<Vec<Conversation>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM conversations c LEFT JOIN users o ON o.id = c.owner \
             WHERE c.cid > ?1 AND c.cid >= ?2 AND c.cid >= char(1) AND substr(c.cid, 1, length(?2)) = ?2 AND (?3 IS NULL OR c.kind = ?3) \
               AND (?4 IS NULL OR EXISTS (SELECT 1 FROM members m JOIN users u ON u.id = m.user \
                    WHERE m.conversation = c.id AND u.uid = ?4)) \
             ORDER BY c.cid LIMIT ?5",
            rows::CONVERSATION
        ))?;
        let prefix = filter.prefix.as_deref().unwrap_or_default();
        let found = statement
            .query_map(params![filter.after, prefix, filter.kind, filter.member, filter.limit], |row| {
                rows::conversation(row, 0)
            })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// A conversation as nobody who is in it sees it.
    pub fn unseated(&self, id: &ConversationId) -> Result<Option<Seat>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT c.id, {} FROM conversations c LEFT JOIN users o ON o.id = c.owner WHERE c.cid = ?1",
            rows::CONVERSATION
        ))?;
        let found = statement.query_row([id], |row| {
            let conversation = rows::conversation(row, 1)?;
            Ok(Seat { conversation_key: row.get(0)?, user_key: None, conversation, member: None })
        });
        Ok(found.optional()?)
    }

    /// The newest messages anywhere, or in one conversation, that contain all words; and where the next page begins.
    pub fn search_all(
        &self,
        words: &str,
        conversation: Option<&ConversationId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<Message>, Option<i64>), Error> {
        let Some(expression) = match_expression(words) else { return Ok((Vec::new(), None)) };
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {MESSAGE} FROM messages_fts f CROSS JOIN {MESSAGE_FROM} \
             WHERE g.id = f.rowid AND f.messages_fts MATCH ?1 AND f.rowid < ?2 AND c.cid >= char(1) \
               AND (?3 IS NULL OR c.cid = ?3) ORDER BY f.rowid DESC LIMIT ?4",
        ))?;
        let bound = params![expression, before.unwrap_or(i64::MAX), conversation, i64::from(limit) + 1];
        let mut found = statement.query_map(bound, rows::message)?.collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = if more { found.last().map(|row| row.key) } else { None };
        let messages = found.into_iter().map(|row| self.with_reactions(row)).collect::<Result<_, _>>()?;
        Ok((messages, next))
    }
}

impl Tx<'_> {
    /// Makes a user known who may write without being in any conversation.
    pub fn introduce(&mut self, user: &UserId) -> Result<(), Error> {
        self.ensure_user(user).map(drop)
    }
}
