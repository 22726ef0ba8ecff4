//! The persisted inbox of a user.

use super::id::{ConversationId, MessageId, NotificationId};
use super::time::Time;

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Somebody wrote `@userId`.
    Mention,
    /// The user was added to a conversation.
    ConversationAdded,
    /// Messages in a conversation that the user did not follow: one unread entry, whose `count` rises.
    Message,
    /// What an operator has to say.
    Operator,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Mention => "mention",
            Kind::ConversationAdded => "conversation.added",
            Kind::Message => "message",
            Kind::Operator => "operator",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Notification {
    pub id: NotificationId,
    /// One of [`Kind`]'s names.
    pub kind: String,
    pub title: Option<String>,
    pub message: String,
    pub count: Option<u64>,
    pub conversation: Option<ConversationId>,
    pub message_id: Option<MessageId>,
    /// An object as JSON text.
    pub data: Option<String>,
    pub created_at: Time,
    pub read_at: Option<Time>,
}

/// The first part of a message's content, for a notification's text.
pub fn excerpt(content: &str) -> String {
    const MAX_CHARS: usize = 140;
    let mut chars = content.chars();
    let mut text: String = chars.by_ref().take(MAX_CHARS).collect();
    if chars.next().is_some() {
        text.push('…');
    }
    text
}
