//! What is known of a webhook at work, for operators and metrics.

use parking_lot::Mutex;

use crate::domain::time::Time;
use crate::meter::{Counter, Histogram};
use crate::store::Depth;

/// How a webhook does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Up,
    /// It takes nothing; it is tried again at growing intervals.
    Down,
    /// An operator wants nothing sent.
    Paused,
    /// It answered 410: nothing is sent until an operator resumes it.
    Gone,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Up => "up",
            State::Down => "down",
            State::Paused => "paused",
            State::Gone => "gone",
        }
    }

    /// As the store has it; of what is not there, nothing is known but that it is no pause.
    pub fn of_pause(word: Option<&str>) -> Self {
        match word {
            Some("gone") => State::Gone,
            Some(_) => State::Paused,
            None => State::Up,
        }
    }

    pub fn is_pause(self) -> bool {
        matches!(self, State::Paused | State::Gone)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub state: State,
    /// When it came into this state.
    pub since: Time,
    pub last_taken: Option<Time>,
    pub last_failure: Option<(Time, String)>,
    /// Lanes whose first event is tried again later.
    pub resting: usize,
    /// Of a little while ago.
    pub depth: Depth,
}

/// Counts since the start.
#[derive(Default)]
pub struct Board {
    pub taken: Counter,
    pub failed: Counter,
    pub given_up: Counter,
    pub took: Histogram,
    pub standing: Mutex<Standing>,
}
