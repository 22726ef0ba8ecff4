//! `connection.*`, by the daemon's own ids: a Socket.IO session id is its client's secret.

use std::sync::Arc;

use crate::admin::answer::{ConnectionLine, ConnectionList, Kicked};
use crate::admin::protocol::Failure;
use crate::admin::request;
use crate::chat::operate::Whom;
use crate::console::{Console, refused, user_id};
use crate::domain::id::{ConnectionId, UserId};
use crate::domain::sanction;
use crate::wire::dispatch::Dispatcher;

/// Connections of one list at most.
const MAX_LIST: u32 = 10_000;

pub fn list(console: &Console, request: request::ConnectionList) -> Result<ConnectionList, Failure> {
    let user = request.user.as_deref().map(user_id).transpose()?;
    let limit = request.limit.clamp(1, MAX_LIST) as usize;
    let Some(user) = user else {
        let mut all = console.shared.all();
        all.sort_by_key(|dispatcher| dispatcher.session().connection.id);
        // Of a hundred thousand connections only those that are shown are looked at.
        let connections = all.iter().take(limit).map(line).collect();
        return Ok(ConnectionList { connections, total: all.len() });
    };
    let mut connections = of_user(console, &user);
    let total = connections.len();
    connections.truncate(limit);
    match total {
        0 => Err(Failure::nothing(format!("{user} is not connected"))),
        _ => Ok(ConnectionList { connections, total }),
    }
}

/// Those of one user, the oldest first.
pub fn of_user(console: &Console, user: &UserId) -> Vec<ConnectionLine> {
    let mut ids: Vec<_> = console.chat.roster().connections_of(user).iter().map(|device| device.id).collect();
    ids.sort();
    ids.iter().filter_map(|id| console.shared.live.get(id).map(|entry| line(&entry))).collect()
}

fn line(dispatcher: &Arc<Dispatcher>) -> ConnectionLine {
    let session = dispatcher.session();
    let (connection, transport) = (&session.connection, dispatcher.transport());
    let link = transport.link();
    let traffic = link.as_ref().map(|link| link.traffic());
    let (waiting_packets, waiting_bytes) = transport.waiting();
    ConnectionLine {
        connection: connection.id.to_string(),
        user: connection.user.to_string(),
        device: connection.device.clone(),
        transport: if link.is_some() { "websocket" } else { "polling" }.into(),
        address: transport.peer().address.to_string(),
        since: dispatcher.since().to_string(),
        events: dispatcher.events(),
        bytes_in: traffic.map(|traffic| traffic.bytes_in),
        bytes_out: traffic.map(|traffic| traffic.bytes_out),
        waiting_packets,
        waiting_bytes,
        behind: connection.is_behind(),
        token_expires_at: session.expires_at().map(|at| at.to_string()),
    }
}

/// # Errors
/// Where there is no such connection, or the text is no id of one.
fn find(console: &Console, text: &str) -> Result<Arc<Dispatcher>, Failure> {
    let id = text.strip_prefix('c').and_then(|digits| digits.parse().ok()).map(ConnectionId);
    let id = id.ok_or_else(|| {
        let failure = Failure::bad_params(format!("connection: expected an id such as c12, not \"{text}\""));
        failure.hint("chatctl connection list")
    })?;
    let found = console.shared.live.get(&id).map(|entry| Arc::clone(&entry));
    found.ok_or_else(|| Failure::not_found(format!("no connection {id}")).hint("chatctl connection list"))
}

pub fn show(console: &Console, request: &request::Connection) -> Result<ConnectionLine, Failure> {
    find(console, &request.connection).map(|dispatcher| line(&dispatcher))
}

pub async fn kick(console: &Console, request: request::ConnectionKick) -> Result<Kicked, Failure> {
    sanction::check_reason(request.reason.as_deref()).map_err(refused)?;
    let dispatcher = find(console, &request.connection)?;
    let connection = &dispatcher.session().connection;
    let whom = Whom::Connection(connection.id);
    match console.chat.kick(&connection.user, whom, request.reason.as_deref()).await {
        0 => Err(Failure::not_found(format!("connection {} has ended", connection.id))),
        devices => Ok(Kicked { user: connection.user.to_string(), devices }),
    }
}
