//! `message:send`: stored, then acknowledged and broadcast.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::aftermath::Wanted;
use super::config::NotifyMessages;
use super::consider::{self, Considered, Fate, Outlook, message_of};
use super::{Actor, Chat, notify, rule, seat};
use crate::domain::access;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Call, Hold, Panel, Point, TurnedAway};
use crate::domain::message::{self, Draft, Message};
use crate::domain::time::Time;
use crate::store::error::Abort;
use crate::store::{Reply, Tx, settle};

/// The answer to a sender.
#[derive(Clone, Debug)]
pub struct Sent {
    pub message: Arc<Message>,
    /// It was stored before: this was a retry, and nobody was told again.
    pub duplicate: bool,
}

/// The turn of one sender: dropped once nothing that they bring later can get before the message.
pub type Turn = oneshot::Sender<()>;

/// How a message came in.
pub struct Arrival {
    pub received: Instant,
    pub turn: Option<Turn>,
}

impl Arrival {
    /// By itself, and at this moment.
    pub fn now() -> Self {
        Arrival { received: Instant::now(), turn: None }
    }
}

/// What there is to do once a message is stored, or settled without that.
struct Stored {
    sent: Sent,
    wanted: Wanted,
    /// What the sender alone is told; their turn lasts until then.
    answer: Option<(Arc<Message>, Option<Turn>)>,
}

impl Chat {
    /// Stores `draft` as the next message of its conversation, if the plugins let it.
    ///
    /// # Errors
    /// `INVALID`, `TOO_LARGE`, `NOT_FOUND`, `FORBIDDEN`, `MUTED`, `BANNED`, `UNAVAILABLE`; what a plugin refuses.
    pub async fn send(self: &Arc<Self>, actor: &Actor, draft: Draft, arrival: Arrival) -> Result<Sent, Error> {
        let max_content = self.config().messages.max_content;
        message::check_content(&draft.content, draft.attachments.is_some(), max_content)?;
        let (reply, answer) = oneshot::channel();
        match self.considers() {
            true => self.confer(actor, draft, arrival, reply).await?,
            false => self.store_message(actor, Considered::plain(draft), arrival.received, reply),
        }
        let Stored { sent, wanted, answer } = settle(answer.await)?;
        if let Some((message, _turn)) = answer {
            self.bus.publish(Event::Answer { to: actor.user.clone(), message }).await;
        }
        // Of two retries at once one was stored, and what it led to is done once.
        if sent.duplicate {
            wanted.forget()
        } else {
            self.tally.message()
        }
        Ok(sent)
    }

    /// Has the plugins look at a message on a thread of theirs, and what they let through put into the store's queue from
    /// there.
    async fn confer(
        self: &Arc<Self>,
        actor: &Actor,
        draft: Draft,
        arrival: Arrival,
        reply: Reply<Stored>,
    ) -> Result<(), Error> {
        let Arrival { received, turn } = arrival;
        let points = self.points_of(&draft);
        let (chat, actor) = (Arc::clone(self), actor.clone());
        let conference = move |panel: &dyn Panel| match chat.consider(panel, &actor, draft) {
            Ok(Outlook::Settled { sent, answer, wanted }) => {
                let answer = answer.map(|message| (message, turn));
                // Whoever asked may have gone.
                let _ = reply.send(Ok(Stored { sent, wanted, answer }));
            }
            Ok(Outlook::Stores(considered)) => chat.store_message(&actor, *considered, received, reply),
            Err(error) => {
                let _ = reply.send(Err(error.into()));
            }
        };
        match self.hooks.confer(&points, Box::new(conference)) {
            Ok(()) => Ok(()),
            Err(TurnedAway { conference, panel }) => {
                self.store
                    .read(move |_| {
                        conference(&*panel);
                        Ok(())
                    })
                    .await
            }
        }
    }

    /// Puts what was considered into the store's queue.
    fn store_message(&self, actor: &Actor, considered: Considered, received: Instant, reply: Reply<Stored>) {
        let Considered { id, draft, mentions, fate, wanted } = considered;
        let hold = match fate {
            Fate::Ordered => None,
            Fate::Silent => Some(None),
            Fate::Held(hold) => Some(Some(hold)),
        };
        let open = self.is_open();
        let policy: NotifyMessages = self.config().notifications.messages;
        let (roster, typing, actor) = (Arc::clone(&self.roster), Arc::clone(&self.typing), actor.clone());
        let sanctions = Arc::clone(&self.sanctions);
        let (through, shows) = (self.through(), self.wants(Point::MessageStored));
        let store = move |tx: &mut Tx<'_>| {
            let now = Time::now();
            let seated = seat::take_again(tx, &draft.conversation, &actor.user, open, now)?;
            // A retry gets its answer even where the sender may write no more: the message stands.
            if let Some(message) = consider::stored_before(tx, &seated.seat, draft.client_id.as_deref())? {
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
            let mentions = match mentions {
                Some(users) => notify::present(tx, &seated.seat, users, now)?,
                None => notify::mentioned(tx, &seated.seat, &draft.content, now)?,
            };
            if let Some(hold) = hold {
                let message = message_of(id, draft, actor.user.clone(), mentions, now);
                return set_aside(tx, &seated.seat, message, hold, &actor);
            }
            let message = Arc::new(tx.insert_message(&seated.seat, id, draft, &actor.user, mentions, now)?);
            if typing.stop(&message.conversation, &actor.user, None) {
                let conversation = message.conversation.clone();
                tx.publish(Event::TypingStop { conversation, user: actor.user.clone() });
            }
            tx.publish(Event::MessageNew { message: Arc::clone(&message), origin: actor.connection, received });
            notify::mentions(tx, seated.conversation(), &message, &message.mentions, &through)?;
            notify::absent(tx, &seated.seat, &message, policy, &roster, &through)?;
            if shows {
                let conversation = rule::conversation(seated.conversation(), Some(seated.member.role));
                let args = vec![Arg::Message(Arc::clone(&message)), rule::user(&actor), conversation];
                tx.publish(Event::Heard(Box::new(Call::new(Point::MessageStored, args))));
            }
            Ok(Sent { message, duplicate: false })
        };
        self.store.write_decided_for(move |tx| Ok(Stored { sent: store(tx)?, wanted, answer: None }), reply);
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
    tx.publish(Event::MessageAside { message: Arc::clone(&message), hold, origin: actor.connection });
    Ok(Sent { message, duplicate: false })
}
