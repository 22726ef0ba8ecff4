//! From rows to the domain's types, in one place.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use uuid::Uuid;

use crate::domain::access::{Member, Role};
use crate::domain::conversation::{Conversation, Kind, Policy, Settings};
use crate::domain::id::{ConversationId, EventId, MessageId, NotificationId, UserId};
use crate::domain::message::{Message, MessageType, Reactions};
use crate::domain::notification::Notification;
use crate::domain::presence::Status;
use crate::domain::time::Time;

impl FromSql for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Time)
    }
}

impl ToSql for Time {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

/// Ids made by the server are kept as their 16 bytes.
macro_rules! uuid_column {
    ($type:ident) => {
        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Uuid::from_slice(value.as_blob()?).map($type).map_err(FromSqlError::other)
            }
        }

        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.as_bytes().as_slice().into())
            }
        }
    };
}

uuid_column!(MessageId);
uuid_column!(NotificationId);
uuid_column!(EventId);

/// Ids that users bring, and the words for kinds and roles, are kept as text.
macro_rules! text_column {
    ($type:ident, $parse:expr) => {
        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let text = value.as_str()?;
                let parse: fn(&str) -> Option<$type> = $parse;
                parse(text).ok_or(FromSqlError::InvalidType)
            }
        }

        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }
    };
}

text_column!(UserId, |text| Some(UserId::stored(text)));
text_column!(ConversationId, |text| Some(ConversationId::stored(text)));
text_column!(MessageType, |text| Some(MessageType::stored(text)));
text_column!(Role, Role::parse);
text_column!(Kind, Kind::parse);
text_column!(Policy, Policy::parse);
text_column!(Status, Status::parse);

/// The columns that [`conversation`] reads; `c` is the conversation and `o` its owner.
pub const CONVERSATION: &str = "c.cid, c.kind, c.title, o.uid, c.member_count, c.last_seq, c.first_seq, c.metadata, \
     c.post, c.invite, c.created_at, c.updated_at";
pub const CONVERSATION_COLUMNS: usize = 12;

pub fn conversation(row: &Row<'_>, at: usize) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id: row.get(at)?,
        kind: row.get(at + 1)?,
        title: row.get(at + 2)?,
        owner: row.get(at + 3)?,
        member_count: row.get(at + 4)?,
        last_seq: row.get(at + 5)?,
        first_seq: row.get(at + 6)?,
        metadata: row.get(at + 7)?,
        settings: Settings { post: row.get(at + 8)?, invite: row.get(at + 9)? },
        created_at: row.get(at + 10)?,
        updated_at: row.get(at + 11)?,
    })
}

/// The columns that [`member`] reads; `u` is the user and `m` the membership.
pub const MEMBER: &str =
    "u.uid, m.role, m.joined_at, m.muted_until, m.banned_until, m.delivered_seq, m.read_seq, m.own_unread";

pub fn member(row: &Row<'_>, at: usize) -> rusqlite::Result<Member> {
    Ok(Member {
        user: row.get(at)?,
        role: row.get(at + 1)?,
        joined_at: row.get(at + 2)?,
        muted_until: row.get(at + 3)?,
        banned_until: row.get(at + 4)?,
        delivered_seq: row.get(at + 5)?,
        read_seq: row.get(at + 6)?,
        own_unread: row.get(at + 7)?,
    })
}

/// A message as its row holds it; who reacted with what stands in another table.
pub struct MessageRow {
    pub key: i64,
    pub reacted: bool,
    pub message: Message,
}

impl MessageRow {
    /// About as many bytes as the message takes on the wire.
    pub fn size(&self) -> usize {
        let Message { content, attachments, metadata, .. } = &self.message;
        let texts = [content, attachments, metadata];
        texts.into_iter().flatten().map(String::len).sum::<usize>() + 512
    }
}

/// The columns that [`message`] reads; `g` is the message, `c` its conversation and `s` its sender.
pub const MESSAGE: &str = "g.id, g.reacted, g.mid, c.cid, g.seq, s.uid, g.content, g.kind, g.at, \
     g.client_id, g.reply_to, g.attachments, g.metadata, g.mentions, g.edited_at, g.deleted_at";
/// The tables that [`MESSAGE`] names.
pub const MESSAGE_FROM: &str =
    "messages g JOIN conversations c ON c.id = g.conversation JOIN users s ON s.id = g.sender";

pub fn message(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    let mentions: Option<String> = row.get(13)?;
    Ok(MessageRow {
        key: row.get(0)?,
        reacted: row.get(1)?,
        message: Message {
            id: row.get(2)?,
            conversation: row.get(3)?,
            seq: row.get(4)?,
            sender: row.get(5)?,
            content: row.get(6)?,
            kind: row.get(7)?,
            at: row.get(8)?,
            client_id: row.get(9)?,
            reply_to: row.get(10)?,
            attachments: row.get(11)?,
            metadata: row.get(12)?,
            mentions: mentions.map(|list| split_mentions(&list)).unwrap_or_default(),
            reactions: Reactions::default(),
            edited_at: row.get(14)?,
            deleted_at: row.get(15)?,
            pending: false,
        },
    })
}

/// Mentioned users are kept as lines: an id has no control characters.
pub fn join_mentions(mentions: &[UserId]) -> Option<String> {
    (!mentions.is_empty()).then(|| mentions.iter().map(UserId::as_str).collect::<Vec<_>>().join("\n"))
}

pub fn split_mentions(list: &str) -> Vec<UserId> {
    list.split('\n').map(UserId::stored).collect()
}

/// The columns that [`notification`] reads.
pub const NOTIFICATION: &str = "nid, kind, title, message, count, conversation, message_id, data, created_at, read_at";

pub fn notification(row: &Row<'_>) -> rusqlite::Result<Notification> {
    Ok(Notification {
        id: row.get(0)?,
        kind: row.get(1)?,
        title: row.get(2)?,
        message: row.get(3)?,
        count: row.get(4)?,
        conversation: row.get(5)?,
        message_id: row.get(6)?,
        data: row.get(7)?,
        created_at: row.get(8)?,
        read_at: row.get(9)?,
    })
}
