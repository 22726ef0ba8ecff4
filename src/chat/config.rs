//! `[messages]`, `[conversations]`, `[typing]`, `[presence]`, `[receipts]` and `[notifications]`: all taken on reload.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::domain::units::{ByteSize, Span};

/// What the verbs of this room go by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub messages: Messages,
    pub conversations: Conversations,
    pub typing: Typing,
    pub presence: Presence,
    pub receipts: Receipts,
    pub notifications: Notifications,
}

/// `[messages]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Messages {
    pub max_content: ByteSize,
    pub edit_window: Span,
    pub retention: Retention,
    /// The largest `limit` of `message:history`.
    pub history_limit: u32,
}

impl Default for Messages {
    fn default() -> Self {
        Messages {
            max_content: ByteSize::kib(64),
            edit_window: Span::secs(15 * 60),
            retention: Retention::Forever,
            history_limit: 200,
        }
    }
}

/// How long messages are kept: `"forever"` or a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    Forever,
    For(Duration),
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "forever" {
            return Ok(Retention::Forever);
        }
        let span: Span = text.parse().map_err(|_| {
            de::Error::invalid_value(de::Unexpected::Str(&text), &"\"forever\" or a span of time such as \"90d\"")
        })?;
        Ok(Retention::For(span.0))
    }
}

/// `[conversations]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conversations {
    pub access: Access,
    pub auto_join: bool,
    pub create: Create,
    pub max_members: u32,
}

impl Default for Conversations {
    fn default() -> Self {
        Conversations { access: Access::Members, auto_join: true, create: Create::Users, max_members: 10_000 }
    }
}

/// Who may join a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Members only; unknown ids are not found.
    Members,
    /// Anyone; the conversation is made on first join.
    Open,
}

/// Who may create conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Create {
    Users,
    Api,
}

/// `[typing]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Typing {
    pub timeout: Span,
}

impl Default for Typing {
    fn default() -> Self {
        Typing { timeout: Span::secs(6) }
    }
}

/// `[presence]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Presence {
    pub grace: Span,
}

impl Default for Presence {
    fn default() -> Self {
        Presence { grace: Span::secs(5) }
    }
}

/// `[receipts]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Receipts {
    pub delivered: Delivered,
}

impl Default for Receipts {
    fn default() -> Self {
        Receipts { delivered: Delivered::Server }
    }
}

/// On whose word a message counts as delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivered {
    /// The server's, when it has handed the message to the first device.
    Server,
    /// The client's, by `message:delivered`.
    Client,
}

/// `[notifications]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notifications {
    pub messages: NotifyMessages,
}

impl Default for Notifications {
    fn default() -> Self {
        Notifications { messages: NotifyMessages::Direct }
    }
}

/// Which messages of conversations that a user does not follow at that moment reach the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyMessages {
    None,
    Direct,
    All,
}
