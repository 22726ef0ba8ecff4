//! One request as a route reads it: the parts of its path, its query, its body. All of it is read strictly: an error names
//! what was expected, and what nobody asked for is refused.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::chat::{Actor, Chat};
use crate::domain::error::Error;
use crate::domain::id::{ConversationId, MessageId, UserId};
use crate::domain::time::Time;
use crate::wire::payload::fields::{self, Fields};

/// Entries of one page, where the request does not say how many.
const DEFAULT_LIMIT: u32 = 50;
/// Entries of one page at most.
pub const MAX_LIMIT: u32 = 200;

type Read<T> = Result<T, Error>;

pub struct Call {
    /// The values of the route's parameters, by name.
    path: Vec<(&'static str, String)>,
    query: Vec<(String, String)>,
    body: Option<Fields>,
    /// Under what a repeated request is known, where it says so.
    idempotency: Option<String>,
}

impl Call {
    pub fn new(path: Vec<(&'static str, String)>, query: &str, body: Option<Value>) -> Read<Self> {
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let body = body.map(Fields::of).transpose().map_err(|_| Error::invalid("body", "an object"))?;
        Ok(Call { path, query, body, idempotency: None })
    }

    pub fn known_by(mut self, idempotency: Option<String>) -> Self {
        self.idempotency = idempotency;
        self
    }

    /// A `clientId` that is the same for a repeated request.
    pub fn idempotency_id(&self) -> Option<String> {
        self.idempotency.clone()
    }

    /// Refuses what nobody has asked for. Called before anything is done.
    pub fn finish(&mut self) -> Read<()> {
        if let Some((name, _)) = self.query.first() {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(Error::invalid(&format!("?{shown}"), "no such parameter"));
        }
        self.body.take().map_or(Ok(()), |body| body.finish(""))
    }

    fn param(&self, name: &str) -> &str {
        self.path.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value)
    }

    pub fn user(&self) -> Read<UserId> {
        fields::user("userId", &self.param("userId").into())
    }

    pub fn conversation(&self) -> Read<ConversationId> {
        let id = fields::conversation("conversationId", &self.param("conversationId").into())?;
        // What waits for its end under another name is there for nobody.
        if id.is_deleted() { Err(Error::not_found("conversation")) } else { Ok(id) }
    }

    /// What is no id of a message is the id of none.
    pub fn message(&self) -> Read<MessageId> {
        MessageId::parse(self.param("messageId")).ok_or_else(|| Error::not_found("message"))
    }

    /// What was asked for behind the `?`.
    pub fn query(&mut self, name: &str) -> Option<String> {
        let at = self.query.iter().position(|(own, _)| own == name)?;
        Some(self.query.remove(at).1)
    }

    pub fn query_all(&mut self, name: &str) -> Vec<String> {
        std::iter::from_fn(|| self.query(name)).collect()
    }

    pub fn query_count(&mut self, name: &str) -> Read<Option<u64>> {
        self.query(name).map(|text| fields::count(name, &number(&text))).transpose()
    }

    pub fn query_flag(&mut self, name: &str) -> Read<bool> {
        match self.query(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::invalid(name, "true or false")),
        }
    }

    pub fn query_user(&mut self, name: &str) -> Read<Option<UserId>> {
        self.query(name).map(|text| fields::user(name, &text.into())).transpose()
    }

    pub fn query_conversation(&mut self, name: &str) -> Read<Option<ConversationId>> {
        self.query(name).map(|text| fields::conversation(name, &text.into())).transpose()
    }

    pub fn limit(&mut self, max: u32) -> Read<u32> {
        let Some(text) = self.query("limit") else { return Ok(DEFAULT_LIMIT.min(max)) };
        let limit = text.parse().ok().filter(|limit| (1..=max).contains(limit));
        limit.ok_or_else(|| Error::invalid("limit", format_args!("a whole number from 1 to {max}")))
    }

    /// A cursor that is the key of the last row of the page before.
    pub fn key_cursor(&mut self) -> Read<Option<i64>> {
        self.query("cursor").map(|text| text.parse().map_err(|_| bad_cursor())).transpose()
    }

    /// A cursor that is the name of the last entry of the page before.
    pub fn name_cursor(&mut self) -> Read<String> {
        let Some(text) = self.query("cursor") else { return Ok(String::new()) };
        text.strip_prefix(AFTER).map(str::to_owned).ok_or_else(bad_cursor)
    }

    /// The body, whose fields are taken one by one.
    pub fn body(&mut self) -> Read<&mut Fields> {
        self.body.as_mut().ok_or_else(|| Error::invalid("body", "an object in JSON"))
    }

    /// The same where nothing need be said.
    pub fn optional_body(&mut self) -> &mut Fields {
        self.body.get_or_insert_with(|| Fields::of(Value::Object(Map::new())).expect("an object is one"))
    }
}

/// What a cursor that is a name begins with: it tells one from any other text.
const AFTER: &str = "after:";

/// The cursor to the page behind `name`.
pub fn after(name: &str) -> String {
    format!("{AFTER}{name}")
}

pub fn bad_cursor() -> Error {
    Error::invalid("cursor", "a cursor as the page before gave it")
}

fn number(text: &str) -> Value {
    text.parse::<u64>().map_or(Value::Null, Value::from)
}

/// A part of a path as it was meant; none where it is no text.
pub fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Somebody as whom the back end acts: who is banned does nothing.
///
/// # Errors
/// `BANNED`
pub fn acting(chat: &Chat, user: UserId) -> Read<Actor> {
    chat.sanctions().of(&user).may_enter(Time::now())?;
    Ok(Actor::named(user))
}
