//! Between what the rooms above speak of and what scripts see of it. Fields are named as clients know them.

use std::sync::Arc;

use rhai::{Array, Dynamic, Map};

use super::run::Fault;
use super::value::{self, kind_name, with_article};
use crate::domain::access::Role;
use crate::domain::conversation::{Conversation, MAX_METADATA_BYTES};
use crate::domain::hooks::{Arg, Person, Point};
use crate::domain::id::UserId;
use crate::domain::message::{Message, MessageType};

/// The longest name that a script may give a user, and the most roles.
const MAX_NAME_BYTES: usize = 256;
const MAX_ROLES: usize = 64;

/// Metadata that a script has added to: what a client brings may be at its limit already, and must not get round a script by
/// that.
const MAX_MADE_BYTES: usize = 2 * MAX_METADATA_BYTES;

/// Users whose reactions a script is shown.
const MAX_REACTORS: usize = 200;

pub fn to_script(arg: &Arg) -> Dynamic {
    match arg {
        Arg::User(person) => user(person).into(),
        Arg::Message(message) => self::message(message).into(),
        Arg::Conversation(conversation, role) => self::conversation(conversation, *role).into(),
        Arg::Value(json) => value::from_json(json),
    }
}

fn user(person: &Person) -> Map {
    let mut map = Map::new();
    map.insert("id".into(), person.id.as_str().into());
    map.insert("name".into(), text_or_nothing(person.name.as_deref()));
    map.insert("roles".into(), person.roles.iter().map(|role| role.as_str().into()).collect::<Array>().into());
    let claims = serde_json::Value::Object(person.claims.clone());
    let claims = if value::fits(&claims) { value::from_json(&claims) } else { Map::new().into() };
    map.insert("claims".into(), claims);
    map
}

fn message(message: &Message) -> Map {
    let mut map = Map::new();
    let mut put = |name: &str, value: Dynamic| map.insert(name.into(), value);
    put("id", message.id.to_string().into());
    put("conversationId", message.conversation.as_str().into());
    put("seq", message.place().map_or(Dynamic::UNIT, |seq| i64::try_from(seq).unwrap_or(i64::MAX).into()));
    put("senderId", message.sender.as_str().into());
    put("content", text_or_nothing(message.content.as_deref()));
    put("type", message.kind.as_str().into());
    put("timestamp", message.at.to_string().into());
    put("mentions", users(&message.mentions));
    // A map in any case, so that a script may put something into it.
    put("metadata", metadata_of(message.metadata.as_deref()));
    if let Some(client_id) = &message.client_id {
        put("clientId", client_id.as_str().into());
    }
    if let Some(reply_to) = message.reply_to {
        put("replyTo", reply_to.to_string().into());
    }
    if let Some(attachments) = &message.attachments {
        put("attachments", value::from_client(attachments).unwrap_or_else(|| Array::new().into()));
    }
    if let Some(at) = message.edited_at {
        put("editedAt", at.to_string().into());
    }
    if let Some(at) = message.deleted_at {
        put("deletedAt", at.to_string().into());
    }
    let reactors: usize = message.reactions.0.iter().map(|(_, list)| list.len()).sum();
    if !message.reactions.is_empty() && reactors <= MAX_REACTORS {
        let reactions = message.reactions.0.iter().map(|(emoji, list)| (emoji.as_str().into(), users(list)));
        put("reactions", reactions.collect::<Map>().into());
    }
    map
}

/// A map in any case, so that a script may put something into it; an empty one where it could not hold what there is.
fn metadata_of(text: Option<&str>) -> Dynamic {
    text.and_then(value::from_client).unwrap_or_else(|| Map::new().into())
}

fn text_or_nothing(text: Option<&str>) -> Dynamic {
    text.map_or(Dynamic::UNIT, Into::into)
}

fn users(list: &[UserId]) -> Dynamic {
    list.iter().map(|user| user.as_str().into()).collect::<Array>().into()
}

fn conversation(conversation: &Conversation, role: Option<Role>) -> Map {
    let mut map = Map::new();
    let mut put = |name: &str, value: Dynamic| map.insert(name.into(), value);
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX).into();
    put("id", conversation.id.as_str().into());
    put("type", conversation.kind.as_str().into());
    put("title", text_or_nothing(conversation.title.as_deref()));
    put("ownerId", conversation.owner.as_ref().map_or(Dynamic::UNIT, |owner| owner.as_str().into()));
    put("members", number(conversation.member_count));
    put("lastSeq", number(conversation.last_seq));
    put("metadata", metadata_of(conversation.metadata.as_deref()));
    put("createdAt", conversation.created_at.to_string().into());
    put("updatedAt", conversation.updated_at.to_string().into());
    put("role", role.map_or(Dynamic::UNIT, |role| role.as_str().into()));
    let mut settings = Map::new();
    settings.insert("post".into(), conversation.settings.post.as_str().into());
    settings.insert("invite".into(), conversation.settings.invite.as_str().into());
    put("settings", settings.into());
    map
}

/// What a script made of `before`, where it may change that. Fields that it may not change are as they were.
///
/// # Errors
/// Where a field does not hold what it should.
pub fn changed(point: Point, before: &Arg, after: &Dynamic) -> Result<Arg, Fault> {
    let fault = |error: Misfit| Fault::of(format!("{} returned a {}", point.hook(), error.0));
    match before {
        Arg::Message(message) => {
            message_changed(point, message, after).map(|new| Arg::Message(new.into())).map_err(fault)
        }
        Arg::User(person) => person_changed(person, after).map(|new| Arg::User(new.into())).map_err(fault),
        Arg::Value(_) => value::to_json(after).map(Arg::Value).map_err(|error| Fault::of(error.to_string())),
        Arg::Conversation(..) => Ok(before.clone()),
    }
}

/// What is wrong with a field, as it follows "returned a".
struct Misfit(String);

fn misfit(what: &str, field: &str, expected: &str, found: &Dynamic) -> Misfit {
    Misfit(format!("{what} whose {field} is {}: expected {expected}", with_article(kind_name(found))))
}

fn message_changed(point: Point, before: &Arc<Message>, after: &Dynamic) -> Result<Message, Misfit> {
    let mut message = Message::clone(before);
    let Ok(map) = after.as_map_ref() else { return Ok(message) };
    if let Some(content) = map.get("content") {
        let text = content.as_immutable_string_ref().map_err(|_| misfit("message", "content", "a string", content))?;
        if message.content.as_deref() != Some(&**text) {
            message.content = Some(text.to_string());
        }
    }
    if let Some(kind) = map.get("type") {
        let text = kind.as_immutable_string_ref().map_err(|_| misfit("message", "type", "a string", kind))?;
        if message.kind.as_str() != &**text {
            let token =
                if &**text == "system" { Some(MessageType::stored("system")) } else { MessageType::from_client(&text) };
            message.kind = token.ok_or_else(|| misfit("message", "type", MessageType::EXPECTED, kind))?;
        }
    }
    if let Some(metadata) = map.get("metadata") {
        message.metadata = metadata_changed(before.metadata.as_deref(), metadata).ok_or_else(|| {
            misfit("message", "metadata", &format!("a map of at most {MAX_MADE_BYTES} bytes of JSON"), metadata)
        })?;
    }
    // Whom an edit mentions is found out again; only a new message's list may be changed.
    if point == Point::Message
        && let Some(mentions) = map.get("mentions")
    {
        message.mentions =
            user_list(mentions).ok_or_else(|| misfit("message", "mentions", "an array of user ids", mentions))?;
    }
    Ok(message)
}

/// The metadata after a script has had it: as it was where the script left it alone, whatever it could see of it, and with
/// what the script has put into it where that was not all. `Some(None)` is an object with nothing in it.
fn metadata_changed(before: Option<&str>, after: &Dynamic) -> Option<Option<String>> {
    let given = before.map(|text| (text, value::from_client(text)));
    let seen = value::to_json(&metadata_of(before)).ok()?;
    let made = match after.is_unit() {
        true => serde_json::Value::Object(serde_json::Map::new()),
        false => after.is_map().then(|| value::to_json(after).ok()).flatten()?,
    };
    if made == seen {
        return Some(before.map(str::to_owned));
    }
    let serde_json::Value::Object(mut fields) = made else { return None };
    if let Some((text, None)) = given
        && let Ok(serde_json::Value::Object(mut all)) = serde_json::from_str(text)
    {
        all.append(&mut fields);
        fields = all;
    }
    if fields.is_empty() {
        return Some(None);
    }
    let text = serde_json::Value::Object(fields).to_string();
    (text.len() <= MAX_MADE_BYTES).then_some(Some(text))
}

pub fn user_list(value: &Dynamic) -> Option<Vec<UserId>> {
    let items = value.as_array_ref().ok()?;
    items.iter().map(|item| UserId::new(&item.as_immutable_string_ref().ok()?).ok()).collect()
}

fn person_changed(before: &Arc<Person>, after: &Dynamic) -> Result<Person, Misfit> {
    let mut person = Person::clone(before);
    let Ok(map) = after.as_map_ref() else { return Ok(person) };
    let is_name = |text: &str| !text.is_empty() && text.len() <= MAX_NAME_BYTES && !text.chars().any(char::is_control);
    if let Some(name) = map.get("name") {
        person.name = match name.as_immutable_string_ref() {
            Ok(text) if is_name(&text) => Some(text.to_string()),
            Err(_) if name.is_unit() => None,
            _ => return Err(misfit("user", "name", "a string of at most 256 bytes, or nothing", name)),
        };
    }
    if let Some(roles) = map.get("roles") {
        let expected = "an array of at most 64 short strings";
        let wrong = || misfit("user", "roles", expected, roles);
        let items = roles.as_array_ref().map_err(|_| wrong())?;
        let text = |item: &Dynamic| {
            item.as_immutable_string_ref().ok().map(|text| text.to_string()).filter(|text| is_name(text))
        };
        person.roles = items
            .iter()
            .map(text)
            .collect::<Option<_>>()
            .filter(|list: &Vec<_>| list.len() <= MAX_ROLES)
            .ok_or_else(wrong)?;
    }
    Ok(person)
}
