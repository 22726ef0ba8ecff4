//! Bans, mutes and revoked tokens in memory: they are looked at with every connection and every message, and there are
//! few of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use super::Chat;
use crate::domain::error::{Code, Error};
use crate::domain::id::UserId;
use crate::domain::sanction::Sanction;
use crate::domain::time::Time;

#[derive(Default)]
pub struct Sanctions {
    /// There is any; else nobody has to look.
    any: AtomicBool,
    known: RwLock<Known>,
    /// Held from a decision until it is in memory: two at a time must not leave memory and store apart.
    pub(super) order: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    users: HashMap<UserId, Sanction>,
    /// Tokens by their id, and when they end by themselves.
    tokens: HashMap<String, Option<Time>>,
}

impl Sanctions {
    pub fn of(&self, user: &UserId) -> Sanction {
        self.known.read().users.get(user).cloned().unwrap_or_default()
    }

    /// Everybody about whom something was decided that still holds.
    pub fn all(&self, now: Time) -> Vec<(UserId, Sanction)> {
        let known = self.known.read();
        let lasting = known.users.iter().filter(|(_, sanction)| !sanction.is_void(now));
        lasting.map(|(user, sanction)| (user.clone(), sanction.clone())).collect()
    }

    pub(super) fn set(&self, user: &UserId, sanction: Sanction) {
        self.known.write().users.insert(user.clone(), sanction);
        self.any.store(true, Ordering::Release);
    }

    pub(super) fn lift(&self, user: &UserId) {
        self.known.write().users.remove(user);
    }

    pub(super) fn revoke(&self, token: String, expires_at: Option<Time>, now: Time) {
        let mut known = self.known.write();
        known.tokens.retain(|_, expires_at| expires_at.is_none_or(|at| at >= now));
        known.tokens.insert(token, expires_at);
        self.any.store(true, Ordering::Release);
    }

    /// # Errors
    /// `MUTED`.
    pub fn may_write(&self, user: &UserId, now: Time) -> Result<(), Error> {
        self.look(user, |sanction| sanction.may_write(now))
    }

    /// Whether a user may be connected with a token of this id and issue.
    ///
    /// # Errors
    /// `BANNED` or `TOKEN_REVOKED`.
    pub fn may_enter(
        &self,
        user: &UserId,
        token: Option<&str>,
        issued_at: Option<Time>,
        now: Time,
    ) -> Result<(), Error> {
        self.look(user, |sanction| {
            sanction.may_enter(now)?;
            if sanction.takes_token(issued_at) { Ok(()) } else { Err(revoked()) }
        })?;
        if let Some(token) = token
            && self.any.load(Ordering::Acquire)
            && self.known.read().tokens.contains_key(token)
        {
            return Err(revoked());
        }
        Ok(())
    }

    fn look(&self, user: &UserId, rule: impl FnOnce(&Sanction) -> Result<(), Error>) -> Result<(), Error> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        self.known.read().users.get(user).map_or(Ok(()), rule)
    }
}

fn revoked() -> Error {
    Error::new(Code::TokenRevoked, "token: it was revoked")
}

impl Chat {
    /// Reads what was decided before this start. Nobody is let in until then.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn load_sanctions(&self) -> Result<(), Error> {
        let (users, tokens) = self.store.read(|query| Ok((query.sanctions()?, query.revoked_tokens()?))).await?;
        for (user, sanction) in users {
            self.sanctions.set(&user, sanction);
        }
        let now = Time::now();
        for (token, expires_at) in tokens {
            self.sanctions.revoke(token, expires_at, now);
        }
        Ok(())
    }

    pub fn sanctions(&self) -> &Sanctions {
        &self.sanctions
    }
}
