//! `message:send`: stored, then acknowledged and broadcast.

use std::sync::Arc;

use super::config::NotifyMessages;
use super::consider::{self, Considered, Fate, message_of};
use super::{Actor, Chat, notify, rule, seat};
use crate::domain::access;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Hold, Point};
use crate::domain::message::{self, Draft, Message};
use crate::domain::time::Time;
use crate::store::Tx;
use crate::store::error::Abort;

/// The answer to a sender.
#[derive(Clone, Debug)]
pub struct Sent {
    pub message: Arc<Message>,
    /// It was stored before: this was a retry, and nobody was told again.
    pub duplicate: bool,
}

impl Chat {
    /// Stores `draft` as the next message of its conversation, if the plugins let it.
    ///
    /// # Errors
    /// `INVALID`, `TOO_LARGE`, `NOT_FOUND`, `FORBIDDEN`, `MUTED`, `BANNED`, `UNAVAILABLE`; what a plugin refuses.
    pub async fn send(&self, actor: &Actor, draft: Draft) -> Result<Sent, Error> {
        let considered = match self.considers() {
            true => self.consider(actor, draft).await?,
            false => Considered::plain(draft),
        };
        self.store_message(actor, considered).await
    }

    /// Stores what was considered.
    ///
    /// # Errors
    /// `INVALID`, `TOO_LARGE`, `NOT_FOUND`, `FORBIDDEN`, `MUTED`, `BANNED`, `UNAVAILABLE`.
    pub async fn store_message(&self, actor: &Actor, considered: Considered) -> Result<Sent, Error> {
        let Considered { id, draft, mentions, fate, effects } = considered;
        let hold = match fate {
            Fate::Settled { message, duplicate } => return Ok(Sent { message, duplicate }),
            Fate::Ordered => None,
            Fate::Silent => Some(None),
            Fate::Held(hold) => Some(Some(hold)),
        };
        let config = self.config();
        message::check_content(&draft.content, draft.attachments.is_some(), config.messages.max_content)?;
        let open = self.is_open();
        let policy: NotifyMessages = config.notifications.messages;
        let (roster, typing, actor) = (Arc::clone(&self.roster), Arc::clone(&self.typing), actor.clone());
        let sanctions = Arc::clone(&self.sanctions);
        let (through, shows) = (self.through(), self.wants(Point::MessageStored));
        let sender = shows.then(|| actor.clone());
        let stored = self
            .store
            .write(move |tx| {
                let now = Time::now();
                let seated = seat::take_again(tx, &draft.conversation, &actor.user, open, now)?;
                // A retry gets its answer even where the sender may write no more: the message stands.
                if let Some(message) = consider::stored_before(tx, &seated.seat, draft.client_id.as_deref())? {
                    return Ok((Sent { message: Arc::new(message), duplicate: true }, None));
                }
                sanctions.may_write(&actor.user, now)?;
                access::may_write(seated.conversation(), &seated.member, now)?;
                if let Some(reply_to) = draft.reply_to {
                    let answered = tx.message(reply_to)?;
                    if answered.is_none_or(|answered| answered.conversation != draft.conversation) {
                        return Err(Error::not_found("message (replyTo)").into());
                    }
                }
                let mentions = match mentions {
                    Some(users) => notify::present(tx, &seated.seat, users, now)?,
                    None => notify::mentioned(tx, &seated.seat, &draft.content, now)?,
                };
                if let Some(hold) = hold {
                    let message = message_of(id, draft, actor.user.clone(), mentions, now);
                    return Ok((set_aside(tx, &seated.seat, message, hold, &actor)?, None));
                }
                let message = Arc::new(tx.insert_message(&seated.seat, id, draft, &actor.user, mentions, now)?);
                if typing.stop(&message.conversation, &actor.user, None) {
                    let conversation = message.conversation.clone();
                    tx.publish(Event::TypingStop { conversation, user: actor.user.clone() });
                }
                tx.publish(Event::MessageNew { message: Arc::clone(&message), origin: actor.connection });
                notify::mentions(tx, seated.conversation(), &message, &message.mentions, &through)?;
                notify::absent(tx, &seated.seat, &message, policy, &roster, &through)?;
                let shown = shows.then(|| rule::conversation(seated.conversation(), Some(seated.member.role)));
                Ok((Sent { message, duplicate: false }, shown))
            })
            .await;
        // Of two retries at once one was stored, and what it led to is done once.
        if !matches!(&stored, Ok((Sent { duplicate: true, .. }, _))) {
            self.post(effects);
        }
        let (sent, shown) = stored?;
        if let (Some(conversation), Some(sender)) = (shown, sender) {
            let message = Arc::clone(&sent.message);
            self.tell(Point::MessageStored, || vec![Arg::Message(message), rule::user(&sender), conversation]);
        }
        if !sent.duplicate {
            self.tally.message();
        }
        Ok(sent)
    }
}

/// Keeps a message for its sender alone; their other devices see it.
fn set_aside(
    tx: &mut Tx<'_>,
    seat: &crate::store::Seat,
    message: Message,
    hold: Option<Hold>,
    actor: &Actor,
) -> Result<Sent, Abort> {
    tx.insert_aside(seat, &message, hold.as_ref())?;
    let message = Arc::new(Message { pending: hold.is_some(), ..message });
    tx.publish(Event::MessageAside { message: Arc::clone(&message), origin: actor.connection });
    Ok(Sent { message, duplicate: false })
}
