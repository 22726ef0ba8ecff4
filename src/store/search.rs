//! Full-text search over the messages that a user may read.

use rusqlite::params;

use super::error::Error;
use super::rows::{MESSAGE, MESSAGE_FROM};
use super::{Query, Tx, rows};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::message::Message;
use crate::domain::time::Time;

/// Messages, and bytes of them, that go into the index at one go: other writes wait for it.
const INDEX_BATCH: u32 = 512;
const INDEX_BATCH_BYTES: usize = 1 << 20;

/// A search: all words must occur, in any order; newest messages first.
pub struct Search<'a> {
    pub user: &'a UserId,
    pub words: &'a str,
    pub conversation: Option<&'a ConversationId>,
    /// The key of the last message of the page before.
    pub before: Option<i64>,
    pub limit: u32,
}

impl Query<'_> {
    /// The messages found, and where the next page begins.
    pub fn search(&self, search: &Search<'_>, now: Time) -> Result<(Vec<Message>, Option<i64>), Error> {
        let Some(expression) = match_expression(search.words) else { return Ok((Vec::new(), None)) };
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {MESSAGE} FROM messages_fts f CROSS JOIN {MESSAGE_FROM} \
             JOIN members m ON m.conversation = g.conversation AND m.user = (SELECT id FROM users WHERE uid = ?2) \
             WHERE g.id = f.rowid AND f.messages_fts MATCH ?1 AND f.rowid < ?3 AND (?4 IS NULL OR c.cid = ?4) \
               AND (m.banned_until IS NULL OR m.banned_until <= ?5) \
             ORDER BY f.rowid DESC LIMIT ?6",
        ))?;
        let before = search.before.unwrap_or(i64::MAX);
        let bound = params![expression, search.user, before, search.conversation, now, i64::from(search.limit) + 1];
        let mut found = statement.query_map(bound, rows::message)?.collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > search.limit as usize;
        found.truncate(search.limit as usize);
        let next = if more { found.last().map(|row| row.key) } else { None };
        let messages = found.into_iter().map(|row| self.with_reactions(row)).collect::<Result<_, _>>()?;
        Ok((messages, next))
    }
}

impl Query<'_> {
    /// How many messages wait for the search index, about.
    pub fn unindexed(&self) -> Result<u64, Error> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT COALESCE((SELECT MAX(id) FROM messages), 0) - up_to FROM search_index")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }
}

impl Tx<'_> {
    /// Brings the next messages into the search index; false once it has them all.
    pub fn index_messages(&mut self) -> Result<bool, Error> {
        let mut next = self.connection.prepare_cached(
            "SELECT id, content FROM messages WHERE id > (SELECT up_to FROM search_index) ORDER BY id LIMIT ?1",
        )?;
        let mut insert = self.connection.prepare_cached("INSERT INTO messages_fts (rowid, content) VALUES (?1, ?2)")?;
        let (mut last, mut bytes, mut count) = (None, 0, 0);
        let mut found = next.query([INDEX_BATCH])?;
        while bytes < INDEX_BATCH_BYTES
            && let Some(row) = found.next()?
        {
            let key: i64 = row.get(0)?;
            if let Some(content) = row.get::<_, Option<String>>(1)? {
                insert.execute(params![key, content])?;
                bytes += content.len();
            }
            last = Some(key);
            count += 1;
        }
        drop(found);
        if let Some(last) = last {
            self.connection.prepare_cached("UPDATE search_index SET up_to = ?1")?.execute([last])?;
        }
        Ok(count == INDEX_BATCH || bytes >= INDEX_BATCH_BYTES)
    }
}

/// Each word as a quoted string, so that nothing in it is an operator; the last one may be the beginning of a word.
pub(super) fn match_expression(words: &str) -> Option<String> {
    let quoted: Vec<String> = words
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    (!quoted.is_empty()).then(|| format!("{}*", quoted.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::match_expression;

    #[test]
    fn words_are_never_operators() {
        assert_eq!(match_expression("hello wor").as_deref(), Some("\"hello\" \"wor\"*"));
        assert_eq!(match_expression("a OR b*").as_deref(), Some("\"a\" \"OR\" \"b*\"*"));
        assert_eq!(match_expression("say \"hi\"").as_deref(), Some("\"say\" \"\"\"hi\"\"\"*"));
        assert_eq!(match_expression(" ( * - \" "), None);
        assert_eq!(match_expression("foo\u{0}bar").as_deref(), Some("\"foo\" \"bar\"*"));
    }
}
