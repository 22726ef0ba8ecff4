//! `user.export` and `user.delete`: all that there is of a person.

use std::sync::Arc;

use serde_json::json;

use super::user::{known, show};
use crate::admin::answer::Erased;
use crate::admin::protocol::Failure;
use crate::admin::request;
use crate::chat::Actor;
use crate::chat::operate::Messages;
use crate::console::client::{Answer, Gone, Outflow};
use crate::console::{Console, refused};
use crate::domain::id::UserId;
use crate::wire::payload::encode::{ConversationBody, MessageBody, NotificationBody};

const PAGE: u32 = 200;

/// The profile is the answer; conversations, notifications and messages follow, each as `{ kind: value }`.
pub async fn export(console: &Arc<Console>, request: request::User) -> Result<Answer, Failure> {
    let user = known(console, &request.user).await?;
    let profile = show(console, request).await?;
    let console = Arc::clone(console);
    let stream = move |out: Outflow| -> futures_util::future::BoxFuture<'static, Result<(), Failure>> {
        Box::pin(async move {
            match send_all(&console, &user, &out).await {
                Ok(()) | Err(Stop::Gone) => Ok(()),
                Err(Stop::Failed(failure)) => Err(failure),
            }
        })
    };
    let result = serde_json::to_value(profile).expect("an answer has string keys");
    Ok(Answer { result, stream: Some(Box::new(stream)) })
}

enum Stop {
    Gone,
    Failed(Failure),
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Stop::Gone
    }
}

impl From<crate::domain::error::Error> for Stop {
    fn from(error: crate::domain::error::Error) -> Self {
        Stop::Failed(refused(error))
    }
}

async fn send_all(console: &Console, user: &UserId, out: &Outflow) -> Result<(), Stop> {
    let actor = Actor::named(user.clone());
    let mut after = None;
    loop {
        let (conversations, next) = console.chat.conversations(&actor, after, PAGE).await?;
        for one in &conversations {
            out.send(json!({ "conversation": ConversationBody::from(one) })).await?;
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    let mut before = None;
    loop {
        let inbox = console.chat.notifications(&actor, before, PAGE).await?;
        for entry in &inbox.entries {
            out.send(json!({ "notification": NotificationBody::from(entry) })).await?;
        }
        before = inbox.next;
        if before.is_none() {
            break;
        }
    }
    let mut from = Some(0);
    while let Some(after) = from {
        let sender = user.clone();
        let trail = console.chat.store().read(move |query| Ok(query.trail(&sender, after)?)).await?;
        for message in &trail.messages {
            out.send(json!({ "message": MessageBody::from(message) })).await?;
        }
        from = trail.next;
    }
    let sender = user.clone();
    for message in console.chat.store().read(move |query| Ok(query.asides_of(&sender)?)).await? {
        out.send(json!({ "message": MessageBody::from(&message) })).await?;
    }
    Ok(())
}

pub async fn delete(console: &Console, request: request::UserDelete) -> Result<Erased, Failure> {
    let messages = match request.messages.as_str() {
        "tombstone" => Messages::Bury,
        "anonymise" => Messages::Keep,
        _ => return Err(Failure::bad_params("messages: expected \"tombstone\" or \"anonymise\"")),
    };
    let user = known(console, &request.user).await?;
    let erased = console.chat.erase(&user, messages).await.map_err(refused)?;
    Ok(Erased { user: user.to_string(), messages: erased.messages, conversations: erased.conversations })
}
