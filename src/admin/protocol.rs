//! Envelopes, errors, and the table of commands.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::*;
use super::words;

/// Rises where a client of before would misread an answer; new commands and new fields do not count.
pub const PROTOCOL: u32 = 1;

/// `"jsonrpc": "2.0"`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    #[default]
    #[serde(rename = "2.0")]
    Two,
}

/// A request. Without an `id` there is no answer.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    pub jsonrpc: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Value>,
    pub method: String,
    pub params: Value,
}

impl Request {
    /// The request, or why it is none; and the id under which that is to be said.
    pub fn parse(value: Value) -> (Option<Value>, Result<Self, Failure>) {
        let Value::Object(mut members) = value else {
            let found = if value.is_array() { "batches are not taken" } else { "expected an object" };
            return (None, Err(Failure::no_request(format!("{found}: send one request on each line"))));
        };
        let id = members.shift_remove("id");
        if id.as_ref().is_some_and(|id| !(id.is_string() || id.is_number() || id.is_null())) {
            return (None, Err(Failure::no_request("id: expected a string or a number")));
        }
        (id.clone(), Request::of(id, members))
    }

    fn of(id: Option<Value>, mut members: serde_json::Map<String, Value>) -> Result<Self, Failure> {
        if members.shift_remove("jsonrpc") != Some("2.0".into()) {
            return Err(Failure::no_request("jsonrpc: expected \"2.0\""));
        }
        let Some(Value::String(method)) = members.shift_remove("method") else {
            return Err(Failure::no_request("method: expected a string"));
        };
        let params = members.shift_remove("params").unwrap_or_default();
        match members.keys().next() {
            Some(other) => {
                let why = format!("{other}: no such member; there are: jsonrpc, id, method, params");
                Err(Failure::no_request(why))
            }
            None => Ok(Request { jsonrpc: Version::Two, id, method, params }),
        }
    }
}

/// Anything that the daemon says: an answer, or a notification.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reply {
    pub jsonrpc: Version,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// The first thing that a client reads, as the `hello` notification.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    pub server: String,
    pub version: String,
    pub protocol: u32,
}

/// What comes of a stream, as `stream` notifications: items, then how it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Flow {
    Item(Value),
    /// So many items were left out because the client reads too slowly.
    Missed(u64),
    End,
    Failed(Failure),
}

pub const HELLO: &str = "hello";
pub const STREAM: &str = "stream";

/// Why a request was not granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub code: i32,
    pub message: String,
    #[serde(default)]
    pub data: Detail,
}

/// What a program, and then a person, can do about a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Detail {
    /// A stable word: one of the codes that chat clients know, or of [`Failure`]'s constructors.
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Known names that are near to the one that is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<String>,
}

impl Failure {
    pub const NOT_PERMITTED: &'static str = "NOT_PERMITTED";
    pub const NOT_FOUND: &'static str = "NOT_FOUND";
    /// What was asked for is there, but there was nothing to do.
    pub const NOTHING: &'static str = "NOTHING";
    pub const USAGE: &'static str = "USAGE";

    fn new(code: i32, kind: &str, message: impl Into<String>) -> Self {
        let data = Detail { kind: kind.to_owned(), ..Detail::default() };
        Failure { code, message: message.into(), data }
    }

    pub fn unreadable(message: impl Into<String>) -> Self {
        Failure::new(-32700, Failure::USAGE, message)
    }

    pub fn no_request(message: impl Into<String>) -> Self {
        Failure::new(-32600, Failure::USAGE, message)
    }

    pub fn unknown_method(method: &str) -> Self {
        let failure = Failure::new(-32601, "UNKNOWN_METHOD", format!("this daemon has no command `{method}`"));
        failure.hint("chatctl and chatd may be of different versions: compare them with `chatctl status`")
    }

    pub fn bad_params(message: impl Into<String>) -> Self {
        Failure::new(-32602, Failure::USAGE, message)
    }

    pub fn not_permitted(message: impl Into<String>) -> Self {
        Failure::new(-32001, Failure::NOT_PERMITTED, message)
    }

    pub fn too_many_clients(limit: usize) -> Self {
        let message = format!("{limit} clients are connected to the admin socket already");
        Failure::new(-32002, "TOO_MANY_CLIENTS", message)
    }

    /// A refusal of a command that was understood.
    pub fn refused(kind: &str, message: impl Into<String>) -> Self {
        Failure::new(1, kind, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Failure::refused(Failure::NOT_FOUND, message)
    }

    pub fn nothing(message: impl Into<String>) -> Self {
        Failure::refused(Failure::NOTHING, message)
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.data.hint = Some(hint.into());
        self
    }

    pub fn suggest(mut self, names: Vec<String>) -> Self {
        self.data.suggestions = names;
        self
    }
}

/// Declares [`Command`] from the table of commands: the variant, its method, its parameters, and whether it changes
/// something, which is what the audit log is about.
macro_rules! commands {
    ($($variant:ident $method:literal $params:ty, $changes:ident;)*) => {
        /// A request that was understood.
        #[derive(Clone, Debug)]
        pub enum Command {
            $($variant($params),)*
        }

        impl Command {
            /// # Errors
            /// Where there is no such method, or its parameters do not fit.
            pub fn parse(method: &str, params: Value) -> Result<Self, Failure> {
                // Both forms of "no parameters" are good.
                let params = if params.is_null() { Value::Object(Default::default()) } else { params };
                if !params.is_object() {
                    return Err(Failure::bad_params("params: expected an object"));
                }
                match method {
                    $($method => <$params>::deserialize(&params)
                        .map(Command::$variant)
                        .map_err(|error| Failure::bad_params(words::misfit::<$params>(&params, &error))),)*
                    _ => Err(Failure::unknown_method(method)),
                }
            }

            pub fn method(&self) -> &'static str {
                match self { $(Command::$variant(_) => $method,)* }
            }

            pub fn params(&self) -> Value {
                let params = match self { $(Command::$variant(params) => serde_json::to_value(params),)* };
                params.expect("parameters have string keys and no failing serialiser")
            }

            pub fn changes(&self) -> bool {
                match self { $(Command::$variant(_) => commands!(@$changes),)* }
            }
        }
    };
    (@reads) => { false };
    (@changes) => { true };
}

commands! {
    Status "status" Nothing, reads;
    Stats "stats" Nothing, reads;
    Reload "reload" Nothing, changes;
    ConfigShow "config.show" Nothing, reads;
    ConfigDiff "config.diff" Nothing, reads;
    UserList "user.list" UserList, reads;
    UserShow "user.show" User, reads;
    UserKick "user.kick" Kick, changes;
    UserBan "user.ban" Sanction, changes;
    UserUnban "user.unban" Pardon, changes;
    UserMute "user.mute" Sanction, changes;
    UserUnmute "user.unmute" Pardon, changes;
    UserExport "user.export" User, changes;
    UserDelete "user.delete" UserDelete, changes;
    UserNotify "user.notify" Notify, changes;
    Broadcast "broadcast" Broadcast, changes;
    ConnectionList "connection.list" ConnectionList, reads;
    ConnectionShow "connection.show" Connection, reads;
    ConnectionKick "connection.kick" ConnectionKick, changes;
    ConversationList "conversation.list" ConversationList, reads;
    ConversationLive "conversation.live" ConversationLive, reads;
    ConversationShow "conversation.show" Conversation, reads;
    ConversationCreate "conversation.create" ConversationCreate, changes;
    ConversationDelete "conversation.delete" Conversation, changes;
    ConversationMembers "conversation.members" ConversationMembers, reads;
    ConversationHistory "conversation.history" ConversationHistory, reads;
    ConversationSend "conversation.send" ConversationSend, changes;
    MessageShow "message.show" Message, reads;
    MessageDelete "message.delete" Message, changes;
    MessageSearch "message.search" MessageSearch, reads;
    PluginList "plugin.list" Nothing, reads;
    PluginShow "plugin.show" Plugin, reads;
    PluginEnable "plugin.enable" Plugin, changes;
    PluginDisable "plugin.disable" Plugin, changes;
    PluginReload "plugin.reload" Nothing, changes;
    PluginCall "plugin.call" PluginCall, changes;
    ReviewList "review.list" ReviewList, reads;
    ReviewApprove "review.approve" Message, changes;
    ReviewReject "review.reject" ReviewReject, changes;
    WebhookList "webhook.list" Nothing, reads;
    WebhookShow "webhook.show" WebhookShow, reads;
    WebhookPause "webhook.pause" Webhook, changes;
    WebhookResume "webhook.resume" Webhook, changes;
    WebhookReplay "webhook.replay" WebhookReplay, changes;
    WebhookTest "webhook.test" Webhook, changes;
    Log "log" Log, reads;
    Events "events" Events, reads;
    StoreCheck "store.check" Nothing, reads;
    StorePrune "store.prune" Nothing, changes;
    Backup "backup" Nothing, changes;
    Drain "drain" Nothing, changes;
    Shutdown "shutdown" Nothing, changes;
    Doctor "doctor" Nothing, reads;
    Lockdown "lockdown" Lockdown, changes;
    TokenMint "token.mint" TokenMint, changes;
    TokenVerify "token.verify" TokenVerify, reads;
    TokenRevoke "token.revoke" TokenRevoke, changes;
}
