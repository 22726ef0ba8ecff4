//! The threads that run scripts: stacks that are large enough, an engine each, and a bounded queue before them.
//!
//! Plugins that have shown themselves slow are run apart, so that nobody waits for them but who must.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rhai::Engine;

use super::engine::{self, STACK_BYTES};

/// Calls that may wait in each queue.
pub const MAX_WAITING: usize = 4_096;

/// Threads for slow plugins, timers and commands of operators.
const SLOW_THREADS: usize = 2;

pub type Job = Box<dyn FnOnce(&Engine) + Send>;

/// Threads for what nobody waits for; each has a queue of its own, so that what one of them gets stays in order.
const HEARING_THREADS: usize = 2;

/// Which queue a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Quick,
    Slow,
    /// Nobody waits for it; calls of one hash stay in order.
    Hearing(u64),
}

pub struct Workers {
    queues: Mutex<Option<Queues>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Queues {
    quick: SyncSender<Job>,
    slow: SyncSender<Job>,
    hearing: Vec<SyncSender<Job>>,
}

/// The queue is full, or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Workers {
    /// # Errors
    /// Where no thread can be started.
    pub fn start() -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let mut threads = Vec::new();
        let quick = lane("plugin", cores.clamp(1, 8), &mut threads)?;
        let slow = lane("plugin-slow", SLOW_THREADS, &mut threads)?;
        let hearing = (0..HEARING_THREADS).map(|_| lane("plugin-hearing", 1, &mut threads));
        let hearing = hearing.collect::<Result<_, _>>()?;
        Ok(Workers { queues: Mutex::new(Some(Queues { quick, slow, hearing })), threads: Mutex::new(threads) })
    }

    /// # Errors
    /// Where too many calls wait.
    pub fn run(&self, lane: Lane, job: Job) -> Result<(), Busy> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queues) = &*queues else { return Err(Busy) };
        let queue = match lane {
            Lane::Quick => &queues.quick,
            Lane::Slow => &queues.slow,
            Lane::Hearing(hash) => &queues.hearing[hash as usize % queues.hearing.len()],
        };
        queue.try_send(job).map_err(|_| Busy)
    }

    /// Ends the threads once they have done what waits. Blocks until then.
    pub fn stop(&self) {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).take();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the plugins panicked");
            }
        }
    }
}

fn lane(name: &str, count: usize, threads: &mut Vec<JoinHandle<()>>) -> std::io::Result<SyncSender<Job>> {
    let (queue, jobs) = sync_channel::<Job>(MAX_WAITING);
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..count {
        let jobs = Arc::clone(&jobs);
        let thread = std::thread::Builder::new().name(name.into()).stack_size(STACK_BYTES);
        threads.push(thread.spawn(move || work(&jobs))?);
    }
    Ok(queue)
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    let engine = engine::build();
    loop {
        // Whoever holds the lock waits for the next call, the others for the lock.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(job) => {
                // What a script does is caught long before; a defect of the host's must not take the thread along.
                if catch_unwind(AssertUnwindSafe(|| job(&engine))).is_err() {
                    tracing::error!("a call of a plugin panicked in the host");
                }
            }
            Err(_) => return,
        }
    }
}

/// Runs `work` with an engine on a thread of its own, for tools and for loading: what is not made for many.
pub fn alone<R: Send>(work: impl FnOnce(&Engine) -> R + Send) -> R {
    alone_with(engine::build, work)
}

/// The same with an engine that `build` makes.
pub fn alone_with<R: Send>(build: impl FnOnce() -> Engine + Send, work: impl FnOnce(&Engine) -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("plugin-tool".into()).stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, || work(&build())).expect("a thread can be started");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
