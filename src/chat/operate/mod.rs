//! The verbs of operators, who are in no conversation and ask nobody's leave. They decide and remember as the users' verbs
//! do, and what they bring about leaves through the same bus.

mod broadcast;
mod conversation;
mod erase;
mod inbox;
mod kick;
mod member;
mod message;
mod review;
mod sanction;
mod tokens;
mod user;

pub use self::erase::Messages;
pub use self::inbox::Entry;
pub use self::kick::Whom;

/// Who speaks where the server itself does.
pub const SPEAKER: &str = "chatd";
