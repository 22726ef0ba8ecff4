//! What applications are to be told over HTTP: written in the transaction of what it tells of, kept until every
//! webhook has it.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::Error;
use super::{Query, Tx};
use crate::domain::event::Event;
use crate::domain::id::EventId;
use crate::domain::time::Time;

/// What one event leaves in the outbox.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The same in every attempt at every webhook.
    pub id: EventId,
    pub kind: &'static str,
    /// Entries of one lane are told in their order.
    pub lane: String,
    pub body: String,
    pub at: Time,
}

/// Decides what is kept of the events of a commit. It is asked on the writer's thread, so it must not block.
pub trait Recorder: Send + Sync {
    fn wants(&self, event: &Event) -> bool;
    /// None where it does not want it; `query` sees what the commit has changed.
    ///
    /// # Errors
    /// Where the store fails.
    fn entry(&self, event: &Event, query: &Query<'_>) -> Result<Option<Entry>, Error>;
    /// A commit has brought entries, this key the last.
    fn recorded(&self, last: i64);
}

/// An entry that waits to be told.
#[derive(Clone, Debug)]
pub struct Stored {
    pub key: i64,
    pub id: EventId,
    pub kind: String,
    pub lane: String,
    pub body: String,
}

/// How far a webhook has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub cursor: i64,
    pub paused: Option<String>,
}

/// An entry that a webhook has not taken.
#[derive(Clone, Debug)]
pub struct Owed {
    pub key: i64,
    pub id: EventId,
    pub kind: String,
    pub lane: String,
    pub at: Time,
    pub attempts: u32,
    /// When it is tried again; none of one that was given up.
    pub due: Option<Time>,
    pub error: Option<String>,
}

/// What a webhook has still to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub waiting: u64,
    pub dead: u64,
    pub oldest: Option<Time>,
}

/// What changes at once when a webhook has got on.
#[derive(Clone, Debug, Default)]
pub struct Advance {
    pub cursor: i64,
    /// What it has not taken, with the next attempt.
    pub owed: Vec<Parked>,
    /// What it has taken of what it owed.
    pub settled: Vec<i64>,
}

#[derive(Clone, Debug)]
pub struct Parked {
    pub key: i64,
    pub attempts: u32,
    pub due: Option<Time>,
    pub error: Option<String>,
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored { key: row.get(0)?, id: row.get(1)?, kind: row.get(2)?, lane: row.get(3)?, body: row.get(4)? })
}

fn owed(row: &Row<'_>) -> rusqlite::Result<Owed> {
    Ok(Owed {
        key: row.get(0)?,
        id: row.get(1)?,
        kind: row.get(2)?,
        lane: row.get(3)?,
        at: row.get(4)?,
        attempts: row.get(5)?,
        due: row.get(6)?,
        error: row.get(7)?,
    })
}

const OWED: &str = "SELECT o.id, o.eid, o.kind, o.lane, o.at, b.attempts, b.due, b.error \
     FROM webhook_backlog b JOIN outbox o ON o.id = b.event WHERE b.webhook = ?1";

impl Query<'_> {
    /// The entries behind `after`.
    pub fn outbox_after(&self, after: i64, limit: u32) -> Result<Vec<Stored>, Error> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, eid, kind, lane, body FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2")?;
        let found = statement.query_map(params![after, limit], stored)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// One entry, unless it is gone.
    pub fn outbox_entry(&self, key: i64) -> Result<Option<Stored>, Error> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, eid, kind, lane, body FROM outbox WHERE id = ?1")?;
        Ok(statement.query_row([key], stored).optional()?)
    }

    /// The last key that was ever given.
    pub fn outbox_newest(&self) -> Result<i64, Error> {
        let mut statement = self.connection.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")?;
        Ok(statement.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    pub fn webhook_names(&self) -> Result<Vec<String>, Error> {
        let mut statement = self.connection.prepare_cached("SELECT name FROM webhooks")?;
        let found = statement.query_map([], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    pub fn webhook(&self, name: &str) -> Result<Option<Progress>, Error> {
        let mut statement = self.connection.prepare_cached("SELECT cursor, paused FROM webhooks WHERE name = ?1")?;
        let progress = |row: &Row<'_>| Ok(Progress { cursor: row.get(0)?, paused: row.get(1)? });
        Ok(statement.query_row([name], progress).optional()?)
    }

    /// What `name` has not taken and is to be tried again, in its order.
    pub fn owed(&self, name: &str) -> Result<Vec<Owed>, Error> {
        let mut statement =
            self.connection.prepare_cached(&format!("{OWED} AND b.due IS NOT NULL ORDER BY b.event"))?;
        let found = statement.query_map([name], owed)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// What `name` has refused and is to be tried again, in its order.
    pub fn retried(&self, name: &str, limit: u32) -> Result<Vec<Owed>, Error> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{OWED} AND b.due IS NOT NULL AND b.error IS NOT NULL ORDER BY b.event LIMIT ?2"
        ))?;
        let found = statement.query_map(params![name, limit], owed)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// What was given up for `name`, the latest first.
    pub fn dead(&self, name: &str, limit: u32) -> Result<Vec<Owed>, Error> {
        let mut statement =
            self.connection.prepare_cached(&format!("{OWED} AND b.due IS NULL ORDER BY b.event DESC LIMIT ?2"))?;
        let found = statement.query_map(params![name, limit], owed)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// What `name` has still to be told, of the kinds in the JSON array `kinds`.
    pub fn webhook_depth(&self, name: &str, kinds: &str) -> Result<Depth, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT COUNT(*), MIN(at) FROM outbox WHERE id > (SELECT cursor FROM webhooks WHERE name = ?1) \
             AND kind IN (SELECT value FROM json_each(?2))",
        )?;
        let (unread, first): (u64, Option<Time>) =
            statement.query_row([name, kinds], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut statement = self.connection.prepare_cached(
            "SELECT COUNT(b.due), COUNT(*), MIN(CASE WHEN b.due IS NOT NULL THEN o.at END) \
             FROM webhook_backlog b JOIN outbox o ON o.id = b.event WHERE b.webhook = ?1",
        )?;
        let (owed, all, oldest): (u64, u64, Option<Time>) =
            statement.query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let oldest = first.into_iter().chain(oldest).min();
        Ok(Depth { waiting: unread + owed, dead: all - owed, oldest })
    }

    /// How many entries there are, and when the first came.
    pub fn outbox_extent(&self) -> Result<(u64, Option<Time>), Error> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT COUNT(*), (SELECT at FROM outbox ORDER BY id LIMIT 1) FROM outbox")?;
        Ok(statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Up to where every webhook has come; without any, the end.
    pub fn outbox_told(&self) -> Result<i64, Error> {
        let mut statement = self.connection.prepare_cached("SELECT MIN(cursor) FROM webhooks")?;
        let told: Option<i64> = statement.query_row([], |row| row.get(0))?;
        told.map_or_else(|| self.outbox_newest(), Ok)
    }
}

/// Adds `entry` behind all others; its key.
pub fn add(connection: &Connection, entry: &Entry) -> Result<i64, Error> {
    connection
        .prepare_cached("INSERT INTO outbox (eid, kind, lane, body, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![entry.id, entry.kind, entry.lane, entry.body, entry.at])?;
    Ok(connection.last_insert_rowid())
}

impl Tx<'_> {
    /// Makes a webhook known, which is told what comes from now on; one that is known goes on where it was.
    pub fn begin_webhook(&mut self, name: &str) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO webhooks (name, cursor) VALUES (?1, \
                 COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)) ON CONFLICT (name) DO NOTHING",
            )?
            .execute([name])?;
        Ok(())
    }

    pub fn end_webhook(&mut self, name: &str) -> Result<(), Error> {
        self.connection.prepare_cached("DELETE FROM webhooks WHERE name = ?1")?.execute([name])?;
        Ok(())
    }

    pub fn pause_webhook(&mut self, name: &str, why: Option<&str>) -> Result<(), Error> {
        let mut statement = self.connection.prepare_cached("UPDATE webhooks SET paused = ?2 WHERE name = ?1")?;
        statement.execute(params![name, why])?;
        Ok(())
    }

    pub fn advance_webhook(&mut self, name: &str, advance: &Advance) -> Result<(), Error> {
        for parked in &advance.owed {
            // Unless it was dropped meanwhile, as the outbox was too full.
            self.connection
                .prepare_cached(
                    "INSERT INTO webhook_backlog (webhook, event, attempts, due, error) \
                     SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM outbox WHERE id = ?2) \
                     ON CONFLICT (webhook, event) DO UPDATE \
                     SET attempts = excluded.attempts, due = excluded.due, error = excluded.error",
                )?
                .execute(params![name, parked.key, parked.attempts, parked.due, parked.error])?;
        }
        self.connection
            .prepare_cached("UPDATE webhooks SET cursor = ?2 WHERE name = ?1")?
            .execute(params![name, advance.cursor])?;
        for key in &advance.settled {
            self.connection
                .prepare_cached("DELETE FROM webhook_backlog WHERE webhook = ?1 AND event = ?2")?
                .execute(params![name, key])?;
            self.connection
                .prepare_cached(
                    "DELETE FROM outbox WHERE id = ?1 AND id <= (SELECT MIN(cursor) FROM webhooks) \
                     AND NOT EXISTS (SELECT 1 FROM webhook_backlog WHERE event = ?1)",
                )?
                .execute([key])?;
        }
        Ok(())
    }

    /// Lets what was given up for `name` be tried again, all of it or one entry: their keys and lanes.
    pub fn revive(&mut self, name: &str, one: Option<EventId>, now: Time) -> Result<Vec<(i64, String)>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT o.id, o.lane FROM webhook_backlog b JOIN outbox o ON o.id = b.event \
             WHERE b.webhook = ?1 AND b.due IS NULL AND (?2 IS NULL OR o.eid = ?2) ORDER BY o.id",
        )?;
        let found = statement.query_map(params![name, one], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let revived = found.collect::<Result<Vec<(i64, String)>, _>>()?;
        let mut statement = self
            .connection
            .prepare_cached("UPDATE webhook_backlog SET due = ?3, attempts = 0 WHERE webhook = ?1 AND event = ?2")?;
        for (key, _) in &revived {
            statement.execute(params![name, key, now])?;
        }
        Ok(revived)
    }

    /// Deletes up to `limit` entries behind `after` that every webhook has, and tells how many.
    pub fn sweep_outbox(&mut self, after: i64, limit: u32) -> Result<usize, Error> {
        let mut statement = self.connection.prepare_cached(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox o WHERE id > ?1 \
             AND id <= COALESCE((SELECT MIN(cursor) FROM webhooks), 9223372036854775807) \
             AND NOT EXISTS (SELECT 1 FROM webhook_backlog WHERE event = o.id) ORDER BY id LIMIT ?2)",
        )?;
        Ok(statement.execute(params![after, limit])?)
    }

    /// Deletes up to `limit` of the oldest entries whoever has not got them yet: what is from before `before`, and what
    /// there is above `most`. Tells how many.
    pub fn drop_from_outbox(&mut self, before: Time, most: u64, limit: u32) -> Result<usize, Error> {
        let (count, _) = self.outbox_extent()?;
        let excess = u32::try_from(count.saturating_sub(most)).unwrap_or(u32::MAX).min(limit);
        let mut statement = self.connection.prepare_cached(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT ?1) \
             OR id IN (SELECT id FROM outbox WHERE at < ?2 ORDER BY id LIMIT ?3)",
        )?;
        Ok(statement.execute(params![excess, before, limit])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::config::Config;
    use crate::store::open;
    use crate::store::seats::Seats;

    /// Does `work` with an outbox of `count` entries, of a second each, and the webhooks `a` and `b` at its beginning.
    fn with_outbox(name: &str, count: i64, work: impl FnOnce(&mut Tx<'_>) -> Result<(), Error>) {
        let directory = std::env::temp_dir().join(format!("chatd-outbox-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let connection = open::writer(&directory.join("chatd.db"), &Config::default()).expect("a database");
        let (mut events, mut seats) = (Vec::new(), Seats::default());
        let mut tx = Tx::new(&connection, &mut events, &mut seats);
        let outcome = ["a", "b"].iter().try_for_each(|name| tx.begin_webhook(name)).and_then(|()| {
            (1..=count).try_for_each(|second| add(&connection, &entry(second * 1_000)).map(drop))?;
            work(&mut tx)
        });
        drop(connection);
        std::fs::remove_dir_all(&directory).expect("the directory goes");
        outcome.expect("no error");
    }

    fn entry(at: i64) -> Entry {
        let lane = "room".to_owned();
        Entry { id: EventId::generate(), kind: "message.created", lane, body: "{}".into(), at: Time(at) }
    }

    fn owed(key: i64, due: Option<Time>) -> Parked {
        Parked { key, attempts: 1, due, error: Some("500".into()) }
    }

    fn keys(query: &Query<'_>) -> Vec<i64> {
        query.outbox_after(0, 100).expect("entries").into_iter().map(|entry| entry.key).collect()
    }

    #[test]
    fn what_every_webhook_has_is_swept_and_what_one_owes_is_kept() {
        with_outbox("sweep", 5, |tx| {
            tx.advance_webhook("a", &Advance { cursor: 5, owed: vec![owed(2, Some(Time(9)))], settled: vec![] })?;
            assert_eq!((tx.outbox_told()?, tx.sweep_outbox(0, 100)?), (0, 0));
            tx.advance_webhook("b", &Advance { cursor: 3, ..Advance::default() })?;
            assert_eq!((tx.outbox_told()?, tx.sweep_outbox(0, 100)?), (3, 2));
            assert_eq!(keys(tx), [2, 4, 5]);
            assert_eq!(tx.webhook_depth("a", r#"["message.created"]"#)?.waiting, 1);
            assert_eq!(tx.webhook_depth("b", r#"["message.created"]"#)?.waiting, 2);
            assert_eq!(tx.webhook_depth("b", r#"["user.online"]"#)?, Depth::default());
            tx.advance_webhook("a", &Advance { cursor: 5, owed: vec![], settled: vec![2] })?;
            assert_eq!(keys(tx), [4, 5]);
            Ok(())
        });
    }

    #[test]
    fn what_is_given_up_is_kept_until_it_is_replayed_and_taken() {
        with_outbox("dead", 2, |tx| {
            for name in ["a", "b"] {
                tx.advance_webhook(name, &Advance { cursor: 2, ..Advance::default() })?;
            }
            let owed = vec![owed(1, None), owed(2, None)];
            tx.advance_webhook("a", &Advance { cursor: 2, owed, settled: vec![] })?;
            assert_eq!(tx.sweep_outbox(0, 100)?, 0);
            let dead = tx.dead("a", 10)?;
            assert_eq!(dead.iter().map(|owed| owed.key).collect::<Vec<_>>(), [2, 1]);
            assert_eq!((tx.webhook_depth("a", "[]")?.dead, tx.owed("a")?.len()), (2, 0));
            assert_eq!(tx.revive("a", Some(dead[0].id), Time(7))?, [(2, "room".to_owned())]);
            assert_eq!(tx.revive("a", Some(dead[0].id), Time(7))?, []);
            assert_eq!(tx.owed("a")?[0].attempts, 0);
            tx.advance_webhook("a", &Advance { cursor: 2, owed: vec![], settled: vec![2] })?;
            assert_eq!(keys(tx), [1]);
            tx.end_webhook("a")?;
            assert_eq!((tx.sweep_outbox(0, 100)?, keys(tx).len()), (1, 0));
            Ok(())
        });
    }

    #[test]
    fn beyond_its_bounds_the_oldest_go_whoever_owes_them() {
        with_outbox("bounds", 10, |tx| {
            let owed = vec![owed(1, Some(Time(9))), owed(2, None)];
            tx.advance_webhook("a", &Advance { cursor: 9, owed, settled: vec![] })?;
            assert_eq!(tx.drop_from_outbox(Time(3_000), 100, 50)?, 2);
            assert_eq!(keys(tx), [3, 4, 5, 6, 7, 8, 9, 10]);
            assert_eq!((tx.owed("a")?.len(), tx.dead("a", 9)?.len()), (0, 0));
            assert_eq!(tx.drop_from_outbox(Time(0), 5, 50)?, 3);
            assert_eq!(keys(tx), [6, 7, 8, 9, 10]);
            assert_eq!(tx.drop_from_outbox(Time(0), 5, 50)?, 0);
            // What is gone is owed no more, even where it was on its way meanwhile.
            let late = Advance {
                cursor: 9,
                owed: vec![Parked { key: 3, attempts: 1, due: None, error: None }],
                settled: vec![],
            };
            tx.advance_webhook("a", &late)?;
            assert_eq!((tx.dead("a", 9)?.len(), tx.outbox_extent()?), (0, (5, Some(Time(6_000)))));
            Ok(())
        });
    }

    #[test]
    fn no_key_comes_twice_and_a_new_webhook_begins_at_the_end() {
        with_outbox("keys", 3, |tx| {
            for name in ["a", "b"] {
                tx.advance_webhook(name, &Advance { cursor: 3, ..Advance::default() })?;
            }
            assert_eq!((tx.sweep_outbox(0, 100)?, tx.outbox_newest()?), (3, 3));
            assert_eq!(add(tx.connection, &entry(9))?, 4);
            tx.begin_webhook("c")?;
            tx.begin_webhook("a")?;
            assert_eq!(tx.webhook("c")?, Some(Progress { cursor: 4, paused: None }));
            assert_eq!(tx.webhook("a")?, Some(Progress { cursor: 3, paused: None }));
            tx.pause_webhook("a", Some("gone"))?;
            assert_eq!(tx.webhook("a")?.and_then(|found| found.paused).as_deref(), Some("gone"));
            Ok(())
        });
    }
}
