//! What happened, and whom it concerns. Every event leaves through the bus, on one node as on many.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::access::Member;
use super::conversation::Conversation;
use super::error::Error;
use super::hooks::{Call, Hold, Origin};
use super::id::{ConnectionId, ConversationId, MessageId, UserId};
use super::message::{Message, Reactions};
use super::notification::Notification;
use super::presence::Status;
use super::time::Time;

/// A fact, in the order in which it came to be.
#[derive(Clone, Debug)]
pub enum Event {
    /// To all devices that follow the conversation but `origin`, which has the acknowledgement.
    MessageNew {
        message: Arc<Message>,
        origin: Option<ConnectionId>,
        /// When it came in.
        received: Instant,
    },
    MessageUpdated {
        message: Arc<Message>,
        origin: Option<ConnectionId>,
    },
    MessageDeleted {
        message: Arc<Message>,
        origin: Option<ConnectionId>,
    },
    Reaction {
        message: MessageId,
        conversation: ConversationId,
        user: UserId,
        emoji: String,
        removed: bool,
        reactions: Reactions,
        origin: Option<ConnectionId>,
    },
    /// `user` has `message` and all before it; to the message's sender.
    Delivered {
        to: UserId,
        mark: Arc<Mark>,
    },
    /// `user` has read `message` and all before it; to the message's sender.
    Read {
        to: UserId,
        mark: Arc<Mark>,
    },
    /// The same, to the reader's own other devices.
    ReadElsewhere {
        mark: Arc<Mark>,
        origin: Option<ConnectionId>,
    },
    /// To the devices of the other users that follow the conversation.
    TypingStart {
        conversation: ConversationId,
        user: UserId,
    },
    TypingStop {
        conversation: ConversationId,
        user: UserId,
    },
    /// To users who share a conversation with `user`.
    Online {
        user: UserId,
        status: Status,
    },
    Offline {
        user: UserId,
        last_seen: Time,
        to: HashSet<UserId>,
    },
    /// To nobody here: those who come in with it are told by `MemberAdded`.
    ConversationCreated {
        conversation: Arc<Conversation>,
    },
    /// To all devices that follow it.
    ConversationUpdated {
        conversation: Arc<Conversation>,
    },
    /// To all devices that follow it, which then follow it no more.
    ConversationDeleted {
        conversation: ConversationId,
    },
    /// Somebody came in: their devices begin to follow it and are told of the conversation.
    MemberAdded {
        conversation: Arc<Conversation>,
        user: UserId,
        /// They were a member all the time.
        after_ban: bool,
    },
    /// Somebody left or was banned: their devices follow it no more and are told that it is gone.
    MemberRemoved {
        conversation: ConversationId,
        user: UserId,
        /// They stay a member, who may come back.
        by_ban: bool,
    },
    /// To nobody here: role, mute or ban of a member is another one.
    MemberUpdated {
        conversation: ConversationId,
        member: Arc<Member>,
    },
    /// The devices of a user, or one of them, are told why and disconnected.
    Dismissed {
        user: UserId,
        /// Only those of this name.
        device: Option<String>,
        /// Only this one.
        connection: Option<ConnectionId>,
        error: Error,
    },
    /// A message outside of the order: to its sender's other devices.
    MessageAside {
        message: Arc<Message>,
        /// Why it waits for a moderator, if it does.
        hold: Option<Hold>,
        origin: Option<ConnectionId>,
    },
    /// What only one user is told, as a message that is kept nowhere.
    Answer {
        to: UserId,
        message: Arc<Message>,
    },
    /// A notification that plugins decide on before anybody hears of it.
    Proposed(Box<Proposal>),
    /// What plugins hear of, in the order of the conversation.
    Heard(Box<Call>),
    /// An event that is none of the protocol's, to all devices of the user.
    Custom {
        to: UserId,
        event: String,
        data: Arc<Value>,
    },
    /// The same to all devices that follow the conversation.
    Shout {
        conversation: ConversationId,
        event: String,
        data: Arc<Value>,
    },
    /// To all devices of the user.
    Notification {
        to: UserId,
        notification: Arc<Notification>,
    },
}

/// A notification that plugins decide on.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub to: UserId,
    pub notification: Notification,
    /// It counts one more message, where there is an unread entry for its conversation.
    pub counts: bool,
    pub message: Option<Arc<Message>>,
    /// The plugin that brought it about, if any.
    pub origin: Origin,
}

/// A receipt: how far a user has come in a conversation.
#[derive(Clone, Debug)]
pub struct Mark {
    pub message: MessageId,
    pub conversation: ConversationId,
    pub user: UserId,
    pub seq: u64,
    pub at: Time,
}

impl Event {
    /// Somebody became a member.
    pub fn joined(conversation: &Arc<Conversation>, user: &UserId) -> Self {
        Event::MemberAdded { conversation: Arc::clone(conversation), user: user.clone(), after_ban: false }
    }

    /// What the order of events is kept for: events of one key are delivered in the order of their publication.
    pub fn key(&self) -> &str {
        match self {
            Event::MessageNew { message, .. }
            | Event::MessageUpdated { message, .. }
            | Event::MessageDeleted { message, .. } => message.conversation.as_str(),
            Event::Reaction { conversation, .. }
            | Event::TypingStart { conversation, .. }
            | Event::TypingStop { conversation, .. }
            | Event::ConversationDeleted { conversation }
            | Event::Shout { conversation, .. }
            | Event::MemberRemoved { conversation, .. }
            | Event::MemberUpdated { conversation, .. } => conversation.as_str(),
            Event::Delivered { mark, .. } | Event::Read { mark, .. } | Event::ReadElsewhere { mark, .. } => {
                mark.conversation.as_str()
            }
            Event::ConversationCreated { conversation }
            | Event::ConversationUpdated { conversation }
            | Event::MemberAdded { conversation, .. } => conversation.id.as_str(),
            Event::Online { user, .. } | Event::Offline { user, .. } | Event::Dismissed { user, .. } => user.as_str(),
            Event::MessageAside { message, .. } => message.conversation.as_str(),
            Event::Notification { to, .. } | Event::Custom { to, .. } | Event::Answer { to, .. } => to.as_str(),
            Event::Proposed(proposal) => proposal.to.as_str(),
            Event::Heard(call) => call.key(),
        }
    }
}
