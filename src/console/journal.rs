//! The log as operators follow it: the last lines, then those that come, at a level of the operator's own.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::broadcast;
use tracing::level_filters::LevelFilter;

/// Lines that are kept, and lines that may wait for a slow reader.
const KEPT: usize = 1_000;
const MAX_WAITING: usize = 1_024;

/// Takes every line that the log has, and those that somebody listens for.
pub struct Journal {
    recent: Mutex<VecDeque<Arc<str>>>,
    lines: broadcast::Sender<Arc<str>>,
    /// Levels that readers have asked for, beside the log's own.
    asked: Mutex<Vec<LevelFilter>>,
    /// Sets the level at which lines reach the journal.
    listen: Box<dyn Fn(LevelFilter) + Send + Sync>,
}

/// A reader of the journal; its level counts until it is dropped.
pub struct Reader {
    journal: Arc<Journal>,
    level: LevelFilter,
    pub lines: broadcast::Receiver<Arc<str>>,
}

impl Journal {
    pub fn new(listen: Box<dyn Fn(LevelFilter) + Send + Sync>) -> Self {
        let (lines, _) = broadcast::channel(MAX_WAITING);
        Journal { recent: Mutex::default(), lines, asked: Mutex::default(), listen }
    }

    /// Takes a line of JSON. One that only a reader asked for is not kept.
    pub fn push(&self, line: &str, is_of_the_log: bool) {
        let line: Arc<str> = line.trim_end().into();
        if is_of_the_log {
            let mut recent = self.recent.lock();
            if recent.len() == KEPT {
                recent.pop_front();
            }
            recent.push_back(Arc::clone(&line));
        }
        // Without a reader there is nobody to miss it.
        let _ = self.lines.send(line);
    }

    /// The last lines that were logged, the oldest first.
    pub fn recent(&self) -> Vec<Arc<str>> {
        self.recent.lock().iter().cloned().collect()
    }

    pub fn read(self: &Arc<Self>, level: LevelFilter) -> Reader {
        let lines = self.lines.subscribe();
        self.ask(|asked| asked.push(level));
        Reader { journal: Arc::clone(self), level, lines }
    }

    fn ask(&self, change: impl FnOnce(&mut Vec<LevelFilter>)) {
        let mut asked = self.asked.lock();
        change(&mut asked);
        (self.listen)(asked.iter().max().copied().unwrap_or(LevelFilter::OFF));
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.journal.ask(|asked| {
            if let Some(at) = asked.iter().position(|level| *level == self.level) {
                asked.swap_remove(at);
            }
        });
    }
}
