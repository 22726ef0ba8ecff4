//! `notification:list` and `notification:read`: the persisted inbox.

use super::{Actor, Chat};
use crate::domain::error::Error;
use crate::domain::id::NotificationId;
use crate::domain::notification::Notification;
use crate::domain::time::Time;

/// A page of the inbox.
pub struct Inbox {
    pub entries: Vec<Notification>,
    pub next: Option<i64>,
    pub unread: u64,
}

impl Chat {
    /// The newest entries, and how many are unread in all.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn notifications(&self, actor: &Actor, before: Option<i64>, limit: u32) -> Result<Inbox, Error> {
        let user = actor.user.clone();
        self.store
            .read(move |query| {
                let (entries, next) = query.notifications(&user, before, limit)?;
                Ok(Inbox { entries, next, unread: query.unread_notifications(&user)? })
            })
            .await
    }

    /// Marks one entry, or with `None` all, as read; how many are unread then.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn read_notifications(&self, actor: &Actor, one: Option<NotificationId>) -> Result<u64, Error> {
        let user = actor.user.clone();
        self.store
            .write(move |tx| {
                let now = Time::now();
                match one {
                    Some(id) if !tx.read_notification(&user, id, now)? => {
                        return Err(Error::not_found("notification").into());
                    }
                    Some(_) => {}
                    None => tx.read_all_notifications(&user, now)?,
                }
                Ok(tx.unread_notifications(&user)?)
            })
            .await
    }
}
