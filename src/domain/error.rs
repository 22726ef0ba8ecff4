//! What a refusal looks like to the client: a stable code, a sentence, and nothing of the inside.

use std::time::Duration;

/// The stable codes of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    TokenMissing,
    TokenInvalid,
    TokenExpired,
    TokenRevoked,
    Banned,
    /// A plugin's refusal; its text is the message.
    Denied,
    Invalid,
    NotFound,
    Forbidden,
    Conflict,
    Muted,
    RateLimited,
    TooLarge,
    TooManyConnections,
    Unavailable,
    UnknownEvent,
    Internal,
}

impl Code {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Code::TokenMissing,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::TokenRevoked,
        Code::Banned,
        Code::Denied,
        Code::Invalid,
        Code::NotFound,
        Code::Forbidden,
        Code::Conflict,
        Code::Muted,
        Code::RateLimited,
        Code::TooLarge,
        Code::TooManyConnections,
        Code::Unavailable,
        Code::UnknownEvent,
        Code::Internal,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Code::TokenMissing => "TOKEN_MISSING",
            Code::TokenInvalid => "TOKEN_INVALID",
            Code::TokenExpired => "TOKEN_EXPIRED",
            Code::TokenRevoked => "TOKEN_REVOKED",
            Code::Banned => "BANNED",
            Code::Denied => "DENIED",
            Code::Invalid => "INVALID",
            Code::NotFound => "NOT_FOUND",
            Code::Forbidden => "FORBIDDEN",
            Code::Conflict => "CONFLICT",
            Code::Muted => "MUTED",
            Code::RateLimited => "RATE_LIMITED",
            Code::TooLarge => "TOO_LARGE",
            Code::TooManyConnections => "TOO_MANY_CONNECTIONS",
            Code::Unavailable => "UNAVAILABLE",
            Code::UnknownEvent => "UNKNOWN_EVENT",
            Code::Internal => "INTERNAL",
        }
    }
}

/// A refusal, as the client reads it. `message` never holds internals.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", self.code())]
pub struct Error {
    pub code: Code,
    /// With `DENIED`: the code that the plugin puts in its place.
    pub own_code: Option<Box<str>>,
    pub message: String,
    /// With `RATE_LIMITED`: when a retry may pass.
    pub retry_after: Option<Duration>,
    /// With `INTERNAL`: the id that the log line has too.
    pub error_id: Option<String>,
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error { code, own_code: None, message: message.into(), retry_after: None, error_id: None }
    }

    /// The code as the client reads it.
    pub fn code(&self) -> &str {
        self.own_code.as_deref().unwrap_or(self.code.as_str())
    }

    pub fn invalid(field: &str, expected: impl std::fmt::Display) -> Self {
        Error::new(Code::Invalid, format!("{field}: expected {expected}"))
    }

    pub fn not_found(what: &str) -> Self {
        Error::new(Code::NotFound, format!("no such {what}"))
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Error::new(Code::Forbidden, message)
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Error::new(Code::Conflict, message)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Error::new(Code::Unavailable, message)
    }

    /// A defect of ours: whoever makes one logs its id beside the cause.
    pub fn internal(error_id: String) -> Self {
        Error { error_id: Some(error_id), ..Error::new(Code::Internal, "internal error") }
    }

    pub fn too_large(field: &str, limit: crate::domain::units::ByteSize) -> Self {
        Error::new(Code::TooLarge, format!("{field}: at most {limit}"))
    }

    pub fn rate_limited(retry_after: Duration) -> Self {
        Error { retry_after: Some(retry_after), ..Error::new(Code::RateLimited, "too many events, slow down") }
    }
}
