//! `message:delete`: a tombstone stays in the place of what was said.

use std::sync::Arc;

use super::{Actor, Chat, seat};
use crate::domain::access::Role;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::id::MessageId;
use crate::domain::message::Message;
use crate::domain::time::Time;

impl Chat {
    /// Deletes the actor's own message, or as a moderator anybody's. What is deleted already stays so.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BANNED`, `UNAVAILABLE`.
    pub async fn delete(&self, actor: &Actor, id: MessageId) -> Result<Arc<Message>, Error> {
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                let now = Time::now();
                let (seated, mut message) = seat::take_at(tx, id, &actor.user, now)?;
                let allowed = match seated.member.role {
                    Role::Owner | Role::Moderator => true,
                    Role::Member => message.sender == actor.user,
                    Role::Reader => false,
                };
                if !allowed {
                    return Err(Error::forbidden("only the sender or a moderator may delete a message").into());
                }
                if message.deleted_at.is_some() {
                    return Ok(Arc::new(message));
                }
                tx.bury(&mut message, now)?;
                let message = Arc::new(message);
                tx.publish(Event::MessageDeleted { message: Arc::clone(&message), origin: actor.connection });
                Ok(message)
            })
            .await
    }
}
