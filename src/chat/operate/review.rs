//! Messages that wait for a moderator: let through, they take the next place; rejected, a tombstone tells the sender.

use std::sync::Arc;
use std::time::Instant;

use super::conversation::unseated;
use crate::chat::{Chat, notify, rule};
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Call, Person, Point};
use crate::domain::id::{MessageId, NotificationId};
use crate::domain::message::{Draft, Message};
use crate::domain::notification::{Kind, MAX_TEXT_BYTES, Notification};
use crate::domain::time::Time;
use crate::store::Held;

impl Chat {
    /// The messages that wait, the oldest first, behind the key `after`; and how many there are in all.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn held(&self, after: i64, limit: u32) -> Result<(Vec<Held>, u64), Error> {
        self.store.read(move |query| Ok((query.held(after, limit)?, query.held_count()?))).await
    }

    /// Lets a message through: it keeps its id and takes the next place.
    ///
    /// # Errors
    /// `NOT_FOUND` where no such message waits; `UNAVAILABLE`.
    pub async fn approve(&self, id: MessageId) -> Result<Arc<Message>, Error> {
        let policy = self.config().notifications.messages;
        let (roster, through) = (Arc::clone(&self.roster), self.through());
        let (told, received) = (self.wants(Point::MessageStored), Instant::now());
        let message = self
            .store
            .write(move |tx| {
                let Held { message, .. } = tx.held_one(id)?.ok_or_else(|| Error::not_found("message on hold"))?;
                let now = Time::now();
                unseated(tx, &message.conversation)?;
                let seat = tx.seat(&message.conversation, &message.sender)?;
                let seat = seat.ok_or_else(|| Error::not_found("conversation"))?;
                tx.take_aside(id)?;
                // Whoever has left since then is mentioned no more.
                let mentions = notify::present(tx, &seat, message.mentions, now)?;
                let draft = Draft {
                    conversation: message.conversation,
                    content: message.content.unwrap_or_default(),
                    kind: message.kind,
                    client_id: message.client_id,
                    reply_to: message.reply_to,
                    attachments: message.attachments,
                    metadata: message.metadata,
                };
                let message = Arc::new(tx.insert_message(&seat, id, draft, &message.sender, mentions, now)?);
                tx.publish(Event::MessageNew { message: Arc::clone(&message), origin: None, received });
                notify::mentions(tx, &seat.conversation, &message, &message.mentions, &through)?;
                notify::absent(tx, &seat, &message, policy, &roster, &through)?;
                if told {
                    let sender = Arg::User(Arc::new(Person::named(message.sender.clone())));
                    let role = seat.member.as_ref().map(|member| member.role);
                    let args =
                        vec![Arg::Message(Arc::clone(&message)), sender, rule::conversation(&seat.conversation, role)];
                    tx.publish(Event::Heard(Box::new(Call::new(Point::MessageStored, args))));
                }
                Ok(message)
            })
            .await?;
        self.tally.message();
        Ok(message)
    }

    /// Does not let a message through. Its sender is told, with the reason where there is one.
    ///
    /// # Errors
    /// `INVALID`, `NOT_FOUND` where no such message waits; `UNAVAILABLE`.
    pub async fn reject(&self, id: MessageId, reason: Option<String>) -> Result<Arc<Message>, Error> {
        if reason.as_ref().is_some_and(|reason| reason.len() > MAX_TEXT_BYTES / 2) {
            return Err(Error::invalid("reason", format_args!("at most {} bytes", MAX_TEXT_BYTES / 2)));
        }
        self.store
            .write(move |tx| {
                let Held { mut message, .. } = tx.held_one(id)?.ok_or_else(|| Error::not_found("message on hold"))?;
                let now = Time::now();
                tx.bury_aside(&mut message, true, now)?;
                let message = Arc::new(message);
                tx.publish(Event::MessageDeleted { message: Arc::clone(&message), origin: None });
                let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
                let notification = Notification {
                    id: NotificationId::generate(),
                    kind: Kind::Rejected.as_str().into(),
                    title: None,
                    message: format!("your message was not let through{why}"),
                    count: None,
                    conversation: Some(message.conversation.clone()),
                    message_id: Some(id),
                    data: None,
                    created_at: now,
                    read_at: None,
                };
                tx.add_notification(&message.sender, &notification)?;
                tx.publish(Event::Notification { to: message.sender.clone(), notification: Arc::new(notification) });
                Ok(message)
            })
            .await
    }
}
