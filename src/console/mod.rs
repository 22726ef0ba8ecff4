//! Answers operators on the admin socket: who may ask, what is answered, and a line in the log for all that they change.
//!
//! [`listen`] makes the socket, [`gate`] looks at who is at its other end, [`client`] reads requests and writes answers,
//! and [`dispatch`] leads each command to the file in `verbs` that answers it. What only the daemon itself can do, such as
//! a reload, goes to it as an [`Errand`].

mod client;
pub mod config;
mod dispatch;
mod gate;
pub mod journal;
pub mod listen;
mod verbs;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::admin::answer::{Diff, Lockdown, Reloaded, Setting};
use crate::admin::protocol::Failure;
use crate::auth::mint;
use crate::chat::Chat;
use crate::domain::error::Error;
use crate::domain::id::{BadId, ConversationId, UserId};
use crate::domain::time::Time;
use crate::plugin::Host;
use crate::webhook::Webhooks;
use crate::wire::dispatch::Shared;

/// What the commands work with.
pub struct Console {
    pub chat: Arc<Chat>,
    pub shared: Arc<Shared>,
    pub host: Arc<Host>,
    pub webhooks: Arc<Webhooks>,
    pub errands: mpsc::Sender<Errand>,
    pub journal: Arc<journal::Journal>,
    pub node: String,
    /// Where clients connect.
    pub listen: Vec<String>,
    pub started: (Instant, Time),
}

/// The way back to who asked.
type Reply<T> = oneshot::Sender<T>;

/// What only the daemon itself can do.
pub enum Errand {
    Reload(Reply<Result<Reloaded, Failure>>),
    /// The effective configuration, secrets masked, and a few words on where it came from.
    Config(Reply<(String, Vec<Setting>)>),
    /// Tighter limits for a while; and how tight they are then.
    Lockdown(u8, Duration, Reply<Lockdown>),
    /// How tight they are.
    Locked(Reply<Lockdown>),
    /// A token signed with the daemon's secret.
    Mint(mint::Claims, Reply<Result<String, Failure>>),
    /// Lets nobody in any more, and has who is connected come back elsewhere; how many those are.
    Drain(Reply<usize>),
    /// The same, and then the process ends.
    Shutdown(Reply<()>),
    /// What a reload would do.
    Diff(Reply<Result<Diff, Failure>>),
}

impl Console {
    /// Has the daemon do something, and waits for what came of it.
    async fn ask<T>(&self, errand: impl FnOnce(Reply<T>) -> Errand) -> Result<T, Failure> {
        let gone = || Failure::refused("UNAVAILABLE", "the daemon is ending");
        let (reply, answer) = oneshot::channel();
        self.errands.send(errand(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }
}

/// # Errors
/// Where a text is no user id.
fn user_id(text: &str) -> Result<UserId, Failure> {
    UserId::new(text).map_err(|expected| bad_id("user", expected))
}

/// # Errors
/// Where a text is no conversation id.
fn conversation_id(text: &str) -> Result<ConversationId, Failure> {
    ConversationId::new(text).map_err(|expected| bad_id("conversation", expected))
}

fn bad_id(field: &str, expected: BadId) -> Failure {
    Failure::bad_params(format!("{field}: expected {expected}"))
}

/// A verb's refusal, as operators read it.
fn refused(error: Error) -> Failure {
    let failure = Failure::refused(error.code(), error.message.clone());
    match error.error_id {
        Some(id) => failure.hint(format!("the log has the reason under the error id {id}")),
        None => failure,
    }
}
