//! The threads that read, each with a connection of its own: no query runs on an async worker or waits for a commit.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use rusqlite::Connection;

use super::query::Query;

/// Reads that may wait; more are refused at once.
pub const MAX_WAITING: usize = 8_192;

pub type Job = Box<dyn FnOnce(&Query<'_>) + Send>;

/// Takes turns with the other readers in waiting for work, until the store is closed.
pub fn run(connection: &Connection, jobs: &Arc<Mutex<mpsc::Receiver<Job>>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A panic answers its own caller, whose channel is dropped; the thread goes on.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| job(&Query::new(connection))));
    }
}
