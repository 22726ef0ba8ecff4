//! Tells one webhook what is in the outbox for it: a task for each, so that a slow one holds up no other.
//!
//! The store has a cursor for each webhook: what is before it was taken, or stands in the backlog, where what was not
//! taken waits for another attempt. Both are written some moments later, so that a crash has some events told again,
//! with the ids that they had; none is lost.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::board::{Board, State};
use super::endpoint::Endpoint;
use super::kind::Kind;
use super::lanes::{Item, Lanes, Name};
use super::pace::{self, Health};
use super::post::{Attempt, Failure, Outcome, post};
use super::record::envelope;
use crate::domain::error::Error;
use crate::domain::id::EventId;
use crate::domain::time::Time;
use crate::store::{Advance, Parked, Store, Stored};

/// Entries that are read at a time.
const PAGE: u32 = 256;
/// Entries that were read and are neither told nor parked: more are not read meanwhile.
const MAX_OPEN: usize = 8_192;
/// Bodies that are kept while they wait for their turn; further ones are fetched when it comes.
const MAX_HELD_BYTES: usize = 4 << 20;
/// How often what was told is noted in the store.
const SAVE_INTERVAL: Duration = Duration::from_millis(200);
/// How long the end waits for answers.
const GRACE: Duration = Duration::from_secs(3);
/// The pause after the store could not be asked.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What a courier is told to do.
pub enum Order {
    Adopt(Arc<Endpoint>),
    Pause(oneshot::Sender<Result<(), Error>>),
    Resume(oneshot::Sender<Result<(), Error>>),
    /// Tries again what was given up, or one event of it; how many.
    Replay(Option<EventId>, oneshot::Sender<Result<usize, Error>>),
    /// Notes what was told so far.
    Save(oneshot::Sender<()>),
    /// Sends an event that tells nothing.
    Test(oneshot::Sender<Attempt>),
}

pub struct Courier {
    endpoint: Arc<Endpoint>,
    store: Store,
    board: Arc<Board>,
    newest: watch::Receiver<i64>,
    orders: mpsc::Receiver<Order>,
    lanes: Lanes,
    /// Keys that were read and are neither told nor parked: the cursor is before the first.
    open: BTreeSet<i64>,
    read_to: i64,
    saved: i64,
    /// What the next save brings into the backlog, and out of it.
    owed: Vec<Parked>,
    settled: Vec<i64>,
    /// What was given up since the last save, and the last of it.
    given_up: Option<GivenUp>,
    held_bytes: usize,
    flight: JoinSet<Landed>,
    /// What operators try out.
    tests: JoinSet<()>,
    health: Health,
    pause: Option<State>,
}

struct GivenUp {
    count: usize,
    event: EventId,
    reason: String,
}

/// An attempt that is over.
struct Landed {
    lane: Name,
    item: Item,
    what: What,
}

enum What {
    Tried {
        id: EventId,
        attempt: Attempt,
    },
    /// The outbox was too full, and dropped it.
    Dropped,
    /// The store could not be asked.
    Unread,
}

impl Courier {
    /// A courier that goes on where the last one was.
    ///
    /// # Errors
    /// `UNAVAILABLE` where the store cannot be read.
    pub async fn new(
        endpoint: Arc<Endpoint>,
        store: Store,
        board: Arc<Board>,
        newest: watch::Receiver<i64>,
        orders: mpsc::Receiver<Order>,
    ) -> Result<Self, Error> {
        let name = endpoint.name.clone();
        let (progress, owed) = store
            .write(move |tx| {
                tx.begin_webhook(&name)?;
                Ok((tx.webhook(&name)?, tx.owed(&name)?))
            })
            .await?;
        let (cursor, paused) = progress.map(|found| (found.cursor, found.paused)).unwrap_or_default();
        let pause = Some(State::of_pause(paused.as_deref())).filter(|state| state.is_pause());
        let mut lanes = Lanes::default();
        for entry in owed {
            // A restart is a chance as good as any: nothing waits for its time.
            lanes.push(&entry.lane, Item { key: entry.key, attempts: entry.attempts, is_parked: true, entry: None });
        }
        let courier = Courier {
            endpoint,
            store,
            board,
            newest,
            orders,
            lanes,
            open: BTreeSet::new(),
            read_to: cursor,
            saved: cursor,
            owed: Vec::new(),
            settled: Vec::new(),
            given_up: None,
            held_bytes: 0,
            flight: JoinSet::new(),
            tests: JoinSet::new(),
            health: Health::default(),
            pause,
        };
        courier.post_state();
        Ok(courier)
    }

    /// Works until `end`, or until nobody gives orders any more.
    pub async fn run(mut self, end: CancellationToken) {
        let mut clock = tokio::time::interval(SAVE_INTERVAL);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.read().await;
            self.dispatch();
            let (wake, dirty, reads) = (self.next_wake(), self.is_dirty(), self.reads());
            tokio::select! {
                () = end.cancelled() => break,
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => break,
                },
                Some(landed) = self.flight.join_next() => self.land(landed).await,
                _ = clock.tick(), if dirty => self.save().await,
                // Its sender lives as long as the store.
                Ok(()) = self.newest.changed(), if reads => {}
                () = at(wake) => if self.health.is_up() { self.lanes.wake(Instant::now()) },
            }
        }
        let landing = async {
            while let Some(landed) = self.flight.join_next().await {
                self.land(landed).await;
            }
        };
        // Whoever has not answered by then is told again.
        let _ = timeout(GRACE, landing).await;
        self.save().await;
    }

    /// Whether there is room for more, and use.
    fn reads(&self) -> bool {
        self.pause.is_none() && self.open.len() < MAX_OPEN && (self.health.is_up() || !self.lanes.has_ready())
    }

    async fn read(&mut self) {
        while self.reads() {
            let (after, newest) = (self.read_to, *self.newest.borrow_and_update());
            if after >= newest {
                return;
            }
            let Ok(entries) = self.store.read(move |query| Ok(query.outbox_after(after, PAGE)?)).await else {
                self.newest.mark_changed();
                return sleep(STORE_PAUSE).await;
            };
            let Some(last) = entries.last() else {
                // What there was is gone: nobody wanted it.
                self.read_to = newest;
                return;
            };
            self.read_to = last.key;
            entries.into_iter().for_each(|entry| self.take_in(entry));
        }
    }

    fn take_in(&mut self, entry: Stored) {
        if !Kind::parse(&entry.kind).is_some_and(|kind| self.endpoint.kinds.has(kind)) {
            return;
        }
        let mut item = Item { key: entry.key, attempts: 0, is_parked: false, entry: None };
        if self.lanes.is_resting(&entry.lane) {
            self.owed.push(park(&mut item));
            return self.lanes.push(&entry.lane, item);
        }
        self.open.insert(item.key);
        let lane = entry.lane.clone();
        if self.held_bytes < MAX_HELD_BYTES {
            self.held_bytes += entry.body.len();
            item.entry = Some(Box::new(entry));
        }
        self.lanes.push(&lane, item);
    }

    /// Sends as much as may be under way.
    fn dispatch(&mut self) {
        if self.pause.is_some() {
            return;
        }
        let mut most = self.endpoint.concurrency;
        let is_down = !self.health.is_up();
        if let Health::Down { until, is_reached, .. } = self.health {
            if !self.flight.is_empty() || until > Instant::now() {
                return;
            }
            most = if is_reached { most } else { 1 };
        }
        while self.flight.len() < most {
            // What was not tried yet tells most.
            let next = self.lanes.next().or_else(|| if is_down { self.lanes.next_resting() } else { None });
            let Some((lane, item)) = next else { return };
            self.send(lane, item);
        }
    }

    fn send(&mut self, lane: Name, mut item: Item) {
        let held = item.entry.take();
        self.held_bytes -= held.as_ref().map_or(0, |entry| entry.body.len());
        let (endpoint, store, key) = (Arc::clone(&self.endpoint), self.store.clone(), item.key);
        self.flight.spawn(async move {
            let entry = match held {
                Some(entry) => Some(*entry),
                None => match store.read(move |query| Ok(query.outbox_entry(key)?)).await {
                    Ok(found) => found,
                    Err(_) => return Landed { lane, item, what: What::Unread },
                },
            };
            let Some(Stored { id, body, .. }) = entry else {
                return Landed { lane, item, what: What::Dropped };
            };
            let attempt = post(&endpoint, id, Bytes::from(body)).await;
            Landed { lane, item, what: What::Tried { id, attempt } }
        });
    }

    async fn land(&mut self, landed: Result<Landed, tokio::task::JoinError>) {
        let Ok(Landed { lane, item, what }) = landed else {
            // It panicked, which the log has. Its lane rests until the next start.
            return;
        };
        match what {
            What::Dropped => self.settle(&lane, &item),
            What::Unread => self.postpone(&lane, item, STORE_PAUSE, None),
            What::Tried { id, attempt: Attempt { outcome, took } } => {
                self.board.took.record_time(took);
                match outcome {
                    Outcome::Taken(_) => {
                        self.board.taken.add(1);
                        self.settle(&lane, &item);
                        self.took();
                    }
                    Outcome::Gone => {
                        tracing::warn!(webhook = self.endpoint.name, "410 Gone: nothing is sent until it is resumed");
                        self.board.failed.add(1);
                        self.lanes.put_back(&lane, item);
                        // What the store does not take is heard again after the next start.
                        let _ = self.set_pause(Some(State::Gone)).await;
                    }
                    Outcome::Failed(failure) => self.failed(&lane, item, id, failure),
                }
            }
        }
    }

    /// An entry needs no further attempt.
    fn settle(&mut self, lane: &Name, item: &Item) {
        self.open.remove(&item.key);
        if item.is_parked {
            self.settled.push(item.key);
        }
        self.lanes.done(lane);
    }

    fn took(&mut self) {
        self.board.standing.lock().last_taken = Some(Time::now());
        if let Health::Up { failing } = &self.health
            && failing.is_empty()
        {
            return;
        }
        if let Some(span) = self.health.took() {
            tracing::info!(
                webhook = self.endpoint.name,
                down.seconds = span.as_secs(),
                "the webhook takes events again"
            );
            self.lanes.wake_untried();
            self.post_state();
        }
    }

    fn failed(&mut self, lane: &Name, mut item: Item, id: EventId, failure: Failure) {
        let endpoint = Arc::clone(&self.endpoint);
        self.board.failed.add(1);
        self.board.standing.lock().last_failure = Some((Time::now(), failure.text()));
        let was_up = self.health.is_up();
        if self.health.failed(lane, &failure, endpoint.retry_delay) {
            tracing::warn!(webhook = endpoint.name, reason = failure.why, "the webhook is down, and tried again");
            self.post_state();
        }
        // What an endpoint does not take that takes nothing is not the event's fault.
        if was_up && self.health.is_up() {
            item.attempts += 1;
        }
        if item.attempts >= pace::most_attempts(endpoint.retry_delay, endpoint.retry_for) {
            let count = self.given_up.as_ref().map_or(0, |before| before.count) + 1;
            self.given_up = Some(GivenUp { count, event: id, reason: failure.why.clone() });
            self.board.given_up.add(1);
            self.open.remove(&item.key);
            let error = Some(failure.text());
            self.owed.push(Parked { key: item.key, attempts: item.attempts, due: None, error });
            return self.lanes.done(lane);
        }
        tracing::debug!(webhook = endpoint.name, event.id = %id, reason = failure.why, "an event is not taken");
        let pause = pace::pause(endpoint.retry_delay, item.attempts.max(1));
        self.postpone(lane, item, pause, Some(failure.text()));
    }

    /// Lets a lane rest. What waits in it goes into the backlog, so that the cursor need not wait for it.
    fn postpone(&mut self, lane: &Name, mut item: Item, pause: Duration, error: Option<String>) {
        self.open.remove(&item.key);
        item.is_parked = true;
        let due = Some(Time::now().saturating_add(pause));
        self.owed.push(Parked { key: item.key, attempts: item.attempts, due, error });
        for behind in self.lanes.rest(lane, item, Instant::now() + pause) {
            self.open.remove(&behind.key);
            self.held_bytes -= behind.entry.take().map_or(0, |entry| entry.body.len());
            self.owed.push(park(behind));
        }
        self.board.standing.lock().resting = self.lanes.resting();
    }

    fn next_wake(&self) -> Option<Instant> {
        match (&self.pause, &self.health) {
            (Some(_), _) => None,
            // While something is under way, its answer is what matters; and without anything to send nothing is.
            (None, Health::Down { until, .. }) => {
                Some(*until).filter(|_| self.flight.is_empty() && !self.lanes.is_idle())
            }
            (None, Health::Up { .. }) => self.lanes.next_wake(),
        }
    }

    fn cursor(&self) -> i64 {
        self.open.first().map_or(self.read_to, |first| first - 1)
    }

    fn is_dirty(&self) -> bool {
        self.cursor() != self.saved || !self.owed.is_empty() || !self.settled.is_empty()
    }

    /// Notes in the store what was told.
    async fn save(&mut self) {
        if !self.is_dirty() {
            return;
        }
        if let Some(GivenUp { count, event, reason }) = self.given_up.take() {
            tracing::warn!(
                webhook = self.endpoint.name, events = count, event.id = %event, reason,
                "given up: `chatctl webhook replay` tries it again"
            );
        }
        let owed = std::mem::take(&mut self.owed);
        let settled = std::mem::take(&mut self.settled);
        let advance = Arc::new(Advance { cursor: self.cursor(), owed, settled });
        let (name, noted) = (self.endpoint.name.clone(), Arc::clone(&advance));
        match self.store.write(move |tx| Ok(tx.advance_webhook(&name, &noted)?)).await {
            Ok(()) => self.saved = advance.cursor,
            // Noted at the next chance, with what comes until then.
            Err(_) => {
                self.owed = advance.owed.clone();
                self.settled = advance.settled.clone();
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        // Whoever gave the order may have gone; it is done all the same.
        match order {
            Order::Adopt(endpoint) => self.adopt(endpoint).await,
            Order::Pause(reply) => drop(reply.send(self.set_pause(Some(State::Paused)).await)),
            Order::Resume(reply) => {
                self.fresh_start();
                drop(reply.send(self.set_pause(None).await));
            }
            Order::Replay(one, reply) => drop(reply.send(self.replay(one).await)),
            Order::Save(reply) => {
                self.save().await;
                let _ = reply.send(());
            }
            Order::Test(reply) => {
                let endpoint = Arc::clone(&self.endpoint);
                let body = envelope("webhook.test", Time::now(), serde_json::json!({ "webhook": endpoint.name }));
                while self.tests.try_join_next().is_some() {}
                self.tests.spawn(async move {
                    let _ = reply.send(post(&endpoint, EventId::generate(), body.into()).await);
                });
            }
        }
    }

    async fn adopt(&mut self, endpoint: Arc<Endpoint>) {
        let moved = endpoint.url != self.endpoint.url;
        self.endpoint = endpoint;
        self.fresh_start();
        if moved && self.pause == Some(State::Gone) {
            // What the store does not take is heard again after the next start.
            let _ = self.set_pause(None).await;
        }
        self.post_state();
    }

    /// Nothing is held against it any more.
    fn fresh_start(&mut self) {
        self.health = Health::default();
        self.lanes.wake_all();
    }

    async fn set_pause(&mut self, pause: Option<State>) -> Result<(), Error> {
        self.pause = pause;
        self.post_state();
        let (name, word) = (self.endpoint.name.clone(), pause.map(State::as_str));
        self.store.write(move |tx| Ok(tx.pause_webhook(&name, word)?)).await
    }

    async fn replay(&mut self, one: Option<EventId>) -> Result<usize, Error> {
        self.save().await;
        let name = self.endpoint.name.clone();
        let revived = self.store.write(move |tx| Ok(tx.revive(&name, one, Time::now())?)).await?;
        for (key, lane) in &revived {
            self.lanes.push(lane, Item { key: *key, attempts: 0, is_parked: true, entry: None });
        }
        self.fresh_start();
        Ok(revived.len())
    }

    fn post_state(&self) {
        let state = self.pause.unwrap_or(if self.health.is_up() { State::Up } else { State::Down });
        let mut standing = self.board.standing.lock();
        if standing.state != state || standing.since == Time::default() {
            standing.state = state;
            standing.since = Time::now();
        }
    }
}

/// Marks an entry as one that waits in the backlog.
fn park(item: &mut Item) -> Parked {
    item.is_parked = true;
    Parked { key: item.key, attempts: item.attempts, due: Some(Time::now()), error: None }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => pending().await,
    }
}
