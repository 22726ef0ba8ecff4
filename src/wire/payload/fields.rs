//! A strict reader of JSON objects: every error names the field and what was expected, and no field is unknown.

use serde_json::{Map, Value};

use crate::domain::error::Error;
use crate::domain::id::{ConversationId, MAX_ID_BYTES, MessageId, UserId};
use crate::domain::time::Time;

/// An object whose fields are taken one by one; [`Fields::finish`] refuses what is left.
pub struct Fields(Map<String, Value>);

type Read<T> = Result<T, Error>;

impl Fields {
    /// # Errors
    /// `INVALID` where the payload is no object.
    pub fn of(payload: Value) -> Read<Self> {
        match payload {
            Value::Object(map) => Ok(Fields(map)),
            _ => Err(Error::invalid("payload", "an object")),
        }
    }

    /// `path` is where the object stands, with a dot behind it, or nothing.
    ///
    /// # Errors
    /// `INVALID`, naming a field that nobody asked for.
    pub fn finish(self, path: &str) -> Read<()> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
                Err(Error::invalid(&format!("{path}{shown}"), "no such field"))
            }
        }
    }

    /// Sets a field that stands elsewhere, such as in a path.
    pub fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Whether a field is there and not `null`.
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    /// A field that may be missing; `null` counts as missing.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// A field that may be missing (`None`), `null` (`Some(None)`) or there.
    pub fn take_nullable(&mut self, name: &str) -> Option<Option<Value>> {
        self.0.remove(name).map(|value| Some(value).filter(|value| !value.is_null()))
    }

    pub fn string(&mut self, name: &str) -> Read<String> {
        self.optional_string(name)?.ok_or_else(|| Error::invalid(name, "a string"))
    }

    pub fn optional_string(&mut self, name: &str) -> Read<Option<String>> {
        self.take(name).map(|value| string(name, value)).transpose()
    }

    pub fn flag(&mut self, name: &str) -> Read<bool> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(Error::invalid(name, "true or false")),
        }
    }

    /// A whole number from 0 on.
    pub fn optional_count(&mut self, name: &str) -> Read<Option<u64>> {
        self.take(name).map(|value| count(name, &value)).transpose()
    }

    /// A number from 1 to `max`, `default` where it is missing.
    pub fn limit(&mut self, default: u32, max: u32) -> Read<u32> {
        match self.take("limit") {
            None => Ok(default.min(max)),
            Some(value) => value
                .as_u64()
                .and_then(|limit| u32::try_from(limit).ok())
                .filter(|limit| (1..=max).contains(limit))
                .ok_or_else(|| Error::invalid("limit", format_args!("a whole number from 1 to {max}"))),
        }
    }

    pub fn conversation(&mut self) -> Read<ConversationId> {
        self.optional_conversation("conversationId")?.ok_or_else(|| Error::invalid("conversationId", ID))
    }

    pub fn optional_conversation(&mut self, name: &str) -> Read<Option<ConversationId>> {
        self.take(name).map(|value| conversation(name, &value)).transpose()
    }

    pub fn user(&mut self) -> Read<UserId> {
        self.take("userId").ok_or_else(|| Error::invalid("userId", ID)).and_then(|value| user("userId", &value))
    }

    pub fn optional_user(&mut self, name: &str) -> Read<Option<UserId>> {
        self.take(name).map(|value| user(name, &value)).transpose()
    }

    /// Up to `max` user ids.
    pub fn users(&mut self, name: &str, max: usize) -> Read<Option<Vec<UserId>>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let expected = || Error::invalid(name, format_args!("an array of at most {max} user ids"));
        let Value::Array(list) = value else { return Err(expected()) };
        if list.len() > max {
            return Err(expected());
        }
        list.iter().map(|value| user(name, value)).collect::<Read<Vec<_>>>().map(Some)
    }

    pub fn message(&mut self) -> Read<MessageId> {
        self.optional_message("messageId")?.ok_or_else(|| Error::invalid("messageId", MESSAGE_ID))
    }

    pub fn optional_message(&mut self, name: &str) -> Read<Option<MessageId>> {
        let parse = |value: Value| value.as_str().and_then(MessageId::parse);
        self.take(name).map(|value| parse(value).ok_or_else(|| Error::invalid(name, MESSAGE_ID))).transpose()
    }

    /// A time, `null` for none, or missing.
    pub fn nullable_time(&mut self, name: &str) -> Read<Option<Option<Time>>> {
        let expected = || Error::invalid(name, "a time such as \"2026-01-31T12:00:00.000Z\", or null");
        let parse = |value: Value| value.as_str().and_then(Time::parse).ok_or_else(expected);
        self.take_nullable(name).map(|value| value.map(parse).transpose()).transpose()
    }

    /// An object, kept as JSON text of at most `max` bytes.
    pub fn object_text(&mut self, name: &str, max: usize) -> Read<Option<String>> {
        self.take(name).map(|value| object_text(name, &value, max)).transpose()
    }
}

const ID: &str = "a non-empty string of at most 128 bytes without control characters";
const MESSAGE_ID: &str = "the id of a message";

pub fn string(name: &str, value: Value) -> Read<String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Error::invalid(name, "a string")),
    }
}

pub fn count(name: &str, value: &Value) -> Read<u64> {
    let expected = || Error::invalid(name, "a whole number from 0 on");
    // A number beyond what the store can count would be a different number there.
    value.as_u64().filter(|count| i64::try_from(*count).is_ok()).ok_or_else(expected)
}

pub fn conversation(name: &str, value: &Value) -> Read<ConversationId> {
    value.as_str().and_then(|text| ConversationId::new(text).ok()).ok_or_else(|| Error::invalid(name, ID))
}

pub fn user(name: &str, value: &Value) -> Read<UserId> {
    value.as_str().and_then(|text| UserId::new(text).ok()).ok_or_else(|| Error::invalid(name, ID))
}

pub fn object_text(name: &str, value: &Value, max: usize) -> Read<String> {
    let text = value.is_object().then(|| value.to_string()).filter(|text| text.len() <= max);
    text.ok_or_else(|| Error::invalid(name, format_args!("an object of at most {max} bytes as JSON")))
}

const _: () = assert!(MAX_ID_BYTES == 128, "the text above says so");
