//! Whom a verb asks: the scripts where they can be asked, else the configuration.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::chain;
use super::config::OnError;
use super::host::Inner;
use super::set::Set;
use crate::domain::hooks::{Call, Hold, Panel, Point, Ruling, Verdict, denied};

/// An event that has waited for so long is not decided on any more: its sender has given up, or soon will.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The scripts of one set, on one of their threads.
pub struct Present<'a> {
    pub engine: &'a rhai::Engine,
    pub set: &'a Set,
    pub inner: &'a Inner,
    /// Since when the event waits.
    pub since: Instant,
}

impl Panel for Present<'_> {
    fn ask(&self, call: Call) -> Ruling {
        let point = call.point;
        if self.since.elapsed() > LONGEST_WAIT {
            self.inner.dropped.fetch_add(1, Ordering::Relaxed);
            return unasked(point, self.set.on_error(point));
        }
        let done = chain::run(self.engine, self.set, &self.inner.services, call);
        self.inner.start_timers(done.timers);
        done.ruling
    }
}

/// Nobody is there to be asked.
pub struct Absent(pub Arc<Set>);

impl Panel for Absent {
    fn ask(&self, call: Call) -> Ruling {
        unasked(call.point, self.0.on_error(call.point))
    }
}

/// Where nobody could be asked, the configuration decides.
pub fn unasked(point: Point, on_error: OnError) -> Ruling {
    let busy = || Verdict::Deny(denied(None, "too much waits for the rules of this server, try again later".into()));
    let verdict = match on_error {
        OnError::Allow => Verdict::Allow,
        OnError::Hold if point.shape().withholds => {
            Verdict::Hold(Hold { plugin: "chatd".into(), reason: "too much waits for plugins".into() })
        }
        OnError::Hold | OnError::Deny => busy(),
    };
    Ruling { verdict, effects: Vec::new() }
}
