//! A person leaves for good: what they said goes or loses its name, and so does everything else that is theirs.

use std::sync::Arc;

use super::Whom;
use crate::chat::{Chat, member};
use crate::domain::access::Role;
use crate::domain::error::{Code, Error};
use crate::domain::event::Event;
use crate::domain::id::{ConversationId, UserId};
use crate::domain::message::Message;
use crate::domain::time::Time;

/// What becomes of the messages. In either case nobody reads any more who sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Messages {
    /// Tombstones stay.
    Bury,
    /// What was said stays.
    Keep,
}

/// What was erased.
#[derive(Clone, Copy, Debug, Default)]
pub struct Erased {
    pub messages: u64,
    pub conversations: u64,
}

impl Chat {
    /// Erases a user, a piece at a time, so that others are served meanwhile. Where it is interrupted it is begun again.
    ///
    /// # Errors
    /// `UNAVAILABLE`; what was erased until then stays so.
    pub async fn erase(&self, user: &UserId, messages: Messages) -> Result<Erased, Error> {
        if !self.store.health().is_writable() {
            // Nobody is told that they were deleted where they cannot be.
            return Err(Error::unavailable("the store takes no writes, retry"));
        }
        let error = Error::new(Code::Forbidden, "you were deleted by an operator");
        self.dismiss(user, Whom::All, error).await;
        self.vanish(user).await;
        // A message that waits for its end in a deleted conversation would hold on to its sender.
        self.purge().await?;
        let ghost = UserId::stored(&format!("deleted-{}", uuid::Uuid::new_v4().simple()));
        let mut erased = Erased::default();
        let member_of = user.clone();
        for id in self.store.read(move |query| Ok(query.all_memberships(&member_of)?)).await? {
            self.take_out(user, id).await?;
            erased.conversations += 1;
        }
        let mut after = Some(0);
        while let Some(from) = after {
            let sender = user.clone();
            let trail = self.store.read(move |query| Ok(query.trail(&sender, from)?)).await?;
            after = trail.next;
            erased.messages += trail.messages.len() as u64;
            self.disown(trail.messages, &ghost, messages).await?;
        }
        let gone = user.clone();
        self.store.write(move |tx| Ok(tx.forget_user(&gone)?)).await?;
        Ok(erased)
    }

    async fn take_out(&self, user: &UserId, id: ConversationId) -> Result<(), Error> {
        let user = user.clone();
        self.store
            .write(move |tx| {
                let Some(mut seat) = tx.seat(&id, &user)? else { return Ok(()) };
                let role = seat.member.as_ref().map(|member| member.role);
                tx.remove_member(&seat, &user)?;
                if role == Some(Role::Owner) {
                    member::pass_on(tx, &mut seat, Time::now())?;
                }
                tx.publish(Event::MemberRemoved { conversation: id.clone(), user, by_ban: false });
                if let Some(conversation) = tx.conversation(&id)? {
                    tx.publish(Event::ConversationUpdated { conversation: Arc::new(conversation) });
                }
                Ok(())
            })
            .await
    }

    async fn disown(&self, mut messages: Vec<Message>, ghost: &UserId, what: Messages) -> Result<(), Error> {
        if messages.is_empty() {
            return Ok(());
        }
        let ghost = ghost.clone();
        self.store
            .write(move |tx| {
                tx.reattribute(&messages, &ghost)?;
                if what == Messages::Keep {
                    return Ok(());
                }
                let now = Time::now();
                for message in messages.iter_mut().filter(|message| message.deleted_at.is_none()) {
                    message.sender = ghost.clone();
                    tx.bury(message, now)?;
                    tx.publish(Event::MessageDeleted { message: Arc::new(message.clone()), origin: None });
                }
                Ok(())
            })
            .await
    }
}
