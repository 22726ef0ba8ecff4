//! The persisted inbox of a user.

use serde_json::{Value, json};

use super::conversation::MAX_METADATA_BYTES;
use super::id::{ConversationId, MessageId, NotificationId};
use super::time::Time;

/// The longest text of an entry, in bytes.
pub const MAX_TEXT_BYTES: usize = 4_096;

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
    /// A moderator did not let a message through.
    Rejected,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Mention => "mention",
            Kind::ConversationAdded => "conversation.added",
            Kind::Message => "message",
            Kind::Operator => "operator",
            Kind::Rejected => "message.rejected",
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

impl Notification {
    /// As plugins see it.
    pub fn shown(&self) -> Value {
        let data: Value = self.data.as_deref().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default();
        json!({
            "id": self.id,
            "type": self.kind,
            "title": self.title,
            "message": self.message,
            "count": self.count,
            "conversationId": self.conversation,
            "messageId": self.message_id,
            "data": data,
        })
    }

    /// Takes what a plugin may change: title, message, data. What does not fit stays as it was.
    pub fn rewrite(&mut self, changed: &Value) {
        let text = |name: &str| changed.get(name).and_then(Value::as_str).filter(|text| text.len() <= MAX_TEXT_BYTES);
        if let Some(message) = text("message") {
            self.message = message.to_owned();
        }
        self.title = match changed.get("title") {
            Some(Value::Null) => None,
            _ => text("title").map(str::to_owned).or(self.title.take()),
        };
        self.data = match changed.get("data") {
            Some(Value::Null) => None,
            Some(data @ Value::Object(_)) => Some(data.to_string()).filter(|data| data.len() <= MAX_METADATA_BYTES),
            _ => self.data.take(),
        };
    }
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
