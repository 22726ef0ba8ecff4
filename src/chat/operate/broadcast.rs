//! What operators tell users: an entry in the inbox, which is sent to all of a user's devices.

use std::sync::Arc;

use crate::chat::Chat;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::id::{NotificationId, UserId};
use crate::domain::notification::{Kind, Notification};
use crate::domain::time::Time;

/// The longest text, in bytes.
const MAX_MESSAGE_BYTES: usize = 4_096;

/// Users that one write tells: the writer serves others between two of them.
const PER_WRITE: usize = 500;

impl Chat {
    /// Tells each of `users`; how many.
    ///
    /// # Errors
    /// `INVALID`, `UNAVAILABLE`; whoever was told until then stays so.
    pub async fn notify(&self, users: Vec<UserId>, title: Option<String>, message: String) -> Result<usize, Error> {
        if message.is_empty() || message.len() > MAX_MESSAGE_BYTES {
            return Err(Error::invalid("message", format_args!("1 to {MAX_MESSAGE_BYTES} bytes")));
        }
        for some in users.chunks(PER_WRITE) {
            let (some, title, message) = (some.to_vec(), title.clone(), message.clone());
            self.store
                .write(move |tx| {
                    for user in some {
                        let entry = entry(title.clone(), message.clone(), Time::now());
                        tx.add_notification(&user, &entry)?;
                        tx.publish(Event::Notification { to: user, notification: Arc::new(entry) });
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(users.len())
    }
}

fn entry(title: Option<String>, message: String, now: Time) -> Notification {
    Notification {
        id: NotificationId::generate(),
        kind: Kind::Operator.as_str().into(),
        title,
        message,
        count: None,
        conversation: None,
        message_id: None,
        data: None,
        created_at: now,
        read_at: None,
    }
}
