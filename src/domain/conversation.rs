//! Conversations: direct (two users), groups (by invitation) and channels (anyone may join).

use super::error::Error;
use super::id::{ConversationId, UserId};
use super::message::Message;
use super::time::Time;

/// The longest title, in bytes.
pub const MAX_TITLE_BYTES: usize = 256;
/// The largest `metadata` of a conversation or message, in bytes of JSON.
pub const MAX_METADATA_BYTES: usize = 8 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Direct,
    Group,
    Channel,
}

impl Kind {
    pub const NAMES: &'static str = "\"direct\", \"group\" or \"channel\"";

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Direct => "direct",
            Kind::Group => "group",
            Kind::Channel => "channel",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "direct" => Some(Kind::Direct),
            "group" => Some(Kind::Group),
            "channel" => Some(Kind::Channel),
            _ => None,
        }
    }
}

/// From which role on something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Members,
    Moderators,
}

impl Policy {
    pub const NAMES: &'static str = "\"members\" or \"moderators\"";

    pub fn as_str(self) -> &'static str {
        match self {
            Policy::Members => "members",
            Policy::Moderators => "moderators",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "members" => Some(Policy::Members),
            "moderators" => Some(Policy::Moderators),
            _ => None,
        }
    }
}

/// What moderators may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who may write.
    pub post: Policy,
    /// Who may bring others in.
    pub invite: Policy,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { post: Policy::Members, invite: Policy::Moderators }
    }
}

/// Which of the settings to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettingsChange {
    pub post: Option<Policy>,
    pub invite: Option<Policy>,
}

impl Settings {
    pub fn with(self, change: SettingsChange) -> Self {
        Settings { post: change.post.unwrap_or(self.post), invite: change.invite.unwrap_or(self.invite) }
    }
}

#[derive(Clone, Debug)]
pub struct Conversation {
    pub id: ConversationId,
    pub kind: Kind,
    pub title: Option<String>,
    pub owner: Option<UserId>,
    pub member_count: u64,
    pub last_seq: u64,
    /// The oldest message that retention has left; 1 where nothing was pruned.
    pub first_seq: u64,
    /// An object as JSON text.
    pub metadata: Option<String>,
    pub settings: Settings,
    pub created_at: Time,
    pub updated_at: Time,
}

impl Conversation {
    /// A new one, without members and messages.
    pub fn new(id: ConversationId, kind: Kind, owner: UserId, now: Time) -> Self {
        Conversation {
            id,
            kind,
            title: None,
            owner: Some(owner),
            member_count: 0,
            last_seq: 0,
            first_seq: 1,
            metadata: None,
            settings: Settings::default(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// A conversation as one of its members sees it.
#[derive(Clone, Debug)]
pub struct Overview {
    pub conversation: Conversation,
    pub role: super::access::Role,
    pub unread: u64,
    pub last_message: Option<Message>,
}

/// Checks the title's length.
///
/// # Errors
/// `INVALID` where it is too long or has control characters.
pub fn check_title(title: &str) -> Result<(), Error> {
    if title.len() > MAX_TITLE_BYTES || title.chars().any(char::is_control) {
        return Err(Error::invalid(
            "title",
            format_args!("a string of at most {MAX_TITLE_BYTES} bytes without control characters"),
        ));
    }
    Ok(())
}
