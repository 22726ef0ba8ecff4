//! `conversation:join` and `conversation:leave`: what this device follows. Membership is another matter: joining
//! brings it where anyone may come in, leaving never ends it.

use std::sync::Arc;

use serde_json::json;

use super::list::Joined;
use super::{Actor, Chat, rule};
use crate::domain::access::{self, Role};
use crate::domain::conversation::{Conversation, Kind};
use crate::domain::error::{Code, Error};
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Point};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::time::Time;
use crate::roster::connection::Connection;
use crate::store::error::Abort;
use crate::store::{Seat, Tx};

impl Chat {
    /// Lets `device` follow a conversation.
    ///
    /// # Errors
    /// `NOT_FOUND`, `BANNED`, `CONFLICT` where it is full, `UNAVAILABLE`.
    pub async fn join(&self, device: &Arc<Connection>, actor: &Actor, id: ConversationId) -> Result<Joined, Error> {
        let open = self.is_open();
        let max_members = self.config().conversations.max_members;
        let (user, conversation) = (actor.user.clone(), id.clone());
        let seated = self.store.read(move |query| Ok(query.seat(&conversation, &user)?)).await?;
        let role = seated.as_ref().and_then(|seat| seat.member.as_ref()).map(|member| member.role);
        let shown = match &seated {
            Some(seat) => rule::conversation(&seat.conversation, role),
            None => Arg::Value(json!({ "id": id, "type": Kind::Group.as_str() })),
        };
        let is_member = match seated {
            Some(seat) => match access::member(&seat.conversation, seat.member.as_ref(), open, Time::now()) {
                Ok(_) => true,
                Err(_) if seat.member.is_none() && access::is_joinable(&seat.conversation, open) => false,
                Err(refusal) => return Err(refusal),
            },
            None if open => false,
            None => return Err(Error::not_found("conversation")),
        };
        // Dropped when the device follows: a welcome reaches it.
        let _ruled = self.rule(Point::Join, || vec![shown, rule::user(actor)]).await?;
        if !is_member {
            let (user, conversation) = (actor.user.clone(), id.clone());
            self.store.write(move |tx| come_in(tx, &conversation, &user, open, max_members)).await?;
        }
        // Known before the event comes round, so that the device misses nothing from here on.
        self.roster.member_added(&id, &actor.user, false);
        // First the following, then the reading: what is stored after the reading reaches the device by itself.
        self.roster.follow(device, &id);
        match self.joined(actor, id.clone()).await {
            Ok(joined) => Ok(joined),
            Err(refusal) if refusal.code == Code::Unavailable => {
                self.roster.unfollow(device, &id);
                Err(refusal)
            }
            Err(refusal) => {
                // Taken out again in this very moment, perhaps before the event of it came round.
                self.roster.member_removed(&id, &actor.user);
                Err(refusal)
            }
        }
    }

    /// Lets `device` follow a conversation no more.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BANNED`, `UNAVAILABLE`.
    pub async fn leave(&self, device: &Arc<Connection>, actor: &Actor, id: ConversationId) -> Result<(), Error> {
        let joined = self.joined(actor, id.clone()).await?;
        let shown = || rule::conversation(&joined.overview.conversation, Some(joined.overview.role));
        let _ruled = self.rule(Point::Leave, || vec![shown(), rule::user(actor)]).await?;
        if let Some(seq) = self.roster.unfollow(device, &id).filter(|seq| *seq > 0) {
            self.caught_up(&actor.user, id, seq);
        }
        Ok(())
    }
}

/// Makes `user` a member; in open mode, of a conversation that comes to be by it.
fn come_in(tx: &mut Tx<'_>, id: &ConversationId, user: &UserId, open: bool, max_members: u32) -> Result<(), Abort> {
    let now = Time::now();
    let seat = tx.seat(id, user)?;
    let is_new = seat.is_none();
    let role = match seat {
        Some(Seat { member: Some(_), .. }) => return Ok(()),
        Some(seat) if !access::is_joinable(&seat.conversation, open) => {
            return Err(Error::not_found("conversation").into());
        }
        Some(seat) if seat.conversation.member_count >= u64::from(max_members) => {
            return Err(Error::conflict("the conversation is full").into());
        }
        Some(_) => Role::Member,
        None => {
            tx.create_conversation(&Conversation::new(id.clone(), Kind::Group, user.clone(), now), None)?;
            Role::Owner
        }
    };
    tx.add_member(id, user, role, now)?;
    let conversation = tx.conversation(id)?.ok_or_else(|| Error::not_found("conversation"))?;
    let conversation = Arc::new(conversation);
    if is_new {
        tx.publish(Event::ConversationCreated { conversation: Arc::clone(&conversation) });
    }
    tx.publish(Event::joined(&conversation, user));
    Ok(())
}
