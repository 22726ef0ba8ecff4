//! The one thread that writes, in groups: all that waited while the last commit ran goes into the next one.
//!
//! A job runs in a savepoint of the group's transaction, so a job that fails leaves no trace and harms no other. After
//! the commit (with `durability = "full"`: after the sync to the disk) the events of the group are published in the
//! order of their writing, and only then the jobs are answered.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::Health;
use super::error::{Abort, Error};
use super::figures::Figures;
use super::outbox::{self, Recorder};
use super::query::Query;
use super::seats::Seats;
use super::tx::Tx;
use crate::domain::event::Event;

/// Jobs of one commit at most: a bound on how long the first of them waits.
const MAX_GROUP: usize = 256;
/// Writes that may wait; more are refused at once.
pub const MAX_WAITING: usize = 8_192;

/// The search index is brought up to date when nothing was written for so long, or this many messages wait for it.
const INDEX_DELAY: Duration = Duration::from_millis(200);
const MAX_UNINDEXED: u64 = 2_048;

/// Takes the events of a commit, in order. It may block: that is how a full bus slows the writers down.
pub type Publish = Box<dyn Fn(Vec<Event>) + Send>;

/// Where the events of a commit go: into it, for those who are told later, and out of it.
pub struct Leave {
    pub publish: Publish,
    pub recorder: Arc<dyn Recorder>,
}

pub trait Job: Send {
    /// Does the work.
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran;
    /// Answers, once the group was committed or lost.
    fn finish(self: Box<Self>, committed: bool);
    /// Answers that the work was not even begun.
    fn turn_away(self: Box<Self>, error: Error);
}

/// The way back to whoever waits for a piece of work.
pub type Reply<R> = oneshot::Sender<Result<R, Abort>>;

/// What came of a job.
pub enum Ran {
    Done,
    /// What it wrote must be undone.
    Refused,
    /// The same, because the store takes no writes; and why.
    Outage(String),
}

/// A piece of work and the way back to whoever waits for it.
pub struct Work<F, R> {
    work: Option<F>,
    result: Option<Result<R, Abort>>,
    reply: Reply<R>,
}

impl<F, R> Work<F, R> {
    pub fn new(work: F, reply: Reply<R>) -> Self {
        Work { work: Some(work), result: None, reply }
    }
}

impl<F, R> Job for Work<F, R>
where
    F: FnOnce(&mut Tx<'_>) -> Result<R, Abort> + Send,
    R: Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran {
        let work = self.work.take().expect("a job runs once");
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| work(tx)));
        let result = result.unwrap_or(Err(Abort::Failed(Error::Panicked)));
        let ran = match &result {
            Ok(_) => Ran::Done,
            Err(Abort::Failed(error)) if error.is_outage() => Ran::Outage(error.to_string()),
            Err(_) => Ran::Refused,
        };
        self.result = Some(result);
        ran
    }

    fn finish(self: Box<Self>, committed: bool) {
        let result = match self.result {
            Some(Ok(value)) if committed => Ok(value),
            Some(Err(abort)) => Err(abort),
            _ => Err(Abort::Failed(Error::Closed)),
        };
        // Whoever asked may have gone; the work is done all the same.
        let _ = self.reply.send(result);
    }

    fn turn_away(self: Box<Self>, error: Error) {
        let _ = self.reply.send(Err(Abort::Failed(error)));
    }
}

pub fn run(
    mut connection: Connection,
    jobs: &mpsc::Receiver<Box<dyn Job>>,
    leave: &Leave,
    health: &Arc<Health>,
    figures: &Figures,
) {
    let mut group: Vec<Box<dyn Job>> = Vec::with_capacity(MAX_GROUP);
    let mut unindexed = unindexed(&connection);
    let mut seats = Seats::default();
    loop {
        let first = match unindexed {
            0 => jobs.recv().map_err(RecvTimeoutError::from),
            1..MAX_UNINDEXED => jobs.recv_timeout(INDEX_DELAY),
            _ => Err(RecvTimeoutError::Timeout),
        };
        let first = match first {
            Ok(first) => first,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                unindexed = match index_messages(&mut connection, &mut seats) {
                    Ok(()) => self::unindexed(&connection),
                    // Tried again behind the next commit.
                    Err(_) => 0,
                };
                continue;
            }
        };
        group.push(first);
        group.extend(jobs.try_iter().take(MAX_GROUP - 1));
        figures.taken(group.len());
        let began = Instant::now();
        let outcome = commit_group(&mut connection, &mut group, &mut seats, &*leave.recorder);
        let committed = outcome.is_ok();
        figures.committed(group.len(), began.elapsed(), committed);
        if !committed {
            seats.forget(&connection);
        }
        match outcome {
            Ok(Committed { events, recorded, outage }) => {
                health.note(outage);
                if let Some(last) = recorded {
                    leave.recorder.recorded(last);
                }
                if !events.is_empty() {
                    (leave.publish)(events);
                }
            }
            Err(error) => health.note(Some(error.to_string())),
        }
        for job in group.drain(..) {
            job.finish(committed);
        }
        unindexed = self::unindexed(&connection);
    }
}

/// Messages that wait for the search index; none where the store cannot even tell.
fn unindexed(connection: &Connection) -> u64 {
    Query::new(connection).unindexed().unwrap_or(0)
}

fn index_messages(connection: &mut Connection, seats: &mut Seats) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    Tx::new(&transaction, &mut Vec::new(), seats).index_messages()?;
    transaction.commit()?;
    Ok(())
}

/// What a commit leaves.
struct Committed {
    events: Vec<Event>,
    /// The last entry of the outbox that it brought.
    recorded: Option<i64>,
    /// Why a job of the group found that the store takes no writes.
    outage: Option<String>,
}

fn commit_group(
    connection: &mut Connection,
    group: &mut [Box<dyn Job>],
    seats: &mut Seats,
    recorder: &dyn Recorder,
) -> Result<Committed, Error> {
    // Dropping the transaction on any error rolls it back.
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut events = Vec::new();
    let mut outage = None;
    let alone = group.len() == 1;
    seats.mistrust(&transaction)?;
    for job in group {
        let kept = events.len();
        if !alone {
            transaction.prepare_cached("SAVEPOINT job")?.execute([])?;
        }
        let changes = transaction.total_changes();
        let mut tx = Tx::new(&transaction, &mut events, seats);
        match job.run(&mut tx) {
            Ran::Done if alone => continue,
            Ran::Done => {
                transaction.prepare_cached("RELEASE job")?.execute([])?;
                continue;
            }
            Ran::Refused => {}
            Ran::Outage(why) => outage = Some(why),
        }
        events.truncate(kept);
        // What it wrote will not have been.
        if transaction.total_changes() != changes {
            seats.forget(&transaction);
        }
        if alone {
            // The one job left the transaction unusable or unwanted: nothing is to be committed.
            drop(transaction);
            return Ok(Committed { events, recorded: None, outage });
        }
        // A full disk may have ended the whole transaction already; then this fails, and the group with it.
        transaction.prepare_cached("ROLLBACK TO job")?.execute([])?;
        transaction.prepare_cached("RELEASE job")?.execute([])?;
    }
    let mut recorded = None;
    let query = Query::new(&transaction);
    for event in &events {
        if let Some(entry) = recorder.entry(event, &query)? {
            recorded = Some(outbox::add(&transaction, &entry)?);
        }
    }
    transaction.commit()?;
    Ok(Committed { events, recorded, outage })
}
