//! Users, connections, conversations, messages and tokens.

use serde::{Deserialize, Serialize};

/// Declares answers, all with the same form on the wire.
macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(rename_all = "camelCase")]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
        )*
    };
}

answers! {
    /// `user.list`
    Users {
        users: Vec<UserLine>,
        /// Where the next page begins.
        next: Option<String>,
    }

    UserLine {
        user: String,
        devices: usize,
        /// What the user chose to be; null where no device is connected.
        status: Option<String>,
        ban: Option<Term>,
        mute: Option<Term>,
    }

    /// A ban or mute that holds.
    Term {
        /// Null: until somebody ends it.
        until: Option<String>,
        reason: Option<String>,
    }

    /// `user.show`
    UserDetail {
        user: String,
        status: String,
        status_text: Option<String>,
        last_seen: Option<String>,
        conversations: u64,
        unread_notifications: u64,
        ban: Option<Term>,
        mute: Option<Term>,
        /// Tokens that were issued until then count no more.
        tokens_revoked_until: Option<String>,
        connections: Vec<ConnectionLine>,
        /// Devices that the user has named and that are not connected, the one that came last first.
        absent: Vec<AbsentDevice>,
    }

    AbsentDevice { device: String, last_seen: String, }

    /// `user.kick`, `connection.kick`
    Kicked { user: String, devices: usize, }

    /// `user.ban`, `user.mute`
    Sanctioned {
        user: String,
        conversation: Option<String>,
        until: Option<String>,
        /// With a ban: devices that were disconnected.
        devices: usize,
    }

    /// `user.unban`, `user.unmute`
    Pardoned { user: String, conversation: Option<String>, }

    /// `user.delete`
    Erased { user: String, messages: u64, conversations: u64, }

    /// `user.notify`, `broadcast`
    Notified { users: usize, }

    /// `conversation.live`
    LiveConversations {
        conversations: Vec<LiveConversation>,
        total: usize,
    }

    LiveConversation {
        conversation: String,
        /// Devices that follow it.
        followers: usize,
        /// Members with a connection.
        users_here: usize,
        /// Handed to followers since somebody was here first.
        messages: u64,
    }

    /// `connection.list`
    ConnectionList { connections: Vec<ConnectionLine>, total: usize, }

    /// One connection; also `connection.show`.
    ConnectionLine {
        connection: String,
        user: String,
        device: Option<String>,
        transport: String,
        address: String,
        since: String,
        /// Events that it sent.
        events: u64,
        bytes_in: Option<u64>,
        bytes_out: Option<u64>,
        /// What has not been read yet.
        waiting_packets: usize,
        waiting_bytes: usize,
        /// It missed something because it reads too slowly, and will be told so.
        behind: bool,
        token_expires_at: Option<String>,
    }

    /// `conversation.list`
    ConversationPage { conversations: Vec<Conversation>, next: Option<String>, }

    /// As chat clients see it; also `conversation.create`.
    Conversation {
        id: String,
        #[serde(rename = "type")] kind: String,
        title: Option<String>,
        owner_id: Option<String>,
        members: u64,
        last_seq: u64,
        created_at: String,
        updated_at: String,
    }

    /// `conversation.show`
    ConversationDetail {
        conversation: Conversation,
        /// Devices that follow it now.
        followers: usize,
        users_here: usize,
    }

    /// `conversation.delete`
    Deleted { id: String, messages: u64, }

    /// `conversation.members`
    MemberPage { members: Vec<Member>, next: Option<String>, }

    Member {
        user_id: String,
        role: String,
        joined_at: String,
        #[serde(default)] muted_until: Option<String>,
        #[serde(default)] banned_until: Option<String>,
        delivered_seq: u64,
        read_seq: u64,
    }

    /// `conversation.history`
    History { messages: Vec<Message>, has_more: bool, }

    /// `message.search`
    Found { messages: Vec<Message>, next: Option<String>, }

    /// As chat clients see it; also `conversation.send`, `message.show` and `message.delete`.
    Message {
        id: String,
        conversation_id: String,
        /// Null where it stands outside of the order.
        seq: Option<u64>,
        sender_id: String,
        content: Option<String>,
        #[serde(rename = "type")] kind: String,
        timestamp: String,
        #[serde(default)] edited_at: Option<String>,
        #[serde(default)] deleted_at: Option<String>,
    }

    /// `plugin.list`
    Plugins { plugins: Vec<PluginLine>, }

    /// A plugin, loaded or not; the loaded ones come in the order in which they are asked. Also `plugin.show`.
    PluginLine {
        name: String,
        file: String,
        /// `running`, `benched` or `off`.
        state: String,
        /// With `benched`: for how long still.
        benched_ms: Option<u64>,
        hooks: Vec<String>,
        calls: u64,
        errors: u64,
        /// Of the slowest of its hooks.
        p50_us: Option<f64>,
        p99_us: Option<f64>,
        last_error: Option<PluginError>,
        /// What was called of it so far.
        stats: Vec<HookLine>,
        /// Keys that it keeps.
        keys: usize,
        timers: Vec<String>,
    }

    PluginError { at: String, message: String, }

    HookLine {
        hook: String,
        calls: u64,
        errors: u64,
        denied: u64,
        total_ms: f64,
        p50_us: f64,
        p99_us: f64,
        max_us: f64,
    }

    /// `plugin.enable`, `plugin.disable`
    Switched { plugin: String, enabled: bool, changed: bool, }

    /// `plugin.reload`
    PluginsReloaded { plugins: Vec<String>, took_ms: u64, }

    /// `plugin.call`
    PluginSaid { plugin: String, answer: serde_json::Value, }

    /// `review.list`
    Reviews {
        messages: Vec<HeldLine>,
        /// How many wait in all.
        total: u64,
        next: Option<String>,
    }

    HeldLine {
        id: String,
        conversation_id: String,
        sender_id: String,
        content: Option<String>,
        timestamp: String,
        /// Which plugin held it, and why.
        plugin: String,
        reason: String,
    }

    /// `token.mint`
    Minted { token: String, }

    /// `token.verify`
    Verified {
        valid: bool,
        /// Why it is not.
        refusal: Option<String>,
        user: Option<String>,
        name: Option<String>,
        roles: Vec<String>,
        token_id: Option<String>,
        issued_at: Option<String>,
        expires_at: Option<String>,
    }

    /// `token.revoke`
    Revoked { token_id: Option<String>, user: Option<String>, }
}
