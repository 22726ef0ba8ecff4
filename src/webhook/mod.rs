//! Tells applications over HTTP what happens, after the Standard Webhooks specification.
//!
//! What is to be told is written into the outbox in the commit that brings it about ([`record`]), and sent from there by
//! a task for each webhook ([`courier`]): at least once, with an id that stays the same, in order within a conversation.
//! chatd-webhooks(7) says what receivers may rely on.

mod board;
pub mod config;
mod courier;
mod endpoint;
mod guard;
mod kind;
mod lanes;
mod pace;
mod post;
mod record;
mod sign;
mod upkeep;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::board::{Board, Standing, State};
use self::courier::{Courier, Order};
pub use self::endpoint::{Endpoint, Flaw, prepare};
use self::kind::Kinds;
pub use self::post::{Attempt, Outcome};
use self::record::{Clerk, Wanted};
use self::upkeep::Upkeep;
use crate::domain::error::Error;
use crate::domain::id::EventId;
use crate::meter::Distribution;
use crate::roster::Roster;
use crate::store::{Depth, Owed, Recorder, Store};

pub use self::upkeep::INTERVAL as UPKEEP_INTERVAL;

/// Orders that may wait.
const MAX_ORDERS: usize = 16;

/// Whether a pattern of `events` means anything, and all that it could be.
pub fn is_pattern(text: &str) -> bool {
    !Kinds::matching(text).is_empty()
}

/// The names of all events.
pub fn event_names() -> impl Iterator<Item = &'static str> {
    kind::Kind::ALL.into_iter().map(kind::Kind::as_str)
}

pub use self::sign::check as check_secret;

/// A webhook as operators see it.
pub struct Report {
    pub name: String,
    /// Without its query.
    pub url: String,
    pub kinds: Vec<&'static str>,
    pub standing: Standing,
    pub depth: Depth,
    pub taken: u64,
    pub failed: u64,
    pub took: Distribution,
}

/// What is known before the store is open.
pub struct Intake {
    wanted: Wanted,
    newest: Arc<watch::Sender<i64>>,
}

impl Intake {
    /// With what fills the store's outbox.
    pub fn new(roster: &Arc<Roster>) -> (Self, Arc<dyn Recorder>) {
        let intake = Intake { wanted: Wanted::default(), newest: Arc::new(watch::Sender::new(0)) };
        let clerk =
            Clerk { wanted: intake.wanted.clone(), roster: Arc::clone(roster), newest: Arc::clone(&intake.newest) };
        (intake, Arc::new(clerk))
    }
}

/// All webhooks, at work.
pub struct Webhooks {
    store: Store,
    intake: Intake,
    posts: Mutex<Vec<Post>>,
    upkeep: Upkeep,
    end: CancellationToken,
}

/// A webhook at work.
struct Post {
    endpoint: Arc<Endpoint>,
    board: Arc<Board>,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

impl Webhooks {
    /// Starts to tell `endpoints`.
    ///
    /// # Errors
    /// `UNAVAILABLE` where the store cannot be asked.
    pub async fn start(store: Store, intake: Intake, endpoints: Vec<Arc<Endpoint>>) -> Result<Arc<Self>, Error> {
        let (newest, known) = store.read(|query| Ok((query.outbox_newest()?, query.webhook_names()?))).await?;
        intake.newest.send_if_modified(|last| newest > std::mem::replace(last, newest.max(*last)));
        let gone = known.into_iter().filter(|name| !endpoints.iter().any(|endpoint| endpoint.name == *name));
        for name in gone {
            store.write(move |tx| Ok(tx.end_webhook(&name)?)).await?;
        }
        let (posts, upkeep, end) = (Mutex::default(), Upkeep::default(), CancellationToken::new());
        let webhooks = Arc::new(Webhooks { store, intake, posts, upkeep, end });
        webhooks.adopt(endpoints).await?;
        Ok(webhooks)
    }

    /// Tells these from now on, and no others: one that was there goes on where it was, by its name.
    ///
    /// # Errors
    /// `UNAVAILABLE` where the store cannot be asked; then some of the new ones are not there.
    pub async fn adopt(&self, endpoints: Vec<Arc<Endpoint>>) -> Result<(), Error> {
        let kinds = endpoints.iter().fold(Kinds::default(), |all, endpoint| all.and(endpoint.kinds));
        let stays = |post: &Post| endpoints.iter().any(|endpoint| endpoint.name == post.endpoint.name);
        let gone: Vec<Post> = self.posts.lock().extract_if(.., |post| !stays(post)).collect();
        for post in gone {
            self.forget(post).await?;
        }
        for endpoint in endpoints {
            let orders = {
                let mut posts = self.posts.lock();
                let post = posts.iter_mut().find(|post| post.endpoint.name == endpoint.name);
                post.map(|post| {
                    post.endpoint = Arc::clone(&endpoint);
                    post.orders.clone()
                })
            };
            match orders {
                // A courier ends with the daemon alone.
                Some(orders) => drop(orders.send(Order::Adopt(endpoint)).await),
                None => self.hire(endpoint).await?,
            }
        }
        self.intake.wanted.set(kinds);
        Ok(())
    }

    async fn hire(&self, endpoint: Arc<Endpoint>) -> Result<(), Error> {
        let board = Arc::<Board>::default();
        let (orders, inbox) = mpsc::channel(MAX_ORDERS);
        let (store, newest) = (self.store.clone(), self.intake.newest.subscribe());
        let courier = Courier::new(Arc::clone(&endpoint), store, Arc::clone(&board), newest, inbox).await?;
        let task = tokio::spawn(courier.run(self.end.clone()));
        self.posts.lock().push(Post { endpoint, board, orders, task });
        Ok(())
    }

    /// Ends what is told to a webhook at once, and forgets how far it had come.
    async fn forget(&self, post: Post) -> Result<(), Error> {
        post.task.abort();
        // It was aborted: that is its only error.
        let _ = post.task.await;
        let name = post.endpoint.name.clone();
        self.upkeep.start_over();
        self.store.write(move |tx| Ok(tx.end_webhook(&name)?)).await
    }

    pub fn names(&self) -> Vec<String> {
        self.posts.lock().iter().map(|post| post.endpoint.name.clone()).collect()
    }

    /// Every webhook, with what waits for it counted now.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn reports(&self) -> Result<Vec<Report>, Error> {
        let mut reports = Vec::new();
        for (endpoint, board) in self.list() {
            self.order(&endpoint.name, Order::Save).await?;
            let depth = self.count(&endpoint, &board).await?;
            let mut url = endpoint.url.clone();
            // It may hold what is secret.
            url.set_query(None);
            reports.push(Report {
                name: endpoint.name.clone(),
                url: url.into(),
                kinds: endpoint.kinds.names().collect(),
                standing: board.standing.lock().clone(),
                depth,
                taken: board.taken.get(),
                failed: board.failed.get(),
                took: board.took.now(),
            });
        }
        Ok(reports)
    }

    /// Every webhook, in the order of the configuration.
    pub fn list(&self) -> Vec<(Arc<Endpoint>, Arc<Board>)> {
        self.posts.lock().iter().map(|post| (Arc::clone(&post.endpoint), Arc::clone(&post.board))).collect()
    }

    /// What was dropped, whoever had not got it, since the start.
    pub fn dropped(&self) -> u64 {
        self.upkeep.dropped()
    }

    /// Sends nothing to `name` until it is resumed.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn pause(&self, name: &str) -> Result<(), Error> {
        self.order(name, Order::Pause).await?
    }

    /// Sends again, and at once.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn resume(&self, name: &str) -> Result<(), Error> {
        self.order(name, Order::Resume).await?
    }

    /// Tries again what was given up for `name`, or one event of it; how many.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn replay(&self, name: &str, one: Option<EventId>) -> Result<usize, Error> {
        self.order(name, |reply| Order::Replay(one, reply)).await?
    }

    /// Sends an event that tells nothing, beside the outbox.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn test(&self, name: &str) -> Result<Attempt, Error> {
        self.order(name, Order::Test).await
    }

    /// What was given up for `name`, the latest first, and what waits for another attempt.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn owed(&self, name: &str, limit: u32) -> Result<(Vec<Owed>, Vec<Owed>), Error> {
        self.order(name, Order::Save).await?;
        let name = name.to_owned();
        self.store.read(move |query| Ok((query.dead(&name, limit)?, query.retried(&name, limit)?))).await
    }

    async fn order<T>(&self, name: &str, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, Error> {
        let posts = self.posts.lock().iter().find(|post| post.endpoint.name == name).map(|post| post.orders.clone());
        let orders = posts.ok_or_else(|| Error::not_found("webhook"))?;
        let (reply, answer) = oneshot::channel();
        let gone = || Error::unavailable("the webhook is being stopped");
        orders.send(order(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }

    /// Ends the work, with what was told noted in the store.
    pub async fn stop(&self) {
        self.end.cancel();
        let posts = std::mem::take(&mut *self.posts.lock());
        for post in posts {
            if post.task.await.is_err() {
                tracing::error!(webhook = post.endpoint.name, "the task of a webhook panicked");
            }
        }
    }
}
