//! Remembers: conversations, members, messages, receipts, notifications, in SQLite.
//!
//! Work on the store is a closure: `write` runs it on the writer's thread inside a transaction, `read` on one of the
//! readers'. A closure decides and writes in one go, so that no other write can come between; it must not block.

mod answered;
mod asides;
mod census;
mod checkpoint;
pub mod config;
mod conversations;
mod devices;
mod erase;
pub mod error;
mod figures;
mod lists;
pub mod maintain;
mod members;
mod messages;
mod notifications;
mod open;
mod outbox;
pub mod past;
mod plugins;
mod query;
mod reader;
mod rows;
mod sanctions;
mod search;
mod seats;
mod tx;
mod users;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use self::answered::{Answered, Deed};
pub use self::asides::Held;
use self::config::Config;
pub use self::conversations::{ListCursor, Seat};
use self::error::{Abort, Error, OpenError};
use self::figures::Figures;
pub use self::lists::ConversationFilter;
pub use self::members::{LastOf, Marks};
pub use self::messages::{MAX_PAGE_BYTES, Page};
pub use self::outbox::{Advance, Depth, Entry, Owed, Parked, Recorder, Stored};
pub use self::query::Query;
use self::reader::Reader;
pub use self::search::Search;
pub use self::tx::Tx;
pub use self::writer::{Publish, Reply};
use crate::domain::error::Error as Refusal;
use crate::domain::event::Event;

/// A handle on the database; a clone is the same store.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    epoch: String,
    path: PathBuf,
    health: Arc<Health>,
    figures: Arc<Figures>,
    recorder: Arc<dyn Recorder>,
    /// Taken at close, which ends the threads.
    channels: Mutex<Option<Channels>>,
    /// Readers for threads that are not the store's, while none of these uses them.
    spare: Mutex<Vec<Reader>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Clone)]
struct Channels {
    writes: mpsc::SyncSender<Box<dyn writer::Job>>,
    reads: mpsc::SyncSender<reader::Job>,
    searches: mpsc::SyncSender<reader::Job>,
    _checkpoints: mpsc::Sender<()>,
}

/// Whether the store takes writes, as the last commit showed.
#[derive(Default)]
pub struct Health {
    failing: AtomicBool,
}

impl Health {
    pub fn is_writable(&self) -> bool {
        !self.failing.load(Ordering::Relaxed)
    }

    /// Takes what the last write showed. Logs the first failure and the recovery, and nothing between them.
    fn note(&self, outage: Option<String>) {
        match outage {
            None => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the store takes writes again");
                }
            }
            Some(error) => {
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the store takes no writes; reads go on");
                }
            }
        }
    }
}

impl Store {
    /// Opens or creates the database and starts the threads that work on it.
    ///
    /// # Errors
    /// Where the file cannot be opened, is held by another daemon, or was written by a newer version.
    pub fn open(
        config: &Config,
        state_dir: &Path,
        publish: Publish,
        recorder: Arc<dyn Recorder>,
    ) -> Result<Self, OpenError> {
        let path = open::database_path(&config.url, state_dir);
        let lock = open::lock(&path)?;
        open::sweep(&path);
        let connection = open::writer(&path, config)?;
        let fail = |source| OpenError::Open { path: path.display().to_string(), source };
        let epoch =
            connection.query_row("SELECT value FROM meta WHERE key = 'epoch'", [], |row| row.get(0)).map_err(fail)?;
        let checkpointer = rusqlite::Connection::open(&path).map_err(fail)?;
        let readers = (0..config.readers).map(|_| Reader::open(&path)).collect::<Result<Vec<_>, _>>()?;

        let health = Arc::new(Health::default());
        let figures = Arc::new(Figures::default());
        let (writes, write_jobs) = mpsc::sync_channel(writer::MAX_WAITING);
        let (reads, read_jobs) = mpsc::sync_channel(reader::MAX_WAITING);
        let (checkpoints, closed) = mpsc::channel();
        let read_jobs = Arc::new(Mutex::new(read_jobs));
        let (searches, search_jobs) = mpsc::sync_channel(reader::MAX_SEARCHES);
        let search_jobs = Mutex::new(search_jobs);
        let searcher = Reader::open(&path)?;
        let io = |source| OpenError::Io { path: path.display().to_string(), source };

        let mut threads = Vec::new();
        let (writer_health, writer_figures) = (Arc::clone(&health), Arc::clone(&figures));
        let writer_recorder = Arc::clone(&recorder);
        threads.push(
            spawn("store-writer", move || {
                // The lock lasts as long as the writer.
                let _lock = lock;
                let leave = writer::Leave { publish, recorder: writer_recorder };
                writer::run(connection, &write_jobs, &leave, &writer_health, &writer_figures);
            })
            .map_err(io)?,
        );
        for reader in readers {
            let jobs = Arc::clone(&read_jobs);
            threads.push(spawn("store-reader", move || reader::run(&reader, &jobs)).map_err(io)?);
        }
        threads.push(spawn("store-search", move || reader::run(&searcher, &search_jobs)).map_err(io)?);
        let database = path.clone();
        threads
            .push(spawn("store-checkpoint", move || checkpoint::run(&checkpointer, &database, &closed)).map_err(io)?);

        let channels = Channels { writes, reads, searches, _checkpoints: checkpoints };
        Ok(Store(Arc::new(Shared {
            epoch,
            path,
            health,
            figures,
            recorder,
            channels: Mutex::new(Some(channels)),
            spare: Mutex::default(),
            threads: Mutex::new(threads),
        })))
    }

    /// The name of this database's history; another one after a restore.
    pub fn epoch(&self) -> &str {
        &self.0.epoch
    }

    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Bytes of the database and its log.
    pub fn bytes(&self) -> u64 {
        let mut log = self.0.path.clone().into_os_string();
        log.push("-wal");
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        size(&self.0.path) + size(Path::new(&log))
    }

    pub fn health(&self) -> &Health {
        &self.0.health
    }

    /// What the writer has done.
    pub fn figures(&self) -> &Figures {
        &self.0.figures
    }

    /// Whether the outbox keeps `event`, where it is published in a write.
    pub fn records(&self, event: &Event) -> bool {
        self.0.recorder.wants(event)
    }

    /// Runs `work` in the next commit and answers after it.
    ///
    /// # Errors
    /// What `work` refused; `UNAVAILABLE` where the store failed, and then nothing was kept.
    pub async fn write<F, R>(&self, work: F) -> Result<R, Refusal>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<R, Abort> + Send + 'static,
        R: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        match Self::deed() {
            None => self.write_for(work, reply),
            Some(deed) => self.write_for(move |tx| tx.noting(&deed, work), reply),
        }
        settle(answer.await)
    }

    /// Puts `work` into the queue at once, for whoever waits behind `reply` and gives what comes of it to [`settle`].
    pub fn write_for<F, R>(&self, work: F, reply: Reply<R>)
    where
        F: FnOnce(&mut Tx<'_>) -> Result<R, Abort> + Send + 'static,
        R: Send + 'static,
    {
        self.queue(Box::new(writer::Work::new(work, reply)));
    }

    /// The same for what refuses before its first change, as every message does: it costs less. Where it breaks its word,
    /// the whole commit comes to nothing.
    pub fn write_decided_for<F, R>(&self, work: F, reply: Reply<R>)
    where
        F: FnOnce(&mut Tx<'_>) -> Result<R, Abort> + Send + 'static,
        R: Send + 'static,
    {
        self.queue(Box::new(writer::Work::new(work, reply).decided()));
    }

    fn queue(&self, job: Box<dyn writer::Job>) {
        self.0.figures.queued();
        let turned_away = match self.channels() {
            Err(error) => Some((job, error)),
            Ok(to) => match to.writes.try_send(job) {
                Ok(()) => None,
                Err(mpsc::TrySendError::Full(job)) => Some((job, Error::Overloaded)),
                Err(mpsc::TrySendError::Disconnected(job)) => Some((job, Error::Closed)),
            },
        };
        if let Some((job, error)) = turned_away {
            self.0.figures.taken(1);
            job.turn_away(error);
        }
    }

    /// Runs `work` on this very thread, which must be one that may wait for the disk. All of it sees one state.
    ///
    /// # Errors
    /// What `work` refused; `UNAVAILABLE` where the store failed.
    pub fn read_here<R>(&self, work: impl FnOnce(&Query<'_>) -> Result<R, Abort>) -> Result<R, Refusal> {
        let spare = self.0.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = match spare.map_or_else(|| Reader::open(&self.0.path), Ok) {
            Ok(reader) => reader,
            Err(error) => {
                tracing::error!(%error, "the store cannot be read");
                return Err(Error::Closed.into_refusal());
            }
        };
        let answer = reader.ask_at_once(work).map_err(|error| Error::from(error).into_refusal())?;
        self.0.spare.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        settle(Ok(answer))
    }

    /// Runs `work` on a reader's thread.
    ///
    /// # Errors
    /// What `work` refused; `UNAVAILABLE` where the store failed.
    pub async fn read<F, R>(&self, work: F) -> Result<R, Refusal>
    where
        F: FnOnce(&Query<'_>) -> Result<R, Abort> + Send + 'static,
        R: Send + 'static,
    {
        self.ask(work, |to| &to.reads).await
    }

    /// The same for what may take long: searches wait for each other, and nothing else waits for them. They see every
    /// message that was stored before.
    ///
    /// # Errors
    /// What `work` refused; `UNAVAILABLE` where the store failed, or too many searches wait.
    pub async fn search<F, R>(&self, work: F) -> Result<R, Refusal>
    where
        F: FnOnce(&Query<'_>) -> Result<R, Abort> + Send + 'static,
        R: Send + 'static,
    {
        self.index_messages().await;
        self.ask(work, |to| &to.searches).await
    }

    /// Brings the search index up to what is stored now. Where the store takes no writes, it is left as it is.
    async fn index_messages(&self) {
        if self.read(|query| Ok(query.unindexed()?)).await.unwrap_or(0) == 0 {
            return;
        }
        while let Ok(true) = self.write(|tx| Ok(tx.index_messages()?)).await {}
    }

    async fn ask<F, R>(
        &self,
        work: F,
        queue: impl FnOnce(&Channels) -> &mpsc::SyncSender<reader::Job>,
    ) -> Result<R, Refusal>
    where
        F: FnOnce(&Query<'_>) -> Result<R, Abort> + Send + 'static,
        R: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: reader::Job = Box::new(move |query| {
            // Whoever asked may have gone.
            let _ = reply.send(work(query));
        });
        self.channels().and_then(|to| queue(&to).try_send(job).map_err(refused)).map_err(Error::into_refusal)?;
        settle(answer.await)
    }

    /// Finishes what waits, then closes the database. Blocks until it is done.
    pub fn close(&self) {
        self.0.channels.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.0.spare.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let threads = std::mem::take(&mut *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }

    fn channels(&self) -> Result<Channels, Error> {
        self.0.channels.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Error::Closed)
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(work)
}

fn refused<T>(error: mpsc::TrySendError<T>) -> Error {
    match error {
        mpsc::TrySendError::Full(_) => Error::Overloaded,
        mpsc::TrySendError::Disconnected(_) => Error::Closed,
    }
}

/// What came of a piece of work, as its caller is told.
///
/// # Errors
/// What the work refused; `UNAVAILABLE` where the store failed.
pub fn settle<R>(answer: Result<Result<R, Abort>, oneshot::error::RecvError>) -> Result<R, Refusal> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Abort::Refused(refusal))) => Err(refusal),
        Ok(Err(Abort::Failed(error))) => Err(error.into_refusal()),
        // The thread dropped the work without an answer: it panicked there.
        Err(_) => Err(Error::Panicked.into_refusal()),
    }
}
