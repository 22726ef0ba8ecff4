//! Moves what was committed from the write-ahead log into the database, beside the writer and not in its way.
//!
//! The log is written over from its beginning as soon as all of it has been moved: a file that grows costs each commit
//! more than one that does not.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;

const INTERVAL: Duration = Duration::from_millis(250);
/// Below this many pages there is nothing worth the disk's time.
const WORTHWHILE_PAGES: i64 = 1_024;
/// From this many pages on the next commit begins the log anew, even if it must wait for what is left to be moved.
const RESTART_PAGES: i64 = 4_096;
/// A file that has become so large, by a reader that was long in the way, is cut.
const TOO_LARGE_BYTES: u64 = 256 << 20;

/// The log as SQLite counts it: its pages, and how many of them have been moved.
struct Log {
    pages: i64,
    moved: i64,
}

/// Looks again and again until `closed` hangs up.
pub fn run(connection: &Connection, database: &Path, closed: &Receiver<()>) {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    let path = PathBuf::from(path);
    while let Err(RecvTimeoutError::Timeout) = closed.recv_timeout(INTERVAL) {
        if let Err(error) = tidy(connection, &path) {
            tracing::warn!(%error, "the checkpoint failed; it will be tried again");
        }
    }
}

fn tidy(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let log = checkpoint(connection, "NOOP")?;
    if log.pages - log.moved < WORTHWHILE_PAGES {
        return Ok(());
    }
    // Most is moved while commits go on, so that little is left for the moment in which they wait.
    let log = checkpoint(connection, "PASSIVE")?;
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() >= TOO_LARGE_BYTES) {
        checkpoint(connection, "TRUNCATE")?;
    } else if log.pages >= RESTART_PAGES {
        checkpoint(connection, "RESTART")?;
    }
    Ok(())
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Log> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok(Log { pages: row.get(1)?, moved: row.get(2)? })
    })
}
