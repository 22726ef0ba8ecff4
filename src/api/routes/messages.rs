//! Messages: said by a user or by the server, changed, deleted, read over and searched.

use serde_json::json;

use super::super::Api;
use super::super::call::{Call, MAX_LIMIT, acting};
use super::super::reply::Reply;
use super::Outcome;
use crate::chat::operate::SPEAKER;
use crate::chat::{Arrival, Sent};
use crate::domain::error::Error;
use crate::domain::hooks::Origin;
use crate::domain::id::UserId;
use crate::domain::message::MessageType;
use crate::wire::payload::encode::{MessageBody, ReactionsBody, messages};
use crate::wire::payload::request;

/// The longest search, in bytes.
const MAX_QUERY_BYTES: usize = 1_024;
/// Messages of one page of history at most.
const MAX_HISTORY: u32 = 1_000;

pub async fn history(api: &Api, call: &mut Call) -> Outcome {
    let (id, limit) = (call.conversation()?, call.limit(api.chat().config().messages.history_limit.min(MAX_HISTORY))?);
    let (after, before) = (call.query_count("after")?, call.query_count("before")?);
    call.finish()?;
    let page = api.chat().read_over(id, after, before, limit).await?;
    Ok(Reply::ok(&json!({ "messages": messages(&page.messages), "hasMore": page.has_more })))
}

/// With a `senderId` as that user's `message:send`, plugins and all; without one the server says it.
pub async fn send(api: &Api, call: &mut Call) -> Outcome {
    let id = call.conversation()?;
    let idempotency = call.idempotency_id();
    let fields = call.body()?;
    let sender = fields.optional_user("senderId")?;
    fields.put("conversationId", id.as_str());
    let is_typed = fields.has("type");
    let mut draft = request::draft(fields)?;
    call.finish()?;
    // A crash between the message and the note of its key must not make it two.
    draft.client_id = draft.client_id.or(idempotency);
    let Sent { message, duplicate } = match sender {
        Some(user) => {
            let actor = acting(api.chat(), user)?;
            api.chat().send(&actor, draft, Arrival::now()).await?
        }
        None => {
            if !is_typed {
                draft.kind = MessageType::stored("system");
            }
            api.chat().speak(UserId::stored(SPEAKER), draft, &Origin::default()).await?
        }
    };
    let body = json!({ "message": MessageBody::from(&*message), "duplicate": duplicate });
    Ok(if duplicate { Reply::ok(&body) } else { Reply::created(&body) })
}

pub async fn show(api: &Api, call: &mut Call) -> Outcome {
    let id = call.message()?;
    call.finish()?;
    let message = api.chat().message(id).await?;
    Ok(Reply::ok(&json!({ "message": MessageBody::from(&message) })))
}

/// With a `userId` as that user's `message:edit`; without one whoever sent it and however long ago.
pub async fn edit(api: &Api, call: &mut Call) -> Outcome {
    let id = call.message()?;
    let fields = call.body()?;
    let (user, content) = (fields.optional_user("userId")?, fields.string("content")?);
    call.finish()?;
    let message = match user {
        Some(user) => api.chat().edit(&acting(api.chat(), user)?, id, content).await?,
        None => api.chat().amend(id, content).await?,
    };
    Ok(Reply::ok(&json!({ "message": MessageBody::from(&*message) })))
}

/// A tombstone stays. With a `userId` as that user's `message:delete`.
pub async fn delete(api: &Api, call: &mut Call) -> Outcome {
    let (id, user) = (call.message()?, call.query_user("userId")?);
    call.finish()?;
    let message = match user {
        Some(user) => api.chat().delete(&acting(api.chat(), user)?, id).await?,
        None => api.chat().strike(id).await?,
    };
    Ok(Reply::ok(&json!({ "message": MessageBody::from(&*message) })))
}

pub async fn react(api: &Api, call: &mut Call) -> Outcome {
    let id = call.message()?;
    let fields = call.body()?;
    let (user, emoji, remove) = (fields.user()?, fields.string("emoji")?, fields.flag("remove")?);
    call.finish()?;
    let reactions = api.chat().react(&acting(api.chat(), user)?, id, emoji, remove).await?;
    Ok(Reply::ok(&json!({ "reactions": ReactionsBody(&reactions) })))
}

/// As that user's `message:read`: their other devices and the senders hear of it.
pub async fn mark_read(api: &Api, call: &mut Call) -> Outcome {
    let id = call.message()?;
    let user = call.body()?.user()?;
    call.finish()?;
    let (seq, unread) = api.chat().read(&acting(api.chat(), user)?, id).await?;
    Ok(Reply::ok(&json!({ "seq": seq, "unread": unread })))
}

/// The newest first, everywhere or where one user may read.
pub async fn search(api: &Api, call: &mut Call) -> Outcome {
    let words = call.query("query").unwrap_or_default();
    if words.trim().is_empty() || words.len() > MAX_QUERY_BYTES {
        return Err(Error::invalid("query", format_args!("a non-empty string of at most {MAX_QUERY_BYTES} bytes")));
    }
    let (limit, before) = (call.limit(MAX_LIMIT)?, call.key_cursor()?);
    let (user, conversation) = (call.query_user("userId")?, call.query_conversation("conversationId")?);
    call.finish()?;
    let (found, next) = match user {
        Some(user) => api.chat().search(&acting(api.chat(), user)?, words, conversation, before, limit).await?,
        None => api.chat().search_all(words, conversation, before, limit).await?,
    };
    let cursor = next.map(|key| key.to_string());
    Ok(Reply::ok(&json!({ "messages": messages(&found), "cursor": cursor })))
}
