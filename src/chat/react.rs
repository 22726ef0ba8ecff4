//! `message:react`: one emoji at a time, given or taken back.

use serde_json::json;

use super::{Actor, Chat, rule, seat};
use crate::domain::access;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Point};
use crate::domain::id::{MessageId, UserId};
use crate::domain::message::{self, MAX_EMOJI_KINDS, Reactions};
use crate::domain::time::Time;

impl Chat {
    /// Adds or removes a reaction and gives the reactions as they are then.
    ///
    /// # Errors
    /// `INVALID`, `NOT_FOUND`, `FORBIDDEN`, `MUTED`, `BANNED`, `CONFLICT`, `UNAVAILABLE`.
    pub async fn react(&self, actor: &Actor, id: MessageId, emoji: String, remove: bool) -> Result<Reactions, Error> {
        message::check_emoji(&emoji)?;
        self.sanctions.may_write(&actor.user, Time::now())?;
        let (mut emoji, mut ruled) = (emoji, None);
        if self.wants(Point::Reaction) {
            let user = actor.user.clone();
            let looked = self.store.read(move |query| {
                let now = Time::now();
                let (seated, message) = seat::take_at(query, id, &user, now)?;
                access::may_react(&seated.member, now)?;
                Ok((message, rule::conversation(seated.conversation(), Some(seated.member.role))))
            });
            let (message, conversation) = looked.await?;
            let change = json!({
                "messageId": id, "conversationId": message.conversation, "emoji": emoji, "remove": remove,
                "senderId": message.sender,
            });
            let said = self.rule(Point::Reaction, || vec![Arg::Value(change), rule::user(actor), conversation]).await?;
            if let Some(changed) = said.value().and_then(|change| change["emoji"].as_str()) {
                message::check_emoji(changed)?;
                emoji = changed.to_owned();
            }
            ruled = Some(said);
        }
        let actor = actor.clone();
        let reactions = self
            .store
            .write(move |tx| {
                let now = Time::now();
                let (seated, message) = seat::take_at(tx, id, &actor.user, now)?;
                access::may_react(&seated.member, now)?;
                if message.deleted_at.is_some() {
                    return Err(Error::conflict("the message was deleted").into());
                }
                let is_new = message.reactions.0.iter().all(|(kind, _)| *kind != emoji);
                if !remove && is_new && message.reactions.0.len() >= MAX_EMOJI_KINDS {
                    return Err(Error::conflict(format!("a message takes {MAX_EMOJI_KINDS} different emoji")).into());
                }
                let Some(reactions) = tx.react(id, &actor.user, &emoji, remove, now)? else {
                    return Ok(message.reactions);
                };
                tx.publish(Event::Reaction {
                    message: id,
                    conversation: message.conversation,
                    user: actor.user,
                    emoji,
                    removed: remove,
                    reactions: reactions.clone(),
                    origin: actor.connection,
                });
                Ok(reactions)
            })
            .await;
        drop(ruled);
        reactions
    }

    /// Reacts as somebody who need not be in the conversation.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAVAILABLE`.
    pub(super) async fn react_as(&self, user: UserId, id: MessageId, emoji: String) -> Result<(), Error> {
        self.store
            .write(move |tx| {
                let found = tx.message(id)?.filter(|message| !message.conversation.is_deleted());
                let message = found.filter(|message| message.deleted_at.is_none());
                let message = message.ok_or_else(|| Error::not_found("message"))?;
                let Some(reactions) = tx.react(id, &user, &emoji, false, Time::now())? else { return Ok(()) };
                tx.publish(Event::Reaction {
                    message: id,
                    conversation: message.conversation,
                    user,
                    emoji,
                    removed: false,
                    reactions,
                    origin: None,
                });
                Ok(())
            })
            .await
    }
}
