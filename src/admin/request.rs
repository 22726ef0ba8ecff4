//! What each command takes: an object, whose keys are checked. Absent keys take their default.

use serde::{Deserialize, Serialize};

/// Declares parameters, all with the same form on the wire.
macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
        )*
    };
}

requests! {
    /// No parameters.
    Nothing {}

    /// A page of users by id: those behind `after`, whose id begins with `prefix`.
    UserList {
        #[serde(default)] prefix: String,
        #[serde(default)] after: String,
        /// Absent: everybody; else only those that are connected, banned, or muted.
        #[serde(default)] only: Option<Only>,
        limit: u32,
    }

    User { user: String, }

    /// Everything about a person; `messages` is `tombstone` or `anonymise`.
    UserDelete {
        user: String,
        messages: String,
    }

    /// Disconnects a user's devices, or the one of this name.
    Kick {
        user: String,
        #[serde(default)] device: Option<String>,
        #[serde(default)] reason: Option<String>,
    }

    /// A ban or a mute, of the whole service or of one conversation.
    Sanction {
        user: String,
        #[serde(default)] conversation: Option<String>,
        /// Absent: until somebody ends it.
        #[serde(default)] seconds: Option<u64>,
        #[serde(default)] reason: Option<String>,
        /// Also for a user whom nobody has ever named.
        #[serde(default)] force: bool,
    }

    /// The end of a ban or a mute.
    Pardon {
        user: String,
        #[serde(default)] conversation: Option<String>,
    }

    Notify {
        user: String,
        #[serde(default)] title: Option<String>,
        message: String,
    }

    /// To all who are connected, or to those that are named.
    Broadcast {
        #[serde(default)] to: Option<Vec<String>>,
        #[serde(default)] title: Option<String>,
        message: String,
    }

    ConnectionList {
        #[serde(default)] user: Option<String>,
        limit: u32,
    }

    /// By the id that lists show, such as `c12`.
    Connection { connection: String, }

    ConnectionKick {
        connection: String,
        #[serde(default)] reason: Option<String>,
    }

    ConversationList {
        #[serde(default)] prefix: Option<String>,
        #[serde(default, rename = "type")] kind: Option<String>,
        #[serde(default)] user: Option<String>,
        #[serde(default)] after: String,
        limit: u32,
    }

    /// Those in which somebody here is, the most talkative since then first.
    ConversationLive { limit: u32, }

    Conversation { conversation: String, }

    ConversationCreate {
        #[serde(default)] id: Option<String>,
        #[serde(rename = "type")] kind: String,
        #[serde(default)] title: Option<String>,
        owner: String,
        #[serde(default)] members: Vec<String>,
    }

    ConversationMembers {
        conversation: String,
        #[serde(default)] after: String,
        limit: u32,
    }

    /// Both bounds are exclusive.
    ConversationHistory {
        conversation: String,
        #[serde(default)] after: Option<u64>,
        #[serde(default)] before: Option<u64>,
        limit: u32,
    }

    ConversationSend {
        conversation: String,
        sender: String,
        content: String,
    }

    Message { message: String, }

    MessageSearch {
        words: String,
        #[serde(default)] conversation: Option<String>,
        #[serde(default)] before: Option<String>,
        limit: u32,
    }

    Plugin { plugin: String, }

    /// A command of a plugin's own.
    PluginCall {
        plugin: String,
        command: String,
        #[serde(default)] args: Vec<String>,
    }

    /// Messages on hold, the oldest first, behind `after`.
    ReviewList {
        #[serde(default)] after: Option<String>,
        limit: u32,
    }

    ReviewReject {
        message: String,
        /// For the sender.
        #[serde(default)] reason: Option<String>,
    }

    Webhook { webhook: String, }

    WebhookShow {
        webhook: String,
        limit: u32,
    }

    /// What was given up, or one event of it.
    WebhookReplay {
        webhook: String,
        #[serde(default)] event: Option<String>,
    }

    TokenMint {
        user: String,
        #[serde(default)] name: Option<String>,
        #[serde(default)] roles: Vec<String>,
        seconds: u64,
        #[serde(default)] claims: serde_json::Map<String, serde_json::Value>,
    }

    /// The last lines of the log; with `follow` also those that come, down to a level that may be below the log's own.
    Log {
        #[serde(default)] follow: bool,
        #[serde(default)] level: Option<String>,
        #[serde(default)] lines: u32,
    }

    /// Tighter limits for a while; level 0 ends it.
    Lockdown {
        level: u8,
        seconds: u64,
    }

    /// What happens from now on: of kinds whose names begin so, of one user, in one conversation.
    Events {
        #[serde(default)] kinds: Vec<String>,
        #[serde(default)] user: Option<String>,
        #[serde(default)] conversation: Option<String>,
        /// With what was said.
        #[serde(default)] content: bool,
    }

    TokenVerify { token: String, }

    /// A token, its id, or all tokens of a user.
    TokenRevoke {
        #[serde(default)] token: Option<String>,
        #[serde(default)] user: Option<String>,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Only {
    Online,
    Banned,
    Muted,
}
