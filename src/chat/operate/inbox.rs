//! An entry in one user's inbox, of whatever kind the application has.

use crate::chat::Chat;
use crate::domain::conversation::MAX_METADATA_BYTES;
use crate::domain::error::Error;
use crate::domain::event::Proposal;
use crate::domain::hooks::Origin;
use crate::domain::id::{NotificationId, UserId};
use crate::domain::notification::{Kind, MAX_TEXT_BYTES, Notification};
use crate::domain::time::Time;

/// What the application wants in an inbox.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Absent: `operator`.
    pub kind: Option<String>,
    pub title: Option<String>,
    pub message: String,
    /// An object as JSON text.
    pub data: Option<String>,
}

impl Chat {
    /// Puts `entry` into the inbox of `user`, if the plugins let it; the notification as it was kept.
    ///
    /// # Errors
    /// `INVALID`, `UNAVAILABLE`.
    pub async fn inform(&self, user: UserId, entry: Entry) -> Result<Option<Notification>, Error> {
        entry.check()?;
        let notification = Notification {
            id: NotificationId::generate(),
            kind: entry.kind.unwrap_or_else(|| Kind::Operator.as_str().into()),
            title: entry.title,
            message: entry.message,
            count: None,
            conversation: None,
            message_id: None,
            data: entry.data,
            created_at: Time::now(),
            read_at: None,
        };
        self.offer(Proposal { to: user, notification, counts: false, message: None, origin: Origin::default() }).await
    }
}

impl Entry {
    /// # Errors
    /// `INVALID`, naming the field.
    pub fn check(&self) -> Result<(), Error> {
        let fits = |text: &str| (1..=MAX_TEXT_BYTES).contains(&text.len());
        if !fits(&self.message) || self.title.as_deref().is_some_and(|title| !fits(title)) {
            return Err(Error::invalid("message, title", format_args!("1 to {MAX_TEXT_BYTES} bytes")));
        }
        let is_token = |kind: &str| {
            (1..=64).contains(&kind.len())
                && kind
                    .bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b':'))
        };
        if self.kind.as_deref().is_some_and(|kind| !is_token(kind)) {
            return Err(Error::invalid("type", "1 to 64 of a-z, A-Z, 0-9, `_`, `.`, `-` and `:`"));
        }
        if self.kind.as_deref() == Some(Kind::Message.as_str()) {
            return Err(Error::invalid("type", "one that is not the server's own \"message\""));
        }
        if self.data.as_ref().is_some_and(|data| data.len() > MAX_METADATA_BYTES) {
            return Err(Error::invalid(
                "data",
                format_args!("an object of at most {MAX_METADATA_BYTES} bytes as JSON"),
            ));
        }
        Ok(())
    }
}
