//! Identifiers: those that users bring (any short text) and those that the server makes (UUIDv7).

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use uuid::Uuid;

/// The longest identifier that a user may bring, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Why a text is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a non-empty string of at most {MAX_ID_BYTES} bytes without control characters")]
pub struct BadId;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes any non-empty text of at most [`MAX_ID_BYTES`] bytes without control characters.
            pub fn new(text: &str) -> Result<Self, BadId> {
                let fits = !text.is_empty() && text.len() <= MAX_ID_BYTES && !text.chars().any(char::is_control);
                if fits { Ok($name(text.into())) } else { Err(BadId) }
            }

            /// Takes a text that was checked when it was stored.
            pub fn stored(text: &str) -> Self {
                $name(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A user, as the login service names them in their token.
    UserId
);
text_id!(
    /// A conversation; chosen by its creator, else a UUIDv7.
    ConversationId
);

impl ConversationId {
    pub fn generate() -> Self {
        ConversationId(Uuid::now_v7().to_string().into())
    }

    /// Whether this is the name under which the store keeps what is left of a deleted conversation: it begins with a
    /// control character, as no id that a user brings does.
    pub fn is_deleted(&self) -> bool {
        self.0.starts_with('\0')
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            pub fn generate() -> Self {
                $name(Uuid::now_v7())
            }

            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }
    };
}

uuid_id!(
    /// A message.
    MessageId
);
uuid_id!(
    /// An entry of a user's notification inbox.
    NotificationId
);

uuid_id!(
    /// What an application is told over HTTP; the same however often it is told.
    EventId
);

/// A connection of this process. Unlike the Socket.IO session id, it is no secret: logs and operators may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_users_bring_are_short_printable_text() {
        let longest = "x".repeat(MAX_ID_BYTES);
        for text in ["a", "room 1", "größe", "👩‍👩‍👧", &longest] {
            assert_eq!(UserId::new(text).map(|id| id.as_str().to_owned()), Ok(text.to_owned()));
        }
        let too_long = "x".repeat(MAX_ID_BYTES + 1);
        for text in ["", "a\nb", "\u{0}", "a\u{7f}", &too_long] {
            assert_eq!(ConversationId::new(text), Err(BadId), "{text:?}");
        }
    }
}
