//! `chat` and `users`: what a script wants done, noted here and done after the hook; and what it may ask of who is here.

use rhai::{Dynamic, Engine, ImmutableString, Map, Module};

use super::{Failed, id_of, span};
use crate::domain::conversation::MAX_METADATA_BYTES;
use crate::domain::custom;
use crate::domain::hooks::{Deed, Visible};
use crate::domain::id::{ConversationId, MessageId, UserId};
use crate::domain::message::{MessageType, check_emoji};
use crate::domain::presence::Status;
use crate::plugin::stage;
use crate::plugin::value;

/// Who speaks where a script names nobody.
const SENDER: &str = "chatd";
/// The longest text of a notification or reason, in bytes.
const MAX_TEXT_BYTES: usize = 4_096;
const SEND_OPTIONS: [&str; 4] = ["sender", "type", "replyTo", "metadata"];

pub fn register(engine: &mut Engine) {
    let mut chat = Module::new();
    chat.set_native_fn("send", |conversation: Dynamic, text: ImmutableString| send(&conversation, &text, &Map::new()));
    chat.set_native_fn("send", |conversation: Dynamic, text: ImmutableString, options: Map| {
        send(&conversation, &text, &options)
    });
    chat.set_native_fn("notify", |user: Dynamic, notification: Dynamic| notify(&user, &notification));
    chat.set_native_fn("emit", |user: Dynamic, event: ImmutableString, data: Dynamic| emit(&user, &event, &data));
    chat.set_native_fn("kick", |user: Dynamic| kick(&user, ""));
    chat.set_native_fn("kick", |user: Dynamic, reason: ImmutableString| kick(&user, &reason));
    chat.set_native_fn("mute", |user: Dynamic, conversation: Dynamic, within: Dynamic| {
        mute(&user, &conversation, &within)
    });
    chat.set_native_fn("react", |message: Dynamic, emoji: ImmutableString| {
        let message = message_id(&id_of(&message, "message")?)?;
        check_emoji(&emoji).map_err(|refusal| Failed::from(refusal.message))?;
        want(Deed::React { message, emoji: emoji.to_string(), user: user_id(SENDER)? })
    });
    engine.register_static_module("chat", chat.into());

    let mut users = Module::new();
    users.set_native_fn("is_online", |user: Dynamic| {
        Ok(presence(&user)?.1.is_some_and(|seen| seen.status != Status::Offline))
    });
    users.set_native_fn("get", |user: Dynamic| {
        let (id, seen) = presence(&user)?;
        let Visible { status, text, devices } =
            seen.unwrap_or(Visible { status: Status::Offline, text: None, devices: 0 });
        let mut map = Map::new();
        map.insert("id".into(), id.as_str().into());
        map.insert("online".into(), (status != Status::Offline).into());
        map.insert("status".into(), status.as_str().into());
        map.insert("statusText".into(), text.map_or(Dynamic::UNIT, Dynamic::from));
        map.insert("devices".into(), i64::try_from(devices).unwrap_or(i64::MAX).into());
        Ok(map)
    });
    engine.register_static_module("users", users.into());
}

fn want(deed: Deed) -> Result<(), Failed> {
    stage::with(|stage| stage.want(deed))
}

fn presence(user: &Dynamic) -> Result<(UserId, Option<Visible>), Failed> {
    let user = user_id(&id_of(user, "user")?)?;
    let seen = stage::with(|stage| Ok(stage.services.directory.presence(&user)))?;
    Ok((user, seen))
}

fn send(conversation: &Dynamic, text: &str, options: &Map) -> Result<(), Failed> {
    if let Some(unknown) = options.keys().find(|name| !SEND_OPTIONS.contains(&name.as_str())) {
        return Err(format!("chat::send: there is no option {unknown}, only {}", SEND_OPTIONS.join(", ")).into());
    }
    let option = |name: &str| options.get(name).filter(|value| !value.is_unit());
    let kind = match option("type") {
        Some(kind) => id_of(kind, "type")?.to_string(),
        None => "system".to_owned(),
    };
    if kind != "system" && MessageType::from_client(&kind).is_none() {
        return Err(format!("type: expected {}", MessageType::EXPECTED).into());
    }
    let metadata = match option("metadata") {
        Some(metadata) if metadata.is_map() => Some(json_text(metadata, MAX_METADATA_BYTES)?),
        Some(_) => return Err("metadata: expected a map".into()),
        None => None,
    };
    want(Deed::Send {
        conversation: conversation_id(&id_of(conversation, "conversation")?)?,
        content: text.to_owned(),
        sender: match option("sender") {
            Some(sender) => user_id(&id_of(sender, "sender")?)?,
            None => user_id(SENDER)?,
        },
        kind,
        reply_to: option("replyTo").map(|message| message_id(&id_of(message, "replyTo")?)).transpose()?,
        metadata,
    })
}

fn notify(user: &Dynamic, notification: &Dynamic) -> Result<(), Failed> {
    let user = user_id(&id_of(user, "user")?)?;
    let kind = "plugin".to_owned();
    if let Ok(text) = notification.as_immutable_string_ref() {
        return want(Deed::Notify { user, kind, title: None, message: short(&text)?, data: None });
    }
    let Ok(map) = notification.as_map_ref() else {
        return Err("notification: expected a text or a map with message, title, type and data".into());
    };
    let text = |name: &str| -> Result<Option<String>, Failed> {
        match map.get(name).filter(|value| !value.is_unit()) {
            None => Ok(None),
            Some(value) => match value.as_immutable_string_ref() {
                Ok(text) => Ok(Some(short(&text)?)),
                Err(_) => Err(format!("notification.{name}: expected a text").into()),
            },
        }
    };
    let data = match map.get("data").filter(|value| !value.is_unit()) {
        Some(data) if data.is_map() => Some(json_text(data, MAX_METADATA_BYTES)?),
        Some(_) => return Err("notification.data: expected a map".into()),
        None => None,
    };
    want(Deed::Notify {
        user,
        kind: text("type")?.unwrap_or(kind),
        title: text("title")?,
        message: text("message")?.ok_or("notification.message: expected a text")?,
        data,
    })
}

fn emit(user: &Dynamic, event: &str, data: &Dynamic) -> Result<(), Failed> {
    let json = value::to_json(data).map_err(|error| Failed::from(error.to_string()))?;
    custom::check(event, &json).map_err(|error| Failed::from(error.message))?;
    want(Deed::Emit { user: user_id(&id_of(user, "user")?)?, event: event.to_owned(), data: json })
}

fn kick(user: &Dynamic, reason: &str) -> Result<(), Failed> {
    want(Deed::Kick { user: user_id(&id_of(user, "user")?)?, reason: short(reason)? })
}

fn mute(user: &Dynamic, conversation: &Dynamic, within: &Dynamic) -> Result<(), Failed> {
    let conversation = match conversation.is_unit() {
        true => None,
        false => Some(conversation_id(&id_of(conversation, "conversation")?)?),
    };
    want(Deed::Mute { user: user_id(&id_of(user, "user")?)?, conversation, span: span(within)? })
}

fn user_id(text: &str) -> Result<UserId, Failed> {
    UserId::new(text).map_err(|expected| format!("user: expected {expected}").into())
}

fn conversation_id(text: &str) -> Result<ConversationId, Failed> {
    ConversationId::new(text).map_err(|expected| format!("conversation: expected {expected}").into())
}

fn message_id(text: &str) -> Result<MessageId, Failed> {
    MessageId::parse(text).ok_or_else(|| format!("\"{text}\" is no message's id").into())
}

fn short(text: &str) -> Result<String, Failed> {
    match text.len() {
        ..=MAX_TEXT_BYTES => Ok(text.to_owned()),
        _ => Err(format!("at most {MAX_TEXT_BYTES} bytes of text").into()),
    }
}

fn json_text(value: &Dynamic, most: usize) -> Result<String, Failed> {
    let text = value::to_json(value).map_err(|error| Failed::from(error.to_string()))?.to_string();
    match text.len() <= most {
        true => Ok(text),
        false => Err(format!("at most {most} bytes of JSON").into()),
    }
}
