//! `message:send`: stored, then acknowledged and broadcast.

use std::sync::Arc;

use super::config::NotifyMessages;
use super::{Actor, Chat, notify, seat};
use crate::domain::access;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::message::{self, Draft, Message};
use crate::domain::time::Time;

/// The answer to a sender.
#[derive(Clone, Debug)]
pub struct Sent {
    pub message: Arc<Message>,
    /// It was stored before: this was a retry, and nobody was told again.
    pub duplicate: bool,
}

impl Chat {
    /// Stores `draft` as the next message of its conversation.
    ///
    /// # Errors
    /// `INVALID`, `TOO_LARGE`, `NOT_FOUND`, `FORBIDDEN`, `MUTED`, `BANNED`, `UNAVAILABLE`.
    pub async fn send(&self, actor: &Actor, draft: Draft) -> Result<Sent, Error> {
        let config = self.config();
        message::check_content(&draft.content, draft.attachments.is_some(), config.messages.max_content)?;
        let open = self.is_open();
        let policy: NotifyMessages = config.notifications.messages;
        let (roster, typing, actor) = (Arc::clone(&self.roster), Arc::clone(&self.typing), actor.clone());
        let sanctions = Arc::clone(&self.sanctions);
        let sent = self
            .store
            .write(move |tx| {
                let now = Time::now();
                let seated = seat::take_again(tx, &draft.conversation, &actor.user, open, now)?;
                // A retry gets its answer even where the sender may write no more: the message stands.
                if let Some(client_id) = &draft.client_id
                    && let Some(message) = tx.message_by_client_id(&seated.seat, client_id)?
                {
                    return Ok(Sent { message: Arc::new(message), duplicate: true });
                }
                sanctions.may_write(&actor.user, now)?;
                access::may_write(seated.conversation(), &seated.member, now)?;
                if let Some(reply_to) = draft.reply_to {
                    let answered = tx.message(reply_to)?;
                    if answered.is_none_or(|answered| answered.conversation != draft.conversation) {
                        return Err(Error::not_found("message (replyTo)").into());
                    }
                }
                let mentions = notify::mentioned(tx, &seated.seat, &draft.content, now)?;
                let message = Arc::new(tx.insert_message(&seated.seat, draft, &actor.user, mentions, now)?);
                if typing.stop(&message.conversation, &actor.user, None) {
                    let conversation = message.conversation.clone();
                    tx.publish(Event::TypingStop { conversation, user: actor.user.clone() });
                }
                tx.publish(Event::MessageNew { message: Arc::clone(&message), origin: actor.connection });
                notify::mentions(tx, seated.conversation(), &message, &message.mentions)?;
                notify::absent(tx, &seated.seat, &message, policy, &roster)?;
                Ok(Sent { message, duplicate: false })
            })
            .await?;
        if !sent.duplicate {
            self.tally.message();
        }
        Ok(sent)
    }
}
