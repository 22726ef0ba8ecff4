//! One Socket.IO client: connects, answers pings, sends when told to, and counts what it gets.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::frame;
use crate::tally::{self, Seen, Tally};
use crate::world::{World, add};
use crate::{Peer, Scenario};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

pub struct Client {
    world: Rc<World>,
    write: OwnedWriteHalf,
    room: String,
    /// Its number among the senders of its room.
    sender: Option<usize>,
    tally: RefCell<Tally>,
    sent: Cell<u32>,
    /// When the requests that are not acknowledged yet were sent: answers come in the order of requests.
    asked_at: RefCell<VecDeque<u64>>,
    typing: Cell<bool>,
    ready: Cell<bool>,
    closed: Cell<bool>,
    reader: RefCell<Option<AbortHandle>>,
    /// The name of the store's history, as chatd's greeting has it.
    pub epoch: RefCell<String>,
    changed: Notify,
}

/// Who connects, and with what.
pub struct Login<'a> {
    pub user: &'a str,
    pub room: String,
    pub sender: Option<usize>,
    /// `resume` of the handshake, as JSON.
    pub resume: Option<String>,
}

impl Client {
    /// Connects and waits until the server has let it in. None where it did not.
    pub async fn connect(world: &Rc<World>, login: Login<'_>) -> Option<Rc<Client>> {
        let port = world.args.port;
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let mut stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                world.complain(format!("connect: {error}"));
                return None;
            }
        };
        let _ = stream.set_nodelay(true);
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        let head = async {
            stream.write_all(request.as_bytes()).await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await?);
            }
            Ok::<_, std::io::Error>(head)
        };
        match head.await {
            Ok(head) if head.starts_with(b"HTTP/1.1 101") => {}
            Ok(head) => {
                world.complain(String::from_utf8_lossy(&head).into_owned());
                return None;
            }
            Err(error) => {
                world.complain(format!("upgrade: {error}"));
                return None;
            }
        }
        let (read, write) = stream.into_split();
        let client = Rc::new(Client {
            world: Rc::clone(world),
            write,
            room: login.room,
            sender: login.sender,
            tally: RefCell::default(),
            sent: Cell::new(0),
            asked_at: RefCell::default(),
            typing: Cell::new(false),
            ready: Cell::new(false),
            closed: Cell::new(false),
            reader: RefCell::default(),
            epoch: RefCell::default(),
            changed: Notify::new(),
        });
        let token = world.token(login.user);
        let resume = login.resume.map(|resume| format!(r#","resume":{resume}"#)).unwrap_or_default();
        client.send(&format!(r#"40{{"token":"{token}"{resume}}}"#));
        let reader = tokio::task::spawn_local(Rc::clone(&client).read(read));
        *client.reader.borrow_mut() = Some(reader.abort_handle());
        while !client.ready.get() && !client.closed.get() {
            client.changed.notified().await;
        }
        client.ready.get().then_some(client)
    }

    /// Reads until the connection ends.
    async fn read(self: Rc<Self>, mut read: tokio::net::tcp::OwnedReadHalf) {
        // What does not make a whole frame yet. Clients of one thread could share the rest, but need not.
        let mut waiting: Vec<u8> = Vec::new();
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = read.read(&mut chunk).await {
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
                TEXT => self.packet(frame.payload),
                CLOSE => self.closed.set(true),
                _ => {}
            }
            bytes = rest;
        }
        bytes
    }

    fn packet(&self, packet: &[u8]) {
        if packet == b"2" {
            self.send("3");
        } else if let Some(ack) = packet.strip_prefix(b"43") {
            self.ack(ack);
        } else if packet.starts_with(br#"42["message:new""#) {
            self.delivery(packet);
        } else if packet.starts_with(br#"42["typing:"#) {
            add(&self.world.counts.typed, 1);
        } else if packet.starts_with(br#"42["connected""#) {
            let epoch = memmem::find(packet, br#""epoch":""#).map(|at| &packet[at + 9..]);
            let epoch = epoch.and_then(|rest| rest.split(|byte| *byte == b'"').next()).unwrap_or_default();
            *self.epoch.borrow_mut() = String::from_utf8_lossy(epoch).into_owned();
            self.enter();
        } else if packet.starts_with(b"40") {
            // chatd greets behind it, when the device follows its conversations.
            if self.world.args.peer == Peer::Node {
                self.enter();
            }
        } else if packet.starts_with(br#"42["conversation:updated""#) {
            add(&self.world.counts.joined, 1);
        } else if packet.starts_with(b"44") || packet.starts_with(br#"42["error""#) {
            self.world.complain(String::from_utf8_lossy(packet).into_owned());
        }
    }

    fn enter(&self) {
        self.ready.set(true);
        add(&self.world.counts.ready, 1);
        self.changed.notify_waiters();
    }

    fn ack(&self, ack: &[u8]) {
        if memmem::find(&ack[..ack.len().min(40)], br#""ok":true"#).is_none() {
            self.world.complain(String::from_utf8_lossy(ack).into_owned());
            return;
        }
        add(&self.world.counts.acked, 1);
        let asked_at = self.asked_at.borrow_mut().pop_front();
        if self.world.measuring.get()
            && let Some(asked_at) = asked_at
        {
            self.world.latencies.borrow_mut().ack.push((self.world.micros() - asked_at) as u32);
        }
        if self.world.running.get() && self.sender.is_some() {
            match self.world.args.scenario {
                Scenario::Messages => self.say(),
                Scenario::Typing => self.type_on(),
                _ => {}
            }
        }
    }

    fn delivery(&self, packet: &[u8]) {
        let counts = &self.world.counts;
        let content = memmem::find(packet, br#""content":""#).and_then(|at| tally::parse(&packet[at + 11..]));
        let Some((sender, number, sent_at)) = content else {
            self.world.complain("a message that nobody sent");
            return;
        };
        match self.tally.borrow_mut().see(sender, number) {
            Seen::Next => {}
            Seen::Gap(missing) => add(&counts.lost, u64::from(missing)),
            Seen::Again => {
                add(&counts.again, 1);
                return;
            }
        }
        add(&counts.delivered, 1);
        if self.world.measuring.get() {
            let micros = self.world.micros() - sent_at;
            self.world.latencies.borrow_mut().delivery.push(micros as u32);
        }
    }

    /// Sends the next message to its room.
    pub fn say(&self) {
        let number = self.sent.get() + 1;
        self.sent.set(number);
        let now = self.world.micros();
        let content = tally::content(self.sender.unwrap_or(0), number, now, self.world.args.bytes);
        let room = &self.room;
        self.emit("message:send", &format!(r#"{{"conversationId":"{room}","content":"{content}"}}"#));
    }

    /// Starts to type, or stops: everybody else in the room is told of each.
    pub fn type_on(&self) {
        let typing = !self.typing.replace(!self.typing.get());
        let name = if typing { "typing:start" } else { "typing:stop" };
        let room = &self.room;
        self.emit(name, &format!(r#"{{"conversationId":"{room}"}}"#));
    }

    /// Emits with an acknowledgement.
    pub fn emit(&self, name: &str, payload: &str) {
        self.asked_at.borrow_mut().push_back(self.world.micros());
        self.send(&format!(r#"421["{name}",{payload}]"#));
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

    pub fn sent(&self) -> u32 {
        self.sent.get()
    }

    /// How many of a sender's messages have come.
    pub fn seen(&self, sender: usize) -> u32 {
        self.tally.borrow().last(sender)
    }

    pub fn sender(&self) -> Option<usize> {
        self.sender
    }

    pub fn room(&self) -> &str {
        &self.room
    }

    /// Drops the connection without a word, as a network does.
    pub fn cut(self: Rc<Self>) {
        self.closed.set(true);
        if let Some(reader) = self.reader.borrow_mut().take() {
            reader.abort();
        }
    }
}
