//! The verbs of operators, who are in no conversation and ask nobody's leave. They decide and remember as the users' verbs
//! do, and what they bring about leaves through the same bus.

mod broadcast;
mod conversation;
mod erase;
mod kick;
mod message;
mod review;
mod sanction;
mod tokens;
mod user;

pub use self::erase::Messages;
pub use self::kick::Whom;
