//! The devices that users have named: which there are, here or away.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use super::error::Error;
use super::{Query, Tx};
use crate::domain::id::UserId;
use crate::domain::presence::KnownDevice;
use crate::domain::time::Time;

/// Devices of one user that are remembered, those that came last: a client may name itself anew each time.
const MAX_DEVICES: u32 = 32;
/// A device that has not come for so long is no more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(90 * 24 * 60 * 60);

impl Query<'_> {
    /// The devices of a user, the one that came last first.
    pub fn devices(&self, user: &UserId, now: Time) -> Result<Vec<KnownDevice>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT d.name, d.seen_at FROM devices d JOIN users u ON u.id = d.user \
             WHERE u.uid = ?1 AND d.seen_at > ?2 ORDER BY d.seen_at DESC, d.name",
        )?;
        let found = statement.query_map(params![user, now.saturating_sub(FORGOTTEN_AFTER)], |row| {
            Ok(KnownDevice { name: row.get(0)?, seen_at: row.get(1)? })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// When the device came last, as far as is known.
    pub fn device_seen_at(&self, user: &UserId, name: &str) -> Result<Option<Time>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT d.seen_at FROM devices d JOIN users u ON u.id = d.user WHERE u.uid = ?1 AND d.name = ?2",
        )?;
        Ok(statement.query_row(params![user, name], |row| row.get(0)).optional()?)
    }
}

impl Tx<'_> {
    /// The device is here now.
    pub fn see_device(&mut self, user: &UserId, name: &str, now: Time) -> Result<(), Error> {
        let key = self.ensure_user(user)?;
        self.connection
            .prepare_cached(
                "INSERT INTO devices (user, name, seen_at) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (user, name) DO UPDATE SET seen_at = excluded.seen_at",
            )?
            .execute(params![key, name, now])?;
        self.connection
            .prepare_cached(
                "DELETE FROM devices WHERE user = ?1 AND (seen_at <= ?2 OR name NOT IN \
                 (SELECT name FROM devices WHERE user = ?1 ORDER BY seen_at DESC LIMIT ?3))",
            )?
            .execute(params![key, now.saturating_sub(FORGOTTEN_AFTER), MAX_DEVICES])?;
        Ok(())
    }
}
