//! What concerns the whole service: its figures, and messages that wait for a moderator.

use serde_json::json;

use super::super::Api;
use super::super::call::{Call, MAX_LIMIT};
use super::super::reply::Reply;
use super::Outcome;
use crate::wire::payload::encode::MessageBody;

pub async fn stats(api: &Api, call: &mut Call) -> Outcome {
    call.finish()?;
    let (chat, live) = (api.chat(), &api.shared().live);
    let websocket = live.iter().filter(|entry| entry.transport().link().is_some()).count();
    let total = live.len();
    let census = chat.store().read(|query| Ok(query.census()?)).await?;
    let (done, recent) = (chat.tally().now(), chat.tally().recent());
    let seconds = recent.span.as_secs_f64();
    let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    Ok(Reply::ok(&json!({
        "connections": {
            "total": total, "websocket": websocket.min(total), "polling": total.saturating_sub(websocket),
        },
        "usersOnline": chat.roster().user_count(),
        "users": census.users,
        "conversations": census.conversations,
        "totals": {
            "events": done.events, "refused": done.refused, "messages": done.messages, "deliveries": done.deliveries,
        },
        "perSecond": {
            "events": rate(recent.done.events),
            "refused": rate(recent.done.refused),
            "messages": rate(recent.done.messages),
            "deliveries": rate(recent.done.deliveries),
        },
        "store": { "epoch": chat.store().epoch(), "bytes": chat.store().bytes(), "writable": chat.store().health().is_writable() },
    })))
}

pub async fn held(api: &Api, call: &mut Call) -> Outcome {
    let (limit, after) = (call.limit(MAX_LIMIT)?, call.key_cursor()?.unwrap_or(0));
    call.finish()?;
    let (found, waiting) = api.chat().held(after, limit).await?;
    let cursor = found.last().filter(|_| found.len() == limit as usize).map(|held| held.key.to_string());
    let held: Vec<_> = found
        .iter()
        .map(|held| {
            json!({
                "message": MessageBody::from(&held.message),
                "plugin": &*held.hold.plugin,
                "reason": held.hold.reason,
            })
        })
        .collect();
    Ok(Reply::ok(&json!({ "held": held, "waiting": waiting, "cursor": cursor })))
}

pub async fn approve(api: &Api, call: &mut Call) -> Outcome {
    let id = call.message()?;
    call.optional_body();
    call.finish()?;
    let message = api.chat().approve(id).await?;
    Ok(Reply::ok(&json!({ "message": MessageBody::from(&*message) })))
}

pub async fn reject(api: &Api, call: &mut Call) -> Outcome {
    let id = call.message()?;
    let reason = call.optional_body().optional_string("reason")?;
    call.finish()?;
    let message = api.chat().reject(id, reason).await?;
    Ok(Reply::ok(&json!({ "message": MessageBody::from(&*message) })))
}
