//! `message:edit`: the sender changes what they said, for a while.

use std::sync::Arc;
use std::time::Duration;

use super::seat::Seated;
use super::{Actor, Chat, notify, rule, seat};
use crate::domain::access;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Point};
use crate::domain::id::{MessageId, UserId};
use crate::domain::message::{self, Message};
use crate::domain::time::Time;
use crate::domain::units::ByteSize;
use crate::store::Query;
use crate::store::error::Abort;

impl Chat {
    /// Replaces the content of the actor's own message.
    ///
    /// # Errors
    /// `INVALID`, `TOO_LARGE`, `NOT_FOUND`, `FORBIDDEN`, `MUTED`, `BANNED`, `CONFLICT`, `UNAVAILABLE`.
    pub async fn edit(&self, actor: &Actor, id: MessageId, content: String) -> Result<Arc<Message>, Error> {
        self.sanctions.may_write(&actor.user, Time::now())?;
        let (mut content, mut ruled) = (content, None);
        if self.wants(Point::Edit) {
            let (edited, conversation) = self.edited(actor, id, content.clone()).await?;
            let edited = Arg::Message(Arc::new(edited));
            let said = self.rule(Point::Edit, || vec![edited, rule::user(actor), conversation]).await?;
            if let Some(Arg::Message(changed)) = &said.rewrite {
                content = changed.content.clone().unwrap_or_default();
            }
            ruled = Some(said);
        }
        let (allowed, through, actor) = (self.editing(), self.through(), actor.clone());
        let edited = self
            .store
            .write(move |tx| {
                let now = Time::now();
                let Taken { seated, mut message, is_aside } = take(tx, id, &actor.user, now)?;
                allowed.check(&seated, &message, &actor.user, &content, now)?;
                let before = std::mem::take(&mut message.mentions);
                message.mentions = notify::mentioned(tx, &seated.seat, &content, now)?;
                message.content = Some(content);
                message.edited_at = Some(now);
                if is_aside {
                    tx.update_aside(&message)?;
                    let message = Arc::new(message);
                    tx.publish(Event::MessageUpdated { message: Arc::clone(&message), origin: actor.connection });
                    return Ok(message);
                }
                tx.update_content(&message)?;
                let new: Vec<UserId> = message.mentions.iter().filter(|user| !before.contains(user)).cloned().collect();
                let message = Arc::new(message);
                tx.publish(Event::MessageUpdated { message: Arc::clone(&message), origin: actor.connection });
                notify::mentions(tx, seated.conversation(), &message, &new, &through)?;
                Ok(message)
            })
            .await;
        drop(ruled);
        edited
    }

    /// The message as it would be, for the plugins to see.
    async fn edited(&self, actor: &Actor, id: MessageId, content: String) -> Result<(Message, Arg), Error> {
        let (user, allowed) = (actor.user.clone(), self.editing());
        self.store
            .read(move |query| {
                let now = Time::now();
                let Taken { seated, message, .. } = take(query, id, &user, now)?;
                allowed.check(&seated, &message, &user, &content, now)?;
                let conversation = rule::conversation(seated.conversation(), Some(seated.member.role));
                Ok((Message { content: Some(content), ..message }, conversation))
            })
            .await
    }

    fn editing(&self) -> Editing {
        let config = self.config();
        Editing { max_content: config.messages.max_content, window: config.messages.edit_window.0 }
    }
}

/// What an edit is held to.
#[derive(Clone, Copy)]
struct Editing {
    max_content: ByteSize,
    window: Duration,
}

impl Editing {
    fn check(&self, seated: &Seated, message: &Message, user: &UserId, content: &str, now: Time) -> Result<(), Error> {
        // A moderator lets through what they have seen.
        if message.pending {
            return Err(Error::conflict("the message waits for a moderator: it can be deleted, and sent anew"));
        }
        access::may_write(seated.conversation(), &seated.member, now)?;
        message::check_edit(message, user, self.window, now)?;
        message::check_content(content, message.attachments.is_some(), self.max_content)
    }
}

/// A message that its sender wants to change.
pub(super) struct Taken {
    pub seated: Seated,
    pub message: Message,
    /// It stands outside of the order.
    pub is_aside: bool,
}

/// A message and the user's seat in its conversation; of those outside of the order, the user's own.
///
/// # Errors
/// As [`seat::take_at`] has it.
pub(super) fn take(query: &Query<'_>, id: MessageId, user: &UserId, now: Time) -> Result<Taken, Abort> {
    if let Some(message) = query.aside(id, user)?.filter(|message| !message.conversation.is_deleted()) {
        let seated = seat::take(query, &message.conversation, user, false, now)?;
        return Ok(Taken { seated, message, is_aside: true });
    }
    let (seated, message) = seat::take_at(query, id, user, now)?;
    Ok(Taken { seated, message, is_aside: false })
}
