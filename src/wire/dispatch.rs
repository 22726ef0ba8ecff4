//! One queue of events for each connection, worked off in order: parse, admit, run the verb, answer.
//!
//! The library hands events over in the order of their arrival, in the connection's own read task; there they are only
//! put into the queue. A task works the queue off while there is something in it, so an idle connection has none.
//! Sends do not wait for each other's commit: they enter the store in their order (where plugins see them, each once its
//! turn has come), go into one commit, and are answered in their order. Everything else waits until what came before it
//! is done.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use futures_util::FutureExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::event::{self, ClientEvent, server};
use super::payload::encode::{self, ErrorBody};
use super::payload::handshake::Handshake;
use super::payload::request::{self, Request};
use super::{sessions, verbs};
use crate::auth::Verifier;
use crate::chat::tally::Eviction;
use crate::chat::{Arrival, Chat};
use crate::domain::error::{Code, Error};
use crate::domain::hooks::{Arg, Point};
use crate::domain::id::ConnectionId;
use crate::domain::time::Time;
use crate::roster::packet::Packet;
use crate::session::{Admission, Session};

/// Events of one connection that may wait.
const MAX_WAITING: usize = 4_096;
/// Bytes of events of one connection that may wait; one event may always wait.
const MAX_WAITING_BYTES: usize = 4 << 20;
/// How often a dispatcher looks whether its client has read enough for another answer.
const ROOM_CHECK: Duration = Duration::from_millis(10);
/// Sends of one connection that may be on their way into the store.
const MAX_IN_FLIGHT: usize = 64;

/// What every connection's dispatcher works with.
pub struct Shared {
    pub chat: Arc<Chat>,
    pub verifier: Arc<arc_swap::ArcSwap<Verifier>>,
    /// Every connection that was let in, by its id.
    pub live: DashMap<ConnectionId, Arc<Dispatcher>, ahash::RandomState>,
    pub tasks: TaskTracker,
    /// The daemon is ending: new events are refused.
    pub draining: AtomicBool,
}

pub struct Dispatcher {
    shared: Arc<Shared>,
    session: Arc<Session>,
    socket_id: String,
    transport: Arc<sessions::Session>,
    since: Time,
    events: AtomicU64,
    span: tracing::Span,
    queue: Mutex<Queue>,
    /// The client has gone: nobody reads its answers any more.
    gone: AtomicBool,
    /// Why it has gone.
    reason: OnceLock<&'static str>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Incoming>,
    bytes: usize,
    /// A task is working the queue off.
    working: bool,
}

enum Incoming {
    Hello(Box<Handshake>),
    Event { text: String, has_binary: bool, ack: Option<i64>, received: Instant },
    Goodbye,
}

/// The answer to an event, once the verb has run.
type Answer = Pin<Box<dyn Future<Output = Option<Packet>> + Send>>;

impl Shared {
    pub fn all(&self) -> Vec<Arc<Dispatcher>> {
        self.live.iter().map(|entry| Arc::clone(&entry)).collect()
    }

    /// Disconnects whoever has outlived their token where `by_expiry` says so, and whoever is welcome no more.
    pub fn end_unwelcome(&self, by_expiry: bool) {
        let now = Time::now();
        for dispatcher in self.all() {
            let session = dispatcher.session();
            let error = match session.may_stay(self.chat.sanctions(), now) {
                Err(error) => error,
                Ok(()) if by_expiry && session.is_expired(now) => {
                    Error::new(Code::TokenExpired, "the token has expired")
                }
                Ok(()) => continue,
            };
            let connection = &session.connection;
            connection.answer(&Packet::event(server::ERROR, &ErrorBody::of(&error)));
            connection.disconnect();
            self.chat.tally().evicted(Eviction::Unwelcome);
            let code = error.code();
            tracing::debug!(connection.id = %connection.id, user.id = %connection.user, error.code = code, "ended");
        }
    }

    /// Counts an event that was answered; `None` is one whose name is none of ours, or was not read.
    fn count(&self, event: Option<ClientEvent>, took: Duration, refusal: Option<&Error>) {
        let tally = self.chat.tally();
        tally.event(event.map_or(event::UNKNOWN, |event| event as usize), took, refusal.map(|error| error.code));
        if event == Some(ClientEvent::MessageSend) && refusal.is_none() {
            tally.acknowledged(took);
        }
    }

    /// Events that came in and wait for their turn.
    pub fn waiting(&self) -> usize {
        self.live.iter().map(|dispatcher| dispatcher.queue.lock().waiting.len()).sum()
    }

    /// Takes out whoever ended in the moment of coming in, before anybody could hear of it. Called again and again.
    pub fn sweep(&self) {
        for dispatcher in self.all().iter().filter(|dispatcher| dispatcher.session.connection.is_closed()) {
            dispatcher.goodbye("server disconnected");
        }
    }
}

impl Dispatcher {
    pub fn new(
        shared: Arc<Shared>,
        session: Arc<Session>,
        socket_id: String,
        transport: Arc<sessions::Session>,
        span: tracing::Span,
    ) -> Arc<Self> {
        // Counted as working until the greeting: an event that comes before it waits for it.
        let queue = Mutex::new(Queue { working: true, ..Queue::default() });
        let (since, events, gone) = (Time::now(), AtomicU64::new(0), AtomicBool::new(false));
        let reason = OnceLock::new();
        Arc::new(Dispatcher { shared, session, socket_id, transport, since, events, span, queue, gone, reason })
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What carries the session.
    pub fn transport(&self) -> &sessions::Session {
        &self.transport
    }

    pub fn since(&self) -> Time {
        self.since
    }

    /// Events that came so far.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Log lines within it name the connection and its user.
    pub fn span(&self) -> &tracing::Span {
        &self.span
    }

    /// Brings the device in and greets it; events that come meanwhile wait.
    pub fn hello(self: &Arc<Self>, handshake: Handshake) {
        self.shared.live.insert(self.session.connection.id, Arc::clone(self));
        self.queue.lock().waiting.push_front(Incoming::Hello(Box::new(handshake)));
        self.start();
    }

    /// Takes the raw JSON array of an event. Where the queue is full the event is refused at once.
    pub fn event(self: &Arc<Self>, text: String, has_binary: bool, ack: Option<i64>) {
        let bytes = text.len();
        let is_full = {
            let queue = self.queue.lock();
            queue.waiting.len() >= MAX_WAITING || (queue.bytes > 0 && queue.bytes + bytes > MAX_WAITING_BYTES)
        };
        if is_full {
            let admission = self.session.refuse();
            if let Err(error) = self.admitted(admission) {
                self.shared.count(None, Duration::ZERO, Some(&error));
                self.answer(refusal(ack, "", &error));
            }
            return;
        }
        self.push(Incoming::Event { text, has_binary, ack, received: Instant::now() }, bytes);
    }

    /// Takes the device out, behind all that it sent. A second call does nothing.
    pub fn goodbye(self: &Arc<Self>, reason: &'static str) {
        // The first who noticed knows best.
        let _ = self.reason.set(reason);
        if self.gone.swap(true, Ordering::Relaxed) {
            return;
        }
        self.push(Incoming::Goodbye, 0);
    }

    fn push(self: &Arc<Self>, incoming: Incoming, bytes: usize) {
        let must_start = {
            let mut queue = self.queue.lock();
            queue.waiting.push_back(incoming);
            queue.bytes += bytes;
            !std::mem::replace(&mut queue.working, true)
        };
        if must_start {
            self.start();
        }
    }

    fn start(self: &Arc<Self>) {
        let this = Arc::clone(self);
        let span = self.span.clone();
        self.shared.tasks.spawn(async move { this.work().await }.instrument(span));
    }

    /// The user as plugins see them.
    fn user(&self) -> Arg {
        Arg::User(Arc::clone(&self.session.actor.person))
    }

    /// The connection as plugins see it.
    fn link(&self) -> Arg {
        let transport = if self.transport.link().is_some() { "websocket" } else { "polling" };
        Arg::Value(json!({
            "id": self.session.connection.id.to_string(),
            "address": self.transport.peer().address.to_string(),
            "device": self.session.connection.device,
            "transport": transport,
        }))
    }

    /// Works the queue off until it is empty.
    async fn work(&self) {
        let mut in_flight: VecDeque<Answer> = VecDeque::new();
        let mut turn = None;
        loop {
            let next = {
                let mut queue = self.queue.lock();
                let next = queue.waiting.pop_front();
                if let Some(Incoming::Event { text, .. }) = &next {
                    queue.bytes -= text.len();
                }
                if next.is_none() && in_flight.is_empty() {
                    queue.working = false;
                    return;
                }
                next
            };
            match next {
                None => self.answer_first(&mut in_flight).await,
                Some(Incoming::Event { text, has_binary, ack, received }) => {
                    // Whoever asks faster than they read waits for their own answers; a connection that reads nothing
                    // is cut in the end, and has room then.
                    while !self.session.connection.has_room() && !self.gone.load(Ordering::Relaxed) {
                        tokio::time::sleep(ROOM_CHECK).await;
                    }
                    self.handle(&text, has_binary, ack, received, &mut in_flight, &mut turn).await;
                }
                Some(Incoming::Hello(handshake)) => self.greet(*handshake).await,
                Some(Incoming::Goodbye) => {
                    self.answer_all(&mut in_flight).await;
                    self.shared.live.remove(&self.session.connection.id);
                    self.shared.chat.detach(&self.session.connection).await;
                    self.shared.chat.tell(Point::Disconnected, || {
                        let seconds = Time::now().0.saturating_sub(self.since.0) / 1_000;
                        let reason = self.reason.get().copied().unwrap_or("transport closed");
                        vec![self.user(), self.link(), Arg::Value(reason.into()), Arg::Value(seconds.into())]
                    });
                }
            }
        }
    }

    async fn handle(
        &self,
        text: &str,
        has_binary: bool,
        ack: Option<i64>,
        received: Instant,
        in_flight: &mut VecDeque<Answer>,
        turn: &mut Option<oneshot::Receiver<()>>,
    ) {
        self.events.fetch_add(1, Ordering::Relaxed);
        let (name, request) = self.read(text, has_binary);
        let is_send = matches!(&request, Ok(Request::Send(_)));
        if !is_send {
            self.answer_all(in_flight).await;
        } else if let Some(before) = turn.take() {
            self.wait_for(before, in_flight).await;
        }
        let mine = (is_send && self.shared.chat.considers()).then(|| {
            let (mine, end) = oneshot::channel();
            *turn = Some(end);
            mine
        });
        let mut answer = self.run(name, request, Arrival { received, turn: mine }, ack);
        // The first poll puts a send into the store's queue, or before the plugins: this is what keeps sends in order.
        match futures_util::poll!(&mut answer) {
            std::task::Poll::Ready(packet) => in_flight.push_back(Box::pin(std::future::ready(packet))),
            std::task::Poll::Pending => in_flight.push_back(answer),
        }
        if !is_send {
            self.answer_all(in_flight).await;
        } else if in_flight.len() >= MAX_IN_FLIGHT {
            self.answer_first(in_flight).await;
        }
    }

    /// Waits for the end of a turn, and answers meanwhile what is done.
    async fn wait_for(&self, mut turn: oneshot::Receiver<()>, in_flight: &mut VecDeque<Answer>) {
        while let Some(first) = in_flight.front_mut() {
            tokio::select! {
                biased;
                // A turn ends by being dropped.
                _ = &mut turn => return,
                packet = first => {
                    in_flight.pop_front();
                    self.answer(packet);
                }
            }
        }
        let _ = turn.await;
    }

    async fn answer_first(&self, in_flight: &mut VecDeque<Answer>) {
        if let Some(first) = in_flight.pop_front() {
            self.answer(first.await);
        }
    }

    async fn answer_all(&self, in_flight: &mut VecDeque<Answer>) {
        while !in_flight.is_empty() {
            self.answer_first(in_flight).await;
        }
    }

    fn answer(&self, packet: Option<Packet>) {
        if let Some(packet) = packet {
            let is_taken = self.session.connection.answer(&packet);
            if !is_taken {
                self.shared.chat.tally().evicted(Eviction::Unread);
            }
        }
    }

    /// The event's name, and its request or why there is none.
    fn read(&self, text: &str, has_binary: bool) -> (String, Result<Request, Error>) {
        let Ok(arguments) = serde_json::from_str::<Vec<Value>>(text) else {
            return (String::new(), self.admit_as_write(Error::invalid("payload", "JSON")));
        };
        let mut arguments = arguments.into_iter();
        let Some(Value::String(name)) = arguments.next() else {
            return (String::new(), self.admit_as_write(Error::invalid("event", "a name")));
        };
        let Some(event) = ClientEvent::parse(&name) else {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            let unknown = Error::new(Code::UnknownEvent, format!("there is no event \"{shown}\""));
            return (shown, self.admit_as_write(unknown));
        };
        let request = self.admitted(self.session.admit(request::budget(event))).and_then(|()| {
            let payload = arguments.next().unwrap_or(Value::Null);
            if has_binary || arguments.next().is_some() {
                return Err(Error::invalid("payload", "one argument of plain JSON"));
            }
            if self.shared.draining.load(Ordering::Relaxed) {
                return Err(Error::unavailable("the server is going down, reconnect and retry"));
            }
            let history_limit = self.shared.chat.config().messages.history_limit;
            request::parse(event, payload, history_limit)
        });
        (name, request)
    }

    /// What makes no sense costs as much as what changes something.
    fn admit_as_write(&self, error: Error) -> Result<Request, Error> {
        self.admitted(self.session.admit(crate::session::budget::Kind::Write))?;
        Err(error)
    }

    fn admitted(&self, admission: Admission) -> Result<(), Error> {
        match admission {
            Admission::Pass => Ok(()),
            Admission::Refuse { retry_after } => {
                // Of a flood plugins hear once.
                if self.session.is_first_refusal() {
                    let limit = json!({ "name": "events", "retryAfterMs": retry_after.as_millis() as u64 });
                    self.shared.chat.tell(Point::RateLimit, || vec![self.user(), Arg::Value(limit)]);
                }
                Err(Error::rate_limited(retry_after))
            }
            Admission::Disconnect { retry_after } => {
                let error = Error::rate_limited(retry_after);
                self.session.connection.answer(&Packet::event(server::ERROR, &ErrorBody::of(&error)));
                self.session.connection.disconnect();
                self.shared.chat.tally().evicted(Eviction::Flood);
                tracing::info!("disconnected: too many refusals in a row");
                Err(error)
            }
        }
    }

    /// The verb and its answer as one future, which owns what it needs. A panic in it is a defect of ours: the client
    /// reads `INTERNAL`, and the log has the same id.
    fn run(&self, name: String, request: Result<Request, Error>, arrival: Arrival, ack: Option<i64>) -> Answer {
        let received = arrival.received;
        let (shared, session) = (Arc::clone(&self.shared), Arc::clone(&self.session));
        Box::pin(async move {
            let outcome = match request {
                Ok(request) => {
                    let verb = AssertUnwindSafe(verbs::run(&shared, &session, request, arrival, ack));
                    verb.catch_unwind().await.unwrap_or_else(|_| Err(internal()))
                }
                Err(error) => Err(error),
            };
            let elapsed = received.elapsed();
            let event = ClientEvent::parse(&name);
            shared.count(event, elapsed, outcome.as_ref().err());
            // An unknown name is whatever the client wrote.
            let name_of_ours = event.map_or("(unknown)", |_| &name);
            match outcome {
                Ok(answer) => {
                    tracing::debug!(event.name = name_of_ours, event.duration = ?elapsed, "done");
                    answer
                }
                Err(error) => {
                    // The refusal's text may quote what the client sent; its code never does.
                    tracing::debug!(event.name = name_of_ours, event.duration = ?elapsed, error.code = error.code(), "refused");
                    refusal(ack, &name, &error)
                }
            }
        })
    }

    async fn greet(&self, handshake: Handshake) {
        let connection = &self.session.connection;
        let device = connection.device.as_deref();
        match self.shared.chat.attach(connection, &self.session.actor, handshake.status, handshake.resume).await {
            Ok(attached) => {
                let body = encode::ConnectedBody {
                    user_id: &connection.user,
                    socket_id: &self.socket_id,
                    device,
                    expires_at: self.session.expires_at(),
                    server_time: crate::domain::time::Time::now(),
                    epoch: self.shared.chat.store().epoch(),
                    resumed: attached.resumed.as_deref().map(encode::resumed),
                };
                connection.open(&Packet::event(server::CONNECTED, &body), &attached.marks);
                self.shared.chat.tell(Point::Connected, || vec![self.user(), self.link()]);
                tracing::debug!("connected");
            }
            Err(error) => {
                tracing::debug!(%error, "the device could not be brought in");
                connection.answer(&Packet::event(server::ERROR, &ErrorBody::of(&error)));
                connection.cut();
            }
        }
    }
}

/// With an acknowledgement the refusal is its answer; without one, an `error` event that names the event.
fn refusal(ack: Option<i64>, name: &str, error: &Error) -> Option<Packet> {
    Some(match ack {
        Some(ack) => encode::refused(ack, error),
        None => Packet::event(server::ERROR, &ErrorBody::about(error, name)),
    })
}

fn internal() -> Error {
    let error_id = uuid::Uuid::new_v4().to_string();
    tracing::error!(error.id = %error_id, "a verb panicked");
    Error::internal(error_id)
}
