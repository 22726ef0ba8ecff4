//! Asking the plugins: what they decide about an event, and what they want done once it is over.

use std::sync::Arc;

use serde_json::{Value, json};

use super::aftermath::Wanted;
use super::{Actor, Chat};
use crate::domain::access::Role;
use crate::domain::conversation::Conversation;
use crate::domain::error::Error;
use crate::domain::hooks::{Arg, Call, Person, Point, Verdict};

/// What the plugins decided of an event that goes on. When it is over, what they want done is done.
pub struct Ruled {
    _wanted: Wanted,
    /// The first argument as they have changed it.
    pub rewrite: Option<Arg>,
}

impl Ruled {
    /// The changed argument where it is JSON.
    pub fn value(&self) -> Option<&Value> {
        match &self.rewrite {
            Some(Arg::Value(value)) => Some(value),
            _ => None,
        }
    }
}

impl Chat {
    /// Whether any plugin wants to be asked.
    pub fn wants(&self, point: Point) -> bool {
        self.hooks.wants(point)
    }

    /// Asks the plugins about an event. Where nobody wants to be asked, `args` is not even made.
    ///
    /// # Errors
    /// What a plugin refused it with.
    pub async fn rule(&self, point: Point, args: impl FnOnce() -> Vec<Arg>) -> Result<Ruled, Error> {
        if !self.wants(point) {
            return Ok(Ruled { _wanted: Wanted::default(), rewrite: None });
        }
        let ruling = self.hooks.decide(Call::new(point, args())).await;
        // A refusal does not undo what the plugin wants done beside it.
        let mut wanted = self.wanted();
        wanted.extend(ruling.effects);
        let rewrite = match ruling.verdict {
            Verdict::Deny(error) => return Err(error),
            Verdict::Rewrite(arg) => Some(arg),
            _ => None,
        };
        Ok(Ruled { _wanted: wanted, rewrite })
    }

    /// Lets the plugins hear of something.
    pub fn tell(&self, point: Point, args: impl FnOnce() -> Vec<Arg>) {
        if self.wants(point) {
            self.hooks.tell(Call::new(point, args()));
        }
    }

    /// The same where its turn has come on the bus.
    pub fn hear(&self, call: Call) {
        self.hooks.tell(call);
    }
}

/// A user as plugins see them.
pub fn user(actor: &Actor) -> Arg {
    Arg::User(Arc::clone(&actor.person))
}

/// A user of whom a plugin learns the presence too: to whom a notification goes.
pub fn addressee(chat: &Chat, person: &Person) -> Arg {
    let here = chat.roster().standing(&person.id);
    let (status, devices) = here.map_or(("offline", 0), |(standing, devices)| (standing.status.as_str(), devices));
    Arg::Value(json!({ "id": person.id, "online": status != "offline", "status": status, "devices": devices }))
}

pub fn conversation(conversation: &Conversation, role: Option<Role>) -> Arg {
    Arg::Conversation(Arc::new(conversation.clone()), role)
}
