//! Opens the database: one daemon at a time, schema up to date, an epoch that names its history.

use std::fs::{self, File, TryLockError};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::config::{Config, Durability};
use super::error::OpenError;
use super::writer::PROOF_EXTENSION;

/// Each entry brings the schema from its index to the next version.
const MIGRATIONS: [&str; 7] = [
    include_str!("schema.sql"),
    include_str!("search_index.sql"),
    include_str!("sanctions.sql"),
    include_str!("plugins.sql"),
    include_str!("api.sql"),
    include_str!("webhooks.sql"),
    include_str!("devices.sql"),
];

/// The version that this program writes.
pub fn newest_schema() -> i64 {
    MIGRATIONS.len() as i64
}

/// The file of `url`; a relative path lies in the state directory.
pub fn database_path(url: &str, state_dir: &Path) -> PathBuf {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    state_dir.join(path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path))
}

/// Holds the database for this process as long as it lives.
pub fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = path.with_extension("lock");
    let io = |source| OpenError::Io { path: lock_path.display().to_string(), source };
    let file = private(&lock_path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.display().to_string() }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// The copies, and the tries of the disk, that a daemon was killed over. Nobody else writes there while the lock is held.
pub fn sweep(path: &Path) {
    let (Some(directory), Some(stem)) = (path.parent(), path.file_stem()) else { return };
    let copies = [stem.as_bytes(), b".backup-"].concat();
    let proof = [stem.as_bytes(), b".", PROOF_EXTENSION.as_bytes()].concat();
    for left in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = left.file_name();
        if name.as_bytes().starts_with(&copies) || name.as_bytes() == proof {
            tracing::info!(path = %left.path().display(), "what was not finished is taken away");
            // The next start tries again.
            let _ = fs::remove_file(left.path());
        }
    }
}

/// The connection that writes; it brings the schema up to date.
pub fn writer(path: &Path, config: &Config) -> Result<Connection, OpenError> {
    let fail = |source| OpenError::Open { path: path.display().to_string(), source };
    // What people write is for this user alone; the log and index that SQLite makes beside it take the same mode.
    private(path).map_err(|source| OpenError::Io { path: path.display().to_string(), source })?;
    let mut connection = Connection::open(path).map_err(fail)?;
    let found = prepare(&mut connection, config.durability).map_err(fail)?;
    let known = newest_schema();
    if found > known {
        return Err(OpenError::Newer { path: path.display().to_string(), found, known });
    }
    migrate(&mut connection, found).map_err(fail)?;
    Ok(connection)
}

/// A connection that reads only.
pub fn reader(path: &Path) -> Result<Connection, OpenError> {
    let fail = |source| OpenError::Open { path: path.display().to_string(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(fail)?;
    connection.set_prepared_statement_cache_capacity(64);
    keep_plans(&connection).map_err(fail)?;
    Ok(connection)
}

/// Opens a file for writing; a new one is readable to its owner only.
pub fn private(path: &Path) -> std::io::Result<File> {
    File::options().create(true).truncate(false).write(true).mode(0o600).open(path)
}

fn prepare(connection: &mut Connection, durability: Durability) -> rusqlite::Result<i64> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(128);
    keep_plans(connection)?;
    // Before the version is known to be ours nothing is changed in the file.
    let found = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > newest_schema() {
        return Ok(found);
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Checkpoints are the business of a thread of their own, out of the way of commits.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -32 * 1024)?;
    Ok(found)
}

/// A statement keeps its plan whatever is bound to it. Otherwise one that reads a table with a partial index is
/// compiled anew each time that it runs, which costs more than running it.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    for (version, script) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(script)?;
        if version == 0 {
            transaction
                .execute("INSERT INTO meta (key, value) VALUES ('epoch', ?1)", [Uuid::new_v4().simple().to_string()])?;
        }
        transaction.pragma_update(None, "user_version", version as i64 + 1)?;
        transaction.commit()?;
        tracing::info!(store.schema = version + 1, "schema is up to date");
    }
    Ok(())
}
