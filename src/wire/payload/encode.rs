//! The shapes that the server sends, as views of the domain's types.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::chat::Resumed;
use crate::domain::access::Member;
use crate::domain::conversation::{Conversation, Overview};
use crate::domain::error::Error;
use crate::domain::event::Mark;
use crate::domain::id::{ConversationId, MessageId, NotificationId, UserId};
use crate::domain::message::{Message, Reactions};
use crate::domain::notification::Notification;
use crate::domain::presence::{KnownDevice, Presence};
use crate::domain::time::Time;
use crate::roster::packet::Packet;

/// `{ ok: true, … }` around `body`, which must serialise to an object.
pub fn ok<T: Serialize>(ack: i64, body: &T) -> Packet {
    let body = serde_json::to_string(body).expect("payloads have string keys and no failing serialiser");
    let inner = body.strip_prefix('{').expect("an acknowledgement's body is an object");
    let comma = if inner == "}" { "" } else { "," };
    let json = RawValue::from_string(format!("{{\"ok\":true{comma}{inner}")).expect("made of JSON");
    Packet::ack(ack, &json)
}

/// `{ ok: false, error: { code, message, … } }`
pub fn refused(ack: i64, error: &Error) -> Packet {
    #[derive(serde::Serialize)]
    struct Refused<'a> {
        ok: bool,
        error: ErrorBody<'a>,
    }
    Packet::ack(ack, &Refused { ok: false, error: ErrorBody::of(error) })
}

/// The payload of an `error` event.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_id: Option<&'a str>,
}

impl<'a> ErrorBody<'a> {
    pub fn of(error: &'a Error) -> Self {
        ErrorBody {
            code: error.code(),
            message: &error.message,
            event: None,
            retry_after_ms: error.retry_after.map(millis),
            error_id: error.error_id.as_deref(),
        }
    }

    pub fn about(error: &'a Error, event: &'a str) -> Self {
        ErrorBody { event: Some(event), ..Self::of(error) }
    }
}

/// Rounded up: a client that waits so long must not come too early.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// `IMessage`
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageBody<'a> {
    id: MessageId,
    conversation_id: &'a ConversationId,
    seq: Option<u64>,
    sender_id: &'a UserId,
    content: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachments: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    mentions: &'a [UserId],
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "ReactionsBody::is_empty")]
    reactions: ReactionsBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Time>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pending: bool,
}

impl<'a> From<&'a Message> for MessageBody<'a> {
    fn from(message: &'a Message) -> Self {
        MessageBody {
            id: message.id,
            conversation_id: &message.conversation,
            seq: message.place(),
            sender_id: &message.sender,
            content: message.content.as_deref(),
            kind: message.kind.as_str(),
            timestamp: message.at,
            client_id: message.client_id.as_deref(),
            reply_to: message.reply_to,
            attachments: stored_json(message.attachments.as_deref()),
            mentions: &message.mentions,
            metadata: stored_json(message.metadata.as_deref()),
            reactions: ReactionsBody(&message.reactions),
            edited_at: message.edited_at,
            deleted_at: message.deleted_at,
            pending: message.pending,
        }
    }
}

pub fn messages(messages: &[Message]) -> Vec<MessageBody<'_>> {
    messages.iter().map(MessageBody::from).collect()
}

/// JSON that was written by this program.
fn stored_json(text: Option<&str>) -> Option<&RawValue> {
    text.and_then(|text| serde_json::from_str(text).ok())
}

/// Emoji to the ids of those who reacted with it.
pub struct ReactionsBody<'a>(pub &'a Reactions);

impl ReactionsBody<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for ReactionsBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.0.len()))?;
        for (emoji, users) in &self.0.0 {
            map.serialize_entry(emoji, users)?;
        }
        map.end()
    }
}

/// `message:reaction`
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReactionBody<'a> {
    pub message_id: MessageId,
    pub conversation_id: &'a ConversationId,
    pub user_id: &'a UserId,
    pub emoji: &'a str,
    pub removed: bool,
    pub reactions: ReactionsBody<'a>,
}

/// `message:delivered` and `message:read`, which name their time differently.
pub enum MarkBody<'a> {
    Delivered(&'a Mark),
    Read(&'a Mark),
}

impl Serialize for MarkBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mark, time) = match self {
            MarkBody::Delivered(mark) => (mark, "deliveredAt"),
            MarkBody::Read(mark) => (mark, "readAt"),
        };
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("messageId", &mark.message)?;
        map.serialize_entry("conversationId", &mark.conversation)?;
        map.serialize_entry("userId", &mark.user)?;
        map.serialize_entry("seq", &mark.seq)?;
        map.serialize_entry(time, &mark.at)?;
        map.end()
    }
}

/// `IConversation`; what depends on the viewer is there where the viewer is known.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationBody<'a> {
    id: &'a ConversationId,
    #[serde(rename = "type")]
    kind: &'static str,
    title: Option<&'a str>,
    owner_id: Option<&'a UserId>,
    members: u64,
    last_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_message: Option<MessageBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
    settings: SettingsBody,
    created_at: Time,
    updated_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
}

#[derive(serde::Serialize)]
struct SettingsBody {
    post: &'static str,
    invite: &'static str,
}

impl<'a> From<&'a Conversation> for ConversationBody<'a> {
    fn from(conversation: &'a Conversation) -> Self {
        ConversationBody {
            id: &conversation.id,
            kind: conversation.kind.as_str(),
            title: conversation.title.as_deref(),
            owner_id: conversation.owner.as_ref(),
            members: conversation.member_count,
            last_seq: conversation.last_seq,
            last_message: None,
            metadata: stored_json(conversation.metadata.as_deref()),
            settings: SettingsBody {
                post: conversation.settings.post.as_str(),
                invite: conversation.settings.invite.as_str(),
            },
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
            unread: None,
            role: None,
        }
    }
}

impl<'a> From<&'a Overview> for ConversationBody<'a> {
    fn from(overview: &'a Overview) -> Self {
        ConversationBody {
            last_message: overview.last_message.as_ref().map(MessageBody::from),
            unread: Some(overview.unread),
            role: Some(overview.role.as_str()),
            ..ConversationBody::from(&overview.conversation)
        }
    }
}

/// A member, as `conversation:members` and the `member:*` events show it.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberBody<'a> {
    user_id: &'a UserId,
    role: &'static str,
    joined_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    muted_until: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    banned_until: Option<Time>,
    delivered_seq: u64,
    read_seq: u64,
}

impl<'a> From<&'a Member> for MemberBody<'a> {
    fn from(member: &'a Member) -> Self {
        MemberBody {
            user_id: &member.user,
            role: member.role.as_str(),
            joined_at: member.joined_at,
            muted_until: member.muted_until,
            banned_until: member.banned_until,
            delivered_seq: member.delivered_seq,
            read_seq: member.read_seq,
        }
    }
}

/// A device that has named itself.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownDeviceBody {
    device: String,
    last_seen: Time,
}

impl From<KnownDevice> for KnownDeviceBody {
    fn from(known: KnownDevice) -> Self {
        KnownDeviceBody { device: known.name, last_seen: known.seen_at }
    }
}

/// One user of `presence:get`.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PresenceBody<'a> {
    user_id: &'a UserId,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    last_seen: Option<Time>,
    devices: usize,
}

impl<'a> From<&'a Presence> for PresenceBody<'a> {
    fn from(presence: &'a Presence) -> Self {
        PresenceBody {
            user_id: &presence.user,
            status: presence.status.as_str(),
            text: presence.text.as_deref(),
            last_seen: presence.last_seen,
            devices: presence.devices,
        }
    }
}

/// `INotification`
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationBody<'a> {
    id: NotificationId,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'a ConversationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<Time>,
}

impl<'a> From<&'a Notification> for NotificationBody<'a> {
    fn from(entry: &'a Notification) -> Self {
        NotificationBody {
            id: entry.id,
            kind: &entry.kind,
            title: entry.title.as_deref(),
            message: &entry.message,
            count: entry.count,
            conversation_id: entry.conversation.as_ref(),
            message_id: entry.message_id,
            data: stored_json(entry.data.as_deref()),
            created_at: entry.created_at,
            read_at: entry.read_at,
        }
    }
}

/// `connected`
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectedBody<'a> {
    pub user_id: &'a UserId,
    /// The client's own; nobody else ever sees it.
    pub socket_id: &'a str,
    pub device: Option<&'a str>,
    pub expires_at: Option<Time>,
    pub server_time: Time,
    pub epoch: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<BTreeMap<&'a str, ResumedBody<'a>>>,
}

/// What was missed in one conversation.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResumedBody<'a> {
    status: &'static str,
    messages: Vec<MessageBody<'a>>,
    last_seq: u64,
}

pub fn resumed(list: &[Resumed]) -> BTreeMap<&str, ResumedBody<'_>> {
    list.iter()
        .map(|one| {
            let body =
                ResumedBody { status: one.status.as_str(), messages: messages(&one.messages), last_seq: one.last_seq };
            (one.conversation.as_str(), body)
        })
        .collect()
}
