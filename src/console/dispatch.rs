//! From commands to what answers them.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::client::Answer;
use super::verbs::{
    connection, conversation, doctor, follow, message, person, plugin, review, status, store, token, user, webhook,
};
use super::{Console, Errand};
use crate::admin::answer::{Configuration, Draining};
use crate::admin::protocol::{Command, Failure};

/// The tightest lockdown.
const MAX_LOCKDOWN: u8 = 3;

/// Does what `operator` asks.
///
/// # Errors
/// What the command refused.
pub async fn run(console: &Arc<Console>, command: Command, operator: &str) -> Result<Answer, Failure> {
    match command {
        Command::Status(_) => ok(status::status(console).await?),
        Command::Stats(_) => ok(status::stats(console).await?),
        Command::Reload(_) => ok(console.ask(Errand::Reload).await??),
        Command::ConfigShow(_) => {
            let (source, settings) = console.ask(Errand::Config).await?;
            ok(Configuration { source, settings })
        }
        Command::ConfigDiff(_) => ok(console.ask(Errand::Diff).await??),
        Command::UserList(request) => ok(user::list(console, request).await?),
        Command::UserShow(request) => ok(user::show(console, request).await?),
        Command::UserKick(request) => ok(user::kick(console, request).await?),
        Command::UserBan(request) => ok(user::ban(console, request).await?),
        Command::UserUnban(request) => ok(user::unban(console, request).await?),
        Command::UserMute(request) => ok(user::mute(console, request).await?),
        Command::UserUnmute(request) => ok(user::unmute(console, request).await?),
        Command::UserExport(request) => person::export(console, request).await,
        Command::UserDelete(request) => ok(person::delete(console, request).await?),
        Command::UserNotify(request) => ok(user::notify(console, request).await?),
        Command::Broadcast(request) => ok(user::broadcast(console, request).await?),
        Command::ConnectionList(request) => ok(connection::list(console, request)?),
        Command::ConnectionShow(request) => ok(connection::show(console, &request)?),
        Command::ConnectionKick(request) => ok(connection::kick(console, request).await?),
        Command::ConversationList(request) => ok(conversation::list(console, request).await?),
        Command::ConversationLive(request) => ok(conversation::live(console, &request)),
        Command::ConversationShow(request) => ok(conversation::show(console, request).await?),
        Command::ConversationCreate(request) => ok(conversation::create(console, request).await?),
        Command::ConversationDelete(request) => ok(conversation::delete(console, request).await?),
        Command::ConversationMembers(request) => ok(conversation::members(console, request).await?),
        Command::ConversationHistory(request) => ok(conversation::history(console, request).await?),
        Command::ConversationSend(request) => ok(conversation::send(console, request).await?),
        Command::MessageShow(request) => ok(message::show(console, request).await?),
        Command::MessageDelete(request) => ok(message::delete(console, request).await?),
        Command::MessageSearch(request) => ok(message::search(console, request).await?),
        Command::PluginList(_) => ok(plugin::list(console)),
        Command::PluginShow(request) => ok(plugin::show(console, &request)?),
        Command::PluginEnable(request) => ok(plugin::switch(console, request, true).await?),
        Command::PluginDisable(request) => ok(plugin::switch(console, request, false).await?),
        Command::PluginReload(_) => ok(plugin::reload(console)?),
        Command::PluginCall(request) => ok(plugin::call(console, request, operator).await?),
        Command::ReviewList(request) => ok(review::list(console, request).await?),
        Command::ReviewApprove(request) => ok(review::approve(console, request).await?),
        Command::ReviewReject(request) => ok(review::reject(console, request).await?),
        Command::WebhookList(_) => ok(webhook::list(console).await?),
        Command::WebhookShow(request) => ok(webhook::show(console, request).await?),
        Command::WebhookPause(request) => ok(webhook::pause(console, request).await?),
        Command::WebhookResume(request) => ok(webhook::resume(console, request).await?),
        Command::WebhookReplay(request) => ok(webhook::replay(console, request).await?),
        Command::WebhookTest(request) => ok(webhook::test(console, request).await?),
        Command::Log(request) => follow::log(console, &request),
        Command::Events(request) => Ok(follow::events(console, request)),
        Command::StoreCheck(_) => ok(store::check(console).await?),
        Command::StorePrune(_) => ok(store::prune(console).await?),
        Command::Backup(_) => store::backup(console).await,
        Command::Drain(_) => ok(Draining { connections: console.ask(Errand::Drain).await? }),
        Command::Shutdown(_) => ok(console.ask(Errand::Shutdown).await?),
        Command::Doctor(_) => ok(doctor::examine(console).await?),
        Command::Lockdown(request) if request.level > MAX_LOCKDOWN => {
            Err(Failure::bad_params(format!("level: expected 0 to {MAX_LOCKDOWN}")))
        }
        Command::Lockdown(request) => {
            let span = Duration::from_secs(request.seconds);
            ok(console.ask(|reply| Errand::Lockdown(request.level, span, reply)).await?)
        }
        Command::TokenMint(request) => ok(token::mint(console, request).await?),
        Command::TokenVerify(request) => ok(token::verify(console, request).await?),
        Command::TokenRevoke(request) => ok(token::revoke(console, request).await?),
    }
}

fn ok<T: Serialize>(result: T) -> Result<Answer, Failure> {
    let result = serde_json::to_value(result).expect("answers have string keys and no failing serialiser");
    Ok(Answer { result, stream: None })
}
