//! `message:delete`: a tombstone stays in the place of what was said.

use std::sync::Arc;

use super::edit::{self, Taken};
use super::seat::Seated;
use super::{Actor, Chat, rule};
use crate::domain::access::Role;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Point};
use crate::domain::id::{MessageId, UserId};
use crate::domain::message::Message;
use crate::domain::time::Time;

impl Chat {
    /// Deletes the actor's own message, or as a moderator anybody's. What is deleted already stays so.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BANNED`, `UNAVAILABLE`; what a plugin refuses.
    pub async fn delete(&self, actor: &Actor, id: MessageId) -> Result<Arc<Message>, Error> {
        let mut ruled = None;
        if self.wants(Point::Delete) {
            let user = actor.user.clone();
            let looked = self.store.read(move |query| {
                let Taken { seated, message, .. } = edit::take(query, id, &user, Time::now())?;
                check(&seated, &message, &user)?;
                Ok((message, rule::conversation(seated.conversation(), Some(seated.member.role))))
            });
            let (message, conversation) = looked.await?;
            let args = || vec![Arg::Message(Arc::new(message)), rule::user(actor), conversation];
            ruled = Some(self.rule(Point::Delete, args).await?);
        }
        let actor = actor.clone();
        let deleted = self
            .store
            .write(move |tx| {
                let now = Time::now();
                let Taken { seated, mut message, is_aside } = edit::take(tx, id, &actor.user, now)?;
                check(&seated, &message, &actor.user)?;
                if message.deleted_at.is_some() {
                    return Ok(Arc::new(message));
                }
                match is_aside {
                    true => tx.bury_aside(&mut message, false, now)?,
                    false => tx.bury(&mut message, now)?,
                }
                let message = Arc::new(message);
                tx.publish(Event::MessageDeleted { message: Arc::clone(&message), origin: actor.connection });
                Ok(message)
            })
            .await;
        drop(ruled);
        deleted
    }
}

fn check(seated: &Seated, message: &Message, user: &UserId) -> Result<(), Error> {
    let allowed = match seated.member.role {
        Role::Owner | Role::Moderator => true,
        Role::Member => message.sender == *user,
        Role::Reader => false,
    };
    if allowed { Ok(()) } else { Err(Error::forbidden("only the sender or a moderator may delete a message")) }
}
