//! The threads that read, each with a connection of its own: no query runs on an async worker or waits for a commit.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rusqlite::Connection;

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

/// Takes turns with the other readers in waiting for work, until the store is closed.
pub fn run(connection: &mut Connection, jobs: &Arc<Mutex<mpsc::Receiver<Job>>>) {
    let deadline = Arc::new(Mutex::new(Instant::now()));
    let until = Arc::clone(&deadline);
    let is_late = move || Instant::now() > *until.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_late)) {
        tracing::warn!(%error, "reads have no deadline");
    }
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        *deadline.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + DEADLINE;
        // A panic answers its own caller, whose channel is dropped; the thread goes on.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| job(&Query::new(connection))));
    }
}
