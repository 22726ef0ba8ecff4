//! The verbs: what a user can do, one file each.
//!
//! A verb decides and remembers in one piece of work on the store, and leaves two things: a reply, for the caller
//! alone, and events, which leave through the bus once they are on disk. No verb writes to anybody's connection.

mod aftermath;
mod answered;
mod attach;
mod bans;
pub mod config;
mod consider;
mod conversation;
mod delete;
mod edit;
mod history;
mod join;
mod list;
mod member;
mod notifications;
mod notify;
pub mod operate;
mod presence;
mod react;
mod receipts;
mod retention;
mod rule;
mod sanctions;
mod search;
mod seat;
mod send;
pub mod tally;
mod typing;
mod watch;

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::mpsc;

pub use self::aftermath::{Work, channel as aftermath};
pub use self::attach::{Resume, Resumed};
use self::config::Config;
pub use self::conversation::{Changes, NewConversation};
pub use self::member::MemberChange;
pub use self::retention::INTERVAL as RETENTION_INTERVAL;
pub use self::rule::conversation as rule_conversation;
pub use self::sanctions::Sanctions;
pub use self::send::{Arrival, Sent};
use crate::bus::Bus;
use crate::domain::hooks::{Directory, Hooks, Person, Visible};
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::time::Time;
use crate::roster::Roster;
use crate::store::Store;

/// Who does something, and over which connection.
#[derive(Clone, Debug)]
pub struct Actor {
    pub user: UserId,
    pub connection: Option<ConnectionId>,
    /// What plugins see of the user.
    pub person: Arc<Person>,
}

impl Actor {
    /// Somebody of whom no more is known than the id.
    pub fn named(user: UserId) -> Self {
        Actor { person: Arc::new(Person::named(user.clone())), user, connection: None }
    }
}

/// Everything that the verbs work with; one for the whole daemon.
pub struct Chat {
    store: Store,
    bus: Bus,
    roster: Arc<Roster>,
    config: Arc<ArcSwap<Config>>,
    typing: Arc<typing::Typing>,
    receipts: receipts::Receipts,
    departures: presence::Departures,
    tally: tally::Tally,
    sanctions: Arc<sanctions::Sanctions>,
    hooks: Arc<dyn Hooks>,
    answered: answered::Answered,
    /// Where what plugins want done waits.
    aftermath: mpsc::Sender<Work>,
    watch: watch::Watch,
    /// Up to when bans that ended were looked for.
    bans_lifted: Mutex<Time>,
}

impl Chat {
    pub fn new(
        store: Store,
        bus: Bus,
        roster: Arc<Roster>,
        config: Arc<ArcSwap<Config>>,
        hooks: Arc<dyn Hooks>,
        aftermath: mpsc::Sender<Work>,
    ) -> Self {
        Chat {
            store,
            bus,
            roster,
            config,
            typing: Arc::default(),
            receipts: receipts::Receipts::default(),
            departures: presence::Departures::default(),
            tally: tally::Tally::default(),
            sanctions: Arc::default(),
            hooks,
            answered: answered::Answered::default(),
            aftermath,
            watch: watch::Watch::default(),
            bans_lifted: Mutex::new(Time::now()),
        }
    }

    pub fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// Where operators watch what happens.
    pub fn watch(&self) -> &watch::Watch {
        &self.watch
    }

    /// Events that wait to be delivered.
    pub fn undelivered(&self) -> usize {
        self.bus.waiting()
    }

    pub fn tally(&self) -> &tally::Tally {
        &self.tally
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether something can go all the way: through the store's writer, then every lane of the bus. Takes as long as
    /// what waits there takes.
    pub async fn is_alive(&self) -> bool {
        if self.store.write(|_| Ok(())).await.is_err() {
            return false;
        }
        self.bus.passed().await;
        true
    }
}

/// What plugins may ask of who is here.
pub struct Here(pub Arc<Roster>);

impl Directory for Here {
    fn presence(&self, user: &UserId) -> Option<Visible> {
        let (standing, devices) = self.0.standing(user)?;
        Some(Visible { status: standing.status, text: standing.text, devices })
    }
}

/// How often what may have fallen due is looked at: typing, departures, receipts.
pub const TICK: std::time::Duration = std::time::Duration::from_millis(50);
