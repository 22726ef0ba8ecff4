//! Who there is, and what is known of one user.

use crate::chat::Chat;
use crate::domain::error::Error;
use crate::domain::id::UserId;
use crate::domain::presence::{KnownDevice, Status};
use crate::domain::time::Time;

/// What is known of a user, whatever they show to others.
#[derive(Clone, Debug)]
pub struct Profile {
    pub devices: usize,
    pub status: Status,
    pub text: Option<String>,
    pub last_seen: Option<Time>,
    pub conversations: u64,
    pub unread: u64,
}

impl Chat {
    /// Users by their ids behind `after`.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn users(&self, prefix: String, after: String, limit: u32) -> Result<Vec<UserId>, Error> {
        self.store.read(move |query| Ok(query.users(&prefix, &after, limit)?)).await
    }

    /// # Errors
    /// `NOT_FOUND` where nobody has ever named the user; `UNAVAILABLE`.
    pub async fn profile(&self, user: UserId) -> Result<Profile, Error> {
        // Who has gone a moment ago is remembered for a while.
        let here = self.roster.standing(&user).filter(|(_, devices)| *devices > 0);
        self.store
            .read(move |query| {
                if !query.knows_user(&user)? && here.is_none() {
                    return Err(Error::not_found("user").into());
                }
                let stored = query.standing(&user)?;
                let (status, text, devices) = match here {
                    Some((standing, devices)) => (standing.status, standing.text, devices),
                    None => (stored.status.unwrap_or_default(), stored.text, 0),
                };
                let (conversations, unread) = (query.membership_count(&user)?, query.unread_notifications(&user)?);
                Ok(Profile { devices, status, text, last_seen: stored.last_seen, conversations, unread })
            })
            .await
    }

    /// The devices that the user has named, the one that came last first.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn known_devices(&self, user: UserId) -> Result<Vec<KnownDevice>, Error> {
        self.store.read(move |query| Ok(query.devices(&user, Time::now())?)).await
    }

    /// Makes a user known who may never have been here; whether they were unknown.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn introduce(&self, user: UserId) -> Result<bool, Error> {
        self.store
            .write(move |tx| {
                let is_new = !tx.knows_user(&user)?;
                tx.introduce(&user)?;
                Ok(is_new)
            })
            .await
    }

    /// # Errors
    /// `NOT_FOUND` where nobody has ever named the user, and they are not here; `UNAVAILABLE`.
    pub async fn expect_user(&self, user: &UserId) -> Result<(), Error> {
        let wanted = user.clone();
        let is_known = !self.roster.connections_of(user).is_empty()
            || self.store.read(move |query| Ok(query.knows_user(&wanted)?)).await?;
        if is_known { Ok(()) } else { Err(Error::not_found("user")) }
    }
}
