//! `log` and `events`: what goes on, as it happens.

use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tracing::level_filters::LevelFilter;

use crate::admin::protocol::Failure;
use crate::admin::request;
use crate::console::Console;
use crate::console::client::{Answer, Outflow};
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::time::Time;

pub fn log(console: &Console, request: &request::Log) -> Result<Answer, Failure> {
    let level: LevelFilter =
        request.level.as_deref().unwrap_or("trace").parse().map_err(|_| {
            Failure::bad_params("level: expected \"error\", \"warn\", \"info\", \"debug\" or \"trace\"")
        })?;
    // The reader begins before the past is read: between the two nothing is lost.
    let follow =
        request.follow.then(|| console.journal.read(if request.level.is_some() { level } else { LevelFilter::OFF }));
    let recent = console.journal.recent();
    let mut lines: Vec<Value> = recent.iter().filter_map(|line| at_level(line, level)).collect();
    lines.drain(..lines.len().saturating_sub(request.lines as usize));
    let Some(mut reader) = follow else { return Ok(Answer { result: json!({ "lines": lines }), stream: None }) };
    let stream = move |out: Outflow| -> futures_util::future::BoxFuture<'static, Result<(), Failure>> {
        Box::pin(async move {
            loop {
                let offered = match reader.lines.recv().await {
                    Ok(line) => at_level(&line, level).map_or(Ok(()), |line| out.offer(line)),
                    Err(RecvError::Lagged(count)) => out.missed(count),
                    Err(RecvError::Closed) => return Ok(()),
                };
                if offered.is_err() {
                    return Ok(());
                }
            }
        })
    };
    Ok(Answer { result: json!({ "lines": lines }), stream: Some(Box::new(stream)) })
}

/// A line as JSON, where its level is not below `level`.
fn at_level(line: &str, level: LevelFilter) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    let own: LevelFilter = line.get("level")?.as_str()?.parse().ok()?;
    (own <= level).then_some(line)
}

pub fn events(console: &Console, request: request::Events) -> Answer {
    let mut watcher = console.chat.watch().begin();
    let stream = move |out: Outflow| -> futures_util::future::BoxFuture<'static, Result<(), Failure>> {
        Box::pin(async move {
            loop {
                let offered = match watcher.events.recv().await {
                    Ok(event) => described(&event, &request).map_or(Ok(()), |event| out.offer(event)),
                    Err(RecvError::Lagged(count)) => out.missed(count),
                    Err(RecvError::Closed) => return Ok(()),
                };
                if offered.is_err() {
                    return Ok(());
                }
            }
        })
    };
    Answer { result: json!({}), stream: Some(Box::new(stream)) }
}

/// An event as an operator reads it, where it is of those that were asked for. What was said is left out unless asked for.
fn described(event: &Event, request: &request::Events) -> Option<Value> {
    let mut shown = describe(event, request.content)?;
    let is = |name: &str, wanted: &Option<String>| {
        wanted.as_ref().is_none_or(|wanted| shown.get(name).and_then(Value::as_str) == Some(wanted))
    };
    let kind = shown["event"].as_str().unwrap_or_default();
    let of_kind = request.kinds.is_empty() || request.kinds.iter().any(|wanted| kind.starts_with(wanted.as_str()));
    if !of_kind || !is("user", &request.user) || !is("conversation", &request.conversation) {
        return None;
    }
    shown["at"] = json!(Time::now());
    Some(shown)
}

fn describe(event: &Event, content: bool) -> Option<Value> {
    let said = |name: &str, message: &Message| {
        let mut shown = json!({
            "event": name, "user": message.sender, "conversation": message.conversation,
            "message": message.id, "seq": message.place(),
        });
        if content {
            shown["content"] = json!(message.content);
        }
        shown
    };
    Some(match event {
        Event::MessageNew { message, .. } => said("message:new", message),
        Event::MessageUpdated { message, .. } => said("message:updated", message),
        Event::MessageDeleted { message, .. } => said("message:deleted", message),
        Event::Reaction { message, conversation, user, emoji, removed, .. } => json!({
            "event": "message:reaction", "user": user, "conversation": conversation, "message": message,
            "emoji": emoji, "removed": removed,
        }),
        Event::Delivered { to, mark } => json!({
            "event": "message:delivered", "user": mark.user, "conversation": mark.conversation, "seq": mark.seq, "to": to,
        }),
        Event::Read { to, mark } => json!({
            "event": "message:read", "user": mark.user, "conversation": mark.conversation, "seq": mark.seq, "to": to,
        }),
        Event::ReadElsewhere { mark, .. } => json!({
            "event": "message:read", "user": mark.user, "conversation": mark.conversation, "seq": mark.seq, "to": mark.user,
        }),
        Event::TypingStart { conversation, user } => {
            json!({ "event": "typing:start", "user": user, "conversation": conversation })
        }
        Event::TypingStop { conversation, user } => {
            json!({ "event": "typing:stop", "user": user, "conversation": conversation })
        }
        Event::Online { user, status } => {
            json!({ "event": "user:online", "user": user, "status": status.as_str() })
        }
        Event::Offline { user, last_seen, .. } => {
            json!({ "event": "user:offline", "user": user, "lastSeen": last_seen })
        }
        Event::ConversationCreated { conversation } => {
            json!({ "event": "conversation:created", "conversation": conversation.id })
        }
        Event::ConversationUpdated { conversation } => {
            json!({ "event": "conversation:updated", "conversation": conversation.id })
        }
        Event::ConversationDeleted { conversation } => {
            json!({ "event": "conversation:deleted", "conversation": conversation })
        }
        Event::MemberAdded { conversation, user, .. } => {
            json!({ "event": "member:added", "user": user, "conversation": conversation.id })
        }
        Event::MemberRemoved { conversation, user, .. } => {
            json!({ "event": "member:removed", "user": user, "conversation": conversation })
        }
        Event::MemberUpdated { conversation, member } => json!({
            "event": "member:updated", "user": member.user, "conversation": conversation, "role": member.role.as_str(),
            "mutedUntil": member.muted_until, "bannedUntil": member.banned_until,
        }),
        Event::Dismissed { user, error, .. } => {
            json!({ "event": "user:dismissed", "user": user, "code": error.code() })
        }
        Event::MessageAside { message, .. } => {
            let mut shown = said("message:aside", message);
            shown["pending"] = json!(message.pending);
            shown
        }
        Event::Answer { to, message } => {
            json!({ "event": "command:answered", "user": to, "conversation": message.conversation })
        }
        Event::Proposed(proposal) => {
            json!({ "event": "notification:proposed", "user": proposal.to, "type": proposal.notification.kind })
        }
        // What they hear of stands here already.
        Event::Heard(_) => return None,
        Event::Shout { conversation, event, .. } => json!({ "event": event, "conversation": conversation }),
        Event::Custom { to, event, .. } => json!({ "event": event, "user": to }),
        Event::Notification { to, notification } => {
            json!({ "event": "notification:new", "user": to, "type": notification.kind })
        }
    })
}
