//! `message:edit`: the sender changes what they said, for a while.

use std::sync::Arc;

use super::{Actor, Chat, notify, seat};
use crate::domain::access;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::id::{MessageId, UserId};
use crate::domain::message::{self, Message};
use crate::domain::time::Time;

impl Chat {
    /// Replaces the content of the actor's own message.
    ///
    /// # Errors
    /// `INVALID`, `TOO_LARGE`, `NOT_FOUND`, `FORBIDDEN`, `MUTED`, `BANNED`, `CONFLICT`, `UNAVAILABLE`.
    pub async fn edit(&self, actor: &Actor, id: MessageId, content: String) -> Result<Arc<Message>, Error> {
        self.sanctions.may_write(&actor.user, Time::now())?;
        let config = self.config();
        let max_content = config.messages.max_content;
        let window = config.messages.edit_window.0;
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                let now = Time::now();
                let (seated, mut message) = seat::take_at(tx, id, &actor.user, now)?;
                access::may_write(seated.conversation(), &seated.member, now)?;
                message::check_edit(&message, &actor.user, window, now)?;
                message::check_content(&content, message.attachments.is_some(), max_content)?;
                let before = std::mem::take(&mut message.mentions);
                message.mentions = notify::mentioned(tx, &seated.seat, &content, now)?;
                message.content = Some(content);
                message.edited_at = Some(now);
                tx.update_content(&message)?;
                let new: Vec<UserId> = message.mentions.iter().filter(|user| !before.contains(user)).cloned().collect();
                let message = Arc::new(message);
                tx.publish(Event::MessageUpdated { message: Arc::clone(&message), origin: actor.connection });
                notify::mentions(tx, seated.conversation(), &message, &new)?;
                Ok(message)
            })
            .await
    }
}
