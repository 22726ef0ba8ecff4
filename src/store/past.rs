//! What was said lately, read beside a daemon that may be running: for trying rules on it.

use std::path::Path;

use rusqlite::params;

use super::config::Config;
use super::maintain::MaintainError;
use super::query::Query;
use super::{open, rows};
use crate::domain::access::Role;
use crate::domain::conversation::Conversation;
use crate::domain::message::Message;
use crate::domain::time::Time;

/// Messages read at a time.
const PAGE: u32 = 500;

/// A message and where it was said, and what became of it.
pub struct Past {
    pub message: Message,
    pub conversation: Conversation,
    pub role: Option<Role>,
}

/// Shows each message since `since` that still says something, in the order in which they came, until `show` has seen
/// enough. Changes nothing.
///
/// # Errors
/// Where the database cannot be read.
pub fn said_since(
    config: &Config,
    state_dir: &Path,
    since: Time,
    mut show: impl FnMut(Past) -> bool,
) -> Result<(), MaintainError> {
    let connection = open::reader(&open::database_path(&config.url, state_dir))?;
    let query = Query::new(&connection);
    let mut page = connection.prepare(&format!(
        "SELECT {} FROM {} WHERE g.id > ?1 AND g.at >= ?2 AND g.content IS NOT NULL AND c.cid >= char(1) \
         ORDER BY g.id LIMIT ?3",
        rows::MESSAGE,
        rows::MESSAGE_FROM
    ))?;
    let mut after: i64 = 0;
    loop {
        let found = page.query_map(params![after, since, PAGE], rows::message)?.collect::<Result<Vec<_>, _>>()?;
        let Some(last) = found.last() else { return Ok(()) };
        after = last.key;
        for row in found {
            let message = row.message;
            let Ok(Some(seat)) = query.seat(&message.conversation, &message.sender) else { continue };
            let role = seat.member.map(|member| member.role);
            if !show(Past { message, conversation: seat.conversation, role }) {
                return Ok(());
            }
        }
    }
}
