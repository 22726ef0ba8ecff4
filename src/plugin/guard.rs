//! What keeps a script within its limits: the engine asks before each operation whether it may go on.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rhai::{Dynamic, Engine};

use super::meter;

/// The clock is looked at once in so many operations, a power of two: a hook of a few lines never waits for it.
const CLOCK_EVERY: u64 = 64;

/// How far one hook may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub timeout: Duration,
    pub operations: u64,
    pub memory: usize,
}

/// The limit that a script has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trip {
    Time,
    Operations,
    Memory,
}

#[derive(Clone, Copy)]
struct Ends {
    at: Option<Instant>,
    operations: u64,
    balance: isize,
}

const NEVER: Ends = Ends { at: None, operations: u64::MAX, balance: isize::MAX };

thread_local! {
    static ENDS: Cell<Ends> = const { Cell::new(NEVER) };
}

/// Holds whatever the engine runs on this thread to `limits`, until it is dropped.
pub struct Watch(Ends);

impl Watch {
    pub fn begin(limits: Limits) -> Self {
        let ends = Ends {
            at: Instant::now().checked_add(limits.timeout),
            operations: limits.operations,
            balance: meter::balance().saturating_add(isize::try_from(limits.memory).unwrap_or(isize::MAX)),
        };
        Watch(ENDS.replace(ends))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        ENDS.set(self.0);
    }
}

pub fn install(engine: &mut Engine) {
    engine.on_progress(|operations| trip(operations).map(Dynamic::from));
}

/// Whether the time of what runs on this thread is over: asked by functions of the host that go over a text again and
/// again.
pub fn is_late() -> bool {
    ENDS.get().at.is_some_and(|at| Instant::now() > at)
}

fn trip(operations: u64) -> Option<Trip> {
    let ends = ENDS.get();
    if operations > ends.operations {
        return Some(Trip::Operations);
    }
    if meter::balance() > ends.balance {
        return Some(Trip::Memory);
    }
    let looks = operations.is_multiple_of(CLOCK_EVERY);
    (looks && ends.at.is_some_and(|at| Instant::now() > at)).then_some(Trip::Time)
}
