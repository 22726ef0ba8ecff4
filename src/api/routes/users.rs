//! `/users`: who there is, what is known of them, and that they go for good.

use serde::Serialize;
use serde_json::json;

use super::super::Api;
use super::super::call::{self, Call, MAX_LIMIT};
use super::super::reply::Reply;
use super::Outcome;
use super::devices::{DeviceBody, absent_of, devices_of};
use super::sanctions::{TermBody, term};
use crate::chat::Actor;
use crate::chat::operate::Messages;
use crate::domain::error::Error;
use crate::domain::id::UserId;
use crate::domain::presence::Status;
use crate::domain::time::Time;
use crate::wire::payload::encode::{ConversationBody, KnownDeviceBody, MessageBody, NotificationBody, PresenceBody};

/// One user, in a list and by themself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserBody {
    id: UserId,
    /// Whatever they show to others.
    online: bool,
    devices: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    ban: Option<TermBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mute: Option<TermBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProfileBody {
    #[serde(flatten)]
    user: UserBody,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_text: Option<String>,
    last_seen: Option<Time>,
    conversations: u64,
    unread_notifications: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_revoked_until: Option<Time>,
    connections: Vec<DeviceBody>,
    absent: Vec<KnownDeviceBody>,
}

fn body(api: &Api, id: &UserId) -> UserBody {
    let devices = api.chat().roster().connections_of(id).len();
    let (sanction, now) = (api.chat().sanctions().of(id), Time::now());
    let (ban, mute) = (term(sanction.ban, now), term(sanction.mute, now));
    UserBody { id: id.clone(), online: devices > 0, devices, ban, mute }
}

pub async fn list(api: &Api, call: &mut Call) -> Outcome {
    let (limit, after) = (call.limit(MAX_LIMIT)?, call.name_cursor()?);
    let prefix = call.query("prefix").unwrap_or_default();
    let online = call.query_flag("online")?;
    call.finish()?;
    let mut users = match online {
        true => Vec::new(),
        false => api.chat().users(prefix.clone(), after.clone(), limit + 1).await?,
    };
    // Who is here for the first time is in no table yet.
    users.extend(api.chat().roster().users_here());
    users.retain(|user| user.as_str() > after.as_str() && user.as_str().starts_with(&prefix));
    users.sort();
    users.dedup();
    let more = users.len() > limit as usize;
    users.truncate(limit as usize);
    let cursor = if more { users.last().map(|user| call::after(user.as_str())) } else { None };
    let users: Vec<_> = users.iter().map(|user| body(api, user)).collect();
    Ok(Reply::ok(&json!({ "users": users, "cursor": cursor })))
}

pub async fn show(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    call.finish()?;
    profile(api, user).await.map(|profile| Reply::ok(&json!({ "user": profile })))
}

async fn profile(api: &Api, user: UserId) -> Result<ProfileBody, Error> {
    let known = api.chat().profile(user.clone()).await?;
    let connections = devices_of(api, &user);
    Ok(ProfileBody {
        status: if known.devices > 0 { known.status.as_str() } else { Status::Offline.as_str() },
        status_text: known.text,
        last_seen: known.last_seen,
        conversations: known.conversations,
        unread_notifications: known.unread,
        tokens_revoked_until: api.chat().sanctions().of(&user).tokens_until,
        absent: absent_of(api, &user, &connections).await?,
        connections,
        user: body(api, &user),
    })
}

/// Makes a user known before they have ever connected, so that others find them.
pub async fn introduce(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    call.optional_body();
    call.finish()?;
    let is_new = api.chat().introduce(user.clone()).await?;
    let body = json!({ "user": profile(api, user).await? });
    Ok(if is_new { Reply::created(&body) } else { Reply::ok(&body) })
}

pub async fn set_status(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    let fields = call.body()?;
    let status = fields.string("status")?;
    let status = Status::parse(&status).ok_or_else(|| Error::invalid("status", Status::NAMES))?;
    let text = fields.optional_string("text")?;
    call.finish()?;
    api.chat().introduce(user.clone()).await?;
    let status = api.chat().set_status(&Actor::named(user), status, text).await?;
    Ok(Reply::ok(&json!({ "status": status.as_str() })))
}

pub async fn delete(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    let messages = match call.query("messages").as_deref() {
        None | Some("tombstone") => Messages::Bury,
        Some("anonymise") => Messages::Keep,
        Some(_) => return Err(Error::invalid("messages", "\"tombstone\" or \"anonymise\"")),
    };
    call.finish()?;
    api.chat().expect_user(&user).await?;
    let erased = api.chat().erase(&user, messages).await?;
    Ok(Reply::ok(&json!({ "messages": erased.messages, "conversations": erased.conversations })))
}

pub async fn presence(api: &Api, call: &mut Call) -> Outcome {
    let mut users = Vec::new();
    for text in call.query_all("userId") {
        users.push(UserId::new(&text).map_err(|expected| Error::invalid("userId", expected))?);
    }
    call.finish()?;
    if users.is_empty() || users.len() > MAX_LIMIT as usize {
        return Err(Error::invalid("userId", format_args!("1 to {MAX_LIMIT} of them")));
    }
    let presence = api.chat().presence_of(users).await?;
    let presence: Vec<_> = presence.iter().map(PresenceBody::from).collect();
    Ok(Reply::ok(&json!({ "presence": presence })))
}

pub async fn conversations(api: &Api, call: &mut Call) -> Outcome {
    let (user, limit) = (call.user()?, call.limit(MAX_LIMIT)?);
    let cursor = call.query("cursor").map(|text| list_cursor(&text)).transpose()?;
    call.finish()?;
    let (found, next) = api.chat().conversations(&Actor::named(user), cursor, limit).await?;
    let conversations: Vec<_> = found.iter().map(ConversationBody::from).collect();
    let cursor = next.map(|at| format!("{}.{}", at.active_at.0, at.key));
    Ok(Reply::ok(&json!({ "conversations": conversations, "cursor": cursor })))
}

fn list_cursor(text: &str) -> Result<crate::store::ListCursor, Error> {
    let parts = text.split_once('.').and_then(|(at, key)| Some((at.parse().ok()?, key.parse().ok()?)));
    let (at, key) = parts.ok_or_else(call::bad_cursor)?;
    Ok(crate::store::ListCursor { active_at: Time(at), key })
}

/// All that there is of a person, a page at a time: conversations, then notifications, then messages.
pub async fn export(api: &Api, call: &mut Call) -> Outcome {
    let user = call.user()?;
    let cursor = call.query("cursor").unwrap_or_else(|| "conversations:".into());
    call.finish()?;
    let (part, at) = cursor.split_once(':').ok_or_else(call::bad_cursor)?;
    let key = || at.parse::<i64>().map_err(|_| call::bad_cursor());
    let actor = Actor::named(user.clone());
    let page = match part {
        "conversations" => {
            let after = (!at.is_empty()).then(|| list_cursor(at)).transpose()?;
            let (found, next) = api.chat().conversations(&actor, after, MAX_LIMIT).await?;
            let mut items = Vec::with_capacity(found.len() + 1);
            if at.is_empty() {
                items.push(json!({ "user": profile(api, user.clone()).await? }));
            }
            items.extend(found.iter().map(|one| json!({ "conversation": ConversationBody::from(one) })));
            let next = next.map(|at| format!("conversations:{}.{}", at.active_at.0, at.key));
            (items, Some(next.unwrap_or_else(|| "notifications:".into())))
        }
        "notifications" => {
            let before = (!at.is_empty()).then(key).transpose()?;
            let inbox = api.chat().notifications(&actor, before, MAX_LIMIT).await?;
            let items =
                inbox.entries.iter().map(|one| json!({ "notification": NotificationBody::from(one) })).collect();
            let next = inbox.next.map(|key| format!("notifications:{key}"));
            (items, Some(next.unwrap_or_else(|| "messages:0".into())))
        }
        "messages" => {
            let after = key()?;
            let trail = api.chat().store().read(move |query| Ok(query.trail(&user, after)?)).await?;
            let items = trail.messages.iter().map(|one| json!({ "message": MessageBody::from(one) })).collect();
            (items, Some(trail.next.map_or_else(|| "asides:".into(), |key| format!("messages:{key}"))))
        }
        // What stands outside of the order.
        "asides" if at.is_empty() => {
            let asides = api.chat().store().read(move |query| Ok(query.asides_of(&user)?)).await?;
            (asides.iter().map(|one| json!({ "message": MessageBody::from(one) })).collect(), None)
        }
        _ => return Err(call::bad_cursor()),
    };
    let (items, cursor): (Vec<serde_json::Value>, Option<String>) = page;
    Ok(Reply::ok(&json!({ "items": items, "cursor": cursor })))
}
