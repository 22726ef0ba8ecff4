//! The poll that a connection serves: what becomes of its session where the answer does not leave.

use std::sync::Arc;

use parking_lot::Mutex;

use super::sessions::Session;

/// A request for packets, until its answer has been written. A client for which one fails opens another session. So one
/// that is given up ends the session at once, and not when a PING goes unanswered; and one whose answer cannot be written
/// ends it as well, because the packets in it are nowhere else.
///
/// What the kernel has taken counts as written: proxies are known to reset connections whose answer they have read, so that
/// a reset later on says nothing about it.
pub(super) struct Poll {
    session: Arc<Session>,
    stage: Stage,
}

/// How far a poll has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Waits,
    /// It has taken packets from the session.
    Holds,
    /// All of its answer is on its way.
    Leaves,
    /// There is nothing to lose any more.
    Done,
}

impl Drop for Poll {
    fn drop(&mut self) {
        let ends_session = match self.stage {
            // Its client may have gone over to its WebSocket.
            Stage::Waits => !self.session.is_carried(),
            Stage::Holds | Stage::Leaves => true,
            Stage::Done => false,
        };
        if ends_session {
            self.session.cut();
        }
    }
}

/// Keeps a connection's poll until its answer has been written, or the connection ends.
#[derive(Default)]
pub(super) struct Polling(Mutex<Option<Poll>>);

impl Polling {
    pub(super) fn begin(&self, session: Arc<Session>) {
        // The end of a poll may reach other connections, which are not to wait for this lock.
        let former = self.0.lock().replace(Poll { session, stage: Stage::Waits });
        drop(former);
    }

    /// Notes how far the poll has come, where there is one.
    pub(super) fn is_at(&self, stage: Stage) {
        let mut poll = self.0.lock();
        if let Some(poll) = poll.as_mut() {
            poll.stage = stage;
        }
        let done = poll.take_if(|poll| poll.stage == Stage::Done);
        drop(poll);
        drop(done);
    }

    /// All that HTTP has written so far has left.
    pub(super) fn flushed(&self) {
        let done = self.0.lock().take_if(|poll| poll.stage == Stage::Leaves);
        if let Some(mut poll) = done {
            poll.stage = Stage::Done;
        }
    }

    /// The connection has ended.
    pub(super) fn abandon(&self) {
        let poll = self.0.lock().take();
        drop(poll);
    }
}
