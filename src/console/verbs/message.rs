//! `message.*`

use serde_json::{Value, json};

use crate::admin::protocol::Failure;
use crate::admin::request;
use crate::console::{Console, conversation_id, refused};
use crate::domain::error::{Code, Error};
use crate::domain::id::MessageId;
use crate::wire::payload::encode::{MessageBody, messages};

/// Messages of one page at most.
const MAX_PAGE: u32 = 200;

pub fn id(text: &str) -> Result<MessageId, Failure> {
    let expected = || Failure::bad_params(format!("message: expected an id as messages have them, not \"{text}\""));
    MessageId::parse(text).ok_or_else(expected)
}

fn missing(id: MessageId, error: Error) -> Failure {
    if error.code == Code::NotFound { Failure::not_found(format!("no message {id}")) } else { refused(error) }
}

pub async fn show(console: &Console, request: request::Message) -> Result<Value, Failure> {
    let id = id(&request.message)?;
    let message = console.chat.message(id).await.map_err(|error| missing(id, error))?;
    Ok(json!(MessageBody::from(&message)))
}

pub async fn delete(console: &Console, request: request::Message) -> Result<Value, Failure> {
    let id = id(&request.message)?;
    let message = console.chat.strike(id).await.map_err(|error| missing(id, error))?;
    Ok(json!(MessageBody::from(&*message)))
}

pub async fn search(console: &Console, request: request::MessageSearch) -> Result<Value, Failure> {
    let conversation = request.conversation.as_deref().map(conversation_id).transpose()?;
    let before = request.before.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Failure::bad_params("before: expected what `next` of the page before was"))?;
    let limit = request.limit.clamp(1, MAX_PAGE);
    let (found, next) = console.chat.search_all(request.words, conversation, before, limit).await.map_err(refused)?;
    Ok(json!({ "messages": messages(&found), "next": next.map(|key| key.to_string()) }))
}
