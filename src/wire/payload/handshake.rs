//! What a client says when it connects, beside its token.

use serde_json::Value;

use super::fields::{self, Fields};
use crate::chat::Resume;
use crate::domain::error::Error;
use crate::domain::presence::Status;

/// The longest name of a device, in bytes.
const MAX_DEVICE_BYTES: usize = 128;
/// Conversations that one handshake may resume.
const MAX_RESUMED_CONVERSATIONS: usize = 1_000;

/// The `auth` object of a CONNECT packet.
#[derive(Debug, Default)]
pub struct Handshake {
    pub token: Option<String>,
    pub device: Option<String>,
    pub status: Option<Status>,
    pub resume: Option<Resume>,
}

impl Handshake {
    /// Reads `auth`, which is the application's too: what chatd does not know in it is left alone.
    ///
    /// # Errors
    /// `INVALID`, naming the field.
    pub fn parse(auth: Option<&str>) -> Result<Self, Error> {
        let Some(auth) = auth else { return Ok(Handshake::default()) };
        let auth: Value = serde_json::from_str(auth).map_err(|_| Error::invalid("auth", "JSON"))?;
        if auth.is_null() {
            return Ok(Handshake::default());
        }
        let mut fields = Fields::of(auth).map_err(|_| Error::invalid("auth", "an object"))?;
        let device = fields.optional_string("device")?;
        if device.as_ref().is_some_and(|name| name.len() > MAX_DEVICE_BYTES || name.chars().any(char::is_control)) {
            let expected = format!("a string of at most {MAX_DEVICE_BYTES} bytes without control characters");
            return Err(Error::invalid("device", expected));
        }
        let status = match fields.optional_string("status")? {
            None => None,
            Some(text) => Some(Status::parse(&text).ok_or_else(|| Error::invalid("status", Status::NAMES))?),
        };
        Ok(Handshake {
            token: fields.optional_string("token")?,
            device,
            status,
            resume: fields.take("resume").map(resume).transpose()?,
        })
    }
}

fn resume(value: Value) -> Result<Resume, Error> {
    let mut fields = Fields::of(value).map_err(|_| Error::invalid("resume", "an object"))?;
    let epoch = fields.string("epoch").map_err(|_| Error::invalid("resume.epoch", "a string"))?;
    let expected = || {
        let of = format_args!("an object of at most {MAX_RESUMED_CONVERSATIONS} conversation ids and their last seq");
        Error::invalid("resume.conversations", of)
    };
    let Some(Value::Object(list)) = fields.take("conversations") else { return Err(expected()) };
    if list.len() > MAX_RESUMED_CONVERSATIONS {
        return Err(expected());
    }
    let mut conversations = Vec::with_capacity(list.len());
    for (id, seq) in list {
        let id = fields::conversation("resume.conversations", &Value::String(id))?;
        conversations.push((id, fields::count("resume.conversations", &seq)?));
    }
    Ok(Resume { epoch, conversations })
}
