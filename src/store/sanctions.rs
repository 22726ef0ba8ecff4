//! What operators decided about users, and the tokens that count no more.

use rusqlite::{Row, params};

use super::error::Error;
use super::{Query, Tx};
use crate::domain::id::UserId;
use crate::domain::sanction::{Sanction, Term};
use crate::domain::time::Time;

impl Query<'_> {
    pub fn sanctions(&self) -> Result<Vec<(UserId, Sanction)>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT u.uid, s.banned, s.banned_until, s.ban_reason, s.muted, s.muted_until, s.mute_reason, s.tokens_until \
             FROM sanctions s JOIN users u ON u.id = s.user",
        )?;
        let found = statement.query_map([], |row| {
            let sanction = Sanction { ban: term(row, 1)?, mute: term(row, 4)?, tokens_until: row.get(7)? };
            Ok((row.get(0)?, sanction))
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The ids of tokens that count no more, and when they would have ended by themselves.
    pub fn revoked_tokens(&self) -> Result<Vec<(String, Option<Time>)>, Error> {
        let mut statement = self.connection.prepare_cached("SELECT jti, expires_at FROM revoked_tokens")?;
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

fn term(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Term>> {
    let is_set: bool = row.get(at)?;
    is_set.then(|| Ok(Term { until: row.get(at + 1)?, reason: row.get(at + 2)? })).transpose()
}

impl Tx<'_> {
    /// Remembers what was decided about a user, in the place of all that was decided before.
    pub fn set_sanction(&mut self, user: &UserId, sanction: &Sanction) -> Result<(), Error> {
        let key = self.ensure_user(user)?;
        let until = |term: &Option<Term>| term.as_ref().and_then(|term| term.until);
        let reason = |term: &Option<Term>| term.as_ref().and_then(|term| term.reason.clone());
        let Sanction { ban, mute, tokens_until } = sanction;
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO sanctions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                key,
                ban.is_some(),
                until(ban),
                reason(ban),
                mute.is_some(),
                until(mute),
                reason(mute),
                tokens_until
            ])?;
        Ok(())
    }

    pub fn lift_sanction(&mut self, user: &UserId) -> Result<(), Error> {
        self.connection
            .prepare_cached("DELETE FROM sanctions WHERE user = (SELECT id FROM users WHERE uid = ?1)")?
            .execute([user])?;
        Ok(())
    }

    /// Remembers that a token counts no more, and forgets those that have ended by now.
    pub fn revoke_token(&mut self, id: &str, expires_at: Option<Time>, now: Time) -> Result<(), Error> {
        self.connection.prepare_cached("DELETE FROM revoked_tokens WHERE expires_at < ?1")?.execute([now])?;
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO revoked_tokens VALUES (?1, ?2)")?
            .execute(params![id, expires_at])?;
        Ok(())
    }
}
