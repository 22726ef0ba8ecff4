//! `/users/{userId}/notifications`: the inbox.

use serde_json::json;

use super::super::Api;
use super::super::call::{Call, MAX_LIMIT};
use super::super::reply::Reply;
use super::Outcome;
use crate::chat::Actor;
use crate::chat::operate::Entry;
use crate::domain::conversation::MAX_METADATA_BYTES;
use crate::domain::error::Error;
use crate::wire::payload::encode::NotificationBody;
use crate::wire::payload::fields::Fields;
use crate::wire::payload::request;

/// What the application wants in an inbox.
pub fn entry(fields: &mut Fields) -> Result<Entry, Error> {
    let entry = Entry {
        kind: fields.optional_string("type")?,
        title: fields.optional_string("title")?,
        message: fields.string("message")?,
        data: fields.object_text("data", MAX_METADATA_BYTES)?,
    };
    entry.check()?;
    Ok(entry)
}

pub async fn list(api: &Api, call: &mut Call) -> Outcome {
    let (user, limit, before) = (call.user()?, call.limit(MAX_LIMIT)?, call.key_cursor()?);
    call.finish()?;
    let inbox = api.chat().notifications(&Actor::named(user), before, limit).await?;
    let notifications: Vec<_> = inbox.entries.iter().map(NotificationBody::from).collect();
    let cursor = inbox.next.map(|key| key.to_string());
    Ok(Reply::ok(&json!({ "notifications": notifications, "unread": inbox.unread, "cursor": cursor })))
}

/// Where plugins do not let it through there is no notification.
pub async fn create(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    let entry = entry(call.body()?)?;
    call.finish()?;
    let kept = api.chat().inform(user, entry).await?;
    Ok(Reply::created(&json!({ "notification": kept.as_ref().map(NotificationBody::from) })))
}

pub async fn read(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    let one = request::one_or_all(call.body()?)?;
    call.finish()?;
    let unread = api.chat().read_notifications(&Actor::named(user), one).await?;
    Ok(Reply::ok(&json!({ "unread": unread })))
}
