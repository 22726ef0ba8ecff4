//! Moves what was committed from the write-ahead log into the database, beside the writer and not in its way.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;

/// Below this size of the log there is nothing worth the disk's time.
const WORTHWHILE_BYTES: u64 = 4 << 20;
/// From this size on, the log is cut, even if a commit must wait for it.
const TOO_LARGE_BYTES: u64 = 256 << 20;

/// Looks once a second until `closed` hangs up.
pub fn run(connection: &Connection, database: &Path, closed: &Receiver<()>) {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let log = PathBuf::from(log);
    while let Err(RecvTimeoutError::Timeout) = closed.recv_timeout(Duration::from_secs(1)) {
        let size = std::fs::metadata(&log).map_or(0, |meta| meta.len());
        let mode = match size {
            0..WORTHWHILE_BYTES => continue,
            WORTHWHILE_BYTES..TOO_LARGE_BYTES => "PASSIVE",
            _ => "TRUNCATE",
        };
        let done = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        if let Err(error) = done {
            tracing::warn!(%error, store.log_bytes = size, "the checkpoint failed; it will be tried again");
        }
    }
}
