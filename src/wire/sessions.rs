//! The Engine.IO sessions: which connection carries each, and what waits in the library for it.
//!
//! A session's id is its secret: whoever knows it reads and writes as its user. It is never logged and has no `Debug`.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, Weak};

use dashmap::DashMap;
use parking_lot::Mutex;
use socketioxide::socket::{Sid, Socket};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use super::guard::Ticket;
use super::link::{Link, Room};
use super::peer::Peer;

/// How long a polling client may take to fetch its disconnect packet.
const FAREWELL: Duration = Duration::from_secs(5);

/// Finds the sessions that HTTP requests name.
pub struct Sessions {
    /// Sessions that began by polling. One that began as a WebSocket is never named by another request.
    named: DashMap<Sid, Weak<Session>, ahash::RandomState>,
    /// Polling sessions that are to be closed in the library, which the server's task does.
    closing: mpsc::UnboundedSender<Sid>,
    room: Room,
}

/// One Engine.IO session. It lies in the extensions of the request that opened it, which the library keeps for as long
/// as the session; so its end is this value's drop.
pub struct Session {
    sessions: Weak<Sessions>,
    sid: OnceLock<Sid>,
    peer: Peer,
    ticket: Arc<Ticket>,
    dead: CancellationToken,
    /// The connection that packets are pushed to, once they go past the library.
    pub(super) direct: OnceLock<Arc<Link>>,
    pub(super) path: Mutex<Path>,
    pub(super) room: Room,
}

/// The way through the library.
#[derive(Default)]
pub(super) struct Path {
    /// The WebSocket's connection, or of a polling session the one on which it upgrades.
    pub link: Option<Arc<Link>>,
    /// Lengths of the packets in the library's channel, the oldest first.
    pub lengths: VecDeque<usize>,
    pub bytes: usize,
    /// A polling session that was disconnected is closed at this moment, or when its client has fetched the packet.
    pub closes_at: Option<Instant>,
}

/// A poll that waits for packets. A client for which a poll fails opens another session; so one that is given up ends the
/// session at once, and not when a PING goes unanswered.
pub(super) struct Poll<'a> {
    session: &'a Session,
    waiting: bool,
}

impl Poll<'_> {
    pub(super) fn answered(mut self) {
        self.waiting = false;
    }
}

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        if self.waiting && !self.session.path.lock().is_carried() {
            self.session.cut();
        }
    }
}

impl Sessions {
    /// Sessions whose buffers hold `room`; the ids of those that the library must close come out of the receiver.
    pub fn new(room: Room) -> (Arc<Self>, mpsc::UnboundedReceiver<Sid>) {
        let (closing, closings) = mpsc::unbounded_channel();
        (Arc::new(Sessions { named: DashMap::default(), closing, room }), closings)
    }

    /// A session that is about to open from `peer`, over `link` where it begins as a WebSocket.
    pub fn open(self: &Arc<Self>, peer: Peer, ticket: Ticket, link: Option<Arc<Link>>) -> Arc<Session> {
        let ticket = Arc::new(ticket);
        if let Some(link) = &link {
            link.carry(ticket.clone());
        }
        Arc::new(Session {
            sessions: Arc::downgrade(self),
            sid: OnceLock::new(),
            peer,
            ticket,
            dead: CancellationToken::new(),
            direct: OnceLock::new(),
            path: Mutex::new(Path { link, ..Path::default() }),
            room: self.room,
        })
    }

    /// Lets requests find `session` by the id that the library has given it.
    pub fn name(&self, session: &Arc<Session>, sid: Sid) {
        if session.sid.set(sid).is_ok() {
            self.named.insert(sid, Arc::downgrade(session));
        }
    }

    pub fn find(&self, sid: Sid) -> Option<Arc<Session>> {
        self.named.get(&sid)?.upgrade()
    }

    /// Closes the polling sessions whose clients did not fetch their disconnect packet in time.
    pub fn sweep(&self, now: Instant) {
        let named: Vec<_> = self.named.iter().filter_map(|entry| entry.value().upgrade()).collect();
        for session in named {
            if session.path.lock().closes_at.is_some_and(|at| now > at) {
                session.cut();
            }
        }
    }
}

impl Path {
    /// Whether a live WebSocket carries the session, or is about to.
    fn is_carried(&self) -> bool {
        self.link.as_ref().is_some_and(|link| !link.is_cut())
    }
}

impl Session {
    /// The session that carries `socket`; `None` where the request did not come through this server.
    pub fn of(socket: &Socket) -> Option<Arc<Session>> {
        socket.req_parts().extensions.get::<Arc<Session>>().cloned()
    }

    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The connection that carries the session's WebSocket, for its byte and frame counts.
    pub fn link(&self) -> Option<Arc<Link>> {
        self.path.lock().link.clone()
    }

    /// The client has presented a valid token.
    pub fn authenticated(&self) {
        self.ticket.authenticated();
    }

    /// Resolves when the session was cut: its requests are answered as those of an unknown one.
    pub(super) fn dead(&self) -> &CancellationToken {
        &self.dead
    }

    /// Takes `link` for an upgrade; refused where another live connection carries the session.
    pub(super) fn upgrade_over(&self, link: &Arc<Link>) -> bool {
        let mut path = self.path.lock();
        if path.is_carried() {
            return false;
        }
        link.carry(self.ticket.clone());
        path.link = Some(link.clone());
        true
    }

    pub(super) fn begin_poll(&self) -> Poll<'_> {
        Poll { session: self, waiting: true }
    }

    /// A polling request was answered with `payload`: its packets have left the library's channel.
    pub(super) fn fetched(&self, payload: &[u8]) {
        let mut path = self.path.lock();
        let mut disconnected = false;
        for packet in payload.split(|byte| *byte == 0x1e) {
            match packet.get(..2) {
                Some(b"42" | b"43") => {
                    let len = path.lengths.pop_front().unwrap_or_default();
                    path.bytes -= len;
                }
                Some(b"41") => disconnected = path.closes_at.is_some(),
                _ => {}
            }
        }
        drop(path);
        if disconnected {
            self.cut();
        }
    }

    /// Marks a polling session for its end behind the disconnect packet that is on its way.
    pub(super) fn close_when_fetched(&self) {
        self.path.lock().closes_at = Some(Instant::now() + FAREWELL);
    }

    /// Ends the session without a word to the client.
    pub(super) fn cut(&self) {
        if let Some(link) = self.link() {
            link.cut();
        }
        self.dead.cancel();
        self.ticket.release();
        if let (Some(sid), Some(sessions)) = (self.sid.get(), self.sessions.upgrade()) {
            // Closed only when the server has gone, and every session with it.
            let _ = sessions.closing.send(*sid);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let (Some(sid), Some(sessions)) = (self.sid.get(), self.sessions.upgrade()) {
            sessions.named.remove(sid);
        }
    }
}
