//! What requests were answered, under the keys by which they are known again.

use rusqlite::{OptionalExtension, params};

use super::error::Error;
use super::query::Query;
use super::tx::Tx;
use crate::domain::time::Time;

/// How long an answer is kept, in milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
/// Old answers that one new one takes along.
const SWEEP: u32 = 8;

pub struct Answered {
    /// What the request was.
    pub fingerprint: Vec<u8>,
    pub status: u16,
    pub body: Vec<u8>,
}

impl Query<'_> {
    pub fn answered(&self, owner: &str, key: &str, now: Time) -> Result<Option<Answered>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT fingerprint, status, body FROM answered WHERE owner = ?1 AND key = ?2 AND at > ?3",
        )?;
        let found = statement.query_row(params![owner, key, now.0 - KEPT_MS], |row| {
            Ok(Answered { fingerprint: row.get(0)?, status: row.get(1)?, body: row.get(2)? })
        });
        Ok(found.optional()?)
    }
}

impl Tx<'_> {
    pub fn keep_answer(&mut self, owner: &str, key: &str, answered: &Answered, now: Time) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "DELETE FROM answered WHERE (owner, key) IN \
                 (SELECT owner, key FROM answered WHERE at <= ?1 ORDER BY at LIMIT ?2)",
            )?
            .execute(params![now.0 - KEPT_MS, SWEEP])?;
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO answered (owner, key, fingerprint, status, body, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![owner, key, answered.fingerprint, answered.status, answered.body, now.0])?;
        Ok(())
    }
}
