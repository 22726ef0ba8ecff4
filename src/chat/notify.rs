//! What a message leaves in inboxes: mentions, and messages of conversations that a user does not follow.

use std::sync::Arc;

use super::Chat;
use super::config::NotifyMessages;
use crate::domain::conversation::{Conversation, Kind as ConversationKind};
use crate::domain::event::{Event, Proposal};
use crate::domain::hooks::{Origin, Point};
use crate::domain::id::{NotificationId, UserId};
use crate::domain::mention;
use crate::domain::message::Message;
use crate::domain::notification::{Kind, Notification, excerpt};
use crate::domain::time::Time;
use crate::roster::Roster;
use crate::store::error::Error;
use crate::store::{Query, Seat, Tx};

const DIRECT_MEMBERS: usize = 2;

/// The users that `content` mentions: of what stands behind an `@`, the ids of members.
pub fn mentioned(query: &Query<'_>, seat: &Seat, content: &str, now: Time) -> Result<Vec<UserId>, Error> {
    let marks = seat.marks();
    let mut users: Vec<UserId> = Vec::new();
    for spellings in mention::candidates(content) {
        for spelling in spellings {
            if query.is_present(&marks, spelling, now)? {
                let user = UserId::stored(spelling);
                if !users.contains(&user) {
                    users.push(user);
                }
                break;
            }
        }
    }
    Ok(users)
}

/// Those of `users` who are in the conversation.
pub fn present(query: &Query<'_>, seat: &Seat, users: Vec<UserId>, now: Time) -> Result<Vec<UserId>, Error> {
    let marks = seat.marks();
    let mut present: Vec<UserId> = Vec::new();
    for user in users {
        if !present.contains(&user) && query.is_present(&marks, user.as_str(), now)? {
            present.push(user);
        }
    }
    Ok(present)
}

/// How a notification reaches an inbox.
#[derive(Clone, Debug)]
pub enum Through {
    /// In the commit that it belongs to.
    Commit,
    /// Through the plugins, after the commit; and which of them brought it about.
    Plugins(Origin),
}

impl Through {
    fn tell(
        &self,
        tx: &mut Tx<'_>,
        to: &UserId,
        notification: Notification,
        message: Option<&Arc<Message>>,
    ) -> Result<(), Error> {
        let counts = notification.count.is_some();
        let to = to.clone();
        match self {
            Through::Plugins(origin) => {
                let (message, origin) = (message.cloned(), origin.clone());
                tx.publish(Event::Proposed(Box::new(Proposal { to, notification, counts, message, origin })));
            }
            Through::Commit => drop(put(tx, to, notification, counts)?),
        }
        Ok(())
    }
}

/// Puts a notification into an inbox, where it counts one more message or is an entry of its own, and tells the user. What
/// stands there then.
pub fn put(tx: &mut Tx<'_>, to: UserId, notification: Notification, counts: bool) -> Result<Notification, Error> {
    let notification = match counts {
        true => tx.count_message(&to, notification)?,
        false => {
            tx.add_notification(&to, &notification)?;
            notification
        }
    };
    tx.publish(Event::Notification { to, notification: Arc::new(notification.clone()) });
    Ok(notification)
}

impl Chat {
    /// How what this verb has to tell reaches inboxes.
    pub(super) fn through(&self) -> Through {
        self.through_from(&Origin::default())
    }

    /// The same for what a plugin brings about.
    pub(super) fn through_from(&self, origin: &Origin) -> Through {
        if self.wants(Point::Notify) { Through::Plugins(origin.clone()) } else { Through::Commit }
    }
}

/// An entry for each of `users` that the message mentions; nobody is told of their own message.
pub fn mentions(
    tx: &mut Tx<'_>,
    conversation: &Conversation,
    message: &Arc<Message>,
    users: &[UserId],
    through: &Through,
) -> Result<(), Error> {
    for user in users.iter().filter(|user| **user != message.sender) {
        let entry = about(message, conversation, Kind::Mention);
        through.tell(tx, user, entry, Some(message))?;
    }
    Ok(())
}

/// Counts the message for members that follow the conversation with no device, as the policy says.
pub fn absent(
    tx: &mut Tx<'_>,
    seat: &Seat,
    message: &Arc<Message>,
    policy: NotifyMessages,
    roster: &Roster,
    through: &Through,
) -> Result<(), Error> {
    let wanted = match policy {
        NotifyMessages::None => false,
        NotifyMessages::Direct => seat.conversation.kind == ConversationKind::Direct,
        NotifyMessages::All => true,
    };
    if !wanted {
        return Ok(());
    }
    // Mostly both are here, and the store need not be asked.
    if seat.conversation.kind == ConversationKind::Direct && roster.all_follow(&message.conversation, DIRECT_MEMBERS) {
        return Ok(());
    }
    for user in tx.present(seat, message.at)? {
        let told = user == message.sender || message.mentions.contains(&user);
        if told || roster.follows(&user, &message.conversation) {
            continue;
        }
        let entry = Notification { count: Some(1), ..about(message, &seat.conversation, Kind::Message) };
        through.tell(tx, &user, entry, Some(message))?;
    }
    Ok(())
}

/// Tells `user` that `by` added them.
pub fn added(
    tx: &mut Tx<'_>,
    conversation: &Conversation,
    user: &UserId,
    by: &UserId,
    now: Time,
    through: &Through,
) -> Result<(), Error> {
    let entry = Notification {
        id: NotificationId::generate(),
        kind: Kind::ConversationAdded.as_str().into(),
        title: conversation.title.clone(),
        message: format!("{by} added you to a conversation"),
        count: None,
        conversation: Some(conversation.id.clone()),
        message_id: None,
        data: None,
        created_at: now,
        read_at: None,
    };
    through.tell(tx, user, entry, None)
}

fn about(message: &Message, conversation: &Conversation, kind: Kind) -> Notification {
    Notification {
        id: NotificationId::generate(),
        kind: kind.as_str().into(),
        title: Some(conversation.title.clone().unwrap_or_else(|| message.sender.to_string())),
        message: excerpt(message.content.as_deref().unwrap_or_default()),
        count: None,
        conversation: Some(conversation.id.clone()),
        message_id: Some(message.id),
        data: None,
        created_at: message.at,
        read_at: None,
    }
}
