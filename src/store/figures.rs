//! What the writer does, for whoever watches it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::meter::{Counter, Distribution, Histogram};

#[derive(Default)]
pub struct Figures {
    waiting: AtomicUsize,
    commits: Histogram,
    batches: Histogram,
    failures: Counter,
}

impl Figures {
    pub(super) fn queued(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn taken(&self, jobs: usize) {
        self.waiting.fetch_sub(jobs, Ordering::Relaxed);
    }

    pub(super) fn committed(&self, jobs: usize, took: Duration, is_kept: bool) {
        self.commits.record_time(took);
        self.batches.record(jobs as u64);
        if !is_kept {
            self.failures.add(1);
        }
    }

    /// Writes that wait for a commit.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How long commits took, with the work that went into them.
    pub fn commits(&self) -> Distribution {
        self.commits.now()
    }

    /// Writes of one commit.
    pub fn batches(&self) -> Distribution {
        self.batches.now()
    }

    /// Commits that failed.
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }
}
