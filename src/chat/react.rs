//! `message:react`: one emoji at a time, given or taken back.

use super::{Actor, Chat, seat};
use crate::domain::access;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::id::MessageId;
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
        let actor = actor.clone();
        self.store
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
            .await
    }
}
