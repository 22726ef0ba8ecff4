//! Client events as the verbs take them.

use serde_json::Value;

use super::fields::{self, Fields};
use crate::chat::{Changes, MemberChange, NewConversation};
use crate::domain::access::Role;
use crate::domain::conversation::{Kind, MAX_METADATA_BYTES, Policy, SettingsChange};
use crate::domain::error::Error;
use crate::domain::id::{ConversationId, MessageId, NotificationId, UserId};
use crate::domain::message::{Draft, MAX_ATTACHMENTS, MAX_ATTACHMENTS_BYTES, MAX_CLIENT_ID_BYTES, MessageType};
use crate::domain::presence::Status;
use crate::domain::time::Time;
use crate::session::budget;
use crate::store::ListCursor;
use crate::wire::event::ClientEvent;

/// Entries of a page, unless the client says otherwise.
const DEFAULT_LIMIT: u32 = 50;
/// Entries of a page of anything but history.
const MAX_LIMIT: u32 = 200;
/// Users that one `presence:get` may ask for.
const MAX_PRESENCE: usize = 200;
/// Members that one `conversation:create` may name.
const MAX_NEW_MEMBERS: usize = 1_000;
/// What a cursor into the list of members begins with.
pub const MEMBER_CURSOR: &str = "after:";
/// The longest search, in bytes.
const MAX_QUERY_BYTES: usize = 1_024;

#[derive(Debug)]
pub enum Request {
    Authenticate { token: String },
    Send(Draft),
    Edit { message: MessageId, content: String },
    Delete { message: MessageId },
    React { message: MessageId, emoji: String, remove: bool },
    Delivered { message: MessageId },
    Read { message: MessageId },
    History { conversation: ConversationId, after: Option<u64>, before: Option<u64>, limit: u32 },
    Search { words: String, conversation: Option<ConversationId>, before: Option<i64>, limit: u32 },
    TypingStart { conversation: ConversationId },
    TypingStop { conversation: ConversationId },
    Join { conversation: ConversationId },
    Leave { conversation: ConversationId },
    Create(NewConversation),
    Update { conversation: ConversationId, changes: Changes },
    DeleteConversation { conversation: ConversationId },
    Conversations { after: Option<ListCursor>, limit: u32 },
    Members { conversation: ConversationId, after: Option<String>, limit: u32 },
    MemberAdd { conversation: ConversationId, user: UserId, role: Role },
    MemberRemove { conversation: ConversationId, user: UserId },
    MemberUpdate { conversation: ConversationId, user: UserId, change: MemberChange },
    Status { status: Status, text: Option<String> },
    Presence { users: Vec<UserId> },
    Notifications { before: Option<i64>, limit: u32 },
    ReadNotifications { one: Option<NotificationId> },
}

/// Which budget an event is taken from.
pub fn budget(event: ClientEvent) -> budget::Kind {
    match event {
        ClientEvent::MessageSend => budget::Kind::Message,
        ClientEvent::TypingStart | ClientEvent::TypingStop | ClientEvent::UserStatus => budget::Kind::Signal,
        ClientEvent::MessageDelivered | ClientEvent::MessageRead | ClientEvent::NotificationRead => {
            budget::Kind::Receipt
        }
        ClientEvent::MessageHistory
        | ClientEvent::MessageSearch
        | ClientEvent::ConversationJoin
        | ClientEvent::ConversationLeave
        | ClientEvent::ConversationList
        | ClientEvent::ConversationMembers
        | ClientEvent::PresenceGet
        | ClientEvent::NotificationList => budget::Kind::Read,
        _ => budget::Kind::Write,
    }
}

/// Reads the payload of `event`; `history_limit` is the largest page of history.
///
/// # Errors
/// `INVALID`, naming the field.
pub fn parse(event: ClientEvent, payload: Value, history_limit: u32) -> Result<Request, Error> {
    // Some events take a bare string in place of an object with one field.
    let payload = match (event, payload) {
        (ClientEvent::ConversationJoin | ClientEvent::ConversationLeave, Value::String(id)) => {
            serde_json::json!({ "conversationId": id })
        }
        (ClientEvent::UserStatus, Value::String(status)) => serde_json::json!({ "status": status }),
        // What has only optional fields may come without a payload.
        (ClientEvent::ConversationList | ClientEvent::NotificationList, Value::Null) => serde_json::json!({}),
        (_, payload) => payload,
    };
    let mut fields = Fields::of(payload)?;
    let request = read(event, &mut fields, history_limit)?;
    fields.finish("")?;
    Ok(request)
}

fn read(event: ClientEvent, fields: &mut Fields, history_limit: u32) -> Result<Request, Error> {
    Ok(match event {
        ClientEvent::Authenticate => Request::Authenticate { token: fields.string("token")? },
        ClientEvent::MessageSend => Request::Send(draft(fields)?),
        ClientEvent::MessageEdit => Request::Edit { message: fields.message()?, content: fields.string("content")? },
        ClientEvent::MessageDelete => Request::Delete { message: fields.message()? },
        ClientEvent::MessageReact => Request::React {
            message: fields.message()?,
            emoji: fields.string("emoji")?,
            remove: fields.flag("remove")?,
        },
        ClientEvent::MessageDelivered => Request::Delivered { message: fields.message()? },
        ClientEvent::MessageRead => Request::Read { message: fields.message()? },
        ClientEvent::MessageHistory => Request::History {
            conversation: fields.conversation()?,
            after: fields.optional_count("after")?,
            before: fields.optional_count("before")?,
            limit: fields.limit(DEFAULT_LIMIT, history_limit)?,
        },
        ClientEvent::MessageSearch => search(fields)?,
        ClientEvent::TypingStart => Request::TypingStart { conversation: fields.conversation()? },
        ClientEvent::TypingStop => Request::TypingStop { conversation: fields.conversation()? },
        ClientEvent::ConversationJoin => Request::Join { conversation: fields.conversation()? },
        ClientEvent::ConversationLeave => Request::Leave { conversation: fields.conversation()? },
        ClientEvent::ConversationCreate => Request::Create(new_conversation(fields)?),
        ClientEvent::ConversationUpdate => {
            Request::Update { conversation: fields.conversation()?, changes: changes(fields)? }
        }
        ClientEvent::ConversationDelete => Request::DeleteConversation { conversation: fields.conversation()? },
        ClientEvent::ConversationList => {
            Request::Conversations { after: list_cursor(fields)?, limit: fields.limit(DEFAULT_LIMIT, MAX_LIMIT)? }
        }
        ClientEvent::ConversationMembers => Request::Members {
            conversation: fields.conversation()?,
            after: member_cursor(fields)?,
            limit: fields.limit(DEFAULT_LIMIT, MAX_LIMIT)?,
        },
        ClientEvent::MemberAdd => Request::MemberAdd {
            conversation: fields.conversation()?,
            user: fields.user()?,
            role: role(fields)?.unwrap_or(Role::Member),
        },
        ClientEvent::MemberRemove => {
            Request::MemberRemove { conversation: fields.conversation()?, user: fields.user()? }
        }
        ClientEvent::MemberUpdate => Request::MemberUpdate {
            conversation: fields.conversation()?,
            user: fields.user()?,
            change: MemberChange {
                role: role(fields)?,
                muted_until: fields.nullable_time("mutedUntil")?,
                banned_until: fields.nullable_time("bannedUntil")?,
            },
        },
        ClientEvent::UserStatus => {
            let status = fields.string("status")?;
            Request::Status {
                status: Status::parse(&status).ok_or_else(|| Error::invalid("status", Status::NAMES))?,
                text: fields.optional_string("text")?,
            }
        }
        ClientEvent::PresenceGet => {
            let expected = format!("an array of at most {MAX_PRESENCE} user ids");
            let users = fields.users("userIds", MAX_PRESENCE)?;
            Request::Presence { users: users.ok_or_else(|| Error::invalid("userIds", expected))? }
        }
        ClientEvent::NotificationList => {
            Request::Notifications { before: key_cursor(fields)?, limit: fields.limit(DEFAULT_LIMIT, MAX_LIMIT)? }
        }
        ClientEvent::NotificationRead => Request::ReadNotifications { one: one_or_all(fields)? },
    })
}

/// What `message:send` reads.
///
/// # Errors
/// `INVALID`, naming the field.
pub fn draft(fields: &mut Fields) -> Result<Draft, Error> {
    let conversation = fields.conversation()?;
    let attachments = fields.take("attachments").map(attachments).transpose()?.flatten();
    let content = match &attachments {
        // A picture needs no words.
        Some(_) => fields.optional_string("content")?.unwrap_or_default(),
        None => fields.string("content")?,
    };
    let kind = match fields.optional_string("type")? {
        None => MessageType::text(),
        Some(kind) => MessageType::from_client(&kind).ok_or_else(|| Error::invalid("type", MessageType::EXPECTED))?,
    };
    let client_id = fields.optional_string("clientId")?;
    if client_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > MAX_CLIENT_ID_BYTES) {
        return Err(Error::invalid("clientId", format_args!("a string of 1 to {MAX_CLIENT_ID_BYTES} bytes")));
    }
    let reply_to = fields.optional_message("replyTo")?;
    let metadata = fields.object_text("metadata", MAX_METADATA_BYTES)?;
    Ok(Draft { conversation, content, kind, client_id, reply_to, attachments, metadata })
}

/// The attachments as JSON text; none where the list is empty.
fn attachments(value: Value) -> Result<Option<String>, Error> {
    let list = value.as_array().filter(|list| list.len() <= MAX_ATTACHMENTS && list.iter().all(Value::is_object));
    let text = list.map(|list| (!list.is_empty()).then(|| value.to_string()));
    text.filter(|text| text.as_ref().is_none_or(|text| text.len() <= MAX_ATTACHMENTS_BYTES)).ok_or_else(|| {
        let expected = format!("an array of at most {MAX_ATTACHMENTS} objects, {MAX_ATTACHMENTS_BYTES} bytes as JSON");
        Error::invalid("attachments", expected)
    })
}

fn search(fields: &mut Fields) -> Result<Request, Error> {
    let words = fields.string("query")?;
    if words.trim().is_empty() || words.len() > MAX_QUERY_BYTES {
        return Err(Error::invalid("query", format_args!("a non-empty string of at most {MAX_QUERY_BYTES} bytes")));
    }
    Ok(Request::Search {
        words,
        conversation: fields.optional_conversation("conversationId")?,
        before: key_cursor(fields)?,
        limit: fields.limit(DEFAULT_LIMIT, MAX_LIMIT)?,
    })
}

/// What `conversation:create` reads.
///
/// # Errors
/// `INVALID`, naming the field.
pub fn new_conversation(fields: &mut Fields) -> Result<NewConversation, Error> {
    let kind = fields.optional_string("type")?.as_deref().and_then(Kind::parse);
    Ok(NewConversation {
        kind: kind.ok_or_else(|| Error::invalid("type", Kind::NAMES))?,
        id: fields.optional_conversation("id")?,
        title: fields.optional_string("title")?,
        members: fields.users("members", MAX_NEW_MEMBERS)?.unwrap_or_default(),
        metadata: fields.object_text("metadata", MAX_METADATA_BYTES)?,
    })
}

/// What `conversation:update` reads.
///
/// # Errors
/// `INVALID`, naming the field.
pub fn changes(fields: &mut Fields) -> Result<Changes, Error> {
    let title = fields.take_nullable("title");
    let title = title.map(|title| title.map(|value| fields::string("title", value)).transpose()).transpose()?;
    let metadata = fields.take_nullable("metadata");
    let text = |value: Value| fields::object_text("metadata", &value, MAX_METADATA_BYTES);
    let metadata = metadata.map(|metadata| metadata.map(text).transpose()).transpose()?;
    let settings = fields.take("settings").map(settings).transpose()?.unwrap_or_default();
    Ok(Changes { title, metadata, settings })
}

fn settings(value: Value) -> Result<SettingsChange, Error> {
    let mut fields = Fields::of(value).map_err(|_| Error::invalid("settings", "an object"))?;
    let mut policy = |name: &str| -> Result<Option<Policy>, Error> {
        let Some(text) = fields.optional_string(name)? else { return Ok(None) };
        Policy::parse(&text).map(Some).ok_or_else(|| Error::invalid(&format!("settings.{name}"), Policy::NAMES))
    };
    let change = SettingsChange { post: policy("post")?, invite: policy("invite")? };
    fields.finish("settings.")?;
    Ok(change)
}

/// # Errors
/// `INVALID` where it is no role.
pub fn role(fields: &mut Fields) -> Result<Option<Role>, Error> {
    let Some(text) = fields.optional_string("role")? else { return Ok(None) };
    Role::parse(&text).map(Some).ok_or_else(|| Error::invalid("role", Role::NAMES))
}

/// What `notification:read` reads.
///
/// # Errors
/// `INVALID`
pub fn one_or_all(fields: &mut Fields) -> Result<Option<NotificationId>, Error> {
    let expected = || Error::invalid("notificationId", "the id of a notification, or all: true");
    match (fields.optional_string("notificationId")?, fields.flag("all")?) {
        (Some(id), false) => NotificationId::parse(&id).map(Some).ok_or_else(expected),
        (None, true) => Ok(None),
        _ => Err(expected()),
    }
}

/// A cursor is the key of the last row of the page before.
fn key_cursor(fields: &mut Fields) -> Result<Option<i64>, Error> {
    let Some(text) = fields.optional_string("cursor")? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| bad_cursor())
}

fn list_cursor(fields: &mut Fields) -> Result<Option<ListCursor>, Error> {
    let Some(text) = fields.optional_string("cursor")? else { return Ok(None) };
    let parts = text.split_once('.').and_then(|(at, key)| Some((at.parse().ok()?, key.parse().ok()?)));
    let (at, key) = parts.ok_or_else(bad_cursor)?;
    Ok(Some(ListCursor { active_at: Time(at), key }))
}

/// Members are listed by user id; the mark before it tells a cursor from any other text.
fn member_cursor(fields: &mut Fields) -> Result<Option<String>, Error> {
    let Some(text) = fields.optional_string("cursor")? else { return Ok(None) };
    text.strip_prefix(MEMBER_CURSOR).map(|user| Some(user.to_owned())).ok_or_else(bad_cursor)
}

fn bad_cursor() -> Error {
    Error::invalid("cursor", "a cursor as the page before gave it")
}
