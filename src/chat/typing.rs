//! `typing:start` and `typing:stop`: told to the others, kept nowhere but here, and over after a while.

use std::collections::HashMap;
use std::time::Instant;

use parking_lot::Mutex;

use super::{Actor, Chat, rule};
use crate::domain::access;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::hooks::{Arg, Point};
use crate::domain::id::{ConnectionId, ConversationId, UserId};
use crate::domain::time::Time;

/// Who is typing where, until when, and on which device.
#[derive(Default)]
pub struct Typing(Mutex<HashMap<(ConversationId, UserId), Entry>>);

struct Entry {
    until: Instant,
    connection: Option<ConnectionId>,
}

impl Typing {
    /// True where the user was not typing there before.
    fn start(&self, conversation: &ConversationId, user: &UserId, entry: Entry) -> bool {
        self.0.lock().insert((conversation.clone(), user.clone()), entry).is_none()
    }

    /// True where the user was typing there; with `connection`, only if on that device.
    pub fn stop(&self, conversation: &ConversationId, user: &UserId, connection: Option<ConnectionId>) -> bool {
        let mut typing = self.0.lock();
        if typing.is_empty() {
            return false;
        }
        let key = (conversation.clone(), user.clone());
        let is_meant = typing.get(&key).is_some_and(|entry| connection.is_none() || entry.connection == connection);
        is_meant && typing.remove(&key).is_some()
    }

    fn take_where(&self, over: impl Fn(&Entry) -> bool) -> Vec<(ConversationId, UserId)> {
        let mut typing = self.0.lock();
        let ended: Vec<_> = typing.iter().filter(|(_, entry)| over(entry)).map(|(key, _)| key.clone()).collect();
        for key in &ended {
            typing.remove(key);
        }
        ended
    }
}

impl Chat {
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `MUTED`, `BANNED`, `UNAVAILABLE`.
    pub async fn typing_start(&self, actor: &Actor, id: ConversationId) -> Result<(), Error> {
        self.sanctions.may_write(&actor.user, Time::now())?;
        let conversation = self.may_type(actor, &id, true).await?;
        let ruled = self.rule(Point::Typing, || vec![rule::user(actor), conversation]).await;
        // Nobody need know that it was dropped.
        if ruled.is_err() {
            return Ok(());
        }
        let until = Instant::now() + self.config().typing.timeout.0;
        if self.typing.start(&id, &actor.user, Entry { until, connection: actor.connection }) {
            self.bus.publish_or_drop(Event::TypingStart { conversation: id, user: actor.user.clone() });
        }
        Ok(())
    }

    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BANNED`, `UNAVAILABLE`.
    pub async fn typing_stop(&self, actor: &Actor, id: ConversationId) -> Result<(), Error> {
        self.may_type(actor, &id, false).await?;
        if self.typing.stop(&id, &actor.user, None) {
            self.bus.publish(Event::TypingStop { conversation: id, user: actor.user.clone() }).await;
        }
        Ok(())
    }

    /// Ends what a device that has gone was typing.
    pub(super) async fn stop_typing_on(&self, connection: ConnectionId) {
        for (conversation, user) in self.typing.take_where(|entry| entry.connection == Some(connection)) {
            self.bus.publish(Event::TypingStop { conversation, user }).await;
        }
    }

    /// Ends what was begun too long ago. Called every [`super::TICK`].
    pub async fn expire_typing(&self) {
        let now = Instant::now();
        for (conversation, user) in self.typing.take_where(|entry| entry.until <= now) {
            self.bus.publish(Event::TypingStop { conversation, user }).await;
        }
    }

    /// To begin takes the right to write; to end, only a seat.
    async fn may_type(&self, actor: &Actor, id: &ConversationId, writing: bool) -> Result<Arg, Error> {
        self.seated(actor, id.clone(), move |_, seated, now| {
            if writing {
                access::may_write(seated.conversation(), &seated.member, now)?;
            }
            Ok(rule::conversation(seated.conversation(), Some(seated.member.role)))
        })
        .await
    }
}
