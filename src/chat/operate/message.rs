//! Messages as operators see them, and what the server itself says.

use std::sync::Arc;
use std::time::Instant;

use super::conversation::unseated;
use crate::chat::consider::stored_before;
use crate::chat::{Chat, Sent, notify, rule};
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Call, Origin, Person, Point};
use crate::domain::id::{ConversationId, MessageId, UserId};
use crate::domain::message::{self, Draft, Message, MessageType};
use crate::domain::time::Time;

impl Chat {
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn message(&self, id: MessageId) -> Result<Message, Error> {
        self.store
            .read(move |query| {
                let found = query.message(id)?.filter(|message| !message.conversation.is_deleted());
                Ok(found.ok_or_else(|| Error::not_found("message"))?)
            })
            .await
    }

    /// Leaves a tombstone in the place of anybody's message. What is deleted already stays so.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn strike(&self, id: MessageId) -> Result<Arc<Message>, Error> {
        self.store
            .write(move |tx| {
                let found = tx.message(id)?.filter(|message| !message.conversation.is_deleted());
                let mut message = found.ok_or_else(|| Error::not_found("message"))?;
                if message.deleted_at.is_some() {
                    return Ok(Arc::new(message));
                }
                tx.bury(&mut message, Time::now())?;
                let message = Arc::new(message);
                tx.publish(Event::MessageDeleted { message: Arc::clone(&message), origin: None });
                Ok(message)
            })
            .await
    }

    /// Says something in a conversation as `sender`, who need not be in it; a message of the type `system`.
    ///
    /// # Errors
    /// `INVALID`, `TOO_LARGE`, `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn announce(&self, sender: UserId, id: ConversationId, content: String) -> Result<Arc<Message>, Error> {
        let draft = Draft {
            conversation: id,
            content,
            kind: MessageType::stored("system"),
            client_id: None,
            reply_to: None,
            attachments: None,
            metadata: None,
        };
        self.speak(sender, draft, &Origin::default()).await.map(|sent| sent.message)
    }

    /// Changes what a message says, whoever sent it and however long ago.
    ///
    /// # Errors
    /// `INVALID`, `TOO_LARGE`, `NOT_FOUND`, `CONFLICT` where it was deleted, `UNAVAILABLE`.
    pub async fn amend(&self, id: MessageId, content: String) -> Result<Arc<Message>, Error> {
        let max_content = self.config().messages.max_content;
        let through = self.through();
        self.store
            .write(move |tx| {
                let now = Time::now();
                let found = tx.message(id)?.filter(|message| !message.conversation.is_deleted());
                let mut message = found.ok_or_else(|| Error::not_found("message"))?;
                if message.deleted_at.is_some() {
                    return Err(Error::conflict("the message was deleted").into());
                }
                message::check_content(&content, message.attachments.is_some(), max_content)?;
                let seat = unseated(tx, &message.conversation)?;
                let before = std::mem::take(&mut message.mentions);
                message.mentions = notify::mentioned(tx, &seat, &content, now)?;
                message.content = Some(content);
                message.edited_at = Some(now);
                tx.update_content(&message)?;
                let new: Vec<UserId> = message.mentions.iter().filter(|user| !before.contains(user)).cloned().collect();
                let message = Arc::new(message);
                tx.publish(Event::MessageUpdated { message: Arc::clone(&message), origin: None });
                notify::mentions(tx, &seat.conversation, &message, &new, &through)?;
                Ok(message)
            })
            .await
    }

    /// Stores a message of somebody who need not be in the conversation. Plugins hear of it, but for the one that
    /// brought it about, and do not decide on it.
    ///
    /// # Errors
    /// `INVALID`, `TOO_LARGE`, `NOT_FOUND`, `UNAVAILABLE`.
    pub async fn speak(&self, sender: UserId, draft: Draft, origin: &Origin) -> Result<Sent, Error> {
        let config = self.config();
        message::check_content(&draft.content, draft.attachments.is_some(), config.messages.max_content)?;
        let (roster, policy) = (Arc::clone(&self.roster), config.notifications.messages);
        let (through, received) = (self.through_from(origin), Instant::now());
        let told = self.wants(Point::MessageStored).then(|| origin.clone());
        let sent = self
            .store
            .write(move |tx| {
                let now = Time::now();
                unseated(tx, &draft.conversation)?;
                tx.introduce(&sender)?;
                let seat = tx.seat(&draft.conversation, &sender)?.ok_or_else(|| Error::not_found("conversation"))?;
                if let Some(message) = stored_before(tx, &seat, draft.client_id.as_deref())? {
                    return Ok(Sent { message: Arc::new(message), duplicate: true });
                }
                if let Some(reply_to) = draft.reply_to
                    && tx.message(reply_to)?.is_none_or(|answered| answered.conversation != draft.conversation)
                {
                    return Err(Error::not_found("message (replyTo)").into());
                }
                let mentions = notify::mentioned(tx, &seat, &draft.content, now)?;
                let message =
                    Arc::new(tx.insert_message(&seat, MessageId::generate(), draft, &sender, mentions, now)?);
                tx.publish(Event::MessageNew { message: Arc::clone(&message), origin: None, received });
                notify::mentions(tx, &seat.conversation, &message, &message.mentions, &through)?;
                notify::absent(tx, &seat, &message, policy, &roster, &through)?;
                if let Some(origin) = told {
                    let speaker = Arg::User(Arc::new(Person::named(sender)));
                    let conversation = rule::conversation(&seat.conversation, seat.member.as_ref().map(|it| it.role));
                    let args = vec![Arg::Message(Arc::clone(&message)), speaker, conversation];
                    tx.publish(Event::Heard(Box::new(Call::new(Point::MessageStored, args).from(&origin))));
                }
                Ok(Sent { message, duplicate: false })
            })
            .await?;
        if !sent.duplicate {
            self.tally.message();
        }
        Ok(sent)
    }

    /// The newest messages anywhere that contain all words of `words`, and where the next page begins.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn search_all(
        &self,
        words: String,
        conversation: Option<ConversationId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<Message>, Option<i64>), Error> {
        self.store.search(move |query| Ok(query.search_all(&words, conversation.as_ref(), before, limit)?)).await
    }
}
