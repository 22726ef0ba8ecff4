//! The way of log lines into the journal that operators follow.

use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::Metadata;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{Layer, reload};

use super::json::JsonLines;
use crate::console::journal::Journal;

/// Levels by their number: the log's own, which a reload changes, and the deepest that a reader asked for.
#[derive(Default)]
pub struct Levels {
    own: AtomicU8,
    asked: AtomicU8,
}

/// Hands the lines of the layer to the journal.
#[derive(Clone)]
struct ToJournal {
    journal: Arc<Journal>,
    levels: Arc<Levels>,
}

struct Line<'a> {
    to: &'a ToJournal,
    is_of_the_log: bool,
}

/// The journal, and the layer that feeds it.
pub struct Tap<S> {
    pub journal: Arc<Journal>,
    pub levels: Arc<Levels>,
    pub layer: Box<dyn Layer<S> + Send + Sync>,
    pub filter: reload::Handle<Targets, S>,
}

/// A journal that is empty yet, and a layer that lets nothing through until its level is set.
pub fn tap<S>() -> Tap<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let levels = Arc::new(Levels::default());
    let (filter, handle) = reload::Layer::new(targets(LevelFilter::OFF));
    let (known, changed) = (Arc::clone(&levels), handle.clone());
    let journal = Arc::new(Journal::new(Box::new(move |asked| {
        known.asked.store(number(asked), Ordering::Relaxed);
        known.apply(&changed);
    })));
    let writer = ToJournal { journal: Arc::clone(&journal), levels: Arc::clone(&levels) };
    let layer = JsonLines(writer).with_filter(filter).boxed();
    Tap { journal, levels, layer, filter: handle }
}

impl Levels {
    /// Takes the log's own level.
    pub fn set_own<S>(&self, level: LevelFilter, filter: &reload::Handle<Targets, S>) {
        self.own.store(number(level), Ordering::Relaxed);
        self.apply(filter);
    }

    fn apply<S>(&self, filter: &reload::Handle<Targets, S>) {
        let deepest = self.own.load(Ordering::Relaxed).max(self.asked.load(Ordering::Relaxed));
        // The filter goes with the process; then nobody reads either.
        let _ = filter.reload(targets(level(deepest)));
    }
}

/// What this program says at `level`, and what it is built from at `warn` at most.
fn targets(level: LevelFilter) -> Targets {
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("chatd", level)
}

const LEVELS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

fn number(level: LevelFilter) -> u8 {
    LEVELS.iter().position(|known| *known == level).unwrap_or_default() as u8
}

fn level(number: u8) -> LevelFilter {
    LEVELS.get(usize::from(number)).copied().unwrap_or(LevelFilter::OFF)
}

/// The level of `[log] level`.
pub fn own_level(text: &str) -> LevelFilter {
    LevelFilter::from_str(text).unwrap_or(LevelFilter::INFO)
}

impl<'a> MakeWriter<'a> for ToJournal {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { to: self, is_of_the_log: true }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        let is_of_the_log = *metadata.level() <= level(self.levels.own.load(Ordering::Relaxed));
        Line { to: self, is_of_the_log }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.to.journal.push(&String::from_utf8_lossy(line), self.is_of_the_log);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
