//! Users: their chosen status and when they were last seen. A user exists from the first time they are named.

use rusqlite::{OptionalExtension, params};

use super::{Query, Tx, error::Error};
use crate::domain::id::UserId;
use crate::domain::presence::Status;
use crate::domain::time::Time;

/// What is kept of a user's presence.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The status that the user chose; it holds until changed.
    pub status: Option<Status>,
    pub text: Option<String>,
    pub last_seen: Option<Time>,
}

impl Query<'_> {
    pub(super) fn user_key(&self, user: &UserId) -> Result<Option<i64>, Error> {
        let mut statement = self.connection.prepare_cached("SELECT id FROM users WHERE uid = ?1")?;
        Ok(statement.query_row([user], |row| row.get(0)).optional()?)
    }

    pub fn standing(&self, user: &UserId) -> Result<Standing, Error> {
        let mut statement =
            self.connection.prepare_cached("SELECT status, status_text, last_seen FROM users WHERE uid = ?1")?;
        let found = statement
            .query_row([user], |row| Ok(Standing { status: row.get(0)?, text: row.get(1)?, last_seen: row.get(2)? }));
        Ok(found.optional()?.unwrap_or_default())
    }

    /// Which of `users` share a conversation with `user` that both may see now.
    pub fn sharing(&self, user: &UserId, users: &[UserId], now: Time) -> Result<Vec<UserId>, Error> {
        let Some(key) = self.user_key(user)? else { return Ok(Vec::new()) };
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM members a JOIN members b ON b.conversation = a.conversation \
             WHERE a.user = ?1 AND b.user = ?2 AND (a.banned_until IS NULL OR a.banned_until <= ?3) \
               AND (b.banned_until IS NULL OR b.banned_until <= ?3) LIMIT 1",
        )?;
        let mut sharing = Vec::new();
        for other in users {
            let Some(other_key) = self.user_key(other)? else { continue };
            if statement.exists(params![key, other_key, now])? {
                sharing.push(other.clone());
            }
        }
        Ok(sharing)
    }
}

impl Tx<'_> {
    /// The key of `user`, who is made known where they were not.
    pub(super) fn ensure_user(&mut self, user: &UserId) -> Result<i64, Error> {
        if let Some(key) = self.user_key(user)? {
            return Ok(key);
        }
        self.connection.prepare_cached("INSERT INTO users (uid) VALUES (?1)")?.execute([user])?;
        Ok(self.connection.last_insert_rowid())
    }

    pub fn set_status(&mut self, user: &UserId, status: Status, text: Option<&str>) -> Result<(), Error> {
        let key = self.ensure_user(user)?;
        self.connection
            .prepare_cached("UPDATE users SET status = ?2, status_text = ?3 WHERE id = ?1")?
            .execute(params![key, status, text])?;
        Ok(())
    }

    pub fn set_last_seen(&mut self, user: &UserId, at: Time) -> Result<(), Error> {
        let key = self.ensure_user(user)?;
        self.connection.prepare_cached("UPDATE users SET last_seen = ?2 WHERE id = ?1")?.execute(params![key, at])?;
        Ok(())
    }
}
