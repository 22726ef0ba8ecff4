//! `chatctl connection`.

use clap::Subcommand;
use clap_complete::engine::ArgValueCompleter;

use super::client::decode;
use super::error::Error;
use super::fields::Fields;
use super::format::{ago, bytes, clean, count};
use super::table::Table;
use super::user::report;
use super::{Desk, complete};
use crate::admin::answer::{ConnectionLine, ConnectionList, Kicked};
use crate::admin::protocol;
use crate::admin::request;

/// Connected devices, by the daemon's own ids
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Every connection, the oldest first
    #[command(visible_alias = "ls")]
    List {
        /// Only this user's
        #[arg(long)]
        user: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        limit: u32,
    },
    /// One connection: user, device, transport, address, traffic, buffer
    Show {
        /// Which, as lists show it: c12
        #[arg(add = ArgValueCompleter::new(complete::connections))]
        connection: String,
    },
    /// Disconnect one device; it may come back at once
    Kick {
        /// Which, as lists show it: c12
        #[arg(add = ArgValueCompleter::new(complete::connections))]
        connection: String,
        /// What the device is told
        #[arg(long)]
        reason: Option<String>,
    },
}

pub fn run(desk: &Desk, command: Command) -> Result<(), Error> {
    match command {
        Command::List { user, limit } => list(desk, user, limit),
        Command::Show { connection } => show(desk, connection),
        Command::Kick { connection, reason } => {
            let request = request::ConnectionKick { connection: connection.clone(), reason };
            let answer = desk.connect()?.ask(&protocol::Command::ConnectionKick(request))?;
            report(desk, answer, |kicked: Kicked| format!("{connection} of {} disconnected", kicked.user))
        }
    }
}

fn list(desk: &Desk, user: Option<String>, limit: u32) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&protocol::Command::ConnectionList(request::ConnectionList { user, limit }))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let ConnectionList { connections, total } = decode(answer)?;
    if connections.is_empty() {
        return Err(Error::Nothing("nobody is connected".into()));
    }
    desk.output.table(&table(&connections));
    if total > connections.len() {
        desk.output.note(&format!("{} of {} are shown: --limit shows more", connections.len(), count(total as u64)));
    }
    Ok(())
}

pub fn table(connections: &[ConnectionLine]) -> Table {
    let headings = ["CONNECTION", "USER", "DEVICE", "TRANSPORT", "ADDRESS", "SINCE", "EVENTS", "WAITING"];
    let mut table = Table::new(&headings, &[6, 7]);
    for line in connections {
        let waiting = if line.behind { "behind".into() } else { bytes(line.waiting_bytes as u64) };
        table.row([
            line.connection.clone(),
            clean(&line.user),
            clean(line.device.as_deref().unwrap_or_default()),
            line.transport.clone(),
            line.address.clone(),
            ago(&line.since),
            count(line.events),
            waiting,
        ]);
    }
    table
}

fn show(desk: &Desk, connection: String) -> Result<(), Error> {
    let answer = desk.connect()?.ask(&protocol::Command::ConnectionShow(request::Connection { connection }))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let line: ConnectionLine = decode(answer)?;
    desk.output.line(&line.connection);
    let mut fields = Fields::new(&desk.output);
    fields.row("user", clean(&line.user));
    fields.row("device", line.device.as_deref().map_or_else(|| "not named".into(), clean));
    fields.row("transport", line.transport);
    fields.row("address", line.address);
    fields.row("since", ago(&line.since));
    fields.row("token ends", line.token_expires_at.as_deref().map_or_else(|| "never".into(), ago));
    fields.row("events", count(line.events));
    if let (Some(bytes_in), Some(bytes_out)) = (line.bytes_in, line.bytes_out) {
        fields.row("traffic", format!("{} in · {} out", bytes(bytes_in), bytes(bytes_out)));
    }
    let behind = if line.behind { ", and it missed something" } else { "" };
    let waiting = format!("{} packets, {}{behind}", line.waiting_packets, bytes(line.waiting_bytes as u64));
    fields.row("waiting to be read", waiting);
    Ok(())
}
