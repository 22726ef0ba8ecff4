//! The way into every verb on a conversation: is the user in it, and may they see it?

use super::config::Access;
use super::{Actor, Chat};
use crate::domain::access::{self, Member};
use crate::domain::conversation::Conversation;
use crate::domain::error::Error;
use crate::domain::id::{ConversationId, MessageId, UserId};
use crate::domain::message::Message;
use crate::domain::time::Time;
use crate::store::error::Abort;
use crate::store::{Query, Seat, Tx};

/// A member in their conversation.
pub struct Seated {
    pub seat: Seat,
    pub member: Member,
}

impl Seated {
    pub fn conversation(&self) -> &Conversation {
        &self.seat.conversation
    }
}

/// The member's seat; `open` says whether unknown users may join by themselves.
///
/// # Errors
/// `NOT_FOUND`, `FORBIDDEN` or `BANNED`, as [`access::member`] has it.
pub fn take(query: &Query<'_>, id: &ConversationId, user: &UserId, open: bool, now: Time) -> Result<Seated, Abort> {
    seated(query.seat(id, user)?, open, now)
}

/// The same for a sender, who takes it again and again.
///
/// # Errors
/// As [`take`] has it.
pub fn take_again(tx: &mut Tx<'_>, id: &ConversationId, user: &UserId, open: bool, now: Time) -> Result<Seated, Abort> {
    seated(tx.seat_again(id, user)?, open, now)
}

fn seated(seat: Option<Seat>, open: bool, now: Time) -> Result<Seated, Abort> {
    let seat = seat.ok_or_else(|| Error::not_found("conversation"))?;
    let member = access::member(&seat.conversation, seat.member.as_ref(), open, now)?.clone();
    Ok(Seated { seat, member })
}

impl Chat {
    /// Runs `work` for a member of a conversation, on a reader's thread.
    ///
    /// # Errors
    /// As [`take`] has it, then what `work` refused; `UNAVAILABLE`.
    pub(super) async fn seated<F, R>(&self, actor: &Actor, id: ConversationId, work: F) -> Result<R, Error>
    where
        F: FnOnce(&Query<'_>, Seated, Time) -> Result<R, Abort> + Send + 'static,
        R: Send + 'static,
    {
        let (user, open) = (actor.user.clone(), self.is_open());
        self.store
            .read(move |query| {
                let now = Time::now();
                work(query, take(query, &id, &user, open, now)?, now)
            })
            .await
    }

    /// The same in the next commit.
    ///
    /// # Errors
    /// As [`take`] has it, then what `work` refused; `UNAVAILABLE`.
    pub(super) async fn seated_write<F, R>(&self, actor: &Actor, id: ConversationId, work: F) -> Result<R, Error>
    where
        F: FnOnce(&mut Tx<'_>, Seated, Time) -> Result<R, Abort> + Send + 'static,
        R: Send + 'static,
    {
        let (user, open) = (actor.user.clone(), self.is_open());
        self.store
            .write(move |tx| {
                let now = Time::now();
                let seated = take(tx, &id, &user, open, now)?;
                work(tx, seated, now)
            })
            .await
    }

    pub(super) fn is_open(&self) -> bool {
        self.config.load().conversations.access == Access::Open
    }
}

/// A message and the seat of `user` in its conversation. Where the user may not see the conversation, there is no
/// such message.
///
/// # Errors
/// `NOT_FOUND` or `BANNED`.
pub fn take_at(query: &Query<'_>, id: MessageId, user: &UserId, now: Time) -> Result<(Seated, Message), Abort> {
    let missing = || Error::not_found("message");
    let message = query.message(id)?.ok_or_else(missing)?;
    if message.conversation.is_deleted() {
        return Err(missing().into());
    }
    let seat = query.seat(&message.conversation, user)?.ok_or_else(missing)?;
    let member = match access::member(&seat.conversation, seat.member.as_ref(), false, now) {
        Ok(member) => member.clone(),
        Err(refusal) if seat.member.is_some() => return Err(refusal.into()),
        Err(refusal) if access::is_joinable(&seat.conversation, false) => return Err(refusal.into()),
        Err(_) => return Err(missing().into()),
    };
    Ok((Seated { seat, member }, message))
}
