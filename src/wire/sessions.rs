//! The Engine.IO sessions: which connection carries each, and what waits in the library for it.
//!
//! A session's id is its secret: whoever knows it reads and writes as its user. It is never logged and has no `Debug`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use dashmap::DashMap;
use parking_lot::Mutex;
use socketioxide::socket::{Sid, Socket};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use super::guard::Ticket;
use super::link::{Link, Room};
use super::peer::Peer;
use super::version::Version;

/// How long a poll waits for packets while its client wants to switch to its WebSocket.
const RELEASE: Duration = Duration::from_millis(100);

/// How long a polling client may take to fetch its disconnect packet.
const FAREWELL: Duration = Duration::from_secs(5);

/// Finds the sessions that HTTP requests name.
pub struct Sessions {
    /// Sessions that began by polling. One that began as a WebSocket is never named by another request.
    named: DashMap<Sid, Weak<Session>, ahash::RandomState>,
    /// Polling sessions that are to be closed in the library, which the server's task does.
    closing: mpsc::UnboundedSender<Sid>,
    /// Sessions of Engine.IO 3 that are not let in yet, and until when they may be. The library has a time limit for
    /// those of version 4 only.
    strangers: Mutex<Vec<(Instant, Weak<Session>)>>,
    connect_timeout: Duration,
    room: Room,
}

/// One Engine.IO session. It lies in the extensions of the request that opened it, which the library keeps for as long
/// as the session; so its end is this value's drop.
pub struct Session {
    sessions: Weak<Sessions>,
    sid: OnceLock<Sid>,
    peer: Peer,
    version: Version,
    ticket: Arc<Ticket>,
    is_let_in: AtomicBool,
    dead: CancellationToken,
    /// Wakes the poll that waits when the client has probed its WebSocket.
    probed: Notify,
    /// The connection that packets are pushed to, once they go past the library.
    pub(super) direct: OnceLock<Arc<Link>>,
    pub(super) path: Mutex<Path>,
    pub(super) room: Room,
}

/// The way through the library.
#[derive(Default)]
pub(super) struct Path {
    /// The WebSocket's connection.
    pub link: Option<Arc<Link>>,
    /// The connection of a WebSocket that a polling session may go on with, and whether its client has probed it.
    probe: Option<(Arc<Link>, bool)>,
    /// Lengths of the packets in the library's channel, the oldest first.
    pub lengths: VecDeque<usize>,
    pub bytes: usize,
    /// A polling session that was disconnected is closed at this moment, or when its client has fetched the packet.
    pub closes_at: Option<Instant>,
}

impl Sessions {
    /// Sessions whose buffers hold `room` and that are let in within `connect_timeout`; the ids of those that the library
    /// must close come out of the receiver.
    pub fn new(room: Room, connect_timeout: Duration) -> (Arc<Self>, mpsc::UnboundedReceiver<Sid>) {
        let (closing, closings) = mpsc::unbounded_channel();
        let (named, strangers) = (DashMap::default(), Mutex::default());
        (Arc::new(Sessions { named, closing, strangers, connect_timeout, room }), closings)
    }

    /// A session that is about to open from `peer`, over `link` where it begins as a WebSocket.
    pub fn open(
        self: &Arc<Self>,
        peer: Peer,
        version: Version,
        ticket: Ticket,
        link: Option<Arc<Link>>,
    ) -> Arc<Session> {
        let ticket = Arc::new(ticket);
        if let Some(link) = &link {
            link.carry(ticket.clone());
        }
        let session = Arc::new(Session {
            sessions: Arc::downgrade(self),
            sid: OnceLock::new(),
            peer,
            version,
            ticket,
            is_let_in: AtomicBool::new(false),
            dead: CancellationToken::new(),
            probed: Notify::new(),
            direct: OnceLock::new(),
            path: Mutex::new(Path { link, ..Path::default() }),
            room: self.room,
        });
        if version == Version::V3 {
            let deadline = Instant::now() + self.connect_timeout;
            self.strangers.lock().push((deadline, Arc::downgrade(&session)));
        }
        session
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

    /// Closes the polling sessions whose clients did not fetch their disconnect packet in time, and those of Engine.IO 3
    /// whose clients were not let in.
    pub fn sweep(&self, now: Instant) {
        let strangers = std::mem::take(&mut *self.strangers.lock());
        for (deadline, session) in strangers {
            match session.upgrade().filter(|session| !session.is_let_in.load(Ordering::Relaxed)) {
                Some(session) if now > deadline => session.cut(),
                Some(_) => self.strangers.lock().push((deadline, session)),
                None => {}
            }
        }
        let named: Vec<_> = self.named.iter().filter_map(|entry| entry.value().upgrade()).collect();
        for session in named {
            if session.path.lock().closes_at.is_some_and(|at| now > at) {
                session.cut();
            }
        }
    }
}

impl Path {
    /// Whether a live WebSocket carries the session.
    fn is_carried(&self) -> bool {
        self.link.as_ref().is_some_and(|link| !link.is_cut())
    }

    fn is_probed(&self) -> bool {
        self.probe.as_ref().is_some_and(|(_, is_probed)| *is_probed)
    }

    /// Takes the probe that goes on over `link` away.
    fn end_probe(&mut self, link: &Arc<Link>) -> bool {
        self.probe.take_if(|(probe, _)| Arc::ptr_eq(probe, link)).is_some()
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

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// The connection that carries the session's WebSocket, for its byte and frame counts.
    pub fn link(&self) -> Option<Arc<Link>> {
        self.path.lock().link.clone()
    }

    /// Packets that were handed over and have not left this process, and their bytes.
    pub fn waiting(&self) -> (usize, usize) {
        let (mut packets, mut bytes) = self.direct.get().map_or((0, 0), |link| link.waiting());
        // With the gate open, all that went by the library has been taken from it.
        if !self.direct.get().is_some_and(|link| link.is_open()) {
            let path = self.path.lock();
            packets += path.lengths.len();
            bytes += path.bytes;
        }
        (packets, bytes)
    }

    /// The client has presented a valid token.
    pub fn authenticated(&self) {
        self.is_let_in.store(true, Ordering::Relaxed);
        self.ticket.authenticated();
    }

    /// Resolves when the session was cut or has ended: its requests are answered as those of an unknown one.
    pub(super) fn dead(&self) -> &CancellationToken {
        &self.dead
    }

    /// Whether a live WebSocket carries the session.
    pub(super) fn is_carried(&self) -> bool {
        self.path.lock().is_carried()
    }

    /// Takes `link` for a try to upgrade; refused where another connection carries the session or is tried.
    pub(super) fn try_over(&self, link: &Arc<Link>) -> bool {
        let mut path = self.path.lock();
        let is_free = !path.is_carried() && path.probe.as_ref().is_none_or(|(probe, _)| probe.is_cut());
        if is_free {
            path.probe = Some((link.clone(), false));
        }
        is_free
    }

    /// The WebSocket over `link` has passed its probe: its client does not poll again once it is free to switch.
    pub(super) fn probed(&self, link: &Arc<Link>) {
        if let Some((_, is_probed)) = self.path.lock().probe.as_mut().filter(|(probe, _)| Arc::ptr_eq(probe, link)) {
            *is_probed = true;
        }
        self.probed.notify_waiters();
    }

    /// Resolves when a poll should be answered with what there is, because its client wants to switch.
    pub(super) async fn poll_released(&self) {
        let probed = self.probed.notified();
        if self.path.lock().is_probed() {
            tokio::time::sleep(RELEASE).await;
        } else {
            probed.await;
        }
    }

    /// The client has switched to the WebSocket over `link`. Refused where the try has ended meanwhile.
    pub(super) fn switch_to(&self, link: &Arc<Link>) -> bool {
        let mut path = self.path.lock();
        let switches = path.end_probe(link);
        if switches {
            link.carry(self.ticket.clone());
            path.link = Some(link.clone());
        }
        switches
    }

    /// The WebSocket over `link` came to nothing, and the session goes on polling.
    pub(super) fn stay(&self, link: &Arc<Link>) {
        self.path.lock().end_probe(link);
    }

    /// A polling request was answered with `payload`: its packets have left the library's channel.
    pub(super) fn fetched(&self, payload: &[u8]) {
        let mut path = self.path.lock();
        let mut disconnected = false;
        for packet in self.version.packets(payload) {
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
        self.dead.cancel();
        if let (Some(sid), Some(sessions)) = (self.sid.get(), self.sessions.upgrade()) {
            sessions.named.remove(sid);
        }
    }
}
