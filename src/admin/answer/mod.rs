//! What each command answers. Times are ISO 8601 in UTC, spans and sizes have their unit in their name.

mod chat;
mod daemon;
mod webhook;

pub use self::chat::*;
pub use self::daemon::*;
pub use self::webhook::*;
