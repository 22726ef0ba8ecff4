//! The connections that read: no query runs on an async worker or waits for a commit.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::error::OpenError;
use super::open;
use super::query::Query;

/// A question that takes longer is given up: a search for common words must not hold up everybody's history.
const DEADLINE: Duration = Duration::from_secs(3);
/// Steps of SQLite's machine between two looks at the clock.
const STEPS_BETWEEN_LOOKS: std::ffi::c_int = 10_000;

/// Reads that may wait; more are refused at once.
pub const MAX_WAITING: usize = 8_192;

/// Searches that may wait.
pub const MAX_SEARCHES: usize = 64;

pub type Job = Box<dyn FnOnce(&Query<'_>) + Send>;

/// A connection that reads, and gives up what takes too long.
pub struct Reader {
    connection: Connection,
    since: Instant,
    /// When the question at hand is given up, in milliseconds after `since`.
    deadline: Arc<AtomicU64>,
}

impl Reader {
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let mut connection = open::reader(path)?;
        let (since, deadline) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let until = Arc::clone(&deadline);
        let is_late = move || since.elapsed().as_millis() as u64 > until.load(Ordering::Relaxed);
        if let Err(error) = connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_late)) {
            tracing::warn!(%error, "reads have no deadline");
        }
        Ok(Reader { connection, since, deadline })
    }

    pub fn ask<R>(&self, work: impl FnOnce(&Query<'_>) -> R) -> R {
        let deadline = (self.since.elapsed() + DEADLINE).as_millis() as u64;
        self.deadline.store(deadline, Ordering::Relaxed);
        work(&Query::new(&self.connection))
    }

    /// The same where several questions are asked of one state of the database: it is opened once for them.
    pub fn ask_at_once<R>(&self, work: impl FnOnce(&Query<'_>) -> R) -> rusqlite::Result<R> {
        let transaction = self.connection.unchecked_transaction()?;
        let answer = self.ask(work);
        transaction.commit()?;
        Ok(answer)
    }
}

/// Takes turns with the other readers in waiting for work, until the store is closed.
pub fn run(reader: &Reader, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A panic answers its own caller, whose channel is dropped; the thread goes on.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| reader.ask(job)));
    }
}
