//! The database as a whole: a copy while it serves, a check, and what is done to it while no daemon runs.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::config::Config;
use super::error::OpenError;
use super::open;

/// Why something could not be done with the database.
#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
    #[error("{path} is no database of chatd: {why}")]
    Foreign { path: String, why: String },
    #[error("{path} is damaged: {first}")]
    Damaged { path: String, first: String },
}

fn at(path: &Path) -> impl Fn(io::Error) -> MaintainError {
    move |source| MaintainError::Io { path: path.display().to_string(), source }
}

/// Writes a consistent copy of the database at `from` to the new file `to`, while others read and write.
pub fn copy(from: &Path, to: &Path) -> Result<(), MaintainError> {
    let connection = open::reader(from)?;
    // Any other name would be another file.
    let name = to.to_str().ok_or_else(|| at(to)(io::Error::other("the name is not UTF-8")))?;
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}

/// What is wrong with the database, in SQLite's words; nothing where it is sound. May take long.
pub fn check(path: &Path) -> Result<Vec<String>, MaintainError> {
    let connection = open::reader(path)?;
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    let mut problems = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    problems.retain(|line| line != "ok");
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let strays = statement.query_map([], |row| row.get::<_, String>(0))?.count();
    if strays > 0 {
        problems.push(format!("{strays} rows name others that are not there"));
    }
    Ok(problems)
}

/// The version of the schema of a file that must be a sound database of this or an earlier chatd.
pub fn inspect(path: &Path) -> Result<i64, MaintainError> {
    let shown = path.display().to_string();
    File::open(path).map_err(at(path))?;
    let foreign = |why: String| MaintainError::Foreign { path: shown.clone(), why };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let version: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|error| foreign(error.to_string()))?;
    let epoch = connection.query_row("SELECT value FROM meta WHERE key = 'epoch'", [], |row| row.get::<_, String>(0));
    epoch.map_err(|_| foreign("it has no epoch".into()))?;
    let known = open::newest_schema();
    if version > known {
        return Err(OpenError::Newer { path: shown, found: version, known }.into());
    }
    drop(connection);
    match check(path)?.into_iter().next() {
        Some(first) => Err(MaintainError::Damaged { path: shown, first }),
        None => Ok(version),
    }
}

/// Puts the copy `from` into the place of the database, as a new history: clients start over instead of going on where
/// this one does not. What was there before stays beside it; its new name is the answer.
pub fn restore(config: &Config, state_dir: &Path, from: &Path) -> Result<Option<PathBuf>, MaintainError> {
    let path = open::database_path(&config.url, state_dir);
    let _lock = open::lock(&path)?;
    inspect(from)?;
    // In the same directory, so that the last step is one that happens or does not.
    let fresh = path.with_extension("restoring");
    for left in companions(&fresh) {
        remove(&left)?;
    }
    // What it holds is for nobody else, from the first byte on.
    open::private(&fresh).map_err(at(&fresh))?;
    // Not by copying bytes: the copy may have been made by other means, with a log of its own beside it.
    copy(from, &fresh).inspect_err(|_| drop(remove(&fresh)))?;
    let connection = Connection::open(&fresh)?;
    let epoch = Uuid::new_v4().simple().to_string();
    connection.execute("UPDATE meta SET value = ?1 WHERE key = 'epoch'", [epoch])?;
    connection.close().map_err(|(_, error)| error)?;
    File::open(&fresh).and_then(|file| file.sync_all()).map_err(at(&fresh))?;
    adopt(&[&fresh, &path.with_extension("lock")], state_dir)?;
    let kept = keep(&path)?;
    fs::rename(&fresh, &path).map_err(at(&path))?;
    if let Some(directory) = path.parent() {
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(at(directory))?;
    }
    Ok(kept)
}

/// Gives files that root has made to whom the directory belongs: the daemon must be able to open them.
fn adopt(files: &[&Path], directory: &Path) -> Result<(), MaintainError> {
    let owner = fs::metadata(directory).map_err(at(directory))?;
    for file in files.iter().filter(|file| file.exists()) {
        let found = fs::metadata(file).map_err(at(file))?;
        if found.uid() != owner.uid() {
            std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid())).map_err(at(file))?;
        }
    }
    Ok(())
}

/// Gives the database, with all that its log has, a second name that stays. Its own it has until another one takes it: at no
/// moment there is none.
fn keep(path: &Path) -> Result<Option<PathBuf>, MaintainError> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = Connection::open(path)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.close().map_err(|(_, error)| error)?;
    let mut kept = path.with_extension(format!("before-{}.db", crate::domain::time::Time::now().0));
    while kept.exists() {
        kept = kept.with_extension("older.db");
    }
    fs::hard_link(path, &kept).map_err(at(&kept))?;
    for left in &companions(path)[1..] {
        remove(left)?;
    }
    Ok(Some(kept))
}

/// A database and the files that SQLite keeps beside it.
fn companions(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    })
}

fn remove(path: &Path) -> Result<(), MaintainError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// Brings the schema up to date, and tells from which version to which.
pub fn migrate(config: &Config, state_dir: &Path) -> Result<(i64, i64), MaintainError> {
    let path = open::database_path(&config.url, state_dir);
    let _lock = open::lock(&path)?;
    let before = inspect(&path)?;
    open::writer(&path, config)?;
    Ok((before, open::newest_schema()))
}

/// Gives back to the disk what deleted messages took; the bytes before and after.
pub fn vacuum(config: &Config, state_dir: &Path) -> Result<(u64, u64), MaintainError> {
    let path = open::database_path(&config.url, state_dir);
    let _lock = open::lock(&path)?;
    let size = || fs::metadata(&path).map(|file| file.len()).map_err(at(&path));
    let before = size()?;
    let connection = open::writer(&path, config)?;
    connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
    drop(connection);
    Ok((before, size()?))
}

/// Where the database of a configuration lies.
pub fn path(config: &Config, state_dir: &Path) -> PathBuf {
    open::database_path(&config.url, state_dir)
}
