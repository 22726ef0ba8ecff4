//! `review.*`

use serde_json::{Value, json};

use super::message::id;
use crate::admin::answer::{HeldLine, Reviews};
use crate::admin::protocol::Failure;
use crate::admin::request;
use crate::console::{Console, refused};
use crate::domain::error::{Code, Error};
use crate::domain::id::MessageId;
use crate::store::Held;
use crate::wire::payload::encode::MessageBody;

/// Messages of one page at most.
const MAX_PAGE: u32 = 200;

pub async fn list(console: &Console, request: request::ReviewList) -> Result<Reviews, Failure> {
    let after = request.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| Failure::bad_params("after: expected what `next` of the page before was"))?;
    let limit = request.limit.clamp(1, MAX_PAGE);
    let (mut held, total) = console.chat.held(after.unwrap_or(0), limit + 1).await.map_err(refused)?;
    let more = held.len() > limit as usize;
    held.truncate(limit as usize);
    let next = if more { held.last().map(|held| held.key.to_string()) } else { None };
    Ok(Reviews { messages: held.into_iter().map(line).collect(), total, next })
}

fn line(held: Held) -> HeldLine {
    let Held { message, hold, .. } = held;
    HeldLine {
        id: message.id.to_string(),
        conversation_id: message.conversation.to_string(),
        sender_id: message.sender.to_string(),
        content: message.content,
        timestamp: message.at.to_string(),
        plugin: hold.plugin.to_string(),
        reason: hold.reason,
    }
}

pub async fn approve(console: &Console, request: request::Message) -> Result<Value, Failure> {
    let id = id(&request.message)?;
    let message = console.chat.approve(id).await.map_err(|error| missing(id, error))?;
    Ok(json!(MessageBody::from(&*message)))
}

pub async fn reject(console: &Console, request: request::ReviewReject) -> Result<Value, Failure> {
    let id = id(&request.message)?;
    let message = console.chat.reject(id, request.reason).await.map_err(|error| missing(id, error))?;
    Ok(json!(MessageBody::from(&*message)))
}

fn missing(id: MessageId, error: Error) -> Failure {
    match error.code {
        Code::NotFound => Failure::not_found(format!("no message {id} is on hold")).hint("chatctl review list"),
        _ => refused(error),
    }
}
