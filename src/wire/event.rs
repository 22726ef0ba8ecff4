//! The names of the protocol's events, in one place.

/// From the server to clients.
pub mod server {
    pub const CONNECTED: &str = "connected";
    pub const MESSAGE_NEW: &str = "message:new";
    pub const MESSAGE_UPDATED: &str = "message:updated";
    pub const MESSAGE_DELETED: &str = "message:deleted";
    pub const MESSAGE_REACTION: &str = "message:reaction";
    pub const MESSAGE_DELIVERED: &str = "message:delivered";
    pub const MESSAGE_READ: &str = "message:read";
    pub const TYPING_START: &str = "typing:start";
    pub const TYPING_STOP: &str = "typing:stop";
    pub const USER_ONLINE: &str = "user:online";
    pub const USER_OFFLINE: &str = "user:offline";
    pub const CONVERSATION_UPDATED: &str = "conversation:updated";
    pub const CONVERSATION_DELETED: &str = "conversation:deleted";
    pub const NOTIFICATION_NEW: &str = "notification:new";
    pub const ERROR: &str = "error";
    pub const SHUTDOWN: &str = "server:shutdown";
    pub const SYNC_REQUIRED: &str = "sync:required";
}

/// From clients to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    Authenticate,
    MessageSend,
    MessageEdit,
    MessageDelete,
    MessageReact,
    MessageDelivered,
    MessageRead,
    MessageHistory,
    MessageSearch,
    TypingStart,
    TypingStop,
    ConversationJoin,
    ConversationLeave,
    ConversationCreate,
    ConversationUpdate,
    ConversationDelete,
    ConversationList,
    ConversationMembers,
    MemberAdd,
    MemberRemove,
    MemberUpdate,
    UserStatus,
    PresenceGet,
    NotificationList,
    NotificationRead,
}

impl ClientEvent {
    /// Every event with its name, in the order of their numbers.
    pub const ALL: [(&'static str, Self); 25] = [
        ("authenticate", ClientEvent::Authenticate),
        ("message:send", ClientEvent::MessageSend),
        ("message:edit", ClientEvent::MessageEdit),
        ("message:delete", ClientEvent::MessageDelete),
        ("message:react", ClientEvent::MessageReact),
        ("message:delivered", ClientEvent::MessageDelivered),
        ("message:read", ClientEvent::MessageRead),
        ("message:history", ClientEvent::MessageHistory),
        ("message:search", ClientEvent::MessageSearch),
        ("typing:start", ClientEvent::TypingStart),
        ("typing:stop", ClientEvent::TypingStop),
        ("conversation:join", ClientEvent::ConversationJoin),
        ("conversation:leave", ClientEvent::ConversationLeave),
        ("conversation:create", ClientEvent::ConversationCreate),
        ("conversation:update", ClientEvent::ConversationUpdate),
        ("conversation:delete", ClientEvent::ConversationDelete),
        ("conversation:list", ClientEvent::ConversationList),
        ("conversation:members", ClientEvent::ConversationMembers),
        ("member:add", ClientEvent::MemberAdd),
        ("member:remove", ClientEvent::MemberRemove),
        ("member:update", ClientEvent::MemberUpdate),
        ("user:status", ClientEvent::UserStatus),
        ("presence:get", ClientEvent::PresenceGet),
        ("notification:list", ClientEvent::NotificationList),
        ("notification:read", ClientEvent::NotificationRead),
    ];

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, event)| *event)
    }
}

/// The number under which events are counted that are none of ours.
pub const UNKNOWN: usize = ClientEvent::ALL.len();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::tally::KINDS;

    #[test]
    fn every_event_has_its_number_and_is_found_by_its_name() {
        const { assert!(UNKNOWN < KINDS) };
        for (at, (name, event)) in ClientEvent::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, at, "{name}");
            assert_eq!(ClientEvent::parse(name), Some(event));
        }
        assert_eq!(ClientEvent::parse("message"), None);
    }
}
