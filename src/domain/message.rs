//! Messages: what is sent, what is kept, and the rules about their content.

use std::sync::Arc;

use super::error::{Code, Error};
use super::id::{ConversationId, MessageId, UserId};
use super::time::Time;
use super::units::ByteSize;

/// Attachments of one message at most.
pub const MAX_ATTACHMENTS: usize = 10;
/// The largest `attachments`, in bytes of JSON.
pub const MAX_ATTACHMENTS_BYTES: usize = 32 * 1024;
/// The longest `clientId`, in bytes.
pub const MAX_CLIENT_ID_BYTES: usize = 64;
/// The longest emoji of a reaction, in bytes.
pub const MAX_EMOJI_BYTES: usize = 64;
/// Different emoji on one message at most.
pub const MAX_EMOJI_KINDS: usize = 50;

/// What a message is: a token that the application chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageType(Arc<str>);

impl MessageType {
    pub const EXPECTED: &'static str = "a token of 1 to 32 characters a-z, 0-9, `_`, `.` or `-`, other than \"system\"";

    pub fn text() -> Self {
        MessageType("text".into())
    }

    /// Takes what a client may send: any token but `system`, which is the server's own.
    pub fn from_client(text: &str) -> Option<Self> {
        let is_token = (1..=32).contains(&text.len())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-'));
        (is_token && text != "system").then(|| MessageType(text.into()))
    }

    pub fn stored(text: &str) -> Self {
        MessageType(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message that somebody wants to send.
#[derive(Clone, Debug)]
pub struct Draft {
    pub conversation: ConversationId,
    pub content: String,
    pub kind: MessageType,
    /// Makes a retry idempotent per sender and conversation.
    pub client_id: Option<String>,
    pub reply_to: Option<MessageId>,
    /// An array of objects as JSON text.
    pub attachments: Option<String>,
    /// An object as JSON text.
    pub metadata: Option<String>,
}

/// A message as it is kept.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: MessageId,
    pub conversation: ConversationId,
    /// Its place in the order; 0 where it stands outside: see [`Message::place`].
    pub seq: u64,
    pub sender: UserId,
    /// None once it was deleted.
    pub content: Option<String>,
    pub kind: MessageType,
    pub at: Time,
    pub client_id: Option<String>,
    pub reply_to: Option<MessageId>,
    pub attachments: Option<String>,
    pub metadata: Option<String>,
    pub mentions: Vec<UserId>,
    pub reactions: Reactions,
    pub edited_at: Option<Time>,
    pub deleted_at: Option<Time>,
    /// It waits for a moderator.
    pub pending: bool,
}

impl Message {
    /// Its place in the conversation's order; none where it is held back, or for its sender alone.
    pub fn place(&self) -> Option<u64> {
        (self.seq > 0).then_some(self.seq)
    }
}

/// Who reacted with what: emoji in the order of their first use, users in the order of reacting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reactions(pub Vec<(String, Vec<UserId>)>);

impl Reactions {
    pub fn add(&mut self, emoji: &str, user: UserId) {
        match self.0.iter_mut().find(|(kind, _)| kind == emoji) {
            Some((_, users)) => users.push(user),
            None => self.0.push((emoji.to_owned(), vec![user])),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Checks the size of a message's content, and that there is something to send.
///
/// # Errors
/// `TOO_LARGE` over `max_content`, `INVALID` where both content and attachments are missing.
pub fn check_content(content: &str, has_attachments: bool, max_content: ByteSize) -> Result<(), Error> {
    if content.len() as u64 > max_content.0 {
        return Err(Error::too_large("content", max_content));
    }
    if content.is_empty() && !has_attachments {
        return Err(Error::invalid("content", "a non-empty string, or attachments"));
    }
    Ok(())
}

/// Checks that `editor` may still change `message`.
///
/// # Errors
/// `FORBIDDEN` for others than the sender and after the edit window, `CONFLICT` where it was deleted.
pub fn check_edit(message: &Message, editor: &UserId, window: std::time::Duration, now: Time) -> Result<(), Error> {
    if message.sender != *editor {
        return Err(Error::forbidden("only the sender may edit a message"));
    }
    if message.deleted_at.is_some() {
        return Err(Error::conflict("the message was deleted"));
    }
    if message.at.saturating_add(window) < now {
        return Err(Error::forbidden("the time for editing this message is over"));
    }
    Ok(())
}

/// Checks an emoji: any short text without spaces and control characters.
///
/// # Errors
/// `INVALID`, naming the field.
pub fn check_emoji(emoji: &str) -> Result<(), Error> {
    let fits =
        (1..=MAX_EMOJI_BYTES).contains(&emoji.len()) && !emoji.chars().any(|c| c.is_control() || c.is_whitespace());
    if fits {
        return Ok(());
    }
    Err(Error::new(
        Code::Invalid,
        format!("emoji: expected a string of 1 to {MAX_EMOJI_BYTES} bytes without spaces and control characters"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_system_is_the_servers_own() {
        for text in ["text", "image", "x", "poll.v2", "a_b-c"] {
            assert!(MessageType::from_client(text).is_some(), "{text}");
        }
        for text in ["system", "", "Text", "a b", "ä", &"x".repeat(33)] {
            assert!(MessageType::from_client(text).is_none(), "{text}");
        }
    }

    #[test]
    fn content_is_bounded_and_may_be_empty_beside_attachments_only() {
        let limit = ByteSize(4);
        assert!(check_content("four", false, limit).is_ok());
        assert_eq!(check_content("fives", false, limit).unwrap_err().code, Code::TooLarge);
        assert_eq!(check_content("", false, limit).unwrap_err().code, Code::Invalid);
        assert!(check_content("", true, limit).is_ok());
    }
}
