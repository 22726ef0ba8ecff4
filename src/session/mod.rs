//! Who a connection is, and what it may still do: its identity, its budgets, the end of its token.

pub mod budget;
pub mod config;
pub mod quota;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use self::budget::{Budgets, Kind};
use self::config::Config;
use self::quota::Quotas;
use crate::auth::Identity;
use crate::chat::{Actor, Sanctions};
use crate::domain::error::{Code, Error};
use crate::domain::hooks::Person;
use crate::domain::time::Time;
use crate::roster::connection::Connection;

/// One authenticated connection.
pub struct Session {
    pub connection: Arc<Connection>,
    pub actor: Actor,
    token: Mutex<Token>,
    budgets: Mutex<Budgets>,
    /// Refusals for want of budget since the last event that passed.
    refused: AtomicU32,
    limits: Arc<ArcSwap<Config>>,
    quotas: Arc<Quotas>,
}

/// What is left of a token once it was verified.
#[derive(Clone, Debug)]
struct Token {
    id: Option<Arc<str>>,
    issued_at: Option<Time>,
    expires_at: Option<Time>,
    /// When a connection that lives by this token ends.
    ends_at: Option<Time>,
}

impl Token {
    /// A token that was accepted within the leeway after its expiry lasts for the rest of the leeway.
    fn of(identity: &Identity) -> Self {
        let is_live = identity.expires_at.is_none_or(|at| at > Time::now());
        let ends_at = if is_live { identity.expires_at } else { identity.accepted_until };
        let id = identity.token_id.as_deref().map(Arc::from);
        Token { id, issued_at: identity.issued_at, expires_at: identity.expires_at, ends_at }
    }
}

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Pass,
    Refuse {
        retry_after: Duration,
    },
    /// It was refused once too often: the connection ends.
    Disconnect {
        retry_after: Duration,
    },
}

impl Session {
    pub fn new(
        connection: Arc<Connection>,
        identity: &Identity,
        person: Arc<Person>,
        limits: Arc<ArcSwap<Config>>,
        quotas: Arc<Quotas>,
    ) -> Self {
        let actor = Actor { user: connection.user.clone(), connection: Some(connection.id), person };
        Session {
            connection,
            actor,
            token: Mutex::new(Token::of(identity)),
            budgets: Mutex::new(Budgets::default()),
            refused: AtomicU32::new(0),
            limits,
            quotas,
        }
    }

    /// Takes what an event of `kind` costs out of the budgets of the connection and, for messages, of the user.
    pub fn admit(&self, kind: Kind) -> Admission {
        let limits = self.limits.load();
        let now = Instant::now();
        let mut outcome = self.budgets.lock().take(kind, &limits, now);
        if outcome.is_ok() && kind == Kind::Message {
            outcome = self.quotas.take_message(&self.actor.user, &limits, now);
        }
        match outcome {
            Ok(()) => {
                self.refused.store(0, Ordering::Relaxed);
                Admission::Pass
            }
            Err(retry_after) => self.count_refusal(retry_after, &limits),
        }
    }

    /// Whether the last event was refused and the one before it was not.
    pub fn is_first_refusal(&self) -> bool {
        self.refused.load(Ordering::Relaxed) == 1
    }

    /// Counts a refusal for another reason than the budgets: the queue of events was full.
    pub fn refuse(&self) -> Admission {
        self.count_refusal(Duration::from_secs(1), &self.limits.load())
    }

    fn count_refusal(&self, retry_after: Duration, limits: &Config) -> Admission {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if limits.disconnect_after > 0 && refused >= limits.disconnect_after {
            Admission::Disconnect { retry_after }
        } else {
            Admission::Refuse { retry_after }
        }
    }

    /// `authenticate`: takes a newer token of the same user.
    ///
    /// # Errors
    /// `TOKEN_INVALID` where it is another user's.
    pub fn renew(&self, identity: &Identity) -> Result<(), Error> {
        if identity.user != self.actor.user {
            return Err(Error::new(Code::TokenInvalid, "token: it belongs to another user"));
        }
        *self.token.lock() = Token::of(identity);
        Ok(())
    }

    /// Whether the user and the token are still welcome.
    ///
    /// # Errors
    /// `BANNED`, `TOKEN_REVOKED`.
    pub fn may_stay(&self, sanctions: &Sanctions, now: Time) -> Result<(), Error> {
        let token = self.token.lock();
        sanctions.may_enter(&self.actor.user, token.id.as_deref(), token.issued_at, now)
    }

    pub fn expires_at(&self) -> Option<Time> {
        self.token.lock().expires_at
    }

    /// Whether the connection has outlived its token.
    pub fn is_expired(&self, now: Time) -> bool {
        self.token.lock().ends_at.is_some_and(|at| at <= now)
    }
}
