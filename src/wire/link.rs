//! One connection as the rest of the program sees it: its way out, its limits, how it ends.
//!
//! A [`Link`] is shared between the [`Io`](super::io::Io) that hyper and the Engine.IO library read and write, and
//! everyone who has frames for the connection. Frames that are pushed here go past the library: they are ready-made,
//! shared between their recipients, and written with all else that waits, between the frames of the library. Where the
//! stream has a [`Shortcut`] and nobody else is writing, [`Link::flush`] writes them at once, and the connection's task
//! need not wake.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::extension::Agreement;
use super::frame::Violation;
use super::guard::Ticket;
use super::output::{Output, Shortcut, Written, cork};
use super::peer::Peer;
use super::poll::Polling;
use super::traffic::{Compressed, Counts, Traffic};
use crate::roster::outlet::Refused;
use crate::roster::packet::Packet;

/// How long a connection that is told to end may take to read what still waits for it.
const FAREWELL: Duration = Duration::from_secs(5);

/// What may wait for one connection at most.
#[derive(Clone, Copy)]
pub struct Room {
    pub packets: usize,
    pub bytes: usize,
}

pub struct Link {
    peer: Peer,
    born: Instant,
    room: Room,
    phase: AtomicU8,
    /// Frames pushed and not yet written whole, and their bytes.
    packets: AtomicUsize,
    bytes: AtomicUsize,
    /// Milliseconds since `born`, plus one, at which the peer stopped taking bytes; zero while it takes them.
    blocked_at: AtomicU64,
    counts: Arc<Counts>,
    /// The place of the session that this connection carries, free again when the connection has ended.
    ticket: OnceLock<Arc<Ticket>>,
    /// Set where the upgrade was answered with permessage-deflate.
    agreement: OnceLock<Agreement>,
    /// The client sends the PINGs, as in Engine.IO 3.
    pub(super) client_pings: AtomicBool,
    pub(super) polling: Polling,
    state: Mutex<State>,
}

struct State {
    inbox: Output,
    /// Somebody will flush the inbox.
    corked: bool,
    shortcut: Option<Arc<dyn Shortcut>>,
    /// The I/O has frames of its own to write, or may have: no way for the shortcut.
    writing: bool,
    gate: Gate,
    end: Option<End>,
    cut: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Whether pushed frames may flow. They must not overtake what went into the library's channel before them.
enum Gate {
    /// Nothing has been pushed: all packets go through the library.
    Library,
    /// Pushed frames wait until this last payload of the library's path has passed.
    Behind(Vec<u8>),
    Open,
}

struct End {
    violation: Option<Violation>,
    /// The connection is cut then, whatever still waits.
    deadline: Instant,
    /// The end waits for the library's disconnect packet.
    after_disconnect: bool,
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    Http,
    /// A request for an upgrade is being answered: what the peer sends behind it waits.
    Asked,
    /// The answer is 101; when its head has passed, frames follow.
    Granted,
    Frames,
}

/// What becomes of a frame that the library wrote.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passage {
    Send,
    Swallow,
}

/// When pushed frames leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Now,
    /// With what else is handed over in this turn.
    Together,
}

pub(super) enum Side {
    Reader,
    Writer,
}

/// What a poll of the I/O has to do beside its own work.
#[derive(Clone, Copy, Default)]
pub(super) struct Turn {
    /// For what the connection ends, once all that waits has been taken.
    pub close: Option<Option<Violation>>,
    /// What the peer sends does not count any more.
    pub deaf: bool,
}

impl Link {
    pub fn new(peer: Peer, room: Room) -> Arc<Self> {
        Arc::new(Link {
            peer,
            born: Instant::now(),
            room,
            phase: AtomicU8::new(Phase::Http as u8),
            packets: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            blocked_at: AtomicU64::new(0),
            counts: Arc::default(),
            ticket: OnceLock::new(),
            agreement: OnceLock::new(),
            client_pings: AtomicBool::new(false),
            polling: Polling::default(),
            state: Mutex::new(State {
                inbox: Output::default(),
                corked: false,
                shortcut: None,
                writing: false,
                gate: Gate::Library,
                end: None,
                cut: false,
                reader: None,
                writer: None,
            }),
        })
    }

    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Makes the end of the connection that of the session which `ticket` belongs to.
    pub(super) fn carry(&self, ticket: Arc<Ticket>) {
        let _ = self.ticket.set(ticket);
    }

    /// Notes what the answer to the request for an upgrade has agreed on.
    pub(super) fn agree(&self, agreement: Agreement) {
        let _ = self.agreement.set(agreement);
    }

    /// Whether messages may be compressed.
    pub(super) fn deflates(&self) -> bool {
        self.agreement.get().is_some()
    }

    /// Lets frames be written from where they come from.
    pub(super) fn offer(&self, shortcut: Arc<dyn Shortcut>) {
        self.state.lock().shortcut = Some(shortcut);
    }

    /// Hands one packet over, compressed where that was agreed on and is worth it.
    pub fn push_packet(self: &Arc<Self>, packet: &Packet, leave: Leave) -> Result<(), Refused> {
        let compressed = self.agreement.get().and_then(|agreement| agreement.compress_packet(packet));
        let Some(frame) = compressed else { return self.push(packet.frame().clone(), leave) };
        let sizes = Compressed::message(packet.payload().len(), frame.len());
        self.push(frame, leave)?;
        self.counts.compressed_out.add(sizes);
        Ok(())
    }

    /// The compressed frame of a text message that the library wrote, where it is to be compressed.
    pub(super) fn compress(&self, payload: &[u8]) -> Option<Bytes> {
        let frame = self.agreement.get()?.compress_text(payload)?;
        self.counts.compressed_out.add(Compressed::message(payload.len(), frame.len()));
        Some(frame)
    }

    /// Hands one frame over, behind all that was pushed before.
    pub fn push(self: &Arc<Self>, frame: Bytes, leave: Leave) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.cut || state.end.is_some() {
            return Err(Refused::Closed);
        }
        // What waits may only wait for its turn.
        let has_room = self.has_room_for(&frame) || self.write(&mut state) || self.has_room_for(&frame);
        if !has_room {
            let reader = state.reader.take();
            drop(state);
            wake(reader);
            return Err(Refused::Full);
        }
        self.enqueue(&mut state, frame);
        let left = match leave {
            Leave::Now => self.write(&mut state),
            Leave::Together => {
                state.corked = state.corked || cork(self);
                state.corked
            }
        };
        let reader = if left { None } else { state.reader.take() };
        drop(state);
        wake(reader);
        Ok(())
    }

    fn has_room_for(&self, frame: &Bytes) -> bool {
        let (packets, bytes) = self.waiting();
        // A frame larger than the whole room still goes out alone.
        packets == 0 || (packets < self.room.packets && bytes + frame.len() <= self.room.bytes)
    }

    /// Writes what waits, as far as the peer takes it.
    pub fn flush(&self) {
        let mut state = self.state.lock();
        state.corked = false;
        let reader = if self.write(&mut state) { None } else { state.reader.take() };
        drop(state);
        wake(reader);
    }

    /// Writes by the shortcut where nobody else is writing, and tells whether nothing waits any more. Otherwise the I/O
    /// has to go on.
    fn write(&self, state: &mut State) -> bool {
        let is_free = !state.writing && state.end.is_none() && matches!(state.gate, Gate::Open);
        if is_free
            && self.phase() == Phase::Frames
            && let State { inbox, shortcut: Some(shortcut), .. } = state
        {
            while !inbox.is_empty() {
                match inbox.write(|slices| shortcut.try_write(slices)) {
                    // An error is met again by the I/O, which knows what to do with it.
                    Err(_) | Ok(0) => return false,
                    Ok(bytes) => self.wrote(inbox.advance(bytes)),
                }
            }
        }
        state.inbox.is_empty()
    }

    /// Pushes one last frame, whatever the limits, and ends the connection behind it.
    pub fn push_last(&self, frame: Bytes) {
        let mut state = self.state.lock();
        if state.cut || state.end.is_some() {
            return;
        }
        self.enqueue(&mut state, frame);
        drop(state);
        self.end(None);
    }

    fn enqueue(&self, state: &mut State, frame: Bytes) {
        self.packets.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(frame.len(), Ordering::Relaxed);
        state.inbox.push(frame);
    }

    /// Pushed frames that have not been written whole, and their bytes.
    pub fn waiting(&self) -> (usize, usize) {
        (self.packets.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Holds pushed frames back until the library has written a text frame with exactly this payload.
    pub fn hold_behind(&self, payload: Vec<u8>) {
        self.state.lock().gate = Gate::Behind(payload);
    }

    /// Takes [`Link::hold_behind`] back: the library refused the packet.
    pub fn hold_nothing(&self) {
        self.state.lock().gate = Gate::Library;
    }

    /// Whether pushed frames flow.
    pub fn is_open(&self) -> bool {
        matches!(self.state.lock().gate, Gate::Open)
    }

    /// Ends the connection when all that waits is written: a close frame, then the stream's end. What the peer sends
    /// from now on is thrown away, and a peer that does not read is cut.
    pub fn end(&self, violation: Option<Violation>) {
        let mut state = self.state.lock();
        if state.cut {
            return;
        }
        if self.phase() != Phase::Frames {
            drop(state);
            return self.cut();
        }
        let deadline = state.end.as_ref().map_or_else(|| Instant::now() + FAREWELL, |end| end.deadline);
        state.end = Some(End { violation, deadline, after_disconnect: false });
        drop(state);
        self.wake_both();
    }

    /// Ends the connection behind the library's disconnect packet, which is on its way.
    pub fn end_after_disconnect(&self) {
        let mut state = self.state.lock();
        if state.end.is_none() {
            state.end = Some(End { violation: None, deadline: Instant::now() + FAREWELL, after_disconnect: true });
        }
    }

    /// Ends the connection at once: nothing more is read or written, and what waited is freed.
    pub fn cut(&self) {
        let mut state = self.state.lock();
        state.cut = true;
        state.inbox.clear();
        state.shortcut = None;
        drop(state);
        if let Some(ticket) = self.ticket.get() {
            ticket.release();
        }
        self.polling.abandon();
        self.wake_both();
    }

    pub fn is_cut(&self) -> bool {
        self.state.lock().cut
    }

    /// How long bytes have waited for the peer without any of them being taken. A connection with nothing to write,
    /// such as a polling request that waits for packets, is never stalled.
    pub fn stalled_for(&self, now: Instant) -> Duration {
        match self.blocked_at.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            at => now.saturating_duration_since(self.born + Duration::from_millis(at - 1)),
        }
    }

    /// Whether the connection has used up its time: stalled for longer than `write_timeout`, or told to end long ago.
    pub fn is_overdue(&self, now: Instant, write_timeout: Duration) -> bool {
        self.stalled_for(now) > write_timeout || self.state.lock().end.as_ref().is_some_and(|end| now > end.deadline)
    }

    pub fn traffic(&self) -> Traffic {
        self.counts.traffic()
    }

    pub(super) fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Http,
            1 => Phase::Asked,
            2 => Phase::Granted,
            _ => Phase::Frames,
        }
    }

    /// Called by the HTTP service as a request for an upgrade moves on, and by the I/O when the 101 has passed.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
        if phase == Phase::Http {
            let reader = self.state.lock().reader.take();
            wake(reader);
        }
    }

    /// What the I/O does first in every poll: leaves its waker and, where it may write frames, takes those that wait.
    /// From then on it alone writes, until [`Link::written`]; the reading side only where it has something to write.
    pub(super) fn turn(&self, side: Side, waker: &Waker, out: &mut Output) -> io::Result<Turn> {
        let mut state = self.state.lock();
        if state.cut {
            out.clear();
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let slot = match side {
            Side::Reader => &mut state.reader,
            Side::Writer => &mut state.writer,
        };
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
        let turn = self.take(&mut state, out);
        state.writing = matches!(side, Side::Writer) || !out.is_empty();
        Ok(turn)
    }

    /// Takes the frames that may flow now, as [`Link::turn`] does.
    pub(super) fn collect(&self, out: &mut Output) -> Turn {
        self.take(&mut self.state.lock(), out)
    }

    /// All that the I/O took is written.
    pub(super) fn written(&self) {
        self.state.lock().writing = false;
    }

    fn take(&self, state: &mut State, out: &mut Output) -> Turn {
        if self.phase() == Phase::Frames && matches!(state.gate, Gate::Open) {
            out.take(&mut state.inbox);
        }
        match &state.end {
            Some(end) if !end.after_disconnect => {
                Turn { close: state.inbox.is_empty().then_some(end.violation), deaf: true }
            }
            _ => Turn::default(),
        }
    }

    /// Decides about a text frame that the library wrote, and opens the gate or ends the connection behind it.
    pub(super) fn pass(&self, payload: &[u8]) -> Passage {
        let mut state = self.state.lock();
        if let Gate::Behind(last) = &state.gate
            && last == payload
        {
            state.gate = Gate::Open;
            return Passage::Send;
        }
        if payload != b"41" {
            return Passage::Send;
        }
        match &mut state.end {
            Some(end) if end.after_disconnect => {
                end.after_disconnect = false;
                Passage::Send
            }
            // One has been pushed, behind the other pushed frames.
            Some(_) => Passage::Swallow,
            None => Passage::Send,
        }
    }

    pub(super) fn read(&self, bytes: usize) {
        self.counts.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn read_frames(&self, frames: u64, compressed: Compressed) {
        self.counts.frames_in.store(frames, Ordering::Relaxed);
        self.counts.compressed_in.add(compressed);
    }

    pub(super) fn wrote(&self, written: Written) {
        self.counts.bytes_out.fetch_add(written.bytes as u64, Ordering::Relaxed);
        self.blocked_at.store(0, Ordering::Relaxed);
        if written.frames > 0 {
            self.counts.frames_out.fetch_add(written.frames as u64, Ordering::Relaxed);
            self.packets.fetch_sub(written.pushed_frames, Ordering::Relaxed);
            self.bytes.fetch_sub(written.pushed_bytes, Ordering::Relaxed);
        }
    }

    pub(super) fn blocked(&self) {
        if self.blocked_at.load(Ordering::Relaxed) == 0 {
            let millis = self.born.elapsed().as_millis() as u64;
            self.blocked_at.store(millis + 1, Ordering::Relaxed);
        }
    }

    fn wake_both(&self) {
        let mut state = self.state.lock();
        let (reader, writer) = (state.reader.take(), state.writer.take());
        drop(state);
        wake(reader);
        wake(writer);
    }
}

/// The stream keeps one waker for writing, while reader and writer may be different tasks that both wait for it.
/// So it is polled with the link as its waker, which wakes both.
impl Wake for Link {
    fn wake(self: Arc<Self>) {
        self.wake_both();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_both();
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
