//! One Socket.IO client: connects, answers pings, sends when told to, and counts what it gets.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use flate2::{Decompress, FlushDecompress};
use memchr::memmem;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::frame;
use crate::tally::{self, Mark, Seen, Tally};
use crate::world::{World, add};
use crate::{Peer, Scenario};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// What permessage-deflate leaves out at the end of a message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

pub struct Client {
    world: Rc<World>,
    write: OwnedWriteHalf,
    room: usize,
    /// Its number in its room.
    index: usize,
    resumes: bool,
    inflater: RefCell<Option<Decompress>>,
    tally: RefCell<Tally>,
    /// Messages sent, or typing begun and ended.
    sent: Cell<u32>,
    /// Number and time of the requests that are not acknowledged yet: answers come in the order of requests.
    asked: RefCell<VecDeque<(u64, u64)>>,
    requests: Cell<u64>,
    ready: Cell<bool>,
    closed: Cell<bool>,
    reader: RefCell<Option<AbortHandle>>,
    /// The name of the store's history, as chatd's greeting has it.
    pub epoch: RefCell<String>,
    changed: Notify,
}

/// Who connects, and with what.
pub struct Login {
    pub room: usize,
    pub index: usize,
    /// `resume` of the handshake, as JSON.
    pub resume: Option<String>,
}

impl Client {
    /// Connects and waits until the server has let it in. None where it did not.
    pub async fn connect(world: &Rc<World>, login: Login) -> Option<Rc<Client>> {
        match Self::enter(world, login).await {
            Ok(client) => Some(client),
            Err(error) => {
                world.complain(format!("not let in: {error}"));
                None
            }
        }
    }

    async fn enter(world: &Rc<World>, login: Login) -> io::Result<Rc<Client>> {
        let mut stream = TcpStream::connect(("127.0.0.1", world.args.port)).await?;
        stream.set_nodelay(true)?;
        let waiting = frame::upgrade(&mut stream, world.args.deflate).await?;
        let (read, write) = stream.into_split();
        let client = Rc::new(Client {
            world: Rc::clone(world),
            write,
            room: login.room,
            index: login.index,
            resumes: login.resume.is_some(),
            inflater: RefCell::default(),
            tally: RefCell::default(),
            sent: Cell::new(0),
            asked: RefCell::default(),
            requests: Cell::new(0),
            ready: Cell::new(false),
            closed: Cell::new(false),
            reader: RefCell::default(),
            epoch: RefCell::default(),
            changed: Notify::new(),
        });
        let token = world.token(&client.user());
        let resume = login.resume.map(|resume| format!(r#","resume":{resume}"#)).unwrap_or_default();
        client.send(&format!(r#"40{{"token":"{token}"{resume}}}"#));
        let reader = tokio::task::spawn_local(Rc::clone(&client).read(read, waiting));
        *client.reader.borrow_mut() = Some(reader.abort_handle());
        while !client.ready.get() && !client.closed.get() {
            client.changed.notified().await;
        }
        if client.ready.get() { Ok(client) } else { Err(io::Error::other("the server ended the connection")) }
    }

    /// Reads until the connection ends. `waiting` is what does not make a whole frame yet.
    async fn read(self: Rc<Self>, mut read: OwnedReadHalf, mut waiting: Vec<u8>) {
        waiting = self.take(&waiting).to_vec();
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = read.read(&mut chunk).await {
            add(&self.world.counts.bytes, count as u64);
            let rest = if waiting.is_empty() {
                self.take(&chunk[..count])
            } else {
                waiting.extend_from_slice(&chunk[..count]);
                self.take(&waiting)
            };
            waiting = rest.to_vec();
            if self.closed.get() {
                break;
            }
        }
        self.closed.set(true);
        self.changed.notify_waiters();
    }

    /// Works off the whole frames of `bytes`; what is left.
    fn take<'a>(&self, mut bytes: &'a [u8]) -> &'a [u8] {
        while let Some((frame, rest)) = frame::next(bytes) {
            match frame.opcode {
                TEXT if frame.is_compressed => self.compressed(frame.payload),
                TEXT => self.packet(frame.payload),
                CLOSE => self.closed.set(true),
                _ => {}
            }
            bytes = rest;
        }
        bytes
    }

    /// The server may refer to messages before, so that all must be read.
    fn compressed(&self, payload: &[u8]) {
        let mut text = Vec::with_capacity(2 * self.world.args.bytes + 4096);
        let mut inflater = self.inflater.borrow_mut();
        let inflater = inflater.get_or_insert_with(|| Decompress::new(false));
        match inflater.decompress_vec(&[payload, &TAIL].concat(), &mut text, FlushDecompress::Sync) {
            Ok(_) => self.packet(&text),
            Err(error) => self.world.complain(format!("a compressed message: {error}")),
        }
    }

    fn packet(&self, packet: &[u8]) {
        if packet == b"2" {
            self.send("3");
        } else if let Some(ack) = packet.strip_prefix(b"43") {
            self.ack(ack);
        } else if packet.starts_with(br#"42["message:new""#) {
            self.delivery(packet);
        } else if let Some(typing) = packet.strip_prefix(br#"42["typing:"#) {
            self.typing(typing);
        } else if packet.starts_with(br#"42["connected""#) {
            let epoch = memmem::find(packet, br#""epoch":""#).map(|at| &packet[at + 9..]);
            let epoch = epoch.and_then(|rest| rest.split(|byte| *byte == b'"').next()).unwrap_or_default();
            *self.epoch.borrow_mut() = String::from_utf8_lossy(epoch).into_owned();
            if self.resumes && memmem::find(packet, br#""status":"complete""#).is_none() {
                self.world.complain(String::from_utf8_lossy(packet).into_owned());
            }
            self.let_in();
        } else if packet.starts_with(b"40") {
            // chatd greets behind it, when the device follows its conversations.
            if self.world.args.peer == Peer::Node {
                self.let_in();
            }
        } else if packet.starts_with(br#"42["conversation:updated""#) {
            add(&self.world.counts.joined, 1);
        } else if packet.starts_with(b"44") || packet.starts_with(br#"42["error""#) {
            self.world.complain(String::from_utf8_lossy(packet).into_owned());
        }
    }

    fn let_in(&self) {
        self.ready.set(true);
        add(&self.world.counts.ready, 1);
        self.changed.notify_waiters();
    }

    fn ack(&self, ack: &[u8]) {
        let Some((number, asked_at)) = self.asked.borrow_mut().pop_front() else {
            self.world.complain("an answer that nobody asked for");
            return;
        };
        let is_answer = ack.strip_prefix(number.to_string().as_bytes()).is_some_and(|rest| rest.first() == Some(&b'['));
        if !is_answer || memmem::find(&ack[..ack.len().min(40)], br#""ok":true"#).is_none() {
            self.world.complain(format!("request {number} was answered {}", String::from_utf8_lossy(ack)));
            return;
        }
        add(&self.world.counts.acked, 1);
        if self.world.measuring.get() {
            self.world.latencies.borrow_mut().ack.push((self.world.micros() - asked_at) as u32);
        }
        if self.world.running.get() && self.is_sender() {
            match self.world.args.scenario {
                Scenario::Messages => self.say(),
                Scenario::Typing => self.type_on(),
                _ => {}
            }
        }
    }

    fn delivery(&self, packet: &[u8]) {
        let mark = memmem::find(packet, br#""content":""#).and_then(|at| Mark::parse(&packet[at + 11..]));
        // What a back end sends in a user's name goes to that user's devices as well.
        if self.world.args.scenario == Scenario::Api && mark.is_some_and(|mark| mark.sender == self.index) {
            return;
        }
        let Some(mark) = mark.filter(|mark| mark.room == self.room && mark.sender != self.index) else {
            self.world.complain(format!("not for this device: {}", String::from_utf8_lossy(packet)));
            return;
        };
        let seen = self.tally.borrow_mut().see(mark.sender, mark.number);
        if self.count(seen) && self.world.measuring.get() {
            let micros = self.world.micros() - mark.sent_at_micros;
            self.world.latencies.borrow_mut().delivery.push(micros as u32);
        }
    }

    /// `start",…` or `stop",…`
    fn typing(&self, packet: &[u8]) {
        let user = memmem::find(packet, br#""userId":""#).and_then(|at| tally::parse_user(&packet[at + 10..]));
        let Some((_, sender)) = user.filter(|&(room, index)| room == self.room && index != self.index) else {
            self.world.complain(format!("not for this device: {}", String::from_utf8_lossy(packet)));
            return;
        };
        let seen = self.tally.borrow_mut().see_typing(sender, packet.starts_with(b"start"));
        self.count(seen);
    }

    /// True where it was not seen before.
    fn count(&self, seen: Seen) -> bool {
        let counts = &self.world.counts;
        match seen {
            Seen::Next => {}
            Seen::Gap(missing) => add(&counts.lost, u64::from(missing)),
            Seen::Again => {
                add(&counts.again, 1);
                return false;
            }
        }
        add(&counts.delivered, 1);
        true
    }

    /// The number and the content of its next message.
    pub fn next_message(&self) -> (u32, String) {
        let number = self.next();
        let mark = Mark { room: self.room, sender: self.index, number, sent_at_micros: self.world.micros() };
        (number, mark.content(self.world.args.bytes))
    }

    /// Sends the next message to its room.
    pub fn say(&self) {
        let (id, (number, content)) = (self.conversation(), self.next_message());
        self.emit(
            "message:send",
            &format!(r#"{{"conversationId":"{id}","content":"{content}","clientId":"{number:08}"}}"#),
        );
    }

    /// Starts to type, or stops: everybody else in the room is told of each.
    pub fn type_on(&self) {
        let name = if self.next() % 2 == 1 { "typing:start" } else { "typing:stop" };
        self.emit(name, &format!(r#"{{"conversationId":"{}"}}"#, self.conversation()));
    }

    fn next(&self) -> u32 {
        self.sent.set(self.sent.get() + 1);
        self.sent.get()
    }

    /// Emits with an acknowledgement.
    pub fn emit(&self, name: &str, payload: &str) {
        let number = self.requests.get();
        self.requests.set(number + 1);
        self.asked.borrow_mut().push_back((number, self.world.micros()));
        self.send(&format!(r#"42{number}["{name}",{payload}]"#));
    }

    fn send(&self, packet: &str) {
        let mut bytes = Vec::with_capacity(packet.len() + 14);
        frame::text(packet, &mut bytes);
        // There is one small packet on its way at a time, so there is room for it. Where there is not, the connection
        // has gone, and the reader sees it.
        match self.write.try_write(&bytes) {
            Ok(count) if count == bytes.len() => {}
            _ if self.closed.get() => {}
            outcome => self.world.complain(format!("a packet could not be written: {outcome:?}")),
        }
    }

    /// How many answers it waits for.
    pub fn unanswered(&self) -> u64 {
        self.asked.borrow().len() as u64
    }

    /// How many of a sender's events have not come.
    pub fn missing(&self, sender: &Client) -> u64 {
        u64::from(sender.sent.get() - self.tally.borrow().last(sender.index))
    }

    pub fn is_sender(&self) -> bool {
        self.index < self.world.args.senders
    }

    pub fn room(&self) -> usize {
        self.room
    }

    pub fn user(&self) -> String {
        tally::user(self.room, self.index)
    }

    pub fn conversation(&self) -> String {
        conversation(self.room)
    }

    /// Drops the connection without a word, as a network does.
    pub fn cut(self: Rc<Self>) {
        self.closed.set(true);
        if let Some(reader) = self.reader.borrow_mut().take() {
            reader.abort();
        }
    }
}

/// The id of a room's conversation.
pub fn conversation(room: usize) -> String {
    format!("room-{room}")
}
