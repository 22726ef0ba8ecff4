//! The one thread that writes, in groups: all that waited while the last commit ran goes into the next one.
//!
//! A job runs in a savepoint of the group's transaction, so a job that fails leaves no trace and harms no other; one that
//! decides before it changes anything needs none. After
//! the commit (with `durability = "full"`: after the sync to the disk) the events of the group are published in the
//! order of their writing, and only then the jobs are answered.

use std::panic::AssertUnwindSafe;
use std::path::Path;
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

/// In an outage it is tried so often whether that is over, by a commit and by a file of so many bytes beside the database.
const PROOF_INTERVAL: Duration = Duration::from_secs(1);
const PROOF_BYTES: usize = 1 << 20;
pub const PROOF_EXTENSION: &str = "proof";

/// Takes the events of a commit, in order. It may block: that is how a full bus slows the writers down.
pub type Publish = Box<dyn Fn(Vec<Event>) + Send>;

/// Where the events of a commit go: into it, for those who are told later, and out of it.
pub struct Leave {
    pub publish: Publish,
    pub recorder: Arc<dyn Recorder>,
}

pub trait Job: Send {
    /// Whether it refuses before its first change, if it does.
    fn is_decided(&self) -> bool;
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
    decided: bool,
    result: Option<Result<R, Abort>>,
    reply: Reply<R>,
}

impl<F, R> Work<F, R> {
    pub fn new(work: F, reply: Reply<R>) -> Self {
        Work { work: Some(work), decided: false, result: None, reply }
    }

    /// The work refuses before its first change, if it does.
    pub fn decided(self) -> Self {
        Work { decided: true, ..self }
    }
}

impl<F, R> Job for Work<F, R>
where
    F: FnOnce(&mut Tx<'_>) -> Result<R, Abort> + Send,
    R: Send,
{
    fn is_decided(&self) -> bool {
        self.decided
    }

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
    // When it was last tried whether an outage is over.
    let mut proven: Option<Instant> = None;
    loop {
        let first = match (health.is_writable(), unindexed) {
            (false, _) => jobs.recv_timeout(PROOF_INTERVAL),
            (true, 0) => jobs.recv().map_err(RecvTimeoutError::from),
            (true, 1..MAX_UNINDEXED) => jobs.recv_timeout(INDEX_DELAY),
            (true, _) => Err(RecvTimeoutError::Timeout),
        };
        match first {
            Ok(first) => group.push(first),
            Err(RecvTimeoutError::Disconnected) => return,
            // A commit of nothing, to see whether it succeeds.
            Err(RecvTimeoutError::Timeout) if !health.is_writable() => {}
            Err(RecvTimeoutError::Timeout) => {
                unindexed = match index_messages(&mut connection, &mut seats) {
                    Ok(()) => self::unindexed(&connection),
                    // Tried again behind the next commit.
                    Err(_) => 0,
                };
                continue;
            }
        }
        group.extend(jobs.try_iter().take(MAX_GROUP - 1));
        figures.taken(group.len());
        let began = Instant::now();
        // Small writes go on through an outage, or nothing at all is written: neither shows that it is over.
        let is_due = !health.is_writable() && proven.is_none_or(|at| at.elapsed() >= PROOF_INTERVAL);
        proven = if is_due { Some(began) } else { proven };
        let proof = is_due && has_room(&connection);
        let outcome = commit_group(&mut connection, &mut group, &mut seats, &*leave.recorder, proof);
        let committed = outcome.is_ok();
        figures.committed(group.len(), began.elapsed(), committed);
        if !committed {
            seats.forget(&connection);
        }
        match outcome {
            Ok(Committed { events, recorded, outage }) => {
                if proof || outage.is_some() {
                    health.note(outage);
                }
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

/// Whether there is room for more than the next few pages.
fn has_room(connection: &Connection) -> bool {
    let Some(path) = connection.path().map(|path| Path::new(path).with_extension(PROOF_EXTENSION)) else { return true };
    let written = std::fs::write(&path, vec![0; PROOF_BYTES]);
    // What is left of it is taken away by the next try, or the next start.
    let _ = std::fs::remove_file(&path);
    written.is_ok()
}

/// Commits what the jobs write; with `proof` something in any case.
fn commit_group(
    connection: &mut Connection,
    group: &mut [Box<dyn Job>],
    seats: &mut Seats,
    recorder: &dyn Recorder,
    proof: bool,
) -> Result<Committed, Error> {
    // Dropping the transaction on any error rolls it back.
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut events = Vec::new();
    let mut outage = None;
    let alone = group.len() == 1;
    if proof {
        transaction.prepare_cached("UPDATE meta SET value = value WHERE key = 'epoch'")?.execute([])?;
    }
    seats.mistrust(&transaction)?;
    for job in group {
        let kept = events.len();
        let guarded = !alone && !job.is_decided();
        if guarded {
            transaction.prepare_cached("SAVEPOINT job")?.execute([])?;
        }
        let changes = transaction.total_changes();
        let mut tx = Tx::new(&transaction, &mut events, seats);
        match job.run(&mut tx) {
            Ran::Done => {
                if guarded {
                    transaction.prepare_cached("RELEASE job")?.execute([])?;
                }
                continue;
            }
            Ran::Refused => {}
            Ran::Outage(why) => outage = Some(why),
        }
        events.truncate(kept);
        // What it wrote will not have been.
        let changed = transaction.total_changes() != changes;
        if changed {
            seats.forget(&transaction);
        }
        if alone {
            // The one job left the transaction unusable or unwanted: nothing is to be committed.
            drop(transaction);
            return Ok(Committed { events, recorded: None, outage });
        }
        if guarded {
            // A full disk may have ended the whole transaction already; then this fails, and the group with it.
            transaction.prepare_cached("ROLLBACK TO job")?.execute([])?;
            transaction.prepare_cached("RELEASE job")?.execute([])?;
        } else if changed {
            return Err(Error::HalfDone(outage));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::error::Error as Refusal;
    use crate::domain::id::UserId;
    use crate::store::answered::tests::NoRecorder;
    use crate::store::config::Config;
    use crate::store::open;

    type Outcome = oneshot::Receiver<Result<(), Abort>>;

    /// A job that makes `user` known, and refuses then where it shall.
    fn job(user: &'static str, refuses: bool, decided: bool) -> (Box<dyn Job>, Outcome) {
        let (reply, outcome) = oneshot::channel();
        let work = move |tx: &mut Tx<'_>| {
            tx.introduce(&UserId::stored(user))?;
            if refuses { Err(Refusal::conflict("no").into()) } else { Ok(()) }
        };
        let work = Work::new(work, reply);
        (if decided { Box::new(work.decided()) } else { Box::new(work) }, outcome)
    }

    #[test]
    fn who_refuses_half_way_harms_others_only_where_it_has_said_that_it_does_not() {
        let directory = std::env::temp_dir().join(format!("chatd-groups-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&directory).expect("a directory");
        let mut connection = open::writer(&directory.join("chatd.db"), &Config::default()).expect("a database");
        let mut seats = Seats::default();
        let users = |connection: &Connection| -> Vec<String> {
            let mut statement = connection.prepare("SELECT uid FROM users ORDER BY uid").expect("a table");
            let found = statement.query_map([], |row| row.get(0)).expect("rows");
            found.collect::<Result<_, _>>().expect("names")
        };

        let (mut group, _outcomes): (Vec<_>, Vec<_>) =
            [job("ann", false, true), job("bob", true, false), job("cyd", false, false)].into_iter().unzip();
        assert!(commit_group(&mut connection, &mut group, &mut seats, &NoRecorder, false).is_ok());
        assert_eq!(users(&connection), ["ann", "cyd"]);

        let (mut group, _outcomes): (Vec<_>, Vec<_>) =
            [job("dan", false, true), job("eve", true, true), job("fay", false, false)].into_iter().unzip();
        let broken = commit_group(&mut connection, &mut group, &mut seats, &NoRecorder, false);
        assert!(matches!(broken, Err(Error::HalfDone(None))));
        assert_eq!(users(&connection), ["ann", "cyd"]);

        let (mut group, outcomes): (Vec<_>, Vec<_>) =
            [job("ann", true, true), job("gus", false, true)].into_iter().unzip();
        assert!(commit_group(&mut connection, &mut group, &mut seats, &NoRecorder, false).is_ok());
        assert_eq!(users(&connection), ["ann", "cyd", "gus"]);
        group.into_iter().for_each(|job| job.finish(true));
        let answers: Vec<_> =
            outcomes.into_iter().map(|mut outcome| outcome.try_recv().expect("an answer").is_ok()).collect();
        assert_eq!(answers, [false, true]);
        let _ = std::fs::remove_dir_all(&directory);
    }
}
